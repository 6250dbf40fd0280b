"""What a way of encoding can hold, and the reason, for people, when it cannot. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from transcode.errors import UnsupportedPixelsError
from transcode.frames import PixelArray, PixelFormat

if TYPE_CHECKING:
    from collections.abc import Iterator

MONOCHROME = frozenset({"MONOCHROME1", "MONOCHROME2"})
INDEXED = MONOCHROME | {"PALETTE COLOR"}
"""Of one sample a pixel, indices into a palette among them: for what loses nothing."""
COLOURS = frozenset({"RGB", "YBR_FULL"})
"""Of three samples a pixel, each of full size."""
NO_COLOURS: frozenset[str] = frozenset()

MOST_OF_DICOM = 0xFFFF
"""Rows (0028,0010) and Columns (0028,0011) are of 16 bits."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """Which samples and sizes an encoding holds, within what PS3.5 8.2 allows for its transfer syntax."""

    one_sample: frozenset[str]
    """Photometric interpretations of one sample a pixel."""
    three_samples: frozenset[str]
    """Photometric interpretations of three samples a pixel."""
    bits_stored: tuple[int, int] = (2, 16)
    """The least and the most."""
    bits_allocated: frozenset[int] = frozenset({8, 16})
    signed: bool = True
    floats: bool = False
    most_side: int = MOST_OF_DICOM

    def refusal(self, pixels: PixelFormat, width: int, height: int) -> str | None:
        """Why such frames do not fit; None when they do."""
        return _refusal(self, pixels, width, height)


@lru_cache(maxsize=256)
def _refusal(capacity: Capacity, pixels: PixelFormat, width: int, height: int) -> str | None:
    return next(_reasons(capacity, pixels, width, height), None)


def _reasons(capacity: Capacity, pixels: PixelFormat, width: int, height: int) -> Iterator[str]:
    if pixels.is_float and not capacity.floats:
        yield "floating point samples"
    if pixels.bits_allocated not in capacity.bits_allocated:
        yield f"samples of {pixels.bits_allocated} allocated bits"
    if not pixels.is_float:
        yield from _integer_reasons(capacity, pixels)
    held = {1: capacity.one_sample, 3: capacity.three_samples}.get(pixels.samples_per_pixel)
    if held is None:
        yield f"{pixels.samples_per_pixel} samples a pixel"
    elif pixels.photometric not in held:
        yield f"{pixels.photometric} of {pixels.samples_per_pixel} samples a pixel"
    if not (0 < width <= capacity.most_side and 0 < height <= capacity.most_side):
        yield f"{width} x {height} pixels, its sides are 1 to {capacity.most_side}"


def _integer_reasons(capacity: Capacity, pixels: PixelFormat) -> Iterator[str]:
    least, most = capacity.bits_stored
    if not least <= pixels.bits_stored <= min(most, pixels.bits_allocated):
        stored = str(least) if least == most else f"{least} to {most}"
        yield f"samples of {pixels.bits_stored} stored bits, it holds {stored} within those allocated"
    if pixels.signed and not capacity.signed:
        yield "signed samples"


def require_stored_bits(pixels: PixelArray) -> None:
    """Refuse samples that are no values of Bits Stored: an encoder would cut them without a word.

    Bits above Bits Stored may hold an overlay (PS3.5 8.1.2), and signed samples may have come without their sign
    being extended; both must be dealt with by who knows which it is.

    :raises UnsupportedPixelsError: a sample lies outside of the range
    """
    held = pixels.format
    if held.is_float or held.bits_stored == held.bits_allocated:
        return
    least, most = _range_of(held)
    smallest = int(pixels.samples.min()) if held.signed else 0
    greatest = int(pixels.samples.max())
    if smallest < least or greatest > most:
        message = f"samples from {smallest} to {greatest} do not fit into {held.bits_stored} stored bits"
        raise UnsupportedPixelsError(message)


def _range_of(pixels: PixelFormat) -> tuple[int, int]:
    half = 1 << (pixels.bits_stored - 1)
    return (-half, half - 1) if pixels.signed else (0, 2 * half - 1)


@lru_cache(maxsize=64)
def stored_as(photometric: str, pixels: PixelFormat) -> PixelFormat:
    """The format with the photometric interpretation that the stream has."""
    return pixels if pixels.photometric == photometric else replace(pixels, photometric=photometric)
