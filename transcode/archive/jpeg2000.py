"""JPEG 2000 (ISO/IEC 15444-1, PS3.5 8.2.4), through OpenJPEG."""

from __future__ import annotations

from typing import Any

import imagecodecs

from transcode.archive.capacity import COLOURS, INDEXED, MONOCHROME, Capacity, stored_as
from transcode.archive.codestreams import sound_codestream
from transcode.archive.encoder import FrameEncoder, samples_for_library
from transcode.archive.quality import decibels_of
from transcode.codecs.jpeg2000 import JPEG_2000
from transcode.codestream import Codestream
from transcode.frames import EncodedFrame, PixelArray, PixelFormat
from transcode.targets import ArchiveOptions, Target

LOSSLESS = Target("j2k", "1.2.840.10008.1.2.4.90", JPEG_2000, is_lossless=True)
LOSSY = Target("j2k-lossy", "1.2.840.10008.1.2.4.91", JPEG_2000, is_lossless=False, lossy_method="ISO_15444_1")

_RESOLUTIONS = 6
"""The most; small frames get fewer."""
_HEADERS = 512
_NEARLY_EMPTY = 64
"""Samples for a byte: of pictures with fewer bytes OpenJPEG leaves out too much, up to all that there is; and all of it
takes few bytes too."""
_LEAST_DECOMPOSED = 16
"""Smaller frames are not decomposed, and then the greatest values come out an eighth of the range too small."""


class Jpeg2000Encoder(FrameEncoder):
    """Writes JPEG 2000 without loss."""

    def __init__(self) -> None:
        super().__init__(LOSSLESS, Capacity(INDEXED, COLOURS))

    def keeps(self, frame: EncodedFrame) -> bool:
        """A reversible stream of the format that the header says."""
        codestream = _codestream_of(frame)
        return codestream is not None and codestream.is_reversible

    def encoded(self, pixels: PixelArray, options: ArchiveOptions) -> tuple[bytes, PixelFormat]:  # noqa: ARG002
        """See `FrameEncoder.encoded`. RGB goes through the reversible colour transform."""
        is_rgb = pixels.format.photometric == "RGB"
        data = imagecodecs.jpeg2k_encode(samples_for_library(pixels), reversible=True, **_how(pixels))
        return bytes(data), stored_as("YBR_RCT", pixels.format) if is_rgb else pixels.format


class Jpeg2000LossyEncoder(FrameEncoder):
    """Writes JPEG 2000 by the irreversible wavelet."""

    def __init__(self) -> None:
        super().__init__(LOSSY, Capacity(MONOCHROME, COLOURS))

    def refusal(self, pixels: PixelFormat, width: int, height: int) -> str | None:
        """See `ArchiveEncoder.refusal`."""
        reason = super().refusal(pixels, width, height)
        if reason is None and min(width, height) < _LEAST_DECOMPOSED:
            return f"{width} x {height} pixels, its sides are at least {_LEAST_DECOMPOSED}"
        return reason

    def keeps(self, frame: EncodedFrame) -> bool:
        """An irreversible stream: what is lost is lost."""
        codestream = _codestream_of(frame)
        return codestream is not None and not codestream.is_reversible

    def encoded(self, pixels: PixelArray, options: ArchiveOptions) -> tuple[bytes, PixelFormat]:
        """See `FrameEncoder.encoded`. RGB goes through the irreversible colour transform."""
        is_rgb = pixels.format.photometric == "RGB"
        decibels = round(decibels_of(options.quality, pixels.format.bits_stored))
        samples, how = samples_for_library(pixels), _how(pixels)
        data = imagecodecs.jpeg2k_encode(samples, decibels, reversible=False, **how)
        if len(data) < _HEADERS + samples.size // _NEARLY_EMPTY:
            data = imagecodecs.jpeg2k_encode(samples, reversible=False, **how)
        return bytes(data), stored_as("YBR_ICT", pixels.format) if is_rgb else pixels.format


def _how(pixels: PixelArray) -> dict[str, Any]:
    return {
        "codecformat": "j2k",
        "resolutions": _RESOLUTIONS,
        "bitspersample": pixels.format.bits_stored,
        "mct": pixels.format.photometric == "RGB",
    }


def _codestream_of(frame: EncodedFrame) -> Codestream | None:
    codestream = sound_codestream(frame) if frame.encoding is JPEG_2000 else None
    return None if codestream is None or codestream.is_htj2k else codestream
