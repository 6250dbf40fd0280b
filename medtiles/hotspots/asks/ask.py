"""What a request asks for, before the geometry of its image is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from medtiles.core.geometry import Region, Size, ceil_div
from medtiles.hotspots.geometry import Geometry, Rectangle, Spot


class Ask(Protocol):
    """A wish for one part of an image."""

    def place(self, geometry: Geometry) -> Spot | None:
        """Where that is; None: there is no such place."""

    def own(self) -> dict[str, Any]:
        """The same in the protocol's own numbers."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address asks for."""

    protocol: str
    image: str
    """As the address calls it."""
    asks: tuple[Ask, ...]


@dataclass(frozen=True, slots=True)
class HalvedTile:
    """A tile of a pyramid that is halved and rounded down, counted from the smallest level: IIP, Zoomify."""

    level: int
    column: int
    row: int

    def place(self, geometry: Geometry) -> Spot | None:
        """See `Ask`."""
        return _tile(geometry, geometry.level_count - 1 - self.level, self.column, self.row)

    def own(self) -> dict[str, Any]:
        """See `Ask`."""
        return {"level": self.level, "column": self.column, "row": self.row}


@dataclass(frozen=True, slots=True)
class IndexedTile:
    """The same by the number of a tile, counted along the rows."""

    level: int
    index: int

    def place(self, geometry: Geometry) -> Spot | None:
        """See `Ask`."""
        level = geometry.level_count - 1 - self.level
        if level < 0:
            return None
        row, column = divmod(self.index, geometry.grid(level).width)
        return _tile(geometry, level, column, row)

    def own(self) -> dict[str, Any]:
        """See `Ask`."""
        return {"level": self.level, "index": self.index}


@dataclass(frozen=True, slots=True)
class TileSpan:
    """All tiles of the rectangle that two of them span: TIL."""

    level: int
    first: int
    last: int

    def place(self, geometry: Geometry) -> Spot | None:
        """See `Ask`."""
        level = geometry.level_count - 1 - self.level
        if level < 0:
            return None
        across = geometry.grid(level).width
        rows, columns = zip(divmod(self.first, across), divmod(self.last, across), strict=True)
        left, top = min(columns) * geometry.tile.width, min(rows) * geometry.tile.height
        right, bottom = (max(columns) + 1) * geometry.tile.width, (max(rows) + 1) * geometry.tile.height
        return geometry.spot(level, Region(left, top, right - left, bottom - top))

    def own(self) -> dict[str, Any]:
        """See `Ask`."""
        return {"level": self.level, "index": self.first, "last": self.last}


@dataclass(frozen=True, slots=True)
class DoubledTile:
    """A tile of a pyramid whose levels are rounded up, counted from the smallest: Deep Zoom, maps' tiles."""

    level: int
    column: int
    row: int
    side: int = 0
    """Of tiles; 0: that of the geometry."""
    is_from_pixel: bool = False
    """Whether level 0 is one pixel, as in Deep Zoom; else one tile."""

    def place(self, geometry: Geometry) -> Spot | None:
        """See `Ask`."""
        side = self.side or geometry.tile.width
        longest = max(geometry.size.width, geometry.size.height)
        most = (longest - 1).bit_length() if self.is_from_pixel else (ceil_div(longest, side) - 1).bit_length()
        reduction = most - self.level
        if reduction < 0:
            return None
        step = side << reduction
        left, top = self.column * step, self.row * step
        return geometry.seen(Rectangle(left, top, left + step, top + step), reduction)

    def own(self) -> dict[str, Any]:
        """See `Ask`."""
        return {"level": self.level, "column": self.column, "row": self.row}


@dataclass(frozen=True, slots=True)
class StoredTile:
    """A tile of the image's own pyramid, full resolution first."""

    level: int
    column: int
    row: int

    def place(self, geometry: Geometry) -> Spot | None:
        """See `Ask`."""
        if not geometry.stored:
            return _tile(geometry, self.level, self.column, self.row)
        if self.level >= len(geometry.stored):
            return None
        size = geometry.stored[self.level]
        across, down = geometry.size.width / size.width, geometry.size.height / size.height
        left, top = self.column * geometry.tile.width * across, self.row * geometry.tile.height * down
        right, bottom = left + geometry.tile.width * across, top + geometry.tile.height * down
        return geometry.seen(Rectangle(left, top, right, bottom), geometry.level_of(across))

    def own(self) -> dict[str, Any]:
        """See `Ask`."""
        return {"level": self.level, "column": self.column, "row": self.row}


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the image at a size."""

    part: Rectangle | None
    """In pixels of full resolution; None: the whole."""
    width: int = 0
    height: int = 0
    """Of the picture; 0: whatever follows from the other, or from `percent`."""
    percent: float = 100
    """Of the part's size, where neither is told."""
    text: str = ""
    """As the address has it."""
    is_share: bool = False
    """Whether the part is told in shares of the image, from 0 to 1."""
    scale_from: Size | None = None
    """The part is told in pixels of the whole image at this size."""
    is_square: bool = False

    def place(self, geometry: Geometry) -> Spot | None:
        """See `Ask`."""
        size = geometry.size
        part = self.part or Rectangle(0, 0, size.width, size.height)
        if self.is_square:
            side = min(size.width, size.height)
            x, y = (size.width - side) // 2, (size.height - side) // 2
            part = Rectangle(x, y, x + side, y + side)
        if self.is_share and self.part is not None:
            part = _times(part, size.width, size.height)
        if self.scale_from is not None:
            across, down = size.width / self.scale_from.width, size.height / self.scale_from.height
            return geometry.seen(_times(part, across, down), geometry.level_of(max(across, down)))
        return geometry.seen(part, geometry.level_of(self._scale(part)))

    def _scale(self, part: Rectangle) -> float:
        """Pixels of full resolution for each one of the picture."""
        if self.width:
            return (part.right - part.left) / self.width
        if self.height:
            return (part.bottom - part.top) / self.height
        return 100 / max(self.percent, 1e-6)

    def own(self) -> dict[str, Any]:
        """See `Ask`."""
        return {"level": None, "region": self.text}


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame of a DICOM instance, counted from 1."""

    instance: str
    number: int

    def place(self, geometry: Geometry) -> Spot | None:
        """See `Ask`. A frame that is no tile of a slide is the whole picture."""
        frames = geometry.frames.get(self.instance)
        if frames is None:
            return geometry.seen(Rectangle(0, 0, geometry.size.width, geometry.size.height), 0)
        row, column = divmod(self.number - 1, frames.columns)
        across, down = frames.tile.width * frames.scale, frames.tile.height * frames.scale
        part = Rectangle(column * across, row * down, (column + 1) * across, (row + 1) * down)
        return geometry.seen(part, geometry.level_of(frames.scale))

    def own(self) -> dict[str, Any]:
        """See `Ask`."""
        return {"level": None, "instance": self.instance, "frame": self.number}


def _tile(geometry: Geometry, level: int, column: int, row: int) -> Spot | None:
    if level < 0:
        return None
    part = Region(column * geometry.tile.width, row * geometry.tile.height, geometry.tile.width, geometry.tile.height)
    return geometry.spot(level, part)


def _times(part: Rectangle, across: float, down: float) -> Rectangle:
    return Rectangle(part.left * across, part.top * down, part.right * across, part.bottom * down)
