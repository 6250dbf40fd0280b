"""Tiles as members of a ZIP archive, stored: pictures are compressed already."""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar
from zipfile import ZipFile, ZipInfo

from medtiles.export.model import Json, TileSet
from medtiles.export.sinks.growing_file import GrowingFile

_WHEN = (1980, 1, 1, 0, 0, 0)
"""The same export is the same archive, byte for byte."""
_MODE = 0o100644 << 16


class ZipSink:
    """A tile set in one file, which appears under its name when it is whole."""

    is_ordered: ClassVar[bool] = True

    def __init__(self, path: Path, tiles: TileSet) -> None:
        self._file = GrowingFile(path)
        self._tiles = tiles
        self._members: list[ZipInfo] = []

    def begin(self, done: Sequence[Json]) -> None:
        """See `Sink.begin`."""
        end = 0
        for path, size, check in done:
            member = _member(path, size, check, end)
            self._members.append(member)
            end += len(member.FileHeader(zip64=False)) + size
        self._file.begin(end)

    def put(self, place: tuple[int, int, int], data: bytes) -> Json:
        """See `Sink.put`."""
        level, column, row = place
        return self._add(self._tiles.levels[level].path(column, row), data)

    def flush(self) -> None:
        """See `Sink.flush`."""
        self._file.flush()

    def finish(self) -> None:
        """See `Sink.finish`."""
        for path, data in self._tiles.documents:
            self._add(path, data)
        with os.fdopen(os.dup(self._file.number), "r+b") as file:
            file.seek(0)
            archive = ZipFile(file, "w")
            archive.filelist.extend(self._members)
            archive.start_dir = self._file.size
            archive.close()  # writes the directory there
        self._file.publish()

    def close(self) -> None:
        """See `Sink.close`."""
        self._file.close()

    def _add(self, path: str, data: bytes) -> Json:
        member = _member(path, len(data), zlib.crc32(data), self._file.size)
        self._file.append(member.FileHeader(zip64=False))
        self._file.append(data)
        self._members.append(member)
        return path, member.file_size, member.CRC


def _member(path: str, size: int, check: int, offset: int) -> ZipInfo:
    member = ZipInfo(path, _WHEN)
    member.file_size = member.compress_size = size
    member.CRC = check
    member.header_offset = offset
    member.external_attr = _MODE
    return member
