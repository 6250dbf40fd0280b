"""What an export is made of. Plain values and the port of sinks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol

from medtiles.core.geometry import Region, Size
from medtiles.core.pyramid import ImageInfo
from medtiles.core.view import Finish, View
from medtiles.protocols.tile_views import enlarged_view

Json = Any
STRIPE = 64
"""Columns that are made from top to bottom before the next ones, so that neighbours share decoded tiles."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a layout is made for."""

    info: ImageInfo
    name: str
    """Of the export, for file names and documents."""
    suffix: str
    """Of the tiles: jpg, png and so on."""
    plane: int = 0
    tile_size: int | None = None
    """None: what the layout usually has, the stored one where it can be."""
    overlap: int = 0
    address: str = ""
    """Where the export will be found, for documents that must tell; empty: nobody knows yet."""


class Tile(NamedTuple):
    """What a tile shows."""

    view: View
    finish: Finish | None = None


@dataclass(frozen=True, slots=True)
class Cut:
    """How a level is cut into tiles."""

    size: Size
    """Of the level."""
    side: int
    """Of a tile, without what it shares with its neighbours."""
    reduction: int
    """Halvings that the level is away from full resolution."""
    overlap: int = 0
    is_padded: bool = False
    """Whether tiles at the right and lower edge are filled up."""

    def region(self, column: int, row: int) -> Region:
        """What a tile covers on the level."""
        left, top = max(0, column * self.side - self.overlap), max(0, row * self.side - self.overlap)
        right = min(self.size.width, (column + 1) * self.side + self.overlap)
        return Region(left, top, right - left, min(self.size.height, (row + 1) * self.side + self.overlap) - top)

    def tile(self, wanted: Wanted, column: int, row: int) -> Tile:
        """What it shows of the image."""
        part = self.region(column, row)
        view = enlarged_view(part, self.reduction, wanted.info.size, wanted.plane)
        is_whole = part.width == self.side and part.height == self.side
        return Tile(view, Finish(padded=Size(self.side, self.side)) if self.is_padded and not is_whole else None)


@dataclass(frozen=True, slots=True)
class TileLevel:
    """A grid of tiles."""

    grid: Size
    tile: Callable[[int, int], Tile]
    """By column and row."""
    path: Callable[[int, int], str]
    """The same: below the folder of the export, slashes between."""
    cut: Cut | None
    """None: its tiles are no parts of one level."""


def cut_level(wanted: Wanted, cut: Cut, path: Callable[[int, int], str]) -> TileLevel:
    """A level of a pyramid."""
    return TileLevel(cut.size.grid(Size(cut.side, cut.side)), partial(cut.tile, wanted), path, cut)


@dataclass(frozen=True, slots=True)
class TileSet:
    """All files of an export into a folder."""

    levels: tuple[TileLevel, ...]
    """The finest first."""
    documents: tuple[tuple[str, bytes], ...]
    """Paths and contents, written when all tiles are there; the last one is what viewers open."""
    tops: tuple[str, ...] = ()
    """What all paths begin with, where others may have files in the same folder; empty: the folder is the export's."""

    @property
    def grids(self) -> list[Size]:
        """Columns and rows of tiles of each level."""
        return [level.grid for level in self.levels]

    @property
    def document(self) -> str:
        """The path of what viewers open."""
        return self.documents[-1][0]


class Block(NamedTuple):
    """Tiles that are made by one thread, at one go."""

    parts: tuple[tuple[int, Region], ...]
    """Levels, and which columns and rows of their tiles."""
    is_after_all: bool = False
    """Whether all blocks before it must be done first."""

    @property
    def tiles(self) -> int:
        """In all parts."""
        return sum(cells.width * cells.height for _, cells in self.parts)

    def moved(self, levels: int) -> Block:
        """The same, so many levels further on."""
        return Block(tuple((level + levels, cells) for level, cells in self.parts), self.is_after_all)

    def places(self) -> Iterator[tuple[int, int, int]]:
        """Level, column and row of each tile."""
        for level, cells in self.parts:
            for row in range(cells.y, cells.bottom):
                for column in range(cells.x, cells.right):
                    yield level, column, row


class Sink(Protocol):
    """Where tiles go."""

    @property
    def is_ordered(self) -> bool:
        """Whether it takes them from one thread, in the order of the blocks; else from several, in any order."""

    def begin(self, done: Sequence[Json]) -> None:
        """Open it.

        :param done: what `put` gave for each tile of an earlier run that lies in it; what came after is dropped
        :raises OSError: it cannot be opened
        """

    def put(self, place: tuple[int, int, int], data: bytes) -> Json:
        """Add a tile: level, column, row and bytes. Gives what `begin` must know of it another time."""

    def flush(self) -> None:
        """See to it that all tiles so far outlast the machine's going down."""

    def finish(self) -> None:
        """All tiles are there: make the export whole, in one step that others see."""

    def close(self) -> None:
        """Let go of files, whole or not."""


def rows_of(level: int, grid: Size, stripe: int = STRIPE) -> Iterator[Block]:
    """The tiles of a level, row by row, in stripes of so many columns."""
    for left in range(0, grid.width, stripe):
        for row in range(grid.height):
            yield Block(((level, Region(left, row, min(stripe, grid.width - left), 1)),))
