"""Files that must not change while they are read."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from transcode.errors import FileChangedError, TruncatedFileError


def _identity(stat: os.stat_result) -> tuple[int, int, int, int]:
    return stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def version_of(paths: Sequence[Path]) -> str:
    """The identity of some files: 16 hexadecimal digits that change when any of them does.

    :raises FileChangedError: one of them is gone
    """
    digest = hashlib.blake2b(digest_size=8)
    for path in paths:
        try:
            digest.update(repr(_identity(path.stat())).encode())
        except OSError as error:
            message = f"the file {path.name} is gone"
            raise FileChangedError(message) from error
    return digest.hexdigest()


class RandomAccess(Protocol):
    """Bytes that are read by offset, from any thread."""

    @property
    def name(self) -> str:
        """For error messages: the file's name without its folder."""

    @property
    def size(self) -> int:
        """In bytes."""

    def read(self, offset: int, length: int) -> bytes:
        """Exactly these bytes.

        :raises TruncatedFileError: the file ends before them
        :raises FileChangedError: the file is no longer the one that was opened
        """


class StableFile:
    """A file opened once and read by offset, from any thread; refuses to mix old bytes with new ones."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("rb", buffering=0)
        self._descriptor = self._file.fileno()
        stat = os.fstat(self._descriptor)
        self._opened_as = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        self._size = stat.st_size

    @property
    def name(self) -> str:
        """The file's name without its folder."""
        return self.path.name

    @property
    def size(self) -> int:
        """In bytes, when it was opened."""
        return self._size

    def read(self, offset: int, length: int) -> bytes:
        """Exactly these bytes.

        :raises TruncatedFileError: the file ends before them
        :raises FileChangedError: the file has been written to since it was opened, or it has been closed
        """
        if offset < 0 or length < 0 or offset + length > self._size:
            message = f"{self.path.name}: bytes {offset} to {offset + length} lie beyond its end at {self.size}"
            raise TruncatedFileError(message)
        try:
            data = os.pread(self._descriptor, length, offset)
            while len(data) < length and (more := os.pread(self._descriptor, length - len(data), offset + len(data))):
                data += more
            now = os.fstat(self._descriptor)
            is_same = (now.st_mtime_ns, now.st_size, now.st_ino) == self._opened_as
        except (OSError, ValueError) as error:
            message = f"{self.path.name} cannot be read any more"
            raise FileChangedError(message) from error
        if not is_same or len(data) < length:
            message = f"{self.path.name} has changed since it was opened"
            raise FileChangedError(message)
        return data

    def close(self) -> None:
        """Let go of the file; later reads raise FileChangedError."""
        self._descriptor = -1
        self._file.close()
