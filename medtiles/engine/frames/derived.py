"""The folder where derived frames are kept, shared by all processes and bounded in bytes.

Nothing in it is needed: entries, or the whole folder, may be removed or damaged at any time, and are made anew. A disk
that is full or cannot be written to costs time, never an answer.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from medtiles.core.frames import TravelFrame
from medtiles.engine.frames.entries import entry_of, frame_in

MOST_BYTES = 10 * 10**9
"""What entries may take together where nothing else is said."""
_FOLDER = "derived"
_NAME = re.compile(r"[0-9a-f]{40}\.(frame|packets|seen)")
_LEFT_BEHIND = re.compile(r"[0-9a-f]{40}\.[0-9]+\.[0-9a-f]+\.part")
_LEFT_AFTER = 3600.0
"""Seconds after which an unfinished entry is one that a killed process has left behind."""
_SHARE = 64
"""The folder is looked through when one part in so many of its bound has been written since."""
_MODE = 0o600
_SPARE = 0.9
"""Of the bound, what is left after looking through: so that it is not for each new entry."""


def derived_folder(cache: Path | None, most_bytes: int = MOST_BYTES) -> DerivedFolder | None:
    """The one of a cache folder, where there is one."""
    return None if cache is None else DerivedFolder(cache / _FOLDER, most_bytes)


class DerivedFolder:
    """Derived frames by key. Safe to use from several threads and processes."""

    def __init__(self, path: Path, most_bytes: int = MOST_BYTES) -> None:
        """:param most_bytes: the least recently used are removed when there is more"""
        self.path = path
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._written = most_bytes  # whatever earlier processes have left is looked through at the first entry

    def place(self, key: str, suffix: str = "frame") -> Path:
        """Where the entry of a key lies, or would lie."""
        name = hashlib.blake2b(key.encode(), digest_size=20).hexdigest()
        return self.path / name[:2] / f"{name}.{suffix}"

    def get(self, key: str) -> TravelFrame | None:
        """The frame of a key, whole; what is damaged is removed."""
        place = self.place(key)
        entry = self.read(place)
        if entry is None:
            return None
        frame = frame_in(entry, place.stem)
        if frame is None:
            with contextlib.suppress(OSError):
                place.unlink()
        return frame

    def put(self, key: str, frame: TravelFrame) -> None:
        """Keep a frame, when that is possible."""
        place = self.place(key)
        self.write(place, entry_of(frame, place.stem))

    def read(self, place: Path) -> bytes | None:
        """An entry, used from now on; None: there is none."""
        try:
            entry = place.read_bytes()
        except OSError:
            return None
        with contextlib.suppress(OSError):
            os.utime(place, ns=(time.time_ns(), place.stat().st_mtime_ns))
        return entry

    def write(self, place: Path, pieces: Sequence[bytes]) -> None:
        """Keep an entry, when that is possible: under a name of its own until it is whole."""
        part = place.with_name(f"{place.stem}.{os.getpid()}.{secrets.token_hex(4)}.part")
        try:
            make_folder(place)
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE), "wb") as file:
                for piece in pieces:
                    file.write(piece)
            part.replace(place)
        except OSError:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            return
        self.note(sum(map(len, pieces)))

    def note(self, size: int) -> None:
        """So many bytes have been written: look the folder through when that makes many."""
        with self._lock:
            self._written += size
            if self._written * _SHARE < self._most_bytes:
                return
            self._written = 0
        self._trim()

    def _trim(self) -> None:
        entries = sorted(_entries(self.path))
        total = sum(size for _, size, _ in entries)
        if total <= self._most_bytes:
            return
        for _, size, place in entries[:-1]:  # the last one has just been made
            if total <= self._most_bytes * _SPARE:
                return
            with contextlib.suppress(OSError):
                place.unlink(missing_ok=True)
            total -= size


def make_folder(place: Path) -> None:
    """Make the folder of an entry. Pictures may show names: others than the owner see none of them.

    :raises OSError: that is not possible
    """
    place.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    place.parent.mkdir(mode=0o700, exist_ok=True)


def _entries(folder: Path) -> Iterator[tuple[int, int, Path]]:
    """When it was last used, size and place of each entry; leftovers are removed on the way."""
    for path in _files(folder):
        with contextlib.suppress(OSError):
            stat = path.stat()
            if _NAME.fullmatch(path.name):
                yield max(stat.st_atime_ns, stat.st_mtime_ns), stat.st_size, path
            elif _LEFT_BEHIND.fullmatch(path.name) and time.time() - stat.st_mtime > _LEFT_AFTER:
                path.unlink()


def _files(folder: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        for part in folder.iterdir():
            with contextlib.suppress(OSError):
                yield from part.iterdir()
