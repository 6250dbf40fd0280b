"""Frame Type in the Shared Functional Groups after a lossy step: DERIVED, as Image Type is (PS3.3 C.8.16.1.1). Pure."""

from __future__ import annotations

from transcode.dicom.conversion import element_header, item_header
from transcode.dicom.element_places import DEEPEST, EXPLICIT_LITTLE, ITEM, Element, Item
from transcode.dicom.elements import elements, items
from transcode.dicom.new_elements import NewElement
from transcode.dicom.streams import MemoryFile
from transcode.errors import DicomFileError

_FRAME_TYPE = 0x00089007
_ORIGINAL = b"ORIGINAL"


def derived_frame_types(sequence: bytes) -> NewElement | None:
    """The sequence with DERIVED in place of ORIGINAL in every Frame Type; None when there is no such one.

    All else in it stays as it is, but for how the lengths of sequences and items are written.

    :param sequence: its items, explicit little endian
    :raises DicomFileError: it is not made of items
    """
    if _ORIGINAL not in sequence:
        return None
    file = MemoryFile("SharedFunctionalGroupsSequence", sequence)
    written, changes = _items(file, Element(0, "SQ", 0, 0, file.size, file.size), 0)
    return NewElement("SQ", written) if changes else None


def _items(file: MemoryFile, sequence: Element, depth: int) -> tuple[bytes, int]:
    """The items of a sequence, and in how many Frame Types something was changed."""
    if depth > DEEPEST:
        message = f"{file.name}: sequences lie more than {DEEPEST} deep"
        raise DicomFileError(message)
    parts, changes = [], 0
    for item in items(file, sequence, EXPLICIT_LITTLE):
        content, within = _content(file, item, depth)
        parts += [item_header(ITEM, len(content)), content]
        changes += within
    return b"".join(parts), changes


def _content(file: MemoryFile, item: Item, depth: int) -> tuple[bytes, int]:
    parts, changes = [], 0
    for element in elements(file, item.offset, item.stop, EXPLICIT_LITTLE):
        head, value = file.read(element.start, element.offset - element.start), b""
        if element.vr == "SQ":
            value, within = _items(file, element, depth + 1)
            head, changes = element_header(element.tag, "SQ", len(value)), changes + within
        else:
            value = file.read(element.offset, element.end - element.offset)
            if element.tag == _FRAME_TYPE and value.split(b"\\")[0].strip() == _ORIGINAL:
                value = _derived(value)
                head, changes = element_header(element.tag, "CS", len(value)), changes + 1
        parts += [head, value]
    return b"".join(parts), changes


def _derived(value: bytes) -> bytes:
    values = b"\\".join((b"DERIVED", *value.strip(b" \0").split(b"\\")[1:]))
    return values + b" " * (len(values) % 2)
