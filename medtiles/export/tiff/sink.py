"""A TIFF file that grows: directories first, tiles behind them, their places filled in at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import tifffile

from medtiles.core.geometry import Size
from medtiles.export.errors import ExportError
from medtiles.export.model import Json
from medtiles.export.sinks.growing_file import GrowingFile, part_of

_MOST = (1 << 32) - 1
"""Bytes that offsets of classic TIFF reach."""


class TiffSink:
    """Tiles of some levels of some planes."""

    is_ordered: ClassVar[bool] = True

    def __init__(
        self, path: Path, directories: Callable[[], bytes], grids: Sequence[Size], planes: int, *, is_big: bool
    ) -> None:
        """Of a file that appears when it is whole.

        :param directories: makes the beginning of the file
        :param grids: of the levels of a plane
        :param is_big: whether it is BigTIFF
        """
        self._path = path
        self._file = GrowingFile(path)
        self._directories = directories
        self._grids = grids
        self._places = [np.zeros((grid.area, 2), np.uint64) for _ in range(planes) for grid in grids]
        self._is_big = is_big

    def begin(self, done: Sequence[Json]) -> None:
        """See `Sink.begin`."""
        for level, index, offset, size in done:
            self._places[level][index] = offset, size
        self._file.begin(done[-1][2] + done[-1][3] if done else 0)
        if not done:
            self._file.append(self._directories())

    def put(self, place: tuple[int, int, int], data: bytes) -> Json:
        """See `Sink.put`; the levels of the first plane come first, then those of the next."""
        level, column, row = place
        index = row * self._grids[level % len(self._grids)].width + column
        if self._file.size % 2:
            self._file.append(b"\0")  # TIFF 6.0: offsets are even
        offset = self._file.append(data)
        if offset + len(data) > _MOST and not self._is_big:
            message = (
                f"{self._path.name} grows beyond 4 GiB; report the image, for which BigTIFF should have been taken"
            )
            raise ExportError(message)
        self._places[level][index] = offset, len(data)
        return level, index, offset, len(data)

    def flush(self) -> None:
        """See `Sink.flush`."""
        self._file.flush()

    def finish(self) -> None:
        """See `Sink.finish`."""
        self._file.flush()
        with tifffile.TiffFile(part_of(self._path), mode="r+") as tiff:
            for page, places in zip(self._pages(tiff), self._places, strict=True):
                for name, values in (("TileOffsets", places[:, 0]), ("TileByteCounts", places[:, 1])):
                    page.tags[name].overwrite(values.tolist())
        self._file.publish()

    def close(self) -> None:
        """See `Sink.close`."""
        self._file.close()

    def _pages(self, tiff: tifffile.TiffFile) -> list[tifffile.TiffPage]:
        """The directories of all levels of the first plane, then of the next."""
        found = []
        pages = tiff.pages
        pages.useframes = False
        if pages.first.subifds is None:
            return [page for page in pages if isinstance(page, tifffile.TiffPage)]
        for page in pages:
            assert isinstance(page, tifffile.TiffPage)
            below = page.pages
            found.append(page)
            if below is not None:
                below.useframes = False
                found += [each for each in below if isinstance(each, tifffile.TiffPage)]
        return found
