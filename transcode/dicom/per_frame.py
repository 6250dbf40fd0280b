"""The Per-Frame Functional Groups Sequence, which grows with the frames: read by a walk, not parsed as a whole.

Theory of operation. A slide may have hundreds of thousands of frames, each with an item of nested sequences (PS3.3
C.7.6.16). Parsing them all takes minutes and gigabytes. The walk goes from element header to element header, stepping
over values by their length; sequences and items of undefined length are followed to their delimiters (PS3.5 7.5). On
the way it picks the few values that are asked for, two levels deep: a macro's sequence, its first item, an attribute.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from transcode.dicom.streams import HeadStream
from transcode.errors import DicomFileError
from transcode.files import RandomAccess

UNDEFINED_LENGTH = 0xFFFFFFFF
_ITEM = 0xFFFEE000
_ITEM_END = 0xFFFEE00D
_SEQUENCE_END = 0xFFFEE0DD
_LONG_VRS = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
_DEEPEST = 64

Wanted = Mapping[int, frozenset[int]]
"""Tags of attributes by the tag of the macro's sequence that holds them."""


@dataclass(frozen=True, slots=True)
class FrameItem:
    """The item of one frame."""

    start: int
    """Of its data set."""
    end: int
    values: dict[int, bytes] = field(default_factory=dict)
    """Raw values of the wanted attributes, by their tags."""


class _Element(NamedTuple):
    tag: int
    vr: bytes
    length: int


@dataclass(frozen=True, slots=True)
class PerFrameSequence:
    """Where the sequence lies and how it is encoded."""

    file: RandomAccess
    offset: int
    """Of its first item."""
    length: int
    is_implicit: bool
    is_little: bool

    def items(self, wanted: Wanted) -> Iterator[FrameItem]:
        """The items in order, each with the wanted values that it holds.

        :raises DicomFileError: the file ends within the sequence, or it is not made of items
        """
        return _Walk(self).items(wanted)

    def end(self) -> int:
        """The first byte behind the sequence.

        :raises DicomFileError: see `items`
        """
        if self.length != UNDEFINED_LENGTH:
            return self.offset + self.length
        walk = _Walk(self)
        for _ in walk.items({}):
            pass
        return walk.stream.tell()


class _Walk:
    """One pass over the sequence."""

    def __init__(self, sequence: PerFrameSequence) -> None:
        self.stream = HeadStream(sequence.file, sequence.offset)
        self._name = sequence.file.name
        self._limit = sequence.file.size
        if sequence.length != UNDEFINED_LENGTH:
            self._limit = min(self._limit, sequence.offset + sequence.length)
        self._is_implicit = sequence.is_implicit
        order = "<" if sequence.is_little else ">"
        self._tag_length = struct.Struct(f"{order}HHL").unpack
        self._tag_vr = struct.Struct(f"{order}HH2sH").unpack
        self._long = struct.Struct(f"{order}L").unpack

    def items(self, wanted: Wanted) -> Iterator[FrameItem]:
        while self.stream.tell() < self._limit:
            item = self._item_header()
            if item.tag == _SEQUENCE_END:
                return
            yield self._frame(item, wanted)

    def _frame(self, item: _Element, wanted: Wanted) -> FrameItem:
        start = self.stream.tell()
        end = None if item.length == UNDEFINED_LENGTH else start + item.length
        values: dict[int, bytes] = {}
        for element in self._elements(end, is_implicit=self._is_implicit):
            picked = wanted.get(element.tag)
            if picked is None or element.length == 0:
                self._skip(element, self._is_implicit, 0)
            else:
                self._pick(element, picked, values)
        stop = self.stream.tell()
        return FrameItem(start, stop if end is not None else stop - 8, values)

    def _pick(self, macro: _Element, picked: frozenset[int], values: dict[int, bytes]) -> None:
        """Take the wanted values of a macro's first item, and step over what follows."""
        after = None if macro.length == UNDEFINED_LENGTH else self.stream.tell() + macro.length
        item = self._item_header()
        if item.tag == _ITEM:
            end = None if item.length == UNDEFINED_LENGTH else self.stream.tell() + item.length
            for element in self._elements(end, is_implicit=self._is_implicit):
                if element.tag in picked and element.length != UNDEFINED_LENGTH:
                    values[element.tag] = self.stream.read(element.length)
                else:
                    self._skip(element, self._is_implicit, 1)
            if after is None:
                self._skip_items(self._is_implicit, 1)
        if after is not None:
            self.stream.seek(after)

    def _elements(self, end: int | None, *, is_implicit: bool) -> Iterator[_Element]:
        """The headers of a data set's elements; whoever takes one must move behind its value before the next."""
        while end is None or self.stream.tell() < end:
            element = self._element_header(is_implicit=is_implicit)
            if element.tag == _ITEM_END:
                return
            yield element

    def _skip(self, element: _Element, is_implicit: bool, depth: int) -> None:
        if element.length == UNDEFINED_LENGTH:
            self._skip_items(is_implicit or element.vr == b"UN", depth + 1)
        else:
            self.stream.seek(self.stream.tell() + element.length)

    def _skip_items(self, is_implicit: bool, depth: int) -> None:
        """Move behind a sequence of undefined length; its items may be data sets or fragments."""
        if depth > _DEEPEST:
            message = f"{self._name}: sequences lie more than {_DEEPEST} deep"
            raise DicomFileError(message)
        while (item := self._item_header()).tag != _SEQUENCE_END:
            if item.length != UNDEFINED_LENGTH:
                self.stream.seek(self.stream.tell() + item.length)
                continue
            for element in self._elements(None, is_implicit=is_implicit):
                self._skip(element, is_implicit, depth)

    def _item_header(self) -> _Element:
        group, number, length = self._tag_length(self._read(8))
        tag = group << 16 | number
        if tag not in (_ITEM, _SEQUENCE_END):
            message = f"{self._name}: no item at byte {self.stream.tell() - 8} of PerFrameFunctionalGroupsSequence"
            raise DicomFileError(message)
        return _Element(tag, b"", length)

    def _element_header(self, *, is_implicit: bool) -> _Element:
        head = self._read(8)
        if is_implicit or head[:2] in (b"\xfe\xff", b"\xff\xfe"):
            group, number, length = self._tag_length(head)
            return _Element(group << 16 | number, b"", length)
        group, number, vr, length = self._tag_vr(head)
        if vr in _LONG_VRS:
            length = self._long(self._read(4))[0]
        return _Element(group << 16 | number, vr, length)

    def _read(self, length: int) -> bytes:
        data = self.stream.read(length)
        if len(data) < length:
            message = f"{self._name} ends within PerFrameFunctionalGroupsSequence"
            raise DicomFileError(message)
        return data
