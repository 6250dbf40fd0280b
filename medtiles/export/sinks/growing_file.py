"""A file that grows under a name of its own, over several runs if need be, and then gets its name."""

from __future__ import annotations

import os
from pathlib import Path

_BUFFER = 1 << 20


def part_of(path: Path) -> Path:
    """Where a file lies until it is whole."""
    return path.with_name(f".{path.name}.part")


class GrowingFile:
    """Bytes are only ever added at the end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = part_of(path)
        self._number = -1
        self._buffer = bytearray()
        self._size = 0

    @property
    def number(self) -> int:
        """Of the open file, all of its bytes written."""
        self._write()
        return self._number

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self._size

    def begin(self, size: int) -> None:
        """Open it, with so many bytes of an earlier run.

        :raises OSError: it cannot be opened, or has fewer bytes
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        self._number = os.open(self._part, flags, 0o666)
        if os.fstat(self._number).st_size < size:
            message = f"{self._part} has lost bytes that an earlier run wrote; --force begins anew"
            raise OSError(message)
        os.ftruncate(self._number, size)
        os.lseek(self._number, 0, os.SEEK_END)
        self._size = size

    def append(self, data: bytes) -> int:
        """Add bytes; gives where they begin."""
        start = self._size
        self._buffer += data
        self._size += len(data)
        if len(self._buffer) >= _BUFFER:
            self._write()
        return start

    def flush(self) -> None:
        """See to it that all bytes so far outlast the machine's going down."""
        self._write()
        os.fsync(self._number)

    def publish(self) -> None:
        """Give it its name."""
        self.flush()
        self.close()
        self._part.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def close(self) -> None:
        """Let go of the file; what has not been flushed is lost."""
        if self._number >= 0:
            os.close(self._number)
            self._number = -1

    def _write(self) -> None:
        """What a full disk does not take stays here, so that nobody is told that it lies in the file."""
        while self._buffer:
            del self._buffer[: os.write(self._number, self._buffer)]
