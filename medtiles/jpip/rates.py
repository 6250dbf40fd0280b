"""How fast bytes may go out: token buckets. No clock of its own: who asks tells the time."""

from __future__ import annotations

import fcntl
import mmap
import struct
import threading
from pathlib import Path
from typing import Protocol

_BURST = 0.1
"""Seconds whose bytes may go at once after a pause."""
_FREE_AT = struct.Struct("=d")


class Rate(Protocol):
    """A rate that is kept in the long run. Safe to use from several threads."""

    def take(self, count: int, now: float) -> float:
        """Take so many bytes; seconds to wait before they go."""


class Bucket:
    """The rate of this process."""

    def __init__(self, rate: float) -> None:
        """:param rate: bytes a second; 0: as many as can be"""
        self.rate = rate
        self._lock = threading.Lock()
        self._free_at = float("-inf")
        """When all that has been taken will have gone."""

    def take(self, count: int, now: float) -> float:
        """See `Rate.take`."""
        if not self.rate:
            return 0.0
        with self._lock:
            self._free_at = _after(self._free_at, count, self.rate, now)
            return max(0.0, self._free_at - now)


class SharedBucket:
    """One rate of several processes, which all tell the same time."""

    def __init__(self, path: Path, rate: float) -> None:
        """Share it with those who give the same path.

        :param rate: bytes a second
        :raises OSError: the file cannot be made
        """
        self._rate = rate
        self._lock = threading.Lock()
        self._file = path.open("a+b")
        if self._file.tell() < _FREE_AT.size:
            self._file.truncate(_FREE_AT.size)
        self._memory = mmap.mmap(self._file.fileno(), _FREE_AT.size)

    def take(self, count: int, now: float) -> float:
        """See `Rate.take`."""
        with self._lock:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            try:
                free_at = _after(_FREE_AT.unpack_from(self._memory)[0], count, self._rate, now)
                _FREE_AT.pack_into(self._memory, 0, free_at)
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)
        return max(0.0, free_at - now)

    def close(self) -> None:
        """Let go of the file."""
        self._memory.close()
        self._file.close()


def _after(free_at: float, count: int, rate: float, now: float) -> float:
    """When it is free again, with so many bytes more."""
    return max(free_at, now - _BURST) + count / rate
