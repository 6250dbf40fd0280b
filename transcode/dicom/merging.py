"""The elements of an output in their order: those of the source, and the changes at their places."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from transcode.dicom.changes import PIXEL_DATA_TAGS
from transcode.dicom.conversion import converted, element_header
from transcode.dicom.data_set import DataSet, pieces, surroundings_of
from transcode.dicom.new_elements import NewElement
from transcode.errors import DicomFileError

_KINDS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
"""Float, Double Float and plain Pixel Data; an instance has one of them (PS3.3 C.7.6.3, C.7.6.24, C.7.6.25)."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One element of the output in pieces, explicit little endian; or the place of the pixel data."""

    tag: int
    pieces: Iterator[bytes]
    is_new: bool = False


def merged(data_set: DataSet, changes: Mapping[int, NewElement | None], pixel_tag: int) -> Iterator[Part]:
    """The parts of an output. New elements come before the first with a greater tag, so that tags ascend (PS3.5 7.1).

    The element of `pixel_tag` comes as a part without pieces, the others of PIXEL_DATA_TAGS not at all. Of an element
    that stands twice and is changed, the first place counts.

    :raises DicomFileError: there is no element of `pixel_tag`, or another kind of pixel data beside it
    """
    around = surroundings_of(data_set)
    present = {element.tag for element in data_set.elements}
    _require_one(present & _KINDS, pixel_tag, data_set.file.name)
    added = sorted(tag for tag, new in changes.items() if new is not None and tag not in present)
    done = set()
    for element in data_set.elements:
        while added and added[0] < element.tag:
            yield _new(added[0], changes)
            added.pop(0)
        if element.tag in PIXEL_DATA_TAGS:
            if element.tag == pixel_tag and pixel_tag not in done:
                yield Part(element.tag, iter(()))
        elif element.tag not in changes:
            yield Part(element.tag, converted(data_set.file, element, data_set.coding, around))
            continue
        elif element.tag not in done and changes[element.tag] is not None:
            yield _new(element.tag, changes)
        done.add(element.tag)
    for tag in added:
        yield _new(tag, changes)
    yield Part(0, pieces(data_set.file, data_set.end, data_set.file.size))


def _require_one(kinds: set[int], pixel_tag: int, name: str) -> None:
    if kinds != {pixel_tag}:
        message = f"{name} has not one element of pixel data, but {len(kinds)}"
        raise DicomFileError(message)


def _new(tag: int, changes: Mapping[int, NewElement | None]) -> Part:
    new = changes[tag]
    data = b"" if new is None else element_header(tag, new.vr, len(new.value)) + new.value
    return Part(tag, iter((data,)), is_new=True)
