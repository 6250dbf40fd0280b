"""Which tiles a visitor will ask for next, by what visitors asked for before. Pure.

A viewer asks for tiles in bursts, one for each view. What follows a view is learned in three ways: from the same place
of the same image; after the same kind of move (somebody who goes right mostly goes on), wherever that was; after any.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

Tile = tuple[int, int, int]
"""Level, column and row. Each level is half as large as the one before; level 0 is full resolution."""
Move = tuple[int, int, int]
"""Levels, and columns and rows of the new level."""
BURST = 0.4
"""Seconds of rest that end a burst."""
_REST = 60.0
"""Seconds after which a visitor begins anew."""
_VISITORS, _PLACES, _RECENT = 1000, 50_000, 400
_FARTHEST = 12
"""Columns or rows of a move that is learned from."""
_WEIGHTS = (4.0, 2.0, 1.0)
"""Of what was learned: of the place, of the kind of move, of any."""


@dataclass
class _Visit:
    image: str
    time: float
    burst: list[Tile]
    before: Tile | None = None
    """The middle of the view before."""
    came: Move | None = None
    """How the visitor came there."""
    recent: OrderedDict[Tile, None] = field(default_factory=OrderedDict)


class NextTiles:
    """See the module. Not safe to use from several threads."""

    def __init__(self) -> None:
        self._visits: OrderedDict[str, _Visit] = OrderedDict()
        self._of_places: OrderedDict[tuple[str, Tile], Counter[Tile]] = OrderedDict()
        self._of_moves: dict[Move | None, Counter[Move]] = {}

    def saw(self, visitor: str, image: str, tile: Tile, time: float) -> None:
        """A visitor asked for a tile. Times do not go backwards."""
        visit = self._visits.get(visitor)
        if visit is None or visit.image != image or time - visit.time > _REST:
            visit = self._visits[visitor] = _Visit(image, time, [])
        elif time - visit.time > BURST and visit.burst:
            here = _middle(visit.burst)
            visit.came, visit.before, visit.burst = _move_kind(visit.before, here), here, []
        visit.time = time
        if visit.before is not None and tile not in visit.recent:
            self._learn(visit, visit.before, tile)
        visit.burst.append(tile)
        visit.recent[tile] = None
        visit.recent.move_to_end(tile)
        _bound(visit.recent, _RECENT)
        self._visits.move_to_end(visitor)
        _bound(self._visits, _VISITORS)

    def _learn(self, visit: _Visit, before: Tile, tile: Tile) -> None:
        move = _move(before, tile)
        if max(abs(move[1]), abs(move[2])) > _FARTHEST:
            return
        place = (visit.image, before)
        self._of_places.setdefault(place, Counter())[tile] += 1
        self._of_places.move_to_end(place)
        _bound(self._of_places, _PLACES)
        # the move is told from the view that is left: there it is asked for what comes next
        for kind in {visit.came, None}:
            self._of_moves.setdefault(kind, Counter())[move] += 1

    def next(self, visitor: str, most: int) -> list[Tile]:
        """Tiles that will be asked for, the likeliest first; none that was lately."""
        visit = self._visits.get(visitor)
        if visit is None or not visit.burst:
            return []
        here = _middle(visit.burst)
        kind = _move_kind(visit.before, here)
        scores: dict[Tile, float] = {}
        _add(scores, self._of_places.get((visit.image, here), Counter()).items(), _WEIGHTS[0])
        for learned, weight in ((self._of_moves.get(kind), _WEIGHTS[1]), (self._of_moves.get(None), _WEIGHTS[2])):
            if learned is not None:
                found = ((_moved(here, move), count) for move, count in learned.most_common(4 * most))
                _add(scores, found, weight)
        likely = sorted(scores, key=lambda tile: -scores[tile])
        likely = [tile for tile in likely if min(tile) >= 0 and tile not in visit.recent]
        return likely[:most]


def _move_kind(before: Tile | None, here: Tile) -> Move | None:
    if before is None:
        return None
    levels, columns, rows = _move(before, here)
    return levels, _sign(columns), _sign(rows)


def _move(before: Tile, after: Tile) -> Move:
    scale = 2.0 ** (before[0] - after[0])
    return after[0] - before[0], after[1] - round(before[1] * scale), after[2] - round(before[2] * scale)


def _moved(tile: Tile, move: Move) -> Tile:
    level = tile[0] + move[0]
    scale = 2.0 ** (tile[0] - level)
    return level, round(tile[1] * scale) + move[1], round(tile[2] * scale) + move[2]


def _middle(burst: list[Tile]) -> Tile:
    """The tile in the middle of a view, on its finest level."""
    level = min(tile[0] for tile in burst)
    own = [tile for tile in burst if tile[0] == level]
    return level, round(fmean(tile[1] for tile in own)), round(fmean(tile[2] for tile in own))


def _add(scores: dict[Tile, float], found: Iterable[tuple[Tile, int]], weight: float) -> None:
    """Add shares of a whole."""
    items = list(found)
    total = sum(count for _, count in items)
    for tile, count in items:
        scores[tile] = scores.get(tile, 0.0) + weight * count / total


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)


def _bound(kept: OrderedDict[Any, Any], most: int) -> None:
    """Forget what was not used for longest."""
    while len(kept) > most:
        kept.popitem(last=False)
