"""What a client has of each tile: all, or some of its bytes. Bounded: what was used longest ago is forgotten."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from medtiles.core.errors import BadRequestError
from medtiles.core.pyramid import TileKey

MOST_TILES = 16384
"""Remembered for one stream, of all images that it has shown."""
_MOST_PARTS = 64
"""Of one tile."""
_END = 1 << 62

Parts = tuple[tuple[int, int], ...]
"""Byte ranges, start and end, in order, apart from one another."""
WHOLE: Parts = ((0, _END),)


@dataclass(frozen=True, slots=True)
class Shown:
    """Tiles of one file, wanted in one way: what makes the bytes of a key what they are."""

    image: str
    version: str
    token: str
    """Of the rendition."""


class Ledger:
    """What was sent, and what the client says that it holds. Not for several threads at once."""

    def __init__(self, most: int = MOST_TILES) -> None:
        self._most = most
        self._parts: dict[tuple[Shown, TileKey], Parts] = {}

    def __len__(self) -> int:
        """Tiles that are remembered."""
        return len(self._parts)

    def has_all(self, shown: Shown, key: TileKey) -> bool:
        """Whether the client has the whole tile."""
        return self._parts.get((shown, key)) is WHOLE

    def prefix(self, shown: Shown, key: TileKey) -> int:
        """How many bytes it has from the start on without a gap."""
        parts = self._parts.get((shown, key), ())
        return parts[0][1] if parts and parts[0][0] == 0 else 0

    def gap(self, shown: Shown, key: TileKey, end: int) -> tuple[int, int] | None:
        """The first bytes before `end` that it lacks: start and end; None when it has them all."""
        start = 0
        for begin, stop in self._parts.get((shown, key), ()):
            if begin > start:
                break
            start = stop
        if start >= end:
            return None
        later = (begin for begin, _ in self._parts.get((shown, key), ()) if begin > start)
        return start, min(end, next(later, end))

    def hold(self, shown: Shown, key: TileKey) -> None:
        """It has the whole tile."""
        self._put((shown, key), WHOLE)

    def add(self, shown: Shown, key: TileKey, start: int, end: int) -> None:
        """It has these bytes, too.

        :raises BadRequestError: a part that is none, or more parts of a tile than are remembered
        """
        if not 0 <= start < end <= _END:
            message = f"bytes {start} to {end} are no part of a tile"
            raise BadRequestError(message)
        parts = _joined((*self._parts.get((shown, key), ()), (start, end)))
        if len(parts) > _MOST_PARTS:
            message = f"a tile may be held in {_MOST_PARTS} parts at most"
            raise BadRequestError(message)
        self._put((shown, key), parts)

    def complete(self, shown: Shown, key: TileKey, total: int) -> bool:
        """Whether it has all of so many bytes; if so, the tile is whole from now on."""
        is_whole = self.gap(shown, key, total) is None
        if is_whole:
            self._put((shown, key), WHOLE)
        return is_whole

    def drop(self, image: str, version: str, keys: Iterable[TileKey]) -> None:
        """It has these tiles no longer, in whatever way they were shown; an empty version is any."""
        shown = {each for each, _ in self._parts if each.image == image and version in {"", each.version}}
        for key in keys:
            for each in shown:
                self._parts.pop((each, key), None)

    def _put(self, place: tuple[Shown, TileKey], parts: Parts) -> None:
        self._parts.pop(place, None)
        self._parts[place] = parts
        if len(self._parts) > self._most:
            del self._parts[next(iter(self._parts))]


def _joined(parts: Iterable[tuple[int, int]]) -> Parts:
    found: list[tuple[int, int]] = []
    for start, end in sorted(parts):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return WHOLE if found == [WHOLE[0]] else tuple(found)
