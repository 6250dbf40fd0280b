"""Where each encapsulated frame lies: offset tables, or one scan of item headers. Reading a frame is then one read.

Theory of operation. Encapsulated Pixel Data (PS3.5 A.4) is a row of items: the Basic Offset Table, which may be empty,
then the fragments, then a Sequence Delimitation Item. A frame is one fragment or several.

Tables come in two kinds: the Extended Offset Table (7FE0,0001) with its lengths (7FE0,0002), 64 bits wide and one
fragment for each frame, and the Basic Offset Table, 32 bits wide. Both count from the first byte of the item tag of the
first fragment. A table that cannot be true (wrong count, not ascending, not starting at 0) is ignored at once. Any
other is believed until it is caught: each read takes the item headers along, and when they are not where the table
says, the table is dropped for good and the items are scanned, once.

The scan visits item headers, not data. With as many fragments as frames each is a frame; with one frame all of them
are; otherwise frames begin where a codestream begins (SOI, SOC, a JP2 or JPEG XL signature). If that leaves fewer
frames than Number of Frames promises, those that exist are served and the others are refused by number.
"""

from __future__ import annotations

import itertools
import struct
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from transcode.errors import DicomFileError, TruncatedFileError
from transcode.files import RandomAccess

_ITEM = b"\xfe\xff\x00\xe0"
_DELIMITER = b"\xfe\xff\xdd\xe0"
_HEADER = 8
_CHUNK = 16 * 1024
_MAX_TABLE = 1 << 28
_STARTS = (
    b"\xff\xd8\xff",
    b"\xff\x4f\xff\x51",
    b"\xff\x0a",
    b"\x00\x00\x00\x0cjP  ",
    b"\x00\x00\x00\x0cJXL ",
)
"""How codestreams begin: JPEG and JPEG-LS, JPEG 2000, JPEG XL, JP2, JPEG XL in a container."""


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes of a file."""

    offset: int
    length: int

    @property
    def end(self) -> int:
        """The first byte beyond."""
        return self.offset + self.length


class _Table(Protocol):
    """An offset table that has not been caught lying."""

    def read(self, index: int) -> bytes | None:
        """The frame; None when the file is not as the table says."""

    def place(self, index: int) -> Span | None:
        """Where the frame lies; None when it is not one fragment, or not as the table says."""


class FrameIndex:
    """The frames of encapsulated Pixel Data. Safe to call from several threads."""

    def __init__(
        self, file: RandomAccess, start: int, frames: int, extended: tuple[bytes, bytes] | None = None
    ) -> None:
        """Read the Basic Offset Table; nothing else is read before a frame is asked for.

        :param start: of the value of Pixel Data
        :param frames: Number of Frames
        :param extended: the values of the Extended Offset Table and of its lengths
        :raises DicomFileError: the value does not begin with an item
        :raises TruncatedFileError: the file ends within the Basic Offset Table
        """
        self._file = file
        self._frames = frames
        basic, self._first = _basic_offset_table(file, start)
        self._table = _table(file, self._first, frames, basic, extended)
        self._scanned: tuple[tuple[Span, ...], ...] | None = None
        self._lock = threading.Lock()

    @property
    def has_table(self) -> bool:
        """Whether an offset table is in use, which no read has caught lying."""
        return self._table is not None

    @property
    def count(self) -> int:
        """How many frames there are; scans the items when no table says."""
        return self._frames if self._table is not None else min(self._frames, len(self._scan()))

    def read(self, index: int) -> bytes:
        """The bytes of one frame, its fragments joined.

        :param index: from 0; not negative
        :raises DicomFileError: there is no such frame, or it is empty
        :raises TruncatedFileError: the file ends within it
        """
        if index < self._frames and (table := self._table) is not None:
            data = table.read(index)
            if data is not None:
                return data
            self._table = None
        return self._read_scanned(index)

    def place(self, index: int) -> Span | None:
        """Where the bytes of a frame lie, its pad among them; None when they are not in one piece.

        :param index: of a frame that has been read
        :raises TruncatedFileError: the file ends before it
        """
        if self._table is not None:
            return self._table.place(index)
        spans = self._scan()[index]
        return spans[0] if len(spans) == 1 else None

    def _read_scanned(self, index: int) -> bytes:
        places = self._scan()
        if not 0 <= index < min(self._frames, len(places)):
            message = f"{self._file.name}: no frame {index + 1} of {self._frames}, Pixel Data holds {len(places)}"
            raise DicomFileError(message)
        data = b"".join([self._file.read(span.offset, span.length) for span in places[index]])
        if not data:
            message = f"{self._file.name}: frame {index + 1} of {self._frames} is empty"
            raise DicomFileError(message)
        return data

    def _scan(self) -> tuple[tuple[Span, ...], ...]:
        with self._lock:
            if self._scanned is None:
                fragments = list(scan_items(self._file, self._first))
                self._scanned = tuple(_frames_of(self._file, fragments, self._frames))
            return self._scanned


def _basic_offset_table(file: RandomAccess, start: int) -> tuple[tuple[int, ...], int]:
    """The Basic Offset Table, and where the first fragment's item begins."""
    header = file.read(start, _HEADER)
    length = int.from_bytes(header[4:], "little")
    if header[:4] != _ITEM or length > _MAX_TABLE:
        message = f"{file.name}: encapsulated Pixel Data does not begin with a Basic Offset Table"
        raise DicomFileError(message)
    data = file.read(start + _HEADER, length)
    return struct.unpack(f"<{length // 4}L", data[: length // 4 * 4]), start + _HEADER + length


def _table(
    file: RandomAccess, first: int, frames: int, basic: Sequence[int], extended: tuple[bytes, bytes] | None
) -> _Table | None:
    """The best table that may be true."""
    if extended is not None:
        offsets, lengths = (struct.unpack(f"<{len(data) // 8}Q", data[: len(data) // 8 * 8]) for data in extended)
        if len(lengths) == frames and _may_be_true(offsets, frames):
            return _ExtendedTable(file, first, offsets, lengths)
    if _may_be_true(basic, frames):
        return _BasicTable(file, first, basic)
    return None


def _may_be_true(offsets: Sequence[int], frames: int) -> bool:
    return len(offsets) == frames and offsets[0] == 0 and all(before < after for before, after in pairwise(offsets))


class _ExtendedTable:
    """Offsets and lengths of frames that are one fragment each (PS3.3 C.7.6.3.1.8 and 9)."""

    def __init__(self, file: RandomAccess, first: int, offsets: Sequence[int], lengths: Sequence[int]) -> None:
        self._file, self._first, self._offsets, self._lengths = file, first, offsets, lengths

    def read(self, index: int) -> bytes | None:
        start, length = self._first + self._offsets[index], self._lengths[index]
        if length == 0 or start + _HEADER + length > self._file.size:
            return None
        data = self._file.read(start, _HEADER + length)
        padded = int.from_bytes(data[4:_HEADER], "little")
        if data[:4] != _ITEM or not length <= padded <= length + 1:
            return None
        return data[_HEADER:]

    def place(self, index: int) -> Span | None:
        return Span(self._first + self._offsets[index] + _HEADER, self._lengths[index])


class _BasicTable:
    """Offsets of frames of one fragment or several; a frame ends where the next one begins (PS3.5 A.4)."""

    def __init__(self, file: RandomAccess, first: int, offsets: Sequence[int]) -> None:
        self._file, self._first, self._offsets = file, first, offsets

    def read(self, index: int) -> bytes | None:
        start = self._first + self._offsets[index]
        if index + 1 == len(self._offsets):
            return self._read_last(start)
        end = self._first + self._offsets[index + 1]
        if end > self._file.size:
            return None
        return _joined(self._file.read(start, end - start))

    def place(self, index: int) -> Span | None:
        start = self._first + self._offsets[index]
        is_last = index + 1 == len(self._offsets)
        fragments = list(itertools.islice(scan_items(self._file, start), 2)) if is_last else []
        if is_last:
            return fragments[0] if len(fragments) == 1 else None
        length = int.from_bytes(self._file.read(start + 4, 4), "little")
        is_one = start + _HEADER + length == self._first + self._offsets[index + 1]
        return Span(start + _HEADER, length) if is_one else None

    def _read_last(self, start: int) -> bytes | None:
        """The last frame ends at the delimiter, so its item headers are followed."""
        fragments = list(scan_items(self._file, start))
        if not fragments or fragments[-1].end > self._file.size:
            return None
        return b"".join([self._file.read(span.offset, span.length) for span in fragments]) or None


def _joined(data: bytes) -> bytes | None:
    """The values of a row of items; None when it is not exactly that."""
    parts = []
    position = 0
    while position + _HEADER <= len(data) and data[position : position + 4] == _ITEM:
        length = int.from_bytes(data[position + 4 : position + _HEADER], "little")
        parts.append(data[position + _HEADER : position + _HEADER + length])
        position += _HEADER + length
    if position != len(data):
        return None
    return (parts[0] if len(parts) == 1 else b"".join(parts)) or None


def scan_items(file: RandomAccess, start: int) -> Iterator[Span]:
    """The values of the items from an item tag on, to the delimiter, or to what is no item any more.

    The last one may lie partly beyond the end of the file. Reads headers in chunks: small items come many to a read.
    """
    chunk, chunk_start = b"", 0
    position = start
    while position + _HEADER <= file.size:
        offset = position - chunk_start
        if not 0 <= offset <= len(chunk) - _HEADER - 1:
            chunk = file.read(position, min(_CHUNK, file.size - position))
            chunk_start, offset = position, 0
        header = chunk[offset : offset + _HEADER]
        if header[:4] != _ITEM:
            if chunk[offset + 1 : offset + 5] in (_ITEM, _DELIMITER) and (position - start) % 2:
                position += 1  # an item of odd length that was padded without counting the pad
                continue
            return
        length = int.from_bytes(header[4:], "little")
        yield Span(position + _HEADER, length)
        position += _HEADER + length


def _frames_of(file: RandomAccess, fragments: list[Span], frames: int) -> list[tuple[Span, ...]]:
    """Which fragments make which frame."""
    if frames == 1:
        return [tuple(fragments)] if fragments else []
    filled = [span for span in fragments if span.length]
    for spans in (fragments, filled):
        if len(spans) == frames:
            return [(span,) for span in spans]
    if groups := _by_codestream(file, filled):
        return groups
    if len(filled) < frames:
        return [(span,) for span in filled]
    message = f"{file.name}: {len(filled)} fragments without an offset table for {frames} frames cannot be told apart"
    raise DicomFileError(message)


def _by_codestream(file: RandomAccess, fragments: list[Span]) -> list[tuple[Span, ...]]:
    """Frames that begin where a codestream begins; none when no fragment begins one."""
    groups: list[list[Span]] = []
    for span in fragments:
        if _begins_codestream(file, span):
            groups.append([span])
        elif groups:
            groups[-1].append(span)
    return [tuple(spans) for spans in groups]


def _begins_codestream(file: RandomAccess, span: Span) -> bool:
    try:
        head = file.read(span.offset, min(8, span.length))
    except TruncatedFileError:
        head = b""
    return head.startswith(_STARTS)
