"""The port of hot spots: which parts of images are looked at, counted while they are served."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from medtiles.core.geometry import Region, Size


@dataclass(frozen=True, slots=True)
class HotTile:
    """A tile, and how often it was looked at."""

    level: int
    """0 is full resolution; each other is half as large, whatever levels the image has."""
    column: int
    row: int
    count: int
    region: Region
    """In pixels of full resolution."""


@dataclass(frozen=True, slots=True)
class HotTiles:
    """What was looked at of an image."""

    tile_size: Size
    total: int
    """Requests of all tiles."""
    tiles: tuple[HotTile, ...]
    """In falling order of their counts."""


@dataclass(frozen=True, slots=True)
class HeatLook:
    """How a map of it looks."""

    colours: str = "inferno"
    gamma: float = 1.0
    scale: str = "log"
    level: int | None = None
    """Of requests that are shown; None: all, added up."""


class Heat(Protocol):
    """Counts of what is looked at. Safe to call from several threads. Whether an image exists, the caller knows."""

    def tiles(self, image: str, limit: int, level: int | None = None) -> HotTiles:
        """Those that were looked at most."""

    def picture(self, image: str, region: Region, size: Size, look: HeatLook) -> bytes:
        """A part of the map as PNG, transparent where nobody looked.

        :param region: in pixels of full resolution
        :raises BadRequestError: there is no such colour map or scale
        """
