"""An OpenSlide handle that several threads share, that can be replaced after an error, and closed at any moment.

OpenSlide's errors stick: after one, every call on that handle fails. And a handle that is closed while another thread
reads from it takes the process down. So users are counted; a handle goes when it is retired and its last user is done.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import openslide

from medtiles.core.errors import DamagedImageError
from transcode.errors import FileChangedError


def told(path: Path, error: openslide.OpenSlideError) -> str:
    """What OpenSlide says of an error, without the folders of this machine."""
    return str(error).replace(f"{path.parent}{os.sep}", "").replace(str(path.parent), "")


class _Handle:
    __slots__ = ("is_retired", "slide", "users")

    def __init__(self, slide: openslide.OpenSlide) -> None:
        self.slide = slide
        self.users = 0
        self.is_retired = False


class SharedSlide:
    """A slide open in OpenSlide. Safe to use, and to close, from several threads."""

    def __init__(self, path: Path, companions: Sequence[Path], cache: openslide.OpenSlideCache) -> None:
        """Open it.

        :raises OpenSlideError: OpenSlide does not
        :raises FileChangedError: a file is gone
        """
        self._path = path
        self._files = (path, *companions)
        self._cache = cache
        self._identity = self._look()
        self._lock = threading.Lock()
        self._is_open = True
        self._handle: _Handle | None = _Handle(self._open())

    @contextmanager
    def lease(self) -> Iterator[openslide.OpenSlide]:
        """The shared handle, for as long as the block runs; after an OpenSlideError it is replaced.

        :raises FileChangedError: closed, or a file is no longer the one that was opened
        """
        with self._lock:
            handle = self._usable()
            handle.users += 1
        try:
            yield handle.slide
        except openslide.OpenSlideError:
            with self._lock:
                if self._handle is handle:
                    self._handle = None
                handle.is_retired = True
            raise
        finally:
            with self._lock:
                handle.users -= 1
                is_over = handle.is_retired and handle.users == 0
            if is_over:
                handle.slide.close()
        self.require_unchanged()

    @contextmanager
    def private(self) -> Iterator[openslide.OpenSlide]:
        """A handle of the caller's own, which no error of another thread has spoilt.

        :raises FileChangedError: closed, or a file is no longer the one that was opened
        """
        self.require_unchanged()
        slide = self._open()
        try:
            yield slide
        finally:
            slide.close()
        self.require_unchanged()

    def require_unchanged(self) -> None:
        """Refuse to go on with other files than those that were opened.

        :raises FileChangedError: one of them has changed or is gone
        """
        if self._look() != self._identity:
            message = f"{self._path.name} has changed since it was opened"
            raise FileChangedError(message)

    def close(self) -> None:
        """Close the handle as soon as nobody reads from it; later reads raise FileChangedError."""
        with self._lock:
            self._is_open = False
            handle, self._handle = self._handle, None
            if handle is not None:
                handle.is_retired = True
            is_idle = handle is not None and handle.users == 0
        if handle is not None and is_idle:
            handle.slide.close()

    def _usable(self) -> _Handle:
        if not self._is_open:
            message = f"{self._path.name} has been closed"
            raise FileChangedError(message)
        if self._handle is None:
            self.require_unchanged()
            try:
                self._handle = _Handle(self._open())
            except openslide.OpenSlideError as error:
                message = f"{self._path.name}: {told(self._path, error)}"
                raise DamagedImageError(message) from error
        return self._handle

    def _open(self) -> openslide.OpenSlide:
        slide = openslide.OpenSlide(self._path)
        slide.set_cache(self._cache)
        return slide

    def _look(self) -> tuple[tuple[int, int, int], ...]:
        try:
            stats = [path.stat() for path in self._files]
        except OSError as error:
            message = f"{self._path.name} or a file that belongs to it is gone"
            raise FileChangedError(message) from error
        return tuple((stat.st_ino, stat.st_size, stat.st_mtime_ns) for stat in stats)
