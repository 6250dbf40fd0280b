"""Tiles as files of a folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from medtiles.export.model import Json, TileSet


class FolderSink:
    """A tile set below a folder. Its documents are written last: until then no viewer finds the tiles."""

    is_ordered: ClassVar[bool] = False

    def __init__(self, folder: Path, tiles: TileSet) -> None:
        self._folder = folder
        self._tiles = tiles
        self._made: set[str] = set()

    def begin(self, done: Sequence[Json]) -> None:
        """See `Sink.begin`. What came after is overwritten in its turn."""
        del done
        self._folder.mkdir(parents=True, exist_ok=True)

    def put(self, place: tuple[int, int, int], data: bytes) -> Json:
        """See `Sink.put`."""
        level, column, row = place
        self._write(self._tiles.levels[level].path(column, row), data)
        return 0

    def flush(self) -> None:
        """See `Sink.flush`."""
        os.sync()

    def finish(self) -> None:
        """See `Sink.finish`."""
        for path, data in self._tiles.documents[:-1]:
            self._write(path, data)
        last, data = self._tiles.documents[-1]
        part = f"{last}.part"
        self._write(part, data)
        os.sync()  # all of it before what names it
        (self._folder / part).replace(self._folder / last)

    def close(self) -> None:
        """See `Sink.close`."""

    def _write(self, path: str, data: bytes) -> None:
        parent = path.rpartition("/")[0]
        if parent not in self._made:
            (self._folder / parent).mkdir(parents=True, exist_ok=True)
            self._made.add(parent)
        file = os.open(f"{self._folder}/{path}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        try:
            while data:
                data = data[os.write(file, data) :]
        finally:
            os.close(file)
