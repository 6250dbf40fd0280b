"""Overlays in unused bits of the samples, and how they become overlays of their own.

Until 2004 an overlay could lie in a bit of the pixel cells beside the value (PS3.3-2004 C.9.2, PS3.5 8.1.2): Overlay
Bits Allocated (60xx,0100) is then Bits Allocated, Overlay Bit Position (60xx,0102) says which bit, and there is no
Overlay Data (60xx,3000). No encoder keeps that bit. Moved into Overlay Data, with one bit allocated and position 0, the
overlay is what the standard asks for today, and what every reader draws alike.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from transcode.dicom.attributes import quiet
from transcode.dicom.new_elements import NewElement, padded
from transcode.errors import DicomFileError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from transcode.dicom.pixel_format import ImagePixel

_GROUPS = range(0x6000, 0x6020, 2)
_ROWS, _COLUMNS, _FRAMES, _TYPE = 0x0010, 0x0011, 0x0015, 0x0040
_ORIGIN, _FRAME_ORIGIN, _BITS_ALLOCATED, _BIT_POSITION, _DATA = 0x0050, 0x0051, 0x0100, 0x0102, 0x3000


@dataclass(frozen=True, slots=True)
class EmbeddedOverlay:
    """An overlay that lies in the samples."""

    group: int
    """0x6000, 0x6002 and so on."""
    bit: int
    """Its position in each sample, from 0 for the lowest."""


def embedded_overlays(dataset: Dataset, pixels: ImagePixel) -> tuple[EmbeddedOverlay, ...]:
    """The overlays that lie in bits of the samples which are not their value.

    :raises DicomFileError: a bit position that cannot be
    """
    if pixels.format.is_colour or pixels.format.is_float:
        return ()
    found = []
    for group in _GROUPS:
        base = group << 16
        if base | _BIT_POSITION not in dataset or base | _DATA in dataset:
            continue
        bit = _integer(dataset, base | _BIT_POSITION, pixels.bits_allocated - 1, 0)
        allocated = _integer(dataset, base | _BITS_ALLOCATED, 64, pixels.bits_allocated)
        lowest = pixels.high_bit - pixels.format.bits_stored + 1
        if allocated != 1 and not lowest <= bit <= pixels.high_bit:
            found.append(EmbeddedOverlay(group, bit))
    return tuple(found)


def moved_overlay(
    overlay: EmbeddedOverlay, dataset: Dataset, pixels: ImagePixel, frames: Iterable[NDArray[Any]]
) -> dict[int, NewElement | None]:
    """The elements of the overlay once it lies in Overlay Data, for `Changes.and_further`.

    It covers every frame of the image, pixel by pixel; the bits of the next frame follow those of the one before
    without a gap (PS3.5 8.1.2). An eighth of a byte a pixel is held in memory.

    :param frames: the samples of each frame as they lie; see `InstanceReader.read_words`
    :raises DicomFileError: not as many samples as the header says
    """
    base = overlay.group << 16
    new: dict[int, NewElement | None] = {
        base | _ROWS: _unsigned(pixels.rows),
        base | _COLUMNS: _unsigned(pixels.columns),
        base | _BITS_ALLOCATED: _unsigned(1),
        base | _BIT_POSITION: _unsigned(0),
        base | _DATA: NewElement("OW", _packed(overlay.bit, pixels, frames)),
    }
    if base | _TYPE not in dataset:
        new[base | _TYPE] = padded("CS", "G")
    if base | _ORIGIN not in dataset:
        new[base | _ORIGIN] = NewElement("SS", struct.pack("<2h", 1, 1))
    if pixels.frames > 1:
        new[base | _FRAMES] = padded("IS", str(pixels.frames))
        new[base | _FRAME_ORIGIN] = _unsigned(1)
    if base in dataset:
        new[base] = None  # the retired group length
    return new


def _packed(bit: int, pixels: ImagePixel, frames: Iterable[NDArray[Any]]) -> bytes:
    """One bit a sample, the first one lowest, made even."""
    packed, carried, count = bytearray(), np.empty(0, np.uint8), 0
    for words in frames:
        ones = (words.ravel() >> words.dtype.type(bit)).astype(np.uint8) & 1
        count += len(ones)
        bits = np.concatenate([carried, ones])
        whole = len(bits) // 8 * 8
        packed += np.packbits(bits[:whole], bitorder="little").tobytes()
        carried = bits[whole:]
    packed += np.packbits(carried, bitorder="little").tobytes()
    if count != pixels.frames * pixels.rows * pixels.columns:
        message = f"an overlay of {count} samples for {pixels.frames} frames of {pixels.columns} x {pixels.rows}"
        raise DicomFileError(message)
    return bytes(packed) + bytes(len(packed) % 2)


def _unsigned(value: int) -> NewElement:
    return NewElement("US", struct.pack("<H", value))


def _integer(dataset: Dataset, tag: int, highest: int, default: int) -> int:
    """An attribute of a repeating group, which has no keyword."""
    name = f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
    with quiet(name):
        value: Any = dataset[tag].value if tag in dataset else None
    if value is None:
        return default
    if not isinstance(value, int) or not 0 <= value <= highest:
        message = f"{name} is not a whole number from 0 to {highest}"
        raise DicomFileError(message)
    return int(value)
