"""TIFF directories (TIFF 6.0 section 2, BigTIFF), where every claim is checked against the size of the file.

A hostile file can promise anything: directories that point to themselves, a tag of a billion numbers, an XML text of
gigabytes. So a directory is read once, all directories together may not be longer than the file, and no value is
read before its length is known to lie within the file and below a limit.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medtiles.core.errors import DamagedImageError, UnsupportedFormatError
from transcode.files import RandomAccess

_NUMBERS = {1: "u1", 3: "u2", 4: "u4", 6: "i1", 8: "i2", 9: "i4", 11: "f4", 12: "f8", 13: "u4", 16: "u8", 17: "i8",
            18: "u8"}  # fmt: skip
"""NumPy types by TIFF field type; ASCII, UNDEFINED and the two rationals are dealt with apart."""
_SIZES = {2: 1, 5: 8, 7: 1, 10: 8} | {code: int(kind[1]) for code, kind in _NUMBERS.items()}
_ASCII_LIKE = frozenset({1, 2, 7})
_RATIONAL, _SIGNED_RATIONAL = 5, 10
_MOST_DIRECTORIES = 1 << 16
_MOST_ENTRIES = 4096
_MOST_VALUE_BYTES = 32 * 1024 * 1024
_CLASSIC, _BIG = 42, 43
_SUB_DIRECTORIES = 330


@dataclass(frozen=True, slots=True)
class Entry:
    """One tag: how many numbers of which type, and where they lie in the file."""

    type: int
    count: int
    offset: int
    """Of the first byte of the value in the file, also when it lies in the directory itself."""
    inline: bytes
    """The value, when it lies in the directory itself; then there is no need to read it."""

    @property
    def length(self) -> int:
        """In bytes; 0 for types that nobody knows."""
        return self.count * _SIZES.get(self.type, 0)

    def dtype(self, order: str) -> np.dtype[np.generic] | None:
        """The type of its numbers, None when it has no plain numbers."""
        kind = _NUMBERS.get(self.type)
        return None if kind is None else np.dtype(order + kind)


class Directory:
    """The tags of one picture."""

    def __init__(self, file: RandomAccess, order: str, index: int, entries: dict[int, Entry]) -> None:
        self.file = file
        self.order = order
        """Byte order, "<" or ">"."""
        self.index = index
        """Its place among all directories that were read, for error messages."""
        self._entries = entries

    def __contains__(self, tag: int) -> bool:
        return tag in self._entries

    def entry(self, tag: int) -> Entry | None:
        """A tag, without reading its value."""
        return self._entries.get(tag)

    def raw(self, tag: int) -> bytes:
        """The bytes of a value, empty when the tag is missing.

        :raises DamagedImageError: longer than any honest value
        :raises TruncatedFileError: the file ends before it
        """
        entry = self._entries.get(tag)
        if entry is None:
            return b""
        if entry.length > _MOST_VALUE_BYTES:
            message = f"directory {self.index}: tag {tag} is {entry.length} bytes long"
            raise DamagedImageError(message)
        return entry.inline or self.file.read(entry.offset, entry.length)

    def numbers(self, tag: int) -> NDArray[np.generic]:
        """All numbers of a tag; rationals come as fractions, none when the tag is missing or holds no numbers."""
        entry = self._entries.get(tag)
        if entry is None:
            return np.empty(0)
        if entry.type in (_RATIONAL, _SIGNED_RATIONAL):
            kind = "u4" if entry.type == _RATIONAL else "i4"
            pairs = np.frombuffer(self.raw(tag), np.dtype(self.order + kind)).reshape(-1, 2).astype(np.float64)
            fractions: NDArray[np.float64] = np.zeros(len(pairs))
            np.divide(pairs[:, 0], pairs[:, 1], out=fractions, where=pairs[:, 1] != 0)
            return fractions
        dtype = entry.dtype(self.order)
        return np.empty(0) if dtype is None else np.frombuffer(self.raw(tag), dtype)

    def integer(self, tag: int, default: int) -> int:
        """The first number of a tag as a whole number."""
        numbers = self.numbers(tag)
        return int(numbers[0]) if numbers.size and np.isfinite(numbers[0]) else default

    def real(self, tag: int) -> float | None:
        """The first number of a tag, None when it is missing or not finite."""
        numbers = self.numbers(tag)
        return float(numbers[0]) if numbers.size and np.isfinite(numbers[0]) else None

    def text(self, tag: int) -> str:
        """A text up to its NUL; UTF-8, or Latin-1 when it is none."""
        entry = self._entries.get(tag)
        if entry is None or entry.type not in _ASCII_LIKE:
            return ""
        raw = self.raw(tag).split(b"\0", 1)[0]
        try:
            return raw.decode()
        except UnicodeDecodeError:
            return raw.decode("latin-1")


class Directories:
    """Reads the directories of a file, each once."""

    def __init__(self, file: RandomAccess) -> None:
        self._file = file
        head = file.read(0, min(16, file.size))
        self.order = {b"II": "<", b"MM": ">"}.get(head[:2], "")
        version = struct.unpack_from(self.order + "H", head, 2)[0] if self.order and len(head) >= 8 else 0
        is_big = version == _BIG and len(head) == 16 and head[4:8] == struct.pack(self.order + "HH", 8, 0)
        if version != _CLASSIC and not is_big:
            message = f"{file.name} is no TIFF"
            raise UnsupportedFormatError(message)
        self._count, self._pointer = ("Q", "Q") if is_big else ("H", "I")
        self._first = struct.unpack_from(self.order + self._pointer, head, 8 if is_big else 4)[0]
        self._entry = struct.Struct(self.order + "HH" + self._pointer + f"{struct.calcsize(self._pointer)}s")
        self._seen: set[int] = set()
        self._bytes = 0

    def chain(self) -> list[Directory]:
        """The directories of the main chain, in order.

        :raises DamagedImageError: a loop, overlapping or absurd directories
        :raises TruncatedFileError: the file ends within them
        """
        found: list[Directory] = []
        offset = self._first
        while offset:
            directory, offset = self._read(offset)
            found.append(directory)
        return found

    def first(self) -> Directory | None:
        """The first directory alone; None when there is none."""
        return self._read(self._first)[0] if self._first else None

    def below(self, directory: Directory) -> list[Directory]:
        """The directories that a directory names in its SubIFDs tag, in order."""
        offsets = directory.numbers(_SUB_DIRECTORIES)
        if offsets.size > _MOST_ENTRIES:
            message = f"directory {directory.index} names {offsets.size} directories below it"
            raise DamagedImageError(message)
        return [self._read(int(offset))[0] for offset in offsets if offset > 0]

    def _read(self, offset: int) -> tuple[Directory, int]:
        """A directory and the offset of the next."""
        index = len(self._seen)
        if offset in self._seen or index >= _MOST_DIRECTORIES:
            message = f"{self._file.name}: directory {index} at byte {offset} closes a loop, or there are too many"
            raise DamagedImageError(message)
        self._seen.add(offset)
        head = struct.calcsize("=" + self._count)
        count = struct.unpack(self.order + self._count, self._file.read(offset, head))[0]
        length = count * self._entry.size + struct.calcsize("=" + self._pointer)
        self._bytes += head + length
        if count > _MOST_ENTRIES or self._bytes > self._file.size:
            message = f"{self._file.name}: directory {index} with {count} tags does not fit into the file"
            raise DamagedImageError(message)
        data = self._file.read(offset + head, length)
        entries: dict[int, Entry] = {}
        for place, (tag, kind, number, value) in enumerate(self._entry.iter_unpack(data[: count * self._entry.size])):
            size = number * _SIZES.get(kind, 0)
            if size <= len(value):
                at = offset + head + (place + 1) * self._entry.size - len(value)
                entries[tag] = Entry(kind, number, at, value[:size])
            else:
                entries[tag] = Entry(kind, number, struct.unpack(self.order + self._pointer, value)[0], b"")
        following = struct.unpack_from(self.order + self._pointer, data, count * self._entry.size)[0]
        return Directory(self._file, self.order, index, entries), following
