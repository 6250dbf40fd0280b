"""Which VR an element has that is written without one: by the dictionaries, and by what lies around it.

The dictionary leaves some VRs open (PS3.6: "US or SS", "OB or OW"); other attributes of the same data set, or of the
one around it, decide (PS3.5 A.1 and A.2, PS3.3 C.7.6.3, C.11.1.1.1, C.10.9.1). Private elements are known by their
private creator (PS3.5 7.8.1). What nobody knows is UN (PS3.5 6.2.2).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pydicom.datadict import dictionary_VR, private_dictionary_VR

from transcode.dicom.element_places import Coding, Element
from transcode.dicom.elements import elements

if TYPE_CHECKING:
    from transcode.files import RandomAccess

_BITS_ALLOCATED = 0x00280100
_PIXEL_REPRESENTATION = 0x00280103
_LUT_DESCRIPTOR = 0x00283002
_WAVEFORM_BITS_ALLOCATED = 0x54001004
_DECIDING = {
    _BITS_ALLOCATED: "bits_allocated",
    _PIXEL_REPRESENTATION: "pixel_representation",
    _LUT_DESCRIPTOR: "lut_entries",
    _WAVEFORM_BITS_ALLOCATED: "waveform_bits_allocated",
}
_PIXEL_DATA = 0x7FE00010
_WAVEFORM_GROUP = 0x5400
_LONGEST_CREATOR = 1024


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What decides the VR of elements in one data set. What it lacks holds from the data set around it."""

    bits_allocated: int = 16
    pixel_representation: int = 0
    lut_entries: int = 0
    """The first value of LUT Descriptor."""
    waveform_bits_allocated: int = 16
    creators: Mapping[int, str] = field(default_factory=dict)
    """Private creators of this data set alone, by the upper 24 bits of the tags that they reserve."""


def surroundings(
    file: RandomAccess, start: int, stop: int, coding: Coding, outer: Surroundings | None = None
) -> Surroundings:
    """Read what decides, in one pass over the headers of a data set.

    :raises DicomFileError: see `elements`
    """
    creators: dict[int, str] = {}
    numbers: dict[str, int] = {}
    for element in elements(file, start, stop, coding):
        name = _DECIDING.get(element.tag)
        if name is not None and 2 <= element.length <= 8:
            (numbers[name],) = struct.unpack(f"{coding.order}H", file.read(element.offset, 2))
        elif _is_creator(element.tag) and element.length <= _LONGEST_CREATOR:
            creator = file.read(element.offset, element.length).decode("latin-1").strip(" \0")
            creators[element.tag & 0xFFFF0000 | (element.tag & 0xFF) << 8] = creator
    return replace(outer or Surroundings(), creators=creators, **numbers)


def vr_of(element: Element, around: Surroundings) -> str:
    """The VR of an element: as written, else as found; UN when it is not known.

    An element of undefined length without a VR is a sequence, because in implicit VR nothing else may be (PS3.5 7.5).
    """
    if element.vr:
        return element.vr
    if element.is_undefined:
        return "SQ"
    vr = _by_dictionary(element.tag, around)
    return _decided(element.tag, vr, around) if " or " in vr else vr


def _by_dictionary(tag: int, around: Surroundings) -> str:
    number = tag & 0xFFFF
    if number == 0:
        return "UL"  # group length, PS3.5 7.2
    if _is_creator(tag):
        return "LO"
    try:
        if (tag >> 16) % 2 == 0:
            return str(dictionary_VR(tag))
        creator = around.creators.get(tag & 0xFFFFFF00, "")
        return str(private_dictionary_VR(tag, creator)) if creator and number >= 0x1000 else "UN"
    except KeyError:
        return "UN"


def _decided(tag: int, choice: str, around: Surroundings) -> str:
    if choice == "US or SS":
        return "SS" if around.pixel_representation == 1 else "US"
    if choice == "US or OW":
        return "US" if around.lut_entries == 1 else "OW"
    if choice == "OB or OW" and tag == _PIXEL_DATA:
        return "OW" if around.bits_allocated > 8 else "OB"
    if choice == "OB or OW" and tag >> 16 == _WAVEFORM_GROUP:
        return "OW" if around.waveform_bits_allocated > 8 else "OB"
    return "OW"  # overlays and curves (PS3.5 A.1), and retired tables


def _is_creator(tag: int) -> bool:
    return bool(tag & 0x00010000) and 0x10 <= tag & 0xFFFF <= 0xFF
