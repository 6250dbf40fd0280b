"""RLE Lossless: byte planes, each row of them packed by PackBits (PS3.5 8.2.2 and Annex G)."""

from __future__ import annotations

import struct
from itertools import accumulate
from typing import TYPE_CHECKING

import imagecodecs
import numpy as np

from transcode.archive.capacity import COLOURS, INDEXED, Capacity
from transcode.archive.encoder import FrameEncoder
from transcode.codecs.rle import RLE
from transcode.frames import EncodedFrame, PixelArray, PixelFormat
from transcode.targets import ArchiveOptions, Target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from transcode.frames import Samples

RLE_LOSSLESS = Target("rle", "1.2.840.10008.1.2.5", RLE, is_lossless=True)

_HEADER = struct.Struct("<16L")
"""The number of segments, then where each of up to 15 begins (G.5)."""


class RleEncoder(FrameEncoder):
    """Writes RLE."""

    def __init__(self) -> None:
        super().__init__(RLE_LOSSLESS, Capacity(INDEXED, COLOURS))

    def keeps(self, frame: EncodedFrame) -> bool:
        """See `ArchiveEncoder.keeps`."""
        return frame.encoding is RLE

    def encoded(self, pixels: PixelArray, options: ArchiveOptions) -> tuple[bytes, PixelFormat]:  # noqa: ARG002
        """See `FrameEncoder.encoded`."""
        segments = [_even(bytes(imagecodecs.packbits_encode(plane, axis=-1))) for plane in _planes(pixels.samples)]
        starts = list(accumulate(map(len, segments[:-1]), initial=_HEADER.size))
        header = _HEADER.pack(len(segments), *starts, *[0] * (15 - len(segments)))
        return b"".join((header, *segments)), pixels.format


def _planes(samples: Samples) -> Iterator[NDArray[np.uint8]]:
    """Each byte of each sample as a plane of its own: by sample, the most significant byte first (G.2)."""
    unsigned = samples.view(f"u{samples.itemsize}")
    for sample in range(samples.shape[2]):
        plane = unsigned[:, :, sample]
        for shift in range(8 * samples.itemsize - 8, -8, -8):
            yield np.ascontiguousarray((plane >> shift if shift else plane).astype(np.uint8))


def _even(segment: bytes) -> bytes:
    """The segment with a byte of padding where its length is odd (G.3.1)."""
    return segment + b"\0" if len(segment) % 2 else segment
