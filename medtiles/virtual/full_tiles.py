"""Tiles as frames of DICOM: full, and all of one transfer syntax. Stored ones are untouched, others are made so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeGuard

import numpy as np

from medtiles.core.geometry import Size
from medtiles.core.limits import Limits
from transcode.archive import archive_encoders
from transcode.codec import Codecs
from transcode.codecs import HTJ2K, JPEG, JPEG_2000
from transcode.codestream import parse
from transcode.frames import EncodedFrame, Frame, PixelArray, PixelFormat
from transcode.targets import ArchiveOptions

_SYNTAX = "1.2.840.10008.1.2.4."
JPEG_BASELINE, JPEG_2000_ANY, HTJ2K_ANY = f"{_SYNTAX}50", f"{_SYNTAX}91", f"{_SYNTAX}203"
ENCODERS = {JPEG_BASELINE: JPEG_BASELINE, JPEG_2000_ANY: f"{_SYNTAX}90", HTJ2K_ANY: f"{_SYNTAX}201"}
"""What writes streams of each transfer syntax; those of wavelets lose nothing, which their wider syntax allows."""
_LONGEST = 65535
"""Pixels of a side in JPEG, and in (0028,0010)."""
_WAVELETS = {JPEG_2000.name: JPEG_2000_ANY, HTJ2K.name: HTJ2K_ANY}
_OF_WAVELETS = frozenset({"MONOCHROME2", "RGB", "YBR_ICT", "YBR_RCT"})
"""Colours that a codestream tells of itself, so that every viewer shows them rightly."""


def syntax_of(frame: Frame) -> str:
    """The transfer syntax of a level of such tiles; JPEG where they are decoded, or no viewer would show them."""
    if not isinstance(frame, EncodedFrame) or frame.format.bits_stored != 8 or frame.reduction:
        return JPEG_BASELINE
    if frame.format.photometric not in _OF_WAVELETS:
        return JPEG_BASELINE
    return _WAVELETS.get(frame.encoding.name, JPEG_BASELINE)


def stored_pixels(frame: EncodedFrame) -> PixelFormat:
    """Of the samples in a stored tile, as (0028,0004) must say it.

    :raises CorruptFrameError: the stream is broken
    """
    if not frame.format.is_colour or frame.encoding.name not in _WAVELETS:
        return frame.format
    photometric = parse(frame.data).cod.photometric(frame.format.photometric)
    return replace(frame.format, photometric=photometric)


@dataclass(frozen=True, slots=True)
class FullTiles:
    """Makes frames of tiles. Safe to call from several threads."""

    codecs: Codecs
    quality: int = 95
    """Of the tiles that must be encoded as JPEG."""
    most_pixels: int = Limits().view_pixels
    """Of a tile; slides of larger ones are not offered, because it may have to be decoded."""

    def can_make(self, sizes: Iterable[Size]) -> bool:
        """Whether tiles of these sizes can be decoded, and written as JPEG."""
        return all(size.area <= self.most_pixels and max(size.width, size.height) <= _LONGEST for size in sizes)

    def is_as_stored(self, frame: Frame, syntax: str, size: Size) -> TypeGuard[EncodedFrame]:
        """Whether a tile is a frame of this transfer syntax and size as it lies there."""
        if not isinstance(frame, EncodedFrame) or (frame.width, frame.height) != (size.width, size.height):
            return False
        if syntax == JPEG_BASELINE:
            return frame.encoding.name == JPEG.name and frame.format.bits_stored == 8
        return syntax_of(frame) == syntax

    def made(self, frame: Frame, syntax: str, size: Size, background: tuple[int, int, int]) -> EncodedFrame:
        """A tile decoded, filled up with the background where it is short, and encoded.

        :raises CorruptFrameError: it does not decode
        :raises UnsupportedPixelsError: the transfer syntax cannot hold it
        """
        pixels = self.codecs.decode(frame) if isinstance(frame, EncodedFrame) else frame
        encoder = archive_encoders().for_transfer_syntax(ENCODERS[syntax])
        return encoder.encode(filled(pixels, size, background), ArchiveOptions(self.quality))


def filled(pixels: PixelArray, size: Size, background: tuple[int, int, int]) -> PixelArray:
    """A tile of full size, with the background to the right and below."""
    if (pixels.width, pixels.height) == (size.width, size.height):
        return pixels
    count = pixels.format.samples_per_pixel
    canvas = np.empty((size.height, size.width, count), pixels.format.dtype)
    canvas[:] = np.asarray(background[:count], np.uint8).astype(canvas.dtype)
    height, width = min(size.height, pixels.height), min(size.width, pixels.width)
    canvas[:height, :width] = pixels.samples[:height, :width]
    return PixelArray(canvas, pixels.format)
