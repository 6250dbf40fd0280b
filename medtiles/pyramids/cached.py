"""A pyramid in the cache folder: made when a tile is first wanted, found again afterwards, by any process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

from numpy.typing import NDArray

from medtiles.core.errors import UnsupportedFormatError
from medtiles.core.pyramid import Level, TileKey
from medtiles.pyramids.folder import PyramidFolder
from medtiles.pyramids.store import PyramidIndex, PyramidShape, read_index, read_tile, write_pyramid
from transcode.errors import CorruptFrameError, FileChangedError, TruncatedFileError
from transcode.files import StableFile
from transcode.frames import Frame

_BROKEN = (CorruptFrameError, FileChangedError, TruncatedFileError)
"""What is raised when the file in the cache folder is no longer what was written there."""


class CachedPyramid:
    """The pyramid of one picture. Every method may be called from several threads at once.

    The file is written under a name of its own and then renamed, so that a half-written one is never read; of two
    processes that want it the second waits for the first. Its name comes from the identity of the picture's file: a
    changed picture gets another pyramid.
    """

    def __init__(
        self, folder: PyramidFolder, key: str, shape: PyramidShape, make: Callable[[], Iterator[NDArray[Any]]]
    ) -> None:
        """:param key: the picture's file and its version
        :param make: gives the rows of the first level, in bands; called at most once at a time
        """
        self._folder = folder
        self._shape = shape
        self._key = f"{key} {shape.is_lossy} {shape.pixels} {shape.levels[0]}"
        self._place = folder.place(self._key)
        self._make = make
        self._lock = threading.Lock()
        self._opened: tuple[StableFile, PyramidIndex] | None = None
        self._is_closed = False

    @property
    def levels(self) -> tuple[Level, ...]:
        """The levels that it has."""
        return self._shape.levels

    @property
    def is_made(self) -> bool:
        """Whether a tile is at hand, without anything to wait for."""
        return self._opened is not None

    @property
    def is_being_made(self) -> bool:
        """Whether another thread is at it."""
        return self._opened is None and self._lock.locked()

    def read_tile(self, key: TileKey) -> Frame:
        """A tile that exists, at full tile size; the first one waits for the pyramid to be made.

        A file that was damaged in the cache folder is made anew.

        :raises UnsupportedFormatError: the pyramid cannot be written
        :raises CorruptFrameError, FileChangedError, TruncatedFileError: its file is broken again, gone or closed
        """
        opened = self._open()
        try:
            return self._read(opened, key)
        except _BROKEN:
            self._discard(opened)
            return self._read(self._open(), key)

    def rest(self) -> None:
        """Let go of the file until a tile is wanted again; one that is being made is left alone."""
        if self.is_made:
            with self._lock:
                self._let_go()

    def close(self) -> None:
        """Let go of the file, which stays in the cache folder."""
        with self._lock:
            self._is_closed = True
            self._let_go()

    def _read(self, opened: tuple[StableFile, PyramidIndex], key: TileKey) -> Frame:
        level = self.levels[key.level]
        place = (key.level, key.row * level.grid.width + key.column, level.tile_size)
        return read_tile(*opened, self._shape.pixels, place)

    def _open(self) -> tuple[StableFile, PyramidIndex]:
        with self._lock:
            if self._is_closed:
                message = "the pyramid has been closed"
                raise FileChangedError(message)
            if self._opened is None:
                found = self._found()
                self._opened = found or self._made()
                self._folder.acquire(self._place)
                if found is None:
                    self._folder.trim()
            return self._opened

    def _discard(self, opened: tuple[StableFile, PyramidIndex]) -> None:
        """Take a broken file away, unless another thread has done so already."""
        with self._lock:
            if self._opened is opened and not self._is_closed:
                self._let_go()
                self._folder.remove(self._place)

    def _let_go(self) -> None:
        if self._opened:
            self._opened[0].close()
            self._opened = None
            self._folder.release(self._place)

    def _found(self) -> tuple[StableFile, PyramidIndex] | None:
        try:
            file = StableFile(self._place)
        except OSError:
            return None
        index = read_index(self._place, self.levels, self._key)
        if index is None:
            file.close()
            return None
        return file, index

    def _made(self) -> tuple[StableFile, PyramidIndex]:
        try:
            with self._folder.turn(self._place):
                found = self._found()
                if found is None:
                    self._folder.write(
                        self._place, lambda part: write_pyramid(part, self._make(), self._shape, self._key)
                    )
                    found = self._found()
        except OSError as error:
            message = f"the pyramid of a large picture cannot be written to the cache folder: {error.strerror}"
            raise UnsupportedFormatError(message) from error
        if found is None:
            message = "the pyramid of a large picture went away as soon as it was written"
            raise FileChangedError(message)
        return found
