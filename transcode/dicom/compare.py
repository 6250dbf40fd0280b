"""Whether two files say the same but for what was to change: element by element, by the bytes of their values.

Values are compared in one form, whatever the files' transfer syntaxes: little endian, with the VR that they have or get
in explicit VR, sequences by their items and not by how their lengths are written. Group lengths (PS3.5 7.2) count for
nothing where one of the files is implicit, because they differ by nature. Pixel Data is not compared. Both files are
walked side by side, a piece of a value at a time, so memory does not grow with them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from operator import attrgetter
from typing import NamedTuple

from transcode.dicom.changes import PIXEL_DATA_TAGS
from transcode.dicom.conversion import little_endian, written_vr
from transcode.dicom.data_set import DataSet, data_set_of, pieces, surroundings_of
from transcode.dicom.element_places import DEEPEST, EXPLICIT_LITTLE, Coding, Element, Item, tag_name
from transcode.dicom.elements import coding_within, elements, items
from transcode.dicom.file_header import FileHeader
from transcode.dicom.file_meta import REBUILT_TAGS
from transcode.dicom.new_elements import Changes, NewElement, RatioPlace
from transcode.dicom.source_facts import LOSSY_IMAGE_COMPRESSION_RATIO
from transcode.dicom.value_representation import Surroundings, surroundings
from transcode.errors import DicomFileError
from transcode.files import RandomAccess


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as expected."""

    path: str
    """Tags and item numbers from 1, such as (0040,0275)[2](0008,0100)."""
    message: str

    def __str__(self) -> str:
        return f"{self.path} {self.message}"


class _Level(NamedTuple):
    """One data set of one of the files: the top level, or an item."""

    file: RandomAccess
    coding: Coding
    around: Surroundings
    elements: Iterator[Element]


def differences(source: FileHeader, output: FileHeader, changes: Changes | None = None) -> Iterator[Difference]:
    """Everything in which the data set of the output is not the source's with the changes made, as it is found.

    :raises DicomFileError: one of the files is not made of elements to its end
    :raises TruncatedFileError, FileChangedError: see RandomAccess
    """
    expected = changes or Changes()
    yield from _compare(_meta(source), _meta(output), "", 0)
    before, after = data_set_of(source), data_set_of(output)
    left_out = PIXEL_DATA_TAGS | expected.elements.keys()
    yield from _compare(_top(before, left_out), _top(after, left_out), "", 0)
    for tag, new in sorted(expected.elements.items()):
        yield from _check_change(after, tag, new, expected.ratio if tag == LOSSY_IMAGE_COMPRESSION_RATIO else None)
    if before.file.size - before.end != after.file.size - after.end:
        yield Difference("", "is followed by another number of zeros")


def _top(data_set: DataSet, left_out: frozenset[int]) -> _Level:
    file, coding, found = data_set.file, data_set.coding, data_set.elements
    return _Level(file, coding, surroundings_of(data_set), (each for each in found if each.tag not in left_out))


def _meta(header: FileHeader) -> _Level:
    """The File Meta Information without what a new file says anew."""
    place = header.place
    found = elements(place.file, place.meta_start, place.meta_end, EXPLICIT_LITTLE)
    kept = {each.tag: each for each in found if each.tag not in REBUILT_TAGS}
    return _Level(place.file, EXPLICIT_LITTLE, Surroundings(), iter(sorted(kept.values(), key=attrgetter("tag"))))


def _around(file: RandomAccess, start: int, stop: int, coding: Coding, outer: Surroundings) -> Surroundings:
    return surroundings(file, start, stop, coding, outer) if coding.is_implicit else outer


def _compare(before: _Level, after: _Level, path: str, depth: int) -> Iterator[Difference]:
    """Walk two data sets side by side, by their tags."""
    if depth > DEEPEST:
        message = f"{before.file.name}: sequences lie more than {DEEPEST} deep"
        raise DicomFileError(message)
    has_lengths = not (before.coding.is_implicit or after.coding.is_implicit)
    lefts = (each for each in before.elements if has_lengths or each.tag & 0xFFFF)
    rights = (each for each in after.elements if has_lengths or each.tag & 0xFFFF)
    left, right = next(lefts, None), next(rights, None)
    while left is not None or right is not None:
        if right is None or (left is not None and left.tag < right.tag):
            yield Difference(path + tag_name(left.tag if left is not None else 0), "is missing")
            left = next(lefts, None)
        elif left is None or right.tag < left.tag:
            yield Difference(path + tag_name(right.tag), "was not there")
            right = next(rights, None)
        else:
            yield from _compare_element(before, left, after, right, path + tag_name(left.tag), depth)
            left, right = next(lefts, None), next(rights, None)


def _compare_element(
    before: _Level, left: Element, after: _Level, right: Element, path: str, depth: int
) -> Iterator[Difference]:
    if before.coding == after.coding == EXPLICIT_LITTLE and _are_equal(
        pieces(before.file, left.start, left.end), pieces(after.file, right.start, right.end), left, right
    ):
        return
    vrs = [written_vr(level.file, each, level.coding, level.around) for level, each in ((before, left), (after, right))]
    is_guess = "UN" in vrs and not (left.vr and right.vr)
    if vrs[0] != vrs[1] and not is_guess:
        yield Difference(path, f"has VR {vrs[1]}, not {vrs[0]}")
    elif vrs[0] == vrs[1] == "SQ":
        yield from _compare_items(before, left, after, right, path, depth)
    elif not _are_equal(_value(before, left, vrs[0]), _value(after, right, vrs[1]), left, right):
        yield Difference(path, "has another value")


def _are_equal(lefts: Iterator[bytes], rights: Iterator[bytes], left: Element, right: Element) -> bool:
    """Whether two rows of pieces are the same; of elements of unequal length they are not."""
    return left.length == right.length and all(one == other for one, other in zip_longest(lefts, rights))


def _value(level: _Level, element: Element, vr: str) -> Iterator[bytes]:
    stop = element.end if element.is_undefined else element.offset + element.length
    return little_endian(level.file, element.offset, stop, vr, level.coding)


def _compare_items(
    before: _Level, left: Element, after: _Level, right: Element, path: str, depth: int
) -> Iterator[Difference]:
    codings = coding_within(left, before.coding), coding_within(right, after.coding)
    pairs = zip_longest(items(before.file, left, codings[0]), items(after.file, right, codings[1]))
    for number, (one, other) in enumerate(pairs, 1):
        here = f"{path}[{number}]"
        if one is None or other is None:
            yield Difference(here, "is missing" if other is None else "was not there")
            return
        yield from _compare(_inside(before, one, codings[0]), _inside(after, other, codings[1]), here, depth + 1)


def _inside(outer: _Level, item: Item, coding: Coding) -> _Level:
    around = _around(outer.file, item.offset, item.stop, coding, outer.around)
    return _Level(outer.file, coding, around, elements(outer.file, item.offset, item.stop, coding))


def _check_change(after: DataSet, tag: int, new: NewElement | None, ratio: RatioPlace | None) -> Iterator[Difference]:
    """Whether a change has come true."""
    element = after.find(tag)
    if element is None or new is None:
        if (element is None) != (new is None):
            yield Difference(tag_name(tag), "is missing" if element is None else "should be gone")
        return
    if element.length != len(new.value):
        yield Difference(tag_name(tag), f"has {element.length} bytes, not {len(new.value)}")
        return
    value = after.file.read(element.offset, element.length)
    if after.coding == EXPLICIT_LITTLE and element.vr != new.vr:
        yield Difference(tag_name(tag), f"has VR {element.vr}, not {new.vr}")
    if ratio is not None:
        start, stop = ratio.offset, ratio.offset + ratio.width
        if not _is_ratio(value[start:stop]):
            yield Difference(tag_name(tag), "has no compression ratio for this step")
        value = value[:start] + new.value[start:stop] + value[stop:]
    if value != new.value:
        yield Difference(tag_name(tag), "has not the value that it should get")


def _is_ratio(value: bytes) -> bool:
    try:
        return 0 < float(value) < float("inf")
    except ValueError:
        return False
