"""What must be known of an image so that requests of all protocols can be laid over one another."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from medtiles.core.geometry import Region, Size
from medtiles.core.pyramid import ImageInfo
from medtiles.protocols.halvings import halved


class Rectangle(NamedTuple):
    """A part of an image, in pixels of full resolution; right and lower edges are not in it."""

    left: float
    top: float
    right: float
    bottom: float


class Spot(NamedTuple):
    """What one request looked at: a rectangle, at a level. Level 0 is full resolution, each other is half as large."""

    level: int
    rectangle: Rectangle


@dataclass(frozen=True, slots=True)
class DicomFrames:
    """Where the frames of an instance lie: a grid of tiles at a scale."""

    columns: int
    tile: Size
    """In pixels of its own level."""
    scale: float
    """Pixels of full resolution for each one of its."""


@dataclass(frozen=True)
class Geometry:
    """Size, tiles and levels of an image. Tiles are counted in a grid of `tile` on each level."""

    size: Size
    tile: Size = Size(256, 256)
    levels: int = 0
    """0: as many as it takes until one tile holds the whole."""
    id: str = ""
    name: str = ""
    stored: tuple[Size, ...] = ()
    """Of its own pyramid, which gRPC counts; full resolution first. Empty: halvings."""
    frames: Mapping[str, DicomFrames] = field(default_factory=lambda: MappingProxyType({}))
    """By SOP Instance UID, of a whole-slide image."""

    @property
    def level_count(self) -> int:
        """Levels in all."""
        return self.levels or len(halved(self.size, self.tile))

    def level_size(self, level: int) -> Size:
        """Of a level, rounded down as servers of tiles do."""
        return Size(max(1, self.size.width >> level), max(1, self.size.height >> level))

    def grid(self, level: int) -> Size:
        """Columns and rows of tiles of a level."""
        return self.level_size(level).grid(self.tile)

    def spot(self, level: int, part: Region) -> Spot | None:
        """A part of a level; None: it lies outside."""
        if not 0 <= level < max(self.level_count, 1):
            return None
        return self.seen(Rectangle(part.x << level, part.y << level, part.right << level, part.bottom << level), level)

    def seen(self, rectangle: Rectangle, level: int) -> Spot | None:
        """A rectangle, cut to the image; None: nothing is left."""
        left, top = max(0.0, rectangle.left), max(0.0, rectangle.top)
        right, bottom = min(float(self.size.width), rectangle.right), min(float(self.size.height), rectangle.bottom)
        if not (left < right and top < bottom):
            return None
        return Spot(min(max(level, 0), self.level_count - 1), Rectangle(left, top, right, bottom))

    def level_of(self, scale: float) -> int:
        """The level on which a pixel is nearest to so many of full resolution."""
        return min(max(0, round(math.log2(max(scale, 1e-9)))), self.level_count - 1)

    def tiles(self, spot: Spot) -> list[tuple[int, int]]:
        """Columns and rows that a spot covers: of a tile one, whatever its seams; of a region all that lie below it."""
        width, height = self.tile.width << spot.level, self.tile.height << spot.level
        left, top, right, bottom = spot.rectangle
        columns = _under(left, right, width)
        return [(column, row) for row in _under(top, bottom, height) for column in columns]

    def tile_rectangle(self, level: int, column: int, row: int) -> Rectangle:
        """What a tile covers."""
        width, height = self.tile.width << level, self.tile.height << level
        right, bottom = min((column + 1) * width, self.size.width), min((row + 1) * height, self.size.height)
        return Rectangle(column * width, row * height, max(right, column * width), max(bottom, row * height))


def _under(start: float, end: float, step: int) -> range:
    """Steps at least half of which lie between two ends; where there is none, the one below the middle."""
    first, last = math.floor(start / step + 0.5), math.ceil(end / step - 0.5)
    if last <= first:
        middle = int((start + end) / 2 // step)
        return range(middle, middle + 1)
    return range(first, last)


MOST_TILE = 2048
"""Pixels of a side of stored tiles in whose grid requests are counted."""


def geometry_of(image: str, info: ImageInfo, frames: Mapping[str, DicomFrames] = MappingProxyType({})) -> Geometry:
    """Of an image that is known."""
    return make_geometry(image, info.name, tuple(level.size for level in info.levels), info.levels[0].tile_size, frames)


def make_geometry(
    image: str, name: str, sizes: tuple[Size, ...], tile: Size, frames: Mapping[str, DicomFrames]
) -> Geometry:
    """Of an image with these levels; stored tiles that are no such thing are counted as others would be."""
    usable = tile if max(tile.width, tile.height) <= MOST_TILE else Size(256, 256)
    return Geometry(sizes[0], usable, id=image, name=name, stored=sizes, frames=frames)


Geometries = Callable[[str], Geometry | None]
"""An image's geometry by what requests call it; None: it is not known."""
