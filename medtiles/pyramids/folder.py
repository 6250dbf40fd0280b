"""The folder where pyramids are kept: their names, who writes one, and a bound on what they take together.

Nothing in it is needed: entries, or the whole folder, may be removed at any time, and are made anew.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

MOST_BYTES = 20 * 10**9
"""What pyramids may take together where nothing else is said."""
_ENTRY = re.compile(r"[0-9a-f]{32}\.tif")
_LEFT_BEHIND = re.compile(r"[0-9a-f]{32}\.(lock|.+\.part)")
_LEFT_AFTER = 3600.0
"""Seconds since it was last written to, after which an unfinished file is one that somebody has left behind."""
_PATIENCE = 120.0
"""Seconds to wait for another process that makes the same pyramid; then the work is done twice, harmlessly."""
_PAUSE = 0.05
"""Seconds between two looks whether it is done."""


class PyramidFolder:
    """A folder of pyramids. Safe to use from several threads and processes."""

    def __init__(self, path: Path, most_bytes: int = MOST_BYTES) -> None:
        """:param most_bytes: the least recently used are removed when there is more; never one that is open here"""
        self._path = path
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._uses: Counter[Path] = Counter()

    def place(self, key: str) -> Path:
        """Where the pyramid of a key lies, or would lie."""
        return self._path / f"{hashlib.blake2b(key.encode(), digest_size=16).hexdigest()}.tif"

    def acquire(self, place: Path) -> None:
        """A pyramid is open here: it is not removed until it is let go of as often."""
        with self._lock:
            self._uses[place] += 1
        _touch(place)

    def release(self, place: Path) -> None:
        """A pyramid has been let go of."""
        with self._lock:
            self._uses[place] -= 1
            if not self._uses[place]:
                del self._uses[place]
        _touch(place)

    @contextlib.contextmanager
    def turn(self, place: Path) -> Iterator[None]:
        """Wait until nobody else makes this pyramid; whoever was before has perhaps finished it.

        The lock belongs to the process and goes with it. Where the file system has none, or the other one takes too
        long, there is nothing to wait for: two that make the same pyramid do no harm.

        :raises OSError: the folder cannot be written to
        """
        self._path.mkdir(parents=True, exist_ok=True)
        lock = place.with_suffix(".lock")
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if _locked(descriptor):
                for part in self._path.glob(f"{place.stem}.*.part"):
                    part.unlink(missing_ok=True)  # of a process that has died
            yield
        finally:
            lock.unlink(missing_ok=True)
            os.close(descriptor)

    def write(self, place: Path, write: Callable[[Path], None]) -> None:
        """Write a pyramid under a name of its own, and give it its name once it is whole and on the disk.

        :raises OSError: the folder cannot be written to; nothing of it is left
        """
        part = place.with_name(f"{place.stem}.{os.getpid()}.{secrets.token_hex(4)}.part")
        self._path.mkdir(parents=True, exist_ok=True)
        try:
            write(part)
            with part.open("rb") as written:
                os.fsync(written.fileno())
            part.replace(place)
        finally:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)

    def remove(self, place: Path) -> None:
        """Remove a pyramid that is broken."""
        with contextlib.suppress(OSError):
            place.unlink(missing_ok=True)

    def trim(self) -> None:
        """Remove the least recently used pyramids beyond the bound, and what killed processes have left."""
        with self._lock:
            used = set(self._uses)
        with contextlib.suppress(OSError):
            entries = sorted(_entries(self._path))
            excess = sum(size for _, size, _ in entries) - self._most_bytes
            for _, size, place in entries:
                if excess <= 0:
                    return
                if place not in used:
                    place.unlink(missing_ok=True)
                    excess -= size


def _entries(folder: Path) -> Iterator[tuple[int, int, Path]]:
    """When it was last used, size and place of each pyramid; leftovers are removed on the way."""
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):
            stat = path.stat()
            if _ENTRY.fullmatch(path.name):
                yield stat.st_atime_ns, stat.st_size, path
            elif _LEFT_BEHIND.fullmatch(path.name) and time.time() - stat.st_mtime > _LEFT_AFTER:
                path.unlink()


def _touch(place: Path) -> None:
    """Note that a pyramid is used now, in its time of access: that of its change says that it is the same."""
    with contextlib.suppress(OSError):
        os.utime(place, ns=(time.time_ns(), place.stat().st_mtime_ns))


def _locked(descriptor: int) -> bool:
    """Whether the lock is ours, after waiting for it for a while."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in {errno.EWOULDBLOCK, errno.EACCES}:
                return False
            time.sleep(_PAUSE)
        else:
            return True
    return False
