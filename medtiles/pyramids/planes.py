"""Made levels of an image of several planes: each plane has a pyramid of its own, made when it is wanted."""

from __future__ import annotations

import threading
from collections import OrderedDict

from medtiles.core.pyramid import Level, TileKey
from medtiles.pyramids.folder import PyramidFolder
from medtiles.pyramids.overviews import Bands, Overviews
from medtiles.pyramids.store import PyramidShape
from transcode.frames import Frame

_MOST_OPEN = 16
"""Planes whose files in the cache folder are kept open."""


class PlaneOverviews:
    """The levels below the coarsest of an image, for each of its planes. Safe to use from several threads."""

    def __init__(self, folder: PyramidFolder, key: str, shape: PyramidShape) -> None:
        """:param key: the file and its version"""
        self._folder = folder
        self._key = key
        self._shape = shape
        self._lock = threading.Lock()
        self._planes: dict[int, Overviews] = {}
        self._recent: OrderedDict[int, Overviews] = OrderedDict()

    @property
    def levels(self) -> tuple[Level, ...]:
        """Those that are made."""
        return self._shape.levels

    def read_tile(self, base: Bands, key: TileKey) -> Frame:
        """A tile that exists.

        :param base: the coarsest level that the file has, of the plane
        :param key: level 0 is the first that the file lacks

        :raises CorruptFrameError, DamagedImageError, TruncatedFileError: the file is broken where the tile lies
        :raises FileChangedError: the file has changed, or this has been closed
        """
        return self._plane(base, key.plane).read_tile(key)

    def close(self) -> None:
        """Let go of files in the cache folder; what is being made ends when the image's own file is closed."""
        with self._lock:
            planes = list(self._planes.values())
        for plane in planes:
            plane.close()

    def _plane(self, base: Bands, number: int) -> Overviews:
        with self._lock:
            plane = self._planes.get(number)
            if plane is None:
                plane = Overviews(self._folder, f"{self._key} {number}", self._shape, base)
                self._planes[number] = plane
            self._recent[number] = plane
            self._recent.move_to_end(number)
            oldest = self._recent.popitem(last=False)[1] if len(self._recent) > _MOST_OPEN else None
        if oldest is not None:
            oldest.rest()
        return plane
