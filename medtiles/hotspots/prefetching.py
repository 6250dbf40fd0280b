"""Makes tiles before they are asked for: those that are likely next, by the addresses that each visitor uses."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from medtiles.access_log import Answer
from medtiles.core.errors import MedTilesError
from medtiles.core.limits import Limits
from medtiles.core.tiles import Tiles
from medtiles.hotspots.asks import read_target, rewritten
from medtiles.hotspots.geometry import Geometry, geometry_of
from medtiles.hotspots.next_tiles import NextTiles, Tile
from medtiles.protocols.tile_way import TileProtocol
from transcode.errors import TranscodeError

_AHEAD = 12
"""Tiles for a visitor at a time."""
_UNDER_WAY = 16
"""That are being made at once for all."""
_SEEN = frozenset({200, 304})
_KEPT = 4096


@dataclass(frozen=True, slots=True)
class _Look:
    """The last tile that a visitor asked for."""

    target: str
    geometry: Geometry


class Prefetcher:
    """Takes batches of answers, on one thread."""

    def __init__(self, tiles: Tiles, protocols: Sequence[TileProtocol], limits: Limits = Limits()) -> None:
        """:param protocols: whose tiles are made beforehand"""
        self._tiles = tiles
        self._by_prefix = {prefix: protocol for protocol in protocols for prefix in protocol.PREFIXES}
        self._limits = limits
        self._next = NextTiles()
        self._made: OrderedDict[str, None] = OrderedDict()
        self._under_way: list[Future[Any]] = []
        self._count = self._used = 0

    def statistics(self) -> dict[str, int]:
        """How many tiles were made beforehand, and how many of these were asked for then."""
        return {"prefetched_tiles": self._count, "prefetched_tiles_used": self._used}

    def take(self, answers: Iterable[Answer]) -> None:
        """Learn from answers, and make what comes next for those who asked."""
        looks: dict[str, _Look] = {}
        for answer in answers:
            found = self._seen(answer) if answer.status in _SEEN else None
            if found is not None:
                visitor = f"{answer.client} {answer.user_agent}"
                looks[visitor] = _Look(answer.target, found[0])
                self._next.saw(visitor, found[0].id, found[1], answer.time)
        self._under_way = [future for future in self._under_way if not future.done()]
        for visitor, look in looks.items():
            for tile in self._next.next(visitor, _AHEAD):
                target = rewritten(look.target, look.geometry, tile)
                if target is not None and target not in self._made and len(self._under_way) < _UNDER_WAY:
                    self._make(target)

    def _seen(self, answer: Answer) -> tuple[Geometry, Tile] | None:
        """The tile that was asked for."""
        if answer.target in self._made:
            del self._made[answer.target]
            self._used += 1
        asked = read_target(answer.target)
        info = self._tiles.known_info(asked.image) if asked is not None and len(asked.asks) == 1 else None
        if asked is None or info is None:
            return None
        geometry = geometry_of(asked.image, info)
        spot = asked.asks[0].place(geometry)
        tiles = geometry.tiles(spot) if spot is not None else []
        return (geometry, (spot.level, *tiles[0])) if spot is not None and len(tiles) == 1 else None

    def _make(self, target: str) -> None:
        path, _, query = target.partition("?")
        protocol = self._by_prefix.get(path[: path.find("/", 1) + 1] or path)
        if protocol is None:
            return
        try:
            address = protocol.read_tile_address(path, query.encode("ascii", "replace"))
            info = self._tiles.known_info(address.image) if address is not None else None
            if info is None:
                return
            request = protocol.tile_request(address, info, self._limits)
            if self._tiles.answer(request) is None:
                self._under_way.append(self._tiles.submit(request))
        except (MedTilesError, TranscodeError):
            return  # there is no such tile, or no room: whoever asks for it will be told
        self._count += 1
        self._made[target] = None
        while len(self._made) > _KEPT:
            self._made.popitem(last=False)
