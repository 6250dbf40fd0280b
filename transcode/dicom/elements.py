"""The data elements of a data set, by where their bytes lie: nothing of a value is read, kept or understood.

Theory of operation. A data set is a row of elements (PS3.5 7.1): a tag, a VR where it is explicit, a length, a value.
An element of defined length is stepped over by its length. One of undefined length (PS3.5 7.5) is a sequence, or a row
of fragments (PS3.5 A.4): its items are stepped over likewise, and items of undefined length are followed element by
element to their delimiters, so the walk takes no more memory than the nesting is deep. Inside a UN of undefined length
lies implicit VR little endian, whatever lies outside (PS3.5 6.2.2). What real writers do, and pydicom reads, is read
too: an element whose VR is no VR is taken for an implicit one.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from transcode.dicom.element_places import (
    DEEPEST,
    IMPLICIT_LITTLE,
    ITEM,
    ITEM_END,
    LONG_VRS,
    PIXEL_DATA,
    SEQUENCE_END,
    UNDEFINED_LENGTH,
    Coding,
    Element,
    Item,
    tag_name,
)
from transcode.dicom.frame_index import scan_items
from transcode.dicom.streams import HeadStream
from transcode.errors import DicomFileError, TruncatedFileError
from transcode.files import RandomAccess

_FRAGMENT_END = b"\xfe\xff\xdd\xe0"
_FIRST_VR, _LAST_VR = b"AA", b"ZZ"


def elements(file: RandomAccess, start: int, stop: int, coding: Coding) -> Iterator[Element]:
    """The elements that fill these bytes, in their order.

    :raises DicomFileError: an element or an item does not fit in what it lies in, or sequences lie too deep
    """
    walk = _Walk(file, stop)
    position = start
    while position < stop:
        element = walk.element(position, coding)
        yield element
        position = element.end


def items(file: RandomAccess, sequence: Element, coding: Coding) -> Iterator[Item]:
    """The items of a sequence.

    :param coding: of the elements within; see `coding_within`
    :raises DicomFileError: as `elements`, or what lies there is no item
    """
    stop = sequence.end if sequence.is_undefined else sequence.offset + sequence.length
    walk = _Walk(file, stop)
    position = sequence.offset
    while position < stop:
        item = walk.item(position, coding, 0)
        if item is None:
            return
        yield item
        position = item.end


def coding_within(element: Element, coding: Coding) -> Coding:
    """How the items of a sequence are written: in a UN always implicit little endian (PS3.5 6.2.2)."""
    return IMPLICIT_LITTLE if element.vr == "UN" else coding


def is_sequence(file: RandomAccess, element: Element, coding: Coding) -> bool:
    """Whether the value is wholly made of items that are wholly made of elements, one level deep."""
    try:
        for item in items(file, element, coding):
            for _ in elements(file, item.offset, item.stop, coding):
                pass
    except (DicomFileError, TruncatedFileError):
        return False
    return True


class _Walk:
    """Reads headers within limits."""

    def __init__(self, file: RandomAccess, stop: int) -> None:
        self._stream = HeadStream(file)
        self._name = file.name
        self._file = file
        self._stop = min(stop, file.size)

    def element(self, start: int, coding: Coding, depth: int = 0) -> Element:
        head = self._read(start, 8)
        group, number, length = struct.unpack(f"{coding.order}HHL", head)
        tag, vr, offset = group << 16 | number, "", start + 8
        if not coding.is_implicit and _FIRST_VR <= head[4:6] <= _LAST_VR and group != 0xFFFE:
            vr = head[4:6].decode("latin-1")
            (length,) = struct.unpack(f"{coding.order}H", head[6:8])
            if vr in LONG_VRS:
                (length,) = struct.unpack(f"{coding.order}L", self._read(offset, 4))
                offset += 4
        end = offset + length
        if length == UNDEFINED_LENGTH:
            end = self._end_of_undefined(tag, vr, offset, coding, depth)
        elif end > self._stop:
            message = (
                f"{self._name}: {tag_name(tag)} at byte {start} promises {length} bytes, there are"
                f" {max(0, self._stop - offset)}"
            )
            raise DicomFileError(message)
        return Element(tag, vr, start, offset, length, end)

    def item(self, start: int, coding: Coding, depth: int) -> Item | None:
        """The item that begins here; None for the delimiter of the sequence."""
        group, number, length = struct.unpack(f"{coding.order}HHL", self._read(start, 8))
        tag, offset = group << 16 | number, start + 8
        if tag == SEQUENCE_END:
            return None
        if tag != ITEM:
            message = f"{self._name}: {tag_name(tag)} at byte {start} where an item of a sequence must begin"
            raise DicomFileError(message)
        if length == UNDEFINED_LENGTH:
            stop = self._end_of_item(offset, coding, depth)
            return Item(start, offset, stop, stop + 8)
        if offset + length > self._stop:
            message = f"{self._name}: the item at byte {start} promises {length} bytes, there are {self._stop - offset}"
            raise DicomFileError(message)
        return Item(start, offset, offset + length, offset + length)

    def _end_of_undefined(self, tag: int, vr: str, offset: int, coding: Coding, depth: int) -> int:
        if depth >= DEEPEST:
            message = f"{self._name}: sequences lie more than {DEEPEST} deep"
            raise DicomFileError(message)
        if tag == PIXEL_DATA and depth == 0:
            return end_of_fragments(self._file, offset)
        within = IMPLICIT_LITTLE if vr == "UN" else coding
        while (item := self.item(offset, within, depth + 1)) is not None:
            offset = item.end
        return offset + 8

    def _end_of_item(self, position: int, coding: Coding, depth: int) -> int:
        while (element := self.element(position, coding, depth)).tag != ITEM_END:
            position = element.end
        return position

    def _read(self, start: int, length: int) -> bytes:
        self._stream.seek(start)
        data = self._stream.read(length) if start + length <= self._stop else b""
        if len(data) < length:
            message = f"{self._name}: the data set ends within an element at byte {start}"
            raise DicomFileError(message)
        return data


def end_of_fragments(file: RandomAccess, start: int) -> int:
    """The first byte behind encapsulated Pixel Data, whose delimiter may be missing at the end of the file.

    :param start: of the Basic Offset Table's item
    :raises DicomFileError: what follows the last fragment is no delimiter, or the last fragment is cut short
    """
    end = start
    for span in scan_items(file, start):
        end = span.end
    for pad in (0, 1):  # a last fragment of odd length may be padded without counting the pad
        if end + pad + 8 <= file.size and file.read(end + pad, 4) == _FRAGMENT_END:
            return end + pad + 8
    if end != file.size:
        message = f"{file.name}: the fragments of Pixel Data are not followed by a delimiter at byte {end}"
        raise DicomFileError(message)
    return end
