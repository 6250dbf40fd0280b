"""In which order the frames of a series are wanted. Pure: indices counted from 0; each comes once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Order(StrEnum):
    """What comes first."""

    SEQUENTIAL = "sequential"
    """The first."""
    INTERLEAVED = "interleaved"
    """Every n-th, then those halfway between, until all have come: a volume that is usable early."""
    CENTRE_OUT = "centre-out"
    """The middle, then outwards to both sides."""
    NEAREST = "nearest"
    """The nearest to one, of equally near ones that in the direction of movement."""


@dataclass(frozen=True, slots=True)
class SeriesOrder:
    """An order, with what it depends on."""

    order: Order = Order.SEQUENTIAL
    step: int = 4
    """Of how many frames the first comes first, when interleaved; at least 1."""
    index: int = 0
    """To which the nearest come first."""
    direction: int = 1
    """Negative towards the first frame, otherwise towards the last."""

    def indices(self, count: int) -> Iterator[int]:
        """All indices from 0 to count - 1."""
        if self.order is Order.INTERLEAVED:
            return interleaved(count, self.step)
        if self.order is Order.CENTRE_OUT:
            return nearest(count, (count - 1) // 2, 1)
        if self.order is Order.NEAREST:
            return nearest(count, self.index, self.direction)
        return iter(range(count))


FIRST_TO_LAST = SeriesOrder()


def interleaved(count: int, step: int) -> Iterator[int]:
    """Every `step`-th, then every half of that, down to each."""
    done: list[int] = []
    while step >= 1:
        for index in range(0, count, step):
            if all(index % earlier for earlier in done):
                yield index
        done.append(step)
        step //= 2


def nearest(count: int, index: int, direction: int) -> Iterator[int]:
    """By distance; an index beyond the ends means the end."""
    if count < 1:
        return
    index = min(max(index, 0), count - 1)
    towards = -1 if direction < 0 else 1
    yield index
    for distance in range(1, count):
        for place in (index + towards * distance, index - towards * distance):
            if 0 <= place < count:
                yield place
