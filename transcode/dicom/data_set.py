"""The top level of a data set as a list of places, and spans of files in pieces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from transcode.dicom.element_places import Coding, Element, tag_name
from transcode.dicom.elements import elements
from transcode.dicom.streams import ReadAhead
from transcode.dicom.value_representation import Surroundings, surroundings
from transcode.errors import DicomFileError

if TYPE_CHECKING:
    from transcode.dicom.file_header import FileHeader
    from transcode.files import RandomAccess

MAX_ELEMENTS = 200_000
"""The most top-level elements of a data set that is copied; a data set of a slide has hundreds."""

PIECE = 1 << 20
"""How many bytes of a value are in memory at once."""


@dataclass(frozen=True, slots=True, eq=False)
class DataSet:
    """Where each top-level element of a file's data set lies. For one thread."""

    file: RandomAccess
    coding: Coding
    elements: tuple[Element, ...]
    end: int
    """Behind the last element. What follows are zeros, or fewer bytes than an element takes."""

    def find(self, tag: int) -> Element | None:
        """The first element of this tag."""
        return next((element for element in self.elements if element.tag == tag), None)

    def value(self, tag: int, most: int = PIECE) -> bytes | None:
        """The value of an element of defined length as it lies; None when there is none.

        :raises DicomFileError: it is longer than `most`
        """
        element = self.find(tag)
        if element is None or element.is_undefined:
            return None
        if element.length > most:
            message = f"{self.file.name}: {tag_name(tag)} has {element.length} bytes, more than {most}"
            raise DicomFileError(message)
        return self.file.read(element.offset, element.length)


def data_set_of(header: FileHeader) -> DataSet:
    """Walk the element headers of a whole file, Pixel Data and what lies behind it included.

    :raises DicomFileError: it is not made of elements to its end, but for zeros there; or of too many
    :raises TruncatedFileError, FileChangedError: see RandomAccess
    """
    file, coding = ReadAhead(header.body), Coding(header.place.is_implicit, header.is_little_endian)
    found: list[Element] = []
    end = header.place.start
    try:
        for element in elements(file, end, file.size, coding):
            if element.tag == 0 and element.length == 0 and not any(file.read(element.start, 8)):
                break
            found.append(element)
            end = element.end
            if len(found) > MAX_ELEMENTS:
                break
    except DicomFileError:
        if not found or file.size - end >= 8:
            raise
    if len(found) > MAX_ELEMENTS:
        message = f"{file.name} has more than {MAX_ELEMENTS} elements"
        raise DicomFileError(message)
    if not _is_blank(file, end):
        message = f"{file.name}: what lies from byte {end} to the end is no element"
        raise DicomFileError(message)
    return DataSet(file, coding, tuple(found), end)


def surroundings_of(data_set: DataSet) -> Surroundings:
    """What decides VRs at the top level; nothing needs to where they are written."""
    if not data_set.coding.is_implicit or not data_set.elements:
        return Surroundings()
    return surroundings(data_set.file, data_set.elements[0].start, data_set.end, data_set.coding)


def _is_blank(file: RandomAccess, start: int) -> bool:
    """Whether there is room for no element, or nothing but zeros."""
    return file.size - start < 8 or not any(any(piece) for piece in pieces(file, start, file.size))


def pieces(file: RandomAccess, start: int, stop: int, size: int = PIECE) -> Iterator[bytes]:
    """The bytes of a span, a piece at a time; every piece but the last is `size` long."""
    while start < stop:
        length = min(size, stop - start)
        yield file.read(start, length)
        start += length
