"""A DICOM file as pydicom wants to read it: a buffered stream over random access, which never asks for the body."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from transcode.errors import TruncatedFileError

if TYPE_CHECKING:
    from transcode.files import RandomAccess

_CHUNK = 16 * 1024
_READ_AHEAD = 256 * 1024


class HeadStream:
    """A read-only stream of one thread. Like a file it gives fewer bytes at the end, and never more than there are.

    It has no `name`: pydicom would take that for a path.
    """

    closed = False

    def __init__(self, file: RandomAccess, start: int = 0) -> None:
        self._file = file
        self._position = start
        self._chunk = b""
        self._chunk_start = 0

    def tell(self) -> int:
        """Bytes from the start of the file."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move, also beyond the end, where there is nothing to read."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._file.size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def read(self, length: int = -1) -> bytes:
        """The next bytes; fewer when the file ends."""
        start = self._position
        left = max(0, self._file.size - start)
        length = left if length < 0 else min(length, left)
        offset = start - self._chunk_start
        if offset < 0 or offset + length > len(self._chunk):
            self._chunk = self._file.read(start, min(left, max(length, _CHUNK)))
            self._chunk_start, offset = start, 0
        self._position = start + length
        return self._chunk[offset : offset + length]


class MemoryFile:
    """Bytes in memory with the manners of a file: what a deflated data set was inflated to."""

    def __init__(self, name: str, data: bytes) -> None:
        self.name = name
        self._data = data

    @property
    def size(self) -> int:
        """In bytes."""
        return len(self._data)

    def read(self, offset: int, length: int) -> bytes:
        """Exactly these bytes.

        :raises TruncatedFileError: it ends before them
        """
        if offset < 0 or length < 0 or offset + length > len(self._data):
            message = f"{self.name}: bytes {offset} to {offset + length} lie beyond its end at {len(self._data)}"
            raise TruncatedFileError(message)
        return self._data[offset : offset + length]


class ReadAhead:
    """A file for one thread that reads near to where it has just read: small reads come out of one large one."""

    def __init__(self, file: RandomAccess) -> None:
        self._file = file
        self._chunk = b""
        self._start = 0

    @property
    def name(self) -> str:
        """See `RandomAccess`."""
        return self._file.name

    @property
    def size(self) -> int:
        """See `RandomAccess`."""
        return self._file.size

    def read(self, offset: int, length: int) -> bytes:
        """See `RandomAccess`."""
        within = offset - self._start
        if not (within >= 0 and within + length <= len(self._chunk)):
            if length > _READ_AHEAD // 2 or offset < 0 or offset + length > self._file.size:
                return self._file.read(offset, length)
            self._chunk = self._file.read(offset, min(_READ_AHEAD, self._file.size - offset))
            self._start, within = offset, 0
        return self._chunk[within : within + length]
