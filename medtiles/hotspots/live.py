"""Hot spots of a running server: counted from the answers that it gives, kept in a file, shown as list and map.

The file is shared by all processes of a server: each adds what it has counted. It is bounded: when it holds too many
tiles all counts are halved, and those that come to nothing go, so that what was looked at long ago fades.
"""

from __future__ import annotations

import io
import logging
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np
from PIL import Image

from medtiles.access_log import Answer
from medtiles.core.errors import BadRequestError
from medtiles.core.geometry import Region, Size
from medtiles.core.heat import HeatLook, HotTile, HotTiles
from medtiles.core.pyramid import ImageInfo
from medtiles.engine.colour_maps import coloured
from medtiles.hotspots.asks import read_target
from medtiles.hotspots.errors import HotspotsError
from medtiles.hotspots.geometry import Geometry, Rectangle, Spot, geometry_of
from medtiles.hotspots.hot_map import Counts, Look, counts_of, map_size, shares

_logger = logging.getLogger(__name__)
_MOST_TILES = 500_000
"""In the file."""
_CHECKS = 100
"""How often it is looked, while so many tiles are added, how many there are: counting them takes a scan."""
_MOST_OF_ONE = 1024
"""Tiles that one request counts for."""
_FRESH = 1.0
"""Seconds that what was read from the file is used again."""
_KEPT_IMAGES = 64
_PATIENCE = 5.0
_WHOLE = 512
"""Pixels across the map by which the hottest place of an image is known."""
_SEEN = frozenset({200, 304})
_SCHEMA = """
CREATE TABLE IF NOT EXISTS hot (
    image TEXT, level INTEGER, tile_column INTEGER, tile_row INTEGER, count INTEGER,
    PRIMARY KEY (image, level, tile_column, tile_row)
) WITHOUT ROWID
"""
_ADD = """
INSERT INTO hot VALUES (?, ?, ?, ?, ?)
ON CONFLICT (image, level, tile_column, tile_row) DO UPDATE SET count = count + excluded.count
"""
_Key = tuple[str, int, int, int]


class LiveHeat:
    """Counts of a server. `take` is called from one thread, all else from any."""

    def __init__(self, path: Path | None, info: Callable[[str], ImageInfo | None]) -> None:
        """Go on with what a file holds.

        :param path: None: counts live as long as the process
        :param info: what is known of an image without waiting
        :raises OSError: the file cannot be had
        """
        self._info = info
        self._lock = threading.Lock()
        self._file = _opened(path)
        self._kept: dict[str, tuple[float, list[tuple[int, int, int, int]]]] = {}
        self._drawn: dict[tuple[str, int | None], tuple[object, list[tuple[Spot, int]], Counts | None]] = {}
        self._added = 0
        self._is_failing = False

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._file.close()

    def take(self, answers: Iterable[Answer]) -> None:
        """Count answers that showed a part of an image."""
        counts: Counter[_Key] = Counter()
        for answer in answers:
            if answer.status in _SEEN:
                counts.update(self._keys(answer.target))
        if counts:
            self._add(counts)

    def _keys(self, target: str) -> list[_Key]:
        asked = read_target(target)
        info = self._info(asked.image) if asked is not None and asked.asks else None
        if asked is None or info is None:
            return []
        geometry = geometry_of(asked.image, info)
        spots = [spot for ask in asked.asks if (spot := ask.place(geometry)) is not None]
        found = [(asked.image, spot.level, *tile) for spot in spots for tile in geometry.tiles(spot)[:_MOST_OF_ONE]]
        return found[:_MOST_OF_ONE]

    def _add(self, counts: Counter[_Key]) -> None:
        try:
            with self._lock, self._file:
                self._file.executemany(_ADD, [(*key, count) for key, count in counts.items()])
                self._added += len(counts)
                if self._added > _MOST_TILES // _CHECKS:
                    self._added = 0
                    self._fade()
            self._is_failing = False
        except sqlite3.Error as error:
            if not self._is_failing:
                _logger.warning("hot spots cannot be kept: %s", error)
            self._is_failing = True

    def _fade(self) -> None:
        (held,) = self._file.execute("SELECT count(*) FROM hot").fetchone()
        if held > _MOST_TILES:
            self._file.execute("UPDATE hot SET count = count / 2")
            self._file.execute("DELETE FROM hot WHERE count = 0")

    def _rows(self, image: str) -> list[tuple[int, int, int, int]]:
        """Level, column, row and count of all tiles of an image, the most looked at first."""
        now = time.monotonic()
        kept = self._kept.get(image)
        if kept is not None and now - kept[0] < _FRESH:
            return kept[1]
        query = (
            "SELECT level, tile_column, tile_row, count FROM hot WHERE image = ? "
            "ORDER BY count DESC, level, tile_row, tile_column"
        )
        try:
            with self._lock:
                rows = self._file.execute(query, (image,)).fetchall()
        except sqlite3.Error as error:
            _logger.warning("hot spots cannot be read: %s", error)
            rows = []
        if len(self._kept) >= _KEPT_IMAGES:
            self._kept.clear()
        self._kept[image] = now, rows
        return rows

    def _geometry(self, image: str) -> Geometry | None:
        info = self._info(image)
        return geometry_of(image, info) if info is not None else None

    def tiles(self, image: str, limit: int, level: int | None = None) -> HotTiles:
        """See `Heat.tiles`."""
        geometry = self._geometry(image)
        if geometry is None:
            return HotTiles(Size(0, 0), 0, ())
        rows = [row for row in self._rows(image) if level is None or row[0] == level]
        found = [
            HotTile(number, column, row, count, _region(geometry.tile_rectangle(number, column, row)))
            for number, column, row, count in rows[:limit]
        ]
        return HotTiles(geometry.tile, sum(row[3] for row in rows), tuple(found))

    def _spots(self, image: str, level: int | None, geometry: Geometry) -> tuple[list[tuple[Spot, int]], Counts | None]:
        """What was looked at, and the whole map of it, small: the same for all tiles of a map. None: nothing was."""
        rows = self._rows(image)
        kept = self._drawn.get((image, level))
        if kept is not None and kept[0] is rows:
            return kept[1], kept[2]
        spots = [
            (Spot(row[0], geometry.tile_rectangle(*row[:3])), row[3])
            for row in rows
            if level is None or row[0] == level
        ]
        small = map_size(geometry.size, min(_WHOLE, geometry.size.width))
        whole = counts_of(spots, geometry.size, small) if spots else None
        if len(self._drawn) >= _KEPT_IMAGES:
            self._drawn.clear()
        self._drawn[image, level] = rows, spots, whole
        return spots, whole

    def picture(self, image: str, region: Region, size: Size, look: HeatLook) -> bytes:
        """See `Heat.picture`."""
        used = _used(look)
        geometry = self._geometry(image)
        spots, whole = self._spots(image, look.level, geometry) if geometry is not None else ([], None)
        if whole is None:
            return _png(np.zeros((size.height, size.width, 4), np.uint8))
        part = counts_of(_moved(spots, region), region.size, size)
        heat = _heat(part, whole, used)
        colours = coloured(heat.astype(np.float32), used.colours)
        picture = np.concatenate([colours, np.sqrt(heat)[..., None]], axis=-1)
        return _png(np.rint(picture * 255).astype(np.uint8))


def _opened(path: Path | None) -> sqlite3.Connection:
    with ExitStack() as stack:
        try:
            file = stack.enter_context(closing(sqlite3.connect(path or ":memory:", check_same_thread=False, timeout=5)))
            _to_wal(file)
            file.execute("PRAGMA synchronous=OFF")
            file.execute(_SCHEMA)
            file.commit()
        except sqlite3.Error as error:
            message = f"hot spots: {path}: {error}"
            raise OSError(message) from error
        stack.pop_all()
        return file


def _to_wal(file: sqlite3.Connection) -> None:
    """Several processes begin at once, and SQLite does not wait for another one that changes this."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            file.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return


def _used(look: HeatLook) -> Look:
    try:
        return Look(colours=look.colours, gamma=look.gamma, scale=look.scale)
    except HotspotsError as error:
        raise BadRequestError(str(error)) from error


def _heat(part: Counts, whole: Counts, look: Look) -> Counts:
    """Heat of a part, by the values of the whole: the same in every tile of the map."""
    both = np.concatenate([part.ravel(), whole.ravel()])
    return shares(both, look)[: part.size].reshape(part.shape)


def _moved(spots: Iterable[tuple[Spot, int]], region: Region) -> list[tuple[Spot, int]]:
    """Those that touch a region, counted from its corner and cut to it."""
    found = []
    for (level, box), count in spots:
        left, top = max(box.left - region.x, 0), max(box.top - region.y, 0)
        right, bottom = min(box.right - region.x, region.width), min(box.bottom - region.y, region.height)
        if left < right and top < bottom:
            found.append((Spot(level, Rectangle(left, top, right, bottom)), count))
    return found


def _region(box: Rectangle) -> Region:
    left, top, right, bottom = map(int, box)
    return Region(left, top, right - left, bottom - top)


def _png(picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG", compress_level=1)
    return file.getvalue()
