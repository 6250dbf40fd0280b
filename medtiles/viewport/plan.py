"""Which tiles, and how much of each, in which order: what is visible, then what will be, then the rest. Pure.

Theory of operation. A *step* is a level and a reduction of its tiles: what can be shown of the whole sight. The last
step is the coarsest that has all pixels of the screen. The first is the finest that arrives in time at the present
rate; those between follow one by one. What the client has already leaves gaps in the steps: a coarse tile whose place
is covered by finer ones that are with the client is not needed. Each step of what is visible is one *stage*; the
movement adds two stages (first and last step of where it leads), and tiles that end beyond the resolution of the
screen one more. A stage begins when the one before is with the client.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from medtiles.core.errors import ViewTooLargeError
from medtiles.core.pyramid import ImageInfo, TileKey
from medtiles.viewport.cuts import Weights
from medtiles.viewport.looks import Look, Sight, predicted, sight_of

MOST_VISIBLE = 2048
"""Tiles of one level."""
MOST_AHEAD = 128
"""Tiles that are predicted at a time."""
_PLANES_AHEAD = 32
_HORIZONS = (0.25, 0.5, 1.0)
"""Seconds ahead."""
IN_TIME = 0.25
"""Seconds within which the first step should be with the client."""
_AHEAD_SECONDS = 2.0
"""What is predicted may take so long at the present rate."""
_TOLERANCE = 1.001

Step = tuple[int, int]
"""Level and reduction."""


@dataclass(frozen=True, slots=True)
class Aim:
    """A tile up to a reduction."""

    key: TileKey
    reduction: int
    stage: int
    """Aims of a stage may come in any order; a stage follows the one before."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a client needs, best first."""

    aims: tuple[Aim, ...]
    visible_stages: int
    """Stages of what is visible come before this one."""


def plan(look: Look, info: ImageInfo, weights: Weights, rate: float, has: Callable[[TileKey], bool]) -> Plan:
    """What a look needs at a rate; `has` tells which tiles are with the client.

    :raises ViewTooLargeError: more tiles are visible than one look may touch
    """
    sight = sight_of(look)
    last = last_step(info, sight.zoom, weights)
    require_few(info, last[0], sight)
    wanted = [key for key in tiles_under(info, last[0], sight) if not has(key)]
    steps = _steps(info, last, wanted, weights, rate * IN_TIME)
    aims = _aims_visible(info, steps, sight, wanted, has)
    aims += _aims_ahead(info, (steps[0], last), _ahead(look, info, weights, rate, has), len(steps))
    if last[1]:
        aims += [Aim(key, 0, len(steps) + 2) for key in wanted]
    return Plan(tuple(aims), len(steps))


def last_step(info: ImageInfo, zoom: float, weights: Weights) -> Step:
    """The coarsest step that has all pixels of the screen."""
    fitting = (level for level in weights.levels if min(info.scales[level]) * zoom <= _TOLERANCE)
    level = max(fitting, default=0)
    magnified = min(info.scales[level]) * zoom
    halvings = math.floor(math.log2(_TOLERANCE / magnified)) if magnified < 1 else 0
    return level, max(0, min(halvings, weights.coarsest(level)))


def require_few(info: ImageInfo, level: int, sight: Sight) -> None:
    """Refuse sights of too many tiles, without counting them one by one.

    :raises ViewTooLargeError: too many
    """
    columns, rows = _columns_and_rows(info, level, sight)
    if len(columns) * len(rows) > MOST_VISIBLE:
        message = f"{len(columns)} x {len(rows)} tiles are visible; a look may touch {MOST_VISIBLE}: zoom out or in"
        raise ViewTooLargeError(message)


def tiles_under(info: ImageInfo, level: int, sight: Sight) -> list[TileKey]:
    """Tiles of a level that a sight touches, nearest to its middle first."""
    columns, rows = _columns_and_rows(info, level, sight)
    tile, scale = info.levels[level].tile_size, info.scales[level]
    x = (sight.left + sight.right) / 2 / scale[0] / tile.width - 0.5
    y = (sight.top + sight.bottom) / 2 / scale[1] / tile.height - 0.5
    keys = [TileKey(level, column, row, sight.plane) for row in rows for column in columns]
    return sorted(keys, key=lambda key: (key.column - x) ** 2 + (key.row - y) ** 2)


def _columns_and_rows(info: ImageInfo, level: int, sight: Sight) -> tuple[range, range]:
    found, scale = info.levels[level], info.scales[level]
    across = _touched(sight.left / scale[0], sight.right / scale[0], found.tile_size.width, found.grid.width)
    down = _touched(sight.top / scale[1], sight.bottom / scale[1], found.tile_size.height, found.grid.height)
    return across, down


def _touched(start: float, end: float, side: int, count: int) -> range:
    return range(min(count, max(0, math.floor(start / side))), max(0, min(count, math.ceil(end / side))))


def _steps(info: ImageInfo, last: Step, wanted: list[TileKey], weights: Weights, budget: float) -> list[Step]:
    """The steps to take, coarsest first: from the finest that is within a budget of bytes to the last."""
    coarser = ((level, 0) for level in weights.levels if level > last[0])
    inner = ((last[0], reduction) for reduction in range(last[1], weights.coarsest(last[0]) + 1))
    steps: list[Step] = []
    for step in itertools.chain(inner, coarser):
        steps.append(step)
        count = len(_over(info, step[0], last[0], wanted)) if step[0] != last[0] else len(wanted)
        if count * weights.expected(*step) <= budget:
            break
    return steps[::-1]


def _aims_visible(
    info: ImageInfo, steps: list[Step], sight: Sight, wanted: list[TileKey], has: Callable[[TileKey], bool]
) -> list[Aim]:
    """Aims of what is visible. A tile is needed where nothing finer than it is with the client."""
    last = steps[-1][0]
    bare = wanted
    found: list[list[Aim]] = []
    for stage in range(len(steps) - 1, -1, -1):
        level, reduction = steps[stage]
        if level == last:
            found.append([Aim(key, reduction, stage) for key in wanted])
            continue
        over = {key: _over(info, level, last, [key]) for key in bare}
        needed = set(itertools.chain.from_iterable(over.values()))
        found.append([Aim(key, reduction, stage) for key in tiles_under(info, level, sight) if key in needed])
        bare = [key for key in bare if not all(map(has, over[key]))]
    return list(itertools.chain.from_iterable(reversed(found)))


def _over(info: ImageInfo, level: int, last: int, wanted: list[TileKey]) -> set[TileKey]:
    """Tiles of a coarser level that lie over tiles of a finer one."""
    found: set[TileKey] = set()
    scale = info.scales[last]
    for key in wanted:
        region = info.levels[last].tile_region(key.column, key.row)
        place = Sight(
            region.x * scale[0], region.y * scale[1], region.right * scale[0], region.bottom * scale[1], 1, key.plane
        )
        columns, rows = _columns_and_rows(info, level, place)
        found.update(TileKey(level, column, row, key.plane) for row in rows for column in columns)
    return found


def _aims_ahead(info: ImageInfo, steps: tuple[Step, Step], ahead: list[TileKey], stage: int) -> Iterator[Aim]:
    """Aims of what is predicted: all of it by the first step, then by the last."""
    first, last = steps
    if first != last:
        coarse = (key if key.level == first[0] else None for key in ahead)
        over = (_over(info, first[0], key.level, [key]) for key in ahead if key.level < first[0])
        found = dict.fromkeys(itertools.chain(filter(None, coarse), *over))
        yield from (Aim(key, first[1], stage) for key in found)
    yield from (Aim(key, last[1] if key.level == last[0] else 0, stage + 1) for key in ahead)


def _ahead(look: Look, info: ImageInfo, weights: Weights, rate: float, has: Callable[[TileKey], bool]) -> list[TileKey]:
    """Tiles that the movement leads to, soonest first, within bounds."""
    if look.motion.is_rest:
        return []
    now = sight_of(look)
    seen = set(tiles_under(info, last_step(info, now.zoom, weights)[0], now))
    found: list[TileKey] = []
    budget = rate * _AHEAD_SECONDS
    for sight in _sights_ahead(look, len(info.planes)):
        level, reduction = last_step(info, sight.zoom, weights)
        columns, rows = _columns_and_rows(info, level, sight)
        for key in tiles_under(info, level, sight) if len(columns) * len(rows) <= MOST_VISIBLE else ():
            if key in seen or has(key):
                continue
            budget -= weights.expected(level, reduction)
            if len(found) >= MOST_AHEAD or (budget < 0 and found):
                return found
            seen.add(key)
            found.append(key)
    return found


def _sights_ahead(look: Look, planes: int) -> Iterator[Sight]:
    """Where the movement leads, soonest first."""
    if abs(look.motion.planes) < 1:
        yield from (predicted(look, seconds, planes) for seconds in _HORIZONS)
        return
    for passed in range(1, min(_PLANES_AHEAD, math.ceil(min(abs(look.motion.planes), _PLANES_AHEAD))) + 1):
        yield predicted(look, passed / abs(look.motion.planes), planes)
