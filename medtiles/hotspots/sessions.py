"""Sessions: the way of one visitor over one image, from tile to tile, until a rest of half an hour."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from itertools import groupby
from operator import attrgetter

from medtiles.hotspots.tally import VISIT_GAP, Step, Tally


@dataclass(frozen=True, slots=True)
class Session:
    """See the module."""

    image: str
    visitor: str
    steps: tuple[Step, ...]

    def document(self) -> dict[str, object]:
        """As JSON: times in seconds since 1970, places in pixels of full resolution."""
        steps = [
            {"time": step.time, "level": step.level, "x": round(step.x), "y": round(step.y)} for step in self.steps
        ]
        seconds = self.steps[-1].time - self.steps[0].time
        return {"image": self.image, "visitor": self.visitor, "seconds": seconds, "steps": steps}


class Names:
    """What visitors are called. Addresses are hashed with a key that nobody keeps, unless they are wanted plain."""

    def __init__(self, *, is_plain: bool) -> None:
        self._is_plain = is_plain
        self._key = secrets.token_bytes(16)

    def of(self, visitor: int, address: str) -> str:
        """Of a visitor; two programs at one address are two visitors."""
        if self._is_plain:
            return address or "-"
        digest = blake2b(visitor.to_bytes(8, "big") + address.encode(), digest_size=5, key=self._key)
        return f"visitor-{digest.hexdigest()}"


def sessions_of(tally: Tally, names: Names) -> Iterator[Session]:
    """All that were kept, in the order of their images and beginnings."""
    found = []
    for (image, visitor), steps in tally.sessions.items():
        name = names.of(visitor, tally.visitors.get(visitor, ""))
        found += [Session(image, name, tuple(part)) for part in _parts(_moments(steps))]
    yield from sorted(found, key=lambda session: (session.image, session.steps[0].time, session.visitor))


def _moments(steps: list[Step]) -> list[Step]:
    """One step for each second: the middle of all tiles that were asked for in it, and the finest level of them."""
    found = []
    for time, group in groupby(sorted(steps), key=attrgetter("time")):
        parts = list(group)
        x, y = (sum(getattr(part, name) for part in parts) / len(parts) for name in ("x", "y"))
        found.append(Step(time, min(part.level for part in parts), x, y))
    return found


def _parts(steps: list[Step]) -> Iterator[list[Step]]:
    part: list[Step] = []
    for step in steps:
        if part and step.time - part[-1].time > VISIT_GAP:
            yield part
            part = []
        part.append(step)
    if part:
        yield part
