"""Who reads a series in order will soon want its next frames: a detector of such reading. Pure; no clock, no IO.

Theory of operation. A frame's position is its number, or in a series of single frames its instance's. A read continues
a run when it lies within a few positions beyond the last, on the side that the run goes to: browsers ask for several at
once, so they come a little out of order, and other processes answer some of them. After three such reads the run is
believed, and the frames ahead are named once, in pieces, so that most reads name nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from medtiles.core.studies import Instance

_STEP = 8
"""Positions that a read may lie beyond the last one and still continue the run."""
_BELIEVED = 3
"""Reads in order that make a run."""
_AHEAD = 8
"""Positions that are made ready at a time."""
_SERIES = 256
"""Series, or instances of several frames, that are remembered: the last ones read."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Positions to make ready, from the first on, in this direction."""

    first: int
    last: int

    def positions(self) -> range:
        """In the order in which they will be wanted."""
        step = 1 if self.last >= self.first else -1
        return range(self.first, self.last + step, step)


@dataclass(slots=True)
class _Run:
    last: int
    direction: int = 0
    length: int = 1
    named: int = 0
    """The furthest position that has been named, once there is one."""
    has_named: bool = False


class ReadAhead:
    """Used on one event loop. Remembers a bounded number of series."""

    def __init__(self) -> None:
        self._runs: OrderedDict[tuple[str, str], _Run] = OrderedDict()

    def note(self, instance: Instance, number: int) -> Stretch | None:
        """A frame is being read: what will be wanted next, when that can be told and has not been told yet."""
        is_one = instance.frames == 1
        key = (instance.series, "" if is_one else instance.uid)
        position = instance.number if is_one else number
        run = self._runs.get(key)
        if run is None:
            self._remember(key, _Run(position))
            return None
        self._runs.move_to_end(key)
        _follow(run, position)
        return _ahead(run) if run.length >= _BELIEVED else None

    def _remember(self, key: tuple[str, str], run: _Run) -> None:
        self._runs[key] = run
        if len(self._runs) > _SERIES:
            self._runs.popitem(last=False)


def _follow(run: _Run, position: int) -> None:
    step = position - run.last
    if step == 0:
        return
    direction = 1 if step > 0 else -1
    if abs(step) > _STEP:
        run.direction, run.length, run.has_named = 0, 1, False
    elif run.direction in {0, direction}:
        run.direction, run.length = direction, run.length + 1
    elif abs(step) < _STEP and run.length >= _BELIEVED and run.has_named:
        return  # one that came late: the run goes on from where it was
    else:
        run.direction, run.length, run.has_named = direction, 2, False
    run.last = position


def _ahead(run: _Run) -> Stretch | None:
    """The next positions, when fewer than half as many as are named at a time are left."""
    left = (run.named - run.last) * run.direction if run.has_named else 0
    if left * 2 > _AHEAD:
        return None
    first = (run.named if left > 0 else run.last) + run.direction
    last = run.last + run.direction * _AHEAD
    run.named, run.has_named = last, True
    return Stretch(first, last)
