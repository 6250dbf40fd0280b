"""RLE Lossless: byte planes, each packed by PackBits (PS3.5 Annex G)."""

from __future__ import annotations

import itertools
import struct
from typing import TYPE_CHECKING, ClassVar

import imagecodecs
import numpy as np

from transcode.errors import CorruptFrameError
from transcode.frames import EncodedFrame, Encoding, PixelArray
from transcode.samples.fitting import reduced_shape

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from transcode.frames import PixelFormat, Samples

    _Bytes = NDArray[np.uint8]

RLE = Encoding(
    name="rle",
    media_type="image/dicom-rle",
    suffix="rle",
    transfer_syntaxes=("1.2.840.10008.1.2.5",),
    aliases=("image/x-dicom-rle",),
    lossless=True,
)

_HEADER = struct.Struct("<16L")
"""The number of segments, then where each of up to 15 begins (G.5)."""
_MOST_PADDING = 2
"""How many bytes more than its plane a segment may unpack to: padding to an even length that reads as a run."""


class RleCodec:
    """Reads RLE. The table of segments is checked before any of them is unpacked."""

    encoding: ClassVar[Encoding] = RLE
    max_reduction: ClassVar[int] = 0

    def decode(self, frame: EncodedFrame, reduction: int = 0) -> PixelArray:
        """See `Codec.decode`."""
        shape = reduced_shape(frame, reduction, self.max_reduction)
        planes = np.empty((_segment_count(frame.format), frame.height * frame.width), np.uint8)
        for plane, segment in zip(planes, _segments(frame.data, len(planes)), strict=True):
            _unpack(segment, plane)
        return PixelArray(_interleaved(planes, frame.format).reshape(shape), frame.format)


def _segment_count(pixels: PixelFormat) -> int:
    return pixels.samples_per_pixel * pixels.dtype.itemsize


def _segments(data: bytes, count: int) -> list[bytes]:
    """The bytes of each segment.

    :raises CorruptFrameError: another number of segments, or a table that does not rise within the data
    """
    if len(data) < _HEADER.size:
        message = f"an RLE frame of {len(data)} bytes has no room for its header of {_HEADER.size}"
        raise CorruptFrameError(message)
    stated, *offsets = _HEADER.unpack_from(data)
    if stated != count:
        message = f"an RLE frame of {stated} segments, its samples need {count}"
        raise CorruptFrameError(message)
    bounds = [*offsets[:count], len(data)]
    if bounds[0] < _HEADER.size or any(start >= end for start, end in itertools.pairwise(bounds)):
        message = f"an RLE frame of {len(data)} bytes with segments at {offsets[:count]}"
        raise CorruptFrameError(message)
    return [data[start:end] for start, end in itertools.pairwise(bounds)]


def _unpack(segment: bytes, plane: _Bytes) -> None:
    """Unpack into the plane.

    :raises CorruptFrameError: the segment is damaged, or unpacks to fewer bytes, or to more than padding explains
    """
    try:
        unpacked = memoryview(imagecodecs.packbits_decode(segment, out=plane.size + _MOST_PADDING))
    except RuntimeError as error:
        message = f"an RLE segment of {len(segment)} bytes does not unpack to {plane.size}: {error}"
        raise CorruptFrameError(message) from error
    if len(unpacked) < plane.size:
        message = f"an RLE segment unpacks to {len(unpacked)} bytes, not {plane.size}"
        raise CorruptFrameError(message)
    plane[:] = unpacked[: plane.size]


def _interleaved(planes: _Bytes, pixels: PixelFormat) -> Samples:
    """Samples side by side from planes that are ordered by sample, the most significant byte first (G.2)."""
    width = pixels.dtype.itemsize
    big_endian = np.ascontiguousarray(planes.reshape(pixels.samples_per_pixel, width, -1).transpose(2, 0, 1))
    samples = big_endian.reshape(-1).view(pixels.dtype.newbyteorder(">"))
    return samples.astype(pixels.dtype, copy=False)
