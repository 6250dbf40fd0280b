"""Elements of any native transfer syntax as Explicit VR Little Endian (PS3.5 A.2, A.4), values untouched.

Explicit little endian elements are copied as they lie, header and all. Big endian values are swapped by the width that
their VR gives them (PS3.5 7.3), at every depth. Implicit elements get the VR of the dictionaries; their sequences get
undefined lengths, because explicit headers are longer and no length is known before the last item is written; group
lengths (PS3.5 7.2, retired) would be wrong for the same reason, and are left out. A value that its VR cannot hold,
because 16 bits cannot tell its length or because it should be a sequence and is none, is UN (PS3.5 6.2.2).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from transcode.dicom.data_set import pieces
from transcode.dicom.element_places import (
    DEEPEST,
    EXPLICIT_LITTLE,
    ITEM,
    ITEM_END,
    LONG_VRS,
    SEQUENCE_END,
    UNDEFINED_LENGTH,
    Coding,
    Element,
)
from transcode.dicom.elements import coding_within, elements, is_sequence, items
from transcode.dicom.value_representation import Surroundings, surroundings, vr_of
from transcode.errors import DicomFileError

if TYPE_CHECKING:
    from transcode.files import RandomAccess

_LONGEST_SHORT = 0xFFFE
_WIDTHS = {
    **dict.fromkeys(("AT", "OW", "SS", "US"), 2),
    **dict.fromkeys(("FL", "OF", "OL", "SL", "UL"), 4),
    **dict.fromkeys(("FD", "OD", "OV", "SV", "UV"), 8),
}
"""Bytes of one number; other VRs have no byte order (PS3.5 7.3)."""


def element_header(tag: int, vr: str, length: int) -> bytes:
    """The header of an explicit little endian element (PS3.5 7.1.2).

    :raises DicomFileError: the length does not fit
    """
    most = UNDEFINED_LENGTH if vr in LONG_VRS else 0xFFFF
    if length > most:
        message = f"({tag >> 16:04X},{tag & 0xFFFF:04X}) {vr} cannot have {length} bytes"
        raise DicomFileError(message)
    if vr in LONG_VRS:
        return struct.pack("<HH2sHL", tag >> 16, tag & 0xFFFF, vr.encode("latin-1"), 0, length)
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr.encode("latin-1"), length)


def item_header(tag: int, length: int) -> bytes:
    """The header of an item, or a delimiter (PS3.5 7.5)."""
    return struct.pack("<HHL", tag >> 16, tag & 0xFFFF, length)


def written_vr(file: RandomAccess, element: Element, coding: Coding, around: Surroundings) -> str:
    """The VR that an element gets in explicit VR: its own, unless that cannot hold its value."""
    vr = vr_of(element, around)
    if element.vr or element.is_undefined:
        return vr
    if vr == "SQ":
        return vr if is_sequence(file, element, coding) else "UN"
    return "UN" if vr not in LONG_VRS and element.length > _LONGEST_SHORT else vr


def converted(
    file: RandomAccess, element: Element, coding: Coding, around: Surroundings, depth: int = 0
) -> Iterator[bytes]:
    """One element in Explicit VR Little Endian, a piece at a time; nothing for an implicit group length.

    :raises DicomFileError: see `elements`
    """
    if coding == EXPLICIT_LITTLE:
        yield from pieces(file, element.start, element.end)
        return
    if coding.is_implicit and not element.tag & 0xFFFF:
        return
    if element.tag >> 16 == 0xFFFE:
        message = f"{file.name}: a delimiter at byte {element.start} where an element must begin"
        raise DicomFileError(message)
    vr = written_vr(file, element, coding, around)
    if vr == "SQ":
        yield from _sequence(file, element, coding, around, depth)
        return
    yield element_header(element.tag, vr, element.length)
    stop = element.end if element.is_undefined else element.offset + element.length
    yield from little_endian(file, element.offset, stop, vr, coding)


def little_endian(file: RandomAccess, start: int, stop: int, vr: str, coding: Coding) -> Iterator[bytes]:
    """A value, its numbers in little endian; bytes left over behind the last whole number stay as they are."""
    width = 1 if coding.is_little else _WIDTHS.get(vr, 1)
    for piece in pieces(file, start, stop):
        if width == 1:
            yield piece
            continue
        whole = len(piece) // width * width
        yield np.frombuffer(piece[:whole], f">u{width}").astype(f"<u{width}").tobytes() + piece[whole:]


def _sequence(
    file: RandomAccess, element: Element, coding: Coding, around: Surroundings, depth: int
) -> Iterator[bytes]:
    if depth >= DEEPEST:
        message = f"{file.name}: sequences lie more than {DEEPEST} deep"
        raise DicomFileError(message)
    is_open = element.length != 0 and (coding.is_implicit or element.is_undefined)
    yield element_header(element.tag, "SQ", UNDEFINED_LENGTH if is_open else element.length)
    yield from converted_items(file, element, coding, around, depth)
    if is_open:
        yield item_header(SEQUENCE_END, 0)


def converted_items(
    file: RandomAccess, sequence: Element, coding: Coding, around: Surroundings, depth: int = 0
) -> Iterator[bytes]:
    """The items of a sequence in Explicit VR Little Endian, without the delimiter of the sequence.

    :raises DicomFileError: see `elements`
    """
    within = coding_within(sequence, coding)
    for item in items(file, sequence, within):
        is_open = item.is_undefined or (within.is_implicit and item.offset != item.stop)
        yield item_header(ITEM, UNDEFINED_LENGTH if is_open else item.stop - item.offset)
        inner = surroundings(file, item.offset, item.stop, within, around) if within.is_implicit else around
        for each in elements(file, item.offset, item.stop, within):
            yield from converted(file, each, within, inner, depth + 1)
        if is_open:
            yield item_header(ITEM_END, 0)
