"""JPEG-LS, lossless and near-lossless (ITU-T T.87, PS3.5 8.2.3), through CharLS.

The precision of the stream is Bits Stored. JPEG-LS knows no sign: signed samples are written as the two's complement
that they are in Bits Stored. An error of one then may turn the least into the greatest value, so near-lossless is for
unsigned samples only.
"""

from __future__ import annotations

import inspect
from functools import cache
from typing import TYPE_CHECKING

import imagecodecs
import numpy as np

from transcode.archive.capacity import COLOURS, INDEXED, MONOCHROME, Capacity
from transcode.archive.encoder import FrameEncoder, samples_for_library
from transcode.codecs.jpegls import JPEG_LS
from transcode.errors import CorruptFrameError, UnsupportedPixelsError
from transcode.frames import EncodedFrame, PixelArray, PixelFormat
from transcode.jpeg_structure import read_frame_header, read_near
from transcode.targets import ArchiveOptions, Target

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from transcode.frames import Samples

LOSSLESS = Target("jpegls", "1.2.840.10008.1.2.4.80", JPEG_LS, is_lossless=True)
NEAR_LOSSLESS = Target("jpegls-near", "1.2.840.10008.1.2.4.81", JPEG_LS, is_lossless=False, lossy_method="ISO_14495_1")

_LEAST_BYTES = 64
"""Of a frame that pyjpegls has room for: it sets aside twice as many, and the stream's own headers need their share."""
_BY_SAMPLE = 2
"""Interleaving of components: sample by sample (T.87 C.2.3), as they lie in memory."""


class _CharLsEncoder(FrameEncoder):
    """What lossless and near-lossless share."""

    def refusal(self, pixels: PixelFormat, width: int, height: int) -> str | None:
        """See `ArchiveEncoder.refusal`."""
        if not _takes_precision() and width * height * pixels.samples_per_pixel < _LEAST_BYTES:
            return f"{width} x {height} pixels with this imagecodecs"
        return super().refusal(pixels, width, height)


class JpegLsEncoder(_CharLsEncoder):
    """Writes JPEG-LS without loss."""

    def __init__(self) -> None:
        super().__init__(LOSSLESS, Capacity(INDEXED, COLOURS))

    def keeps(self, frame: EncodedFrame) -> bool:
        """A stream that lost nothing, of the precision that the header says."""
        return _near_of(frame) == 0

    def encoded(self, pixels: PixelArray, options: ArchiveOptions) -> tuple[bytes, PixelFormat]:  # noqa: ARG002
        """See `FrameEncoder.encoded`."""
        return _written(pixels, 0), pixels.format


class NearLosslessEncoder(_CharLsEncoder):
    """Writes JPEG-LS that is nowhere further off than so many values."""

    def __init__(self) -> None:
        super().__init__(NEAR_LOSSLESS, Capacity(MONOCHROME, COLOURS, signed=False))

    def keeps(self, frame: EncodedFrame) -> bool:
        """A near-lossless stream: what is lost is lost, however little was asked for."""
        near = _near_of(frame)
        return near is not None and near > 0

    def encoded(self, pixels: PixelArray, options: ArchiveOptions) -> tuple[bytes, PixelFormat]:
        """See `FrameEncoder.encoded`."""
        most = min(255, ((1 << pixels.format.bits_stored) - 1) // 2)  # T.87 table C.3
        if not 1 <= options.near <= most:
            message = (
                f"{NEAR_LOSSLESS.name} of {pixels.format.bits_stored} bits errs by 1 to {most}, not {options.near}"
            )
            raise UnsupportedPixelsError(message)
        return _written(pixels, options.near), pixels.format


def _near_of(frame: EncodedFrame) -> int | None:
    """NEAR of a stream that is what the frame's header says; None for all others."""
    if frame.encoding is not JPEG_LS:
        return None
    try:
        header, near = read_frame_header(frame.data), read_near(frame.data)
    except CorruptFrameError:
        return None
    found = (header.width, header.height, header.components, header.precision)
    stated = (frame.width, frame.height, frame.format.samples_per_pixel, frame.format.bits_stored)
    return near if found == stated else None


def _written(pixels: PixelArray, near: int) -> bytes:
    samples = _without_sign(samples_for_library(pixels), pixels.format)
    bits = pixels.format.bits_stored
    if _takes_precision():
        return bytes(imagecodecs.jpegls_encode(samples, near, bitspersample=bits))
    return _by_pyjpegls(samples, bits, near)


def _without_sign(samples: Samples, pixels: PixelFormat) -> Samples:
    """Two's complement of Bits Stored, as unsigned numbers."""
    if not pixels.signed:
        return samples
    unsigned: NDArray[np.unsignedinteger] = samples.view(f"u{samples.itemsize}")
    if pixels.bits_stored == 8 * samples.itemsize:
        return unsigned
    return unsigned & unsigned.dtype.type((1 << pixels.bits_stored) - 1)


@cache
def _takes_precision() -> bool:
    """Whether this imagecodecs can state any precision: the last one for Python 3.11 knows 8 and 16 alone."""
    return "bitspersample" in inspect.signature(imagecodecs.jpegls_encode).parameters


def _by_pyjpegls(samples: Samples, bits: int, near: int) -> bytes:
    """The same library, called in a way that holds the GIL."""
    import jpeg_ls  # noqa: PLC0415 - installed and needed beside an old imagecodecs only

    rows, columns = samples.shape[:2]
    count = samples.shape[2] if samples.ndim == 3 else 1
    how = {"interleave_mode": _BY_SAMPLE} if count > 1 else {}
    encoded = jpeg_ls.encode_buffer(
        samples.tobytes(),
        rows=rows,
        columns=columns,
        samples_per_pixel=count,
        bits_stored=bits,
        lossy_error=near,
        **how,
    )
    return bytes(encoded)
