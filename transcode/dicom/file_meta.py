"""Preamble and File Meta Information of a file that is written (PS3.10 7.1)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from transcode.dicom.conversion import element_header
from transcode.dicom.element_places import EXPLICIT_LITTLE
from transcode.dicom.elements import elements
from transcode.dicom.new_elements import NewElement, padded

if TYPE_CHECKING:
    from transcode.dicom.file_header import FileHeader

IMPLEMENTATION_CLASS_UID = "2.25.269844902273766739052520474787400716926"
"""Of this writer (PS3.7 D.3.3.2), made once of the UUID cb023cde-0806-42fa-841d-57e00fc1127e. Never changes."""
IMPLEMENTATION_VERSION_NAME = "MEDTILES_1"
"""Counted up when the same source and the same frames come out as other bytes."""

REBUILT_TAGS = frozenset({0x00020000, 0x00020001, 0x00020002, 0x00020003, 0x00020010, 0x00020012, 0x00020013})
"""What is told anew: lengths, the instance, its transfer syntax, and who wrote it."""

_TIFF_MARKS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_GROUP_LENGTH = 0x00020000


def preamble(header: FileHeader) -> tuple[bytes, str | None]:
    """The preamble to write, and what to warn of.

    It is the source's, which applications may use as they like (PS3.10 7.1); but one that makes the file a TIFF as well
    points at pixels that are no longer there, and is cleared. A source without one gets zeros.
    """
    place = header.place
    if place.meta_start < 132:
        return bytes(128), None
    found = place.file.read(0, 128)
    if found.startswith(_TIFF_MARKS):
        return bytes(128), "the preamble, which made the file a TIFF too, is cleared: its offsets would lie"
    return found, None


def file_meta(header: FileHeader, sop_class: str, sop_instance: str, transfer_syntax: str) -> bytes:
    """The prefix and the File Meta Information: what says how and by whom is new, all else is kept as it was."""
    new: dict[int, NewElement] = {
        0x00020001: NewElement("OB", b"\0\1"),
        0x00020002: padded("UI", sop_class),
        0x00020003: padded("UI", sop_instance),
        0x00020010: padded("UI", transfer_syntax),
        0x00020012: padded("UI", IMPLEMENTATION_CLASS_UID),
        0x00020013: padded("SH", IMPLEMENTATION_VERSION_NAME),
    }
    written = {tag: element_header(tag, each.vr, len(each.value)) + each.value for tag, each in new.items()}
    place = header.place
    for element in elements(place.file, place.meta_start, place.meta_end, EXPLICIT_LITTLE):
        if element.tag not in REBUILT_TAGS:
            written[element.tag] = place.file.read(element.start, element.end - element.start)
    body = b"".join(written[tag] for tag in sorted(written))
    return b"DICM" + element_header(_GROUP_LENGTH, "UL", 4) + struct.pack("<L", len(body)) + body
