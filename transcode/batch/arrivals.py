"""Which files of a folder have arrived whole: what was closed or moved in, and what has not grown lately."""

from __future__ import annotations

import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from transcode.batch.discover import Discovery

_PARTIAL = (".part", ".partial", ".tmp", ".temp", ".crdownload", ".download", ".filepart", ".filetransfer", "~")


@dataclass(slots=True)
class _Waiting:
    """A file that may still grow."""

    identity: str
    since: float
    """On the clock: when it was first seen to be like this."""
    is_closed: bool = False


class Arrivals:
    """Files that arrive in a folder. Used by one thread."""

    def __init__(self, root: Path, settle_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with nothing.

        :param settle_seconds: how long a file must have been the same to be whole, where nothing says that it is
        """
        self._discovery = Discovery(root)
        self._settle_seconds = settle_seconds
        self._clock = clock
        self._waiting: dict[str, _Waiting] = {}
        self._known: dict[str, str] = {}

    def look(self) -> None:
        """Go through the whole folder: for what no event has told of."""
        found = set(self._discovery.paths())
        for path in found:
            self.touched(path)
        for path in (self._waiting.keys() | self._known.keys()) - found:
            self._waiting.pop(path, None)
            self._known.pop(path, None)

    def touched(self, path: str, *, is_closed: bool = False) -> None:
        """A file is there, or has been written to.

        :param path: below the root, with slashes
        :param is_closed: whoever wrote it has closed it, or it was moved here: it is whole
        """
        identity = identity_of(self._discovery.base / path)
        if not identity or path.lower().endswith(_PARTIAL) or self._known.get(path) == identity:
            return
        waiting = self._waiting.get(path)
        if waiting is None or waiting.identity != identity:
            self._waiting[path] = _Waiting(identity, self._clock(), is_closed)
        else:
            waiting.is_closed = waiting.is_closed or is_closed

    def whole(self) -> Iterator[tuple[str, str]]:
        """Path and identity of each file that has arrived since this was asked last, the longest waiting first."""
        now = self._clock()
        for path, waiting in sorted(self._waiting.items(), key=lambda found: (found[1].since, found[0])):
            identity = identity_of(self._discovery.base / path)
            if not identity:
                del self._waiting[path]
            elif identity != waiting.identity:
                self._waiting[path] = _Waiting(identity, now)
            elif waiting.is_closed or now - waiting.since >= self._settle_seconds:
                del self._waiting[path]
                self._known[path] = identity
                yield path, identity

    @property
    def lag_seconds(self) -> float:
        """How long the file has waited that has waited longest."""
        now = self._clock()
        return max((now - waiting.since for waiting in self._waiting.values()), default=0.0)


def identity_of(path: Path) -> str:
    """Tells one state of a file from another; empty for what is no file, or no more."""
    try:
        found = path.stat(follow_symlinks=False)
    except OSError:
        return ""
    return f"{found.st_size}-{found.st_mtime_ns}" if stat.S_ISREG(found.st_mode) else ""
