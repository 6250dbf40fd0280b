"""Logs with known contents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from medtiles.core.geometry import Size
from medtiles.hotspots import formats
from medtiles.hotspots.filters import Filters
from medtiles.hotspots.formats import LineFormat
from medtiles.hotspots.geometry import Geometry
from medtiles.hotspots.scan import scan
from medtiles.hotspots.tally import Tally, fixed

WIDE = Geometry(Size(20000, 15000), Size(256, 256), 8)
Counted = dict[tuple[int, int, int], int]


@dataclass
class Log:
    """Lines of one visitor, in the combined form."""

    address: str = "192.0.2.7"
    time: str = "10/Oct/2025:13:55:36 +0000"
    status: int = 200
    agent: str = "Mozilla/5.0"
    referer: str = "https://viewer.test/page"
    size: int = 1000

    def line(self, target: str, **changes: object) -> str:
        of = Log(**{**self.__dict__, **changes})
        request = f'"GET {target} HTTP/1.1" {of.status} {of.size} "{of.referer}" "{of.agent}"'
        return f"{of.address} - - [{of.time}] {request}"


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def count() -> Callable[..., Tally]:
    def counted(
        lines: Sequence[str], form: LineFormat | None = None, geometry: Geometry | None = WIDE, **filters: object
    ) -> Tally:
        used = Filters(**filters)  # type: ignore[arg-type]
        known = fixed(geometry) if geometry is not None else lambda _name: None
        tally = Tally(known, used, has_visits=True, has_sessions=True)
        form = form or formats.detected(lines)
        assert form is not None
        for scanned in scan(("\n".join(lines) + "\n").encode(), form, tally.wanted, used):
            tally.add(scanned)
        tally.settle()
        return tally

    return counted


def tiles(tally: Tally, geometry: Geometry = WIDE) -> Counted:
    """Counts by level, column and row."""
    found: Counted = {}
    for place, number in tally.places.items():
        assert place.spot is not None
        for column, row in geometry.tiles(place.spot):
            key = place.spot.level, column, row
            found[key] = found.get(key, 0) + number
    return found
