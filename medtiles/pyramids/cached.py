"""A pyramid in the cache folder: made when a tile is first wanted, found again afterwards, by any process."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import threading
from collections.abc import Callable
from pathlib import Path

from medtiles.core.errors import UnsupportedFormatError
from medtiles.core.geometry import Size
from medtiles.core.pyramid import Level, TileKey
from medtiles.pyramids.layout import levels_of
from medtiles.pyramids.store import PyramidIndex, read_index, read_tile, write_pyramid
from transcode.codecs.jpeg import JPEG
from transcode.errors import FileChangedError
from transcode.files import StableFile
from transcode.frames import Frame, PixelArray, PixelFormat


class CachedPyramid:
    """The pyramid of one picture. Every method may be called from several threads at once.

    The file is written under a name of its own and then renamed, so that a half-written one is never read and two
    processes that make the same one do no harm. Its name comes from the identity of the picture's file: a changed
    picture gets another pyramid.
    """

    def __init__(
        self,
        folder: Path,
        key: str,
        picture: tuple[Size, PixelFormat],
        make: Callable[[], PixelArray],
        *,
        is_lossy: bool,
    ) -> None:
        """:param key: the picture's file and its version
        :param picture: size and samples of what `make` will give
        :param make: decodes the picture; called at most once at a time
        :param is_lossy: whether tiles may be JPEG, because the picture was
        """
        size, self._pixels = picture
        self._is_lossy = is_lossy
        self.levels: tuple[Level, ...] = levels_of(size, JPEG.media_type if is_lossy else None)
        self._key = f"{key} {is_lossy} {self._pixels}"
        self._path = folder / f"{hashlib.blake2b(self._key.encode(), digest_size=16).hexdigest()}.tif"
        self._make = make
        self._lock = threading.Lock()
        self._opened: tuple[StableFile, PyramidIndex] | None = None
        self._is_closed = False

    def read_tile(self, key: TileKey) -> Frame:
        """A tile that exists, at full tile size; the first one waits for the pyramid to be made.

        :raises UnsupportedFormatError: the pyramid cannot be written
        :raises CorruptFrameError, FileChangedError, TruncatedFileError: its file is broken, gone or closed
        """
        file, index = self._open()
        level = self.levels[key.level]
        return read_tile(
            file, index, self._pixels, (key.level, key.row * level.grid.width + key.column, level.tile_size)
        )

    def close(self) -> None:
        """Let go of the file, which stays in the cache folder."""
        with self._lock:
            self._is_closed = True
            if self._opened:
                self._opened[0].close()

    def _open(self) -> tuple[StableFile, PyramidIndex]:
        with self._lock:
            if self._is_closed:
                message = "the pyramid has been closed"
                raise FileChangedError(message)
            if self._opened is None:
                self._opened = self._found() or self._made()
            return self._opened

    def _found(self) -> tuple[StableFile, PyramidIndex] | None:
        try:
            file = StableFile(self._path)
        except OSError:
            return None
        index = read_index(self._path, self.levels, self._key)
        if index is None:
            file.close()
            return None
        return file, index

    def _made(self) -> tuple[StableFile, PyramidIndex]:
        picture = self._make()
        part = self._path.with_name(f"{self._path.stem}.{os.getpid()}.{secrets.token_hex(4)}.part")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_pyramid(part, picture, self.levels, self._key, is_lossy=self._is_lossy)
            with part.open("rb") as written:
                os.fsync(written.fileno())
            part.replace(self._path)
        except OSError as error:
            with contextlib.suppress(OSError):
                part.unlink()
            message = f"the pyramid of a large picture cannot be written to the cache folder: {error.strerror}"
            raise UnsupportedFormatError(message) from error
        found = self._found()
        if found is None:
            message = "the pyramid of a large picture went away as soon as it was written"
            raise FileChangedError(message)
        return found
