"""JPEG by the discrete cosine transform (ITU-T T.81, PS3.5 8.2.1), through libjpeg-turbo; chrominance of full size."""

from __future__ import annotations

from typing import Any

import imagecodecs

from transcode.archive.capacity import COLOURS, MONOCHROME, NO_COLOURS, Capacity, stored_as
from transcode.archive.encoder import FrameEncoder, samples_for_library
from transcode.codecs.jpeg import JPEG
from transcode.codecs.jpeg_extended import JPEG_EXTENDED
from transcode.errors import CorruptFrameError
from transcode.frames import EncodedFrame, PixelArray, PixelFormat
from transcode.jpeg_structure import JpegHeader, read_frame_header
from transcode.targets import ArchiveOptions, Target

BASELINE = Target("jpeg", "1.2.840.10008.1.2.4.50", JPEG, is_lossless=False, lossy_method="ISO_10918_1")
EXTENDED = Target(
    "jpeg-extended", "1.2.840.10008.1.2.4.51", JPEG_EXTENDED, is_lossless=False, lossy_method="ISO_10918_1"
)

_MOST_SIDE = 65500
"""JPEG_MAX_DIMENSION of libjpeg."""
_FULL_SIZE: dict[str, Any] = {"subsampling": "444"}
_AS_YCBCR: dict[str, Any] = {"colorspace": "YCBCR", "outcolorspace": "YCBCR", **_FULL_SIZE}


class JpegEncoder(FrameEncoder):
    """Writes JPEG Baseline: 8 bits, grey or, as YCbCr without subsampling, colours."""

    def __init__(self) -> None:
        capacity = Capacity(MONOCHROME, COLOURS, (8, 8), frozenset({8}), signed=False, most_side=_MOST_SIDE)
        super().__init__(BASELINE, capacity)

    def keeps(self, frame: EncodedFrame) -> bool:
        """A baseline stream, whatever its subsampling and quality."""
        header = _header_of(frame)
        return header is not None and frame.encoding is JPEG and header.process == 0

    def encoded(self, pixels: PixelArray, options: ArchiveOptions) -> tuple[bytes, PixelFormat]:
        """See `FrameEncoder.encoded`. What is YCbCr already goes in as it is.

        DICOM calls YCbCr within JPEG YBR_FULL_422 whatever its chrominance is sampled like (PS3.5 8.2.1); several IODs
        know no YBR_FULL.
        """
        colours: dict[str, Any] = {}
        if pixels.format.is_colour:
            colours = _AS_YCBCR if pixels.format.photometric == "YBR_FULL" else _FULL_SIZE
        data = imagecodecs.jpeg8_encode(samples_for_library(pixels), _quality(options), **colours)
        stored = stored_as("YBR_FULL_422", pixels.format) if pixels.format.is_colour else pixels.format
        return bytes(data), stored


class JpegExtendedEncoder(FrameEncoder):
    """Writes grey of 12 bits by process 4."""

    def __init__(self) -> None:
        capacity = Capacity(MONOCHROME, NO_COLOURS, (12, 12), frozenset({16}), signed=False, most_side=_MOST_SIDE)
        super().__init__(EXTENDED, capacity)

    def keeps(self, frame: EncodedFrame) -> bool:
        """An extended sequential stream of the precision that the header says."""
        header = _header_of(frame)
        return header is not None and frame.encoding is JPEG_EXTENDED and header.process == 1

    def encoded(self, pixels: PixelArray, options: ArchiveOptions) -> tuple[bytes, PixelFormat]:
        """See `FrameEncoder.encoded`."""
        samples = samples_for_library(pixels)
        return bytes(imagecodecs.jpeg8_encode(samples, _quality(options), bitspersample=12)), pixels.format


def _quality(options: ArchiveOptions) -> int:
    return min(100, max(1, options.quality))


def _header_of(frame: EncodedFrame) -> JpegHeader | None:
    """The header of a stream that is what the frame's own header says; None for all others."""
    try:
        header = read_frame_header(frame.data)
    except CorruptFrameError:
        return None
    found = (header.width, header.height, header.components, header.precision)
    stated = (frame.width, frame.height, frame.format.samples_per_pixel, frame.format.bits_stored)
    return header if found == stated else None
