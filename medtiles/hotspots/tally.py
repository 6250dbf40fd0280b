"""Counts of what was looked at, and of who did when, made of scanned blocks as they come."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import polars as pl

from medtiles.hotspots.asks import Ask, Asked, read_target
from medtiles.hotspots.filters import Filters
from medtiles.hotspots.geometry import Geometries, Geometry, Spot
from medtiles.hotspots.scan import Scanned

VISIT_GAP = 1800
"""Seconds of rest after which a visitor's next request begins a visit."""
_MOST_TARGETS = 1 << 19
"""Addresses whose meaning is kept."""
_MOST_SESSIONS, _MOST_STEPS = 2000, 2000
_MOST_AGE = 31 * 86_400
_MOST_MOMENTS, _WIDER = 100_000, 60
_LATENCY_STEP = math.log(1.02)
_LEAST_LATENCY = 1e-6
_HITS = ("HIT", "STALE", "UPDATING", "REVALIDATED")

OwnKey = tuple[tuple[str, Any], ...]


class Place(NamedTuple):
    """What was looked at: a spot of an image, or what the protocol calls it where the image's geometry is unknown."""

    image: str
    spot: Spot | None
    own: OwnKey = ()


class Meaning(NamedTuple):
    """What a target asks for."""

    image: str
    places: tuple[Place, ...]


_LEFT_OUT = Meaning("", ())
"""Of a target that filters leave out."""


@dataclass
class ImageTally:
    """What is known of the visits of an image."""

    requests: int = 0
    bytes: int = 0
    answers: int = 0
    """Of which it is known whether they came from a cache."""
    hits: int = 0
    visits: int = 0
    visitors: set[int] = field(default_factory=set)
    latencies: Counter[int] = field(default_factory=Counter)
    """Requests by the logarithm of their seconds."""

    def latency(self, share: float) -> float | None:
        """Seconds below which such a share of the answers was, within 2 percent; None: nothing is known."""
        wanted, seen = share * self.latencies.total(), 0
        for step in sorted(self.latencies):
            seen += self.latencies[step]
            if seen >= wanted:
                return math.exp((step + 0.5) * _LATENCY_STEP)
        return None


class Step(NamedTuple):
    """A request of a session."""

    time: int
    level: int
    x: float
    y: float
    """The middle of what was asked for, in pixels of full resolution."""


@dataclass
class Tally:
    """Counts that grow, block by block. Not safe to use from several threads at once."""

    geometries: Geometries
    filters: Filters
    has_visits: bool = False
    """Whether visits, times and so on are wanted, and not tiles alone."""
    has_sessions: bool = False
    places: Counter[Place] = field(default_factory=Counter)
    images: dict[str, ImageTally] = field(default_factory=dict)
    moments: Counter[int] = field(default_factory=Counter)
    """Requests by time since 1970, in units of `moment_seconds`."""
    moment_seconds: int = 1
    """Grows with the time that logs cover, so that there are never too many."""
    ages: Counter[int] = field(default_factory=Counter)
    """Requests by seconds since their visitor's first one."""
    sessions: dict[tuple[str, int], list[Step]] = field(default_factory=dict)
    sessions_left_out: int = 0
    visitors: dict[int, str] = field(default_factory=dict)
    """Addresses of those that have sessions."""
    lines: int = 0
    unreadable: int = 0
    left_out: int = 0
    others: int = 0
    """Requests for something else than a part of an image."""
    outside: int = 0
    """Requests for parts that the image does not have."""
    _waiting: dict[str, int] = field(default_factory=dict)
    """Targets that were not understood yet: most come again."""
    _meanings: dict[str, Meaning | None] = field(default_factory=dict)
    _first: dict[int, int] = field(default_factory=dict)
    _last: dict[tuple[str, int], int] = field(default_factory=dict)

    @property
    def wanted(self) -> frozenset[str]:
        """Fields of lines that it needs."""
        if not (self.has_visits or self.has_sessions):
            return frozenset({"target"})
        return frozenset({"target", "time", "address", "agent", "status", "bytes", "duration", "cache"})

    def add(self, scanned: Scanned) -> None:
        """Take a block."""
        self.lines += scanned.lines
        self.unreadable += scanned.unreadable
        self.left_out += scanned.left_out
        waiting = self._waiting
        for target, count in zip(*scanned.counts, strict=True):
            waiting[target] = waiting.get(target, 0) + count
        if scanned.frame is not None and scanned.frame.height:
            self._add_visits(scanned.counts[0], scanned.frame)
        if len(waiting) > _MOST_TARGETS:
            self.settle()

    def settle(self) -> None:
        """Understand what has come; until then `places` lacks it."""
        for target, count in self._waiting.items():
            self._count(target, count)
        self._waiting.clear()
        if len(self._meanings) > _MOST_TARGETS:
            self._meanings.clear()

    def _understood(self, target: str) -> Meaning | None:
        try:
            return self._meanings[target]
        except KeyError:
            meaning = self._meanings[target] = self._meaning(target)
            return meaning

    def _count(self, target: str, count: int) -> None:
        meaning = self._understood(target)
        if meaning is None:
            self.others += count
        if meaning is _LEFT_OUT:
            self.left_out += count
            return
        for place in meaning.places if meaning is not None else ():
            self.places[place] += count
        if meaning is not None and not meaning.places:
            self.outside += count

    def _meaning(self, target: str) -> Meaning | None:
        asked = read_target(target)
        if asked is None or not asked.asks:
            return None
        filters = self.filters
        geometry = self.geometries(asked.image)
        names = (asked.image, geometry.id, geometry.name) if geometry is not None else (asked.image,)
        is_wanted = not filters.protocols or asked.protocol in filters.protocols
        if not is_wanted or not filters.has_image(*filter(None, names)):
            return _LEFT_OUT
        image = asked.image if geometry is None or not geometry.id else geometry.id
        found = [place for ask in asked.asks if (place := self._place(asked, image, ask, geometry)) is not None]
        if not found and any(self._levels):
            return _LEFT_OUT  # another level than those that are wanted
        return Meaning(image, tuple(found))

    def _place(self, asked: Asked, image: str, ask: Ask, geometry: Geometry | None) -> Place | None:
        if geometry is None:
            own = ask.own()
            is_wanted = self._has_level(own["level"], None)
            return Place(image, None, (("protocol", asked.protocol), *own.items())) if is_wanted else None
        spot = ask.place(geometry)
        return Place(image, spot) if spot is not None and self._has_level(spot.level, geometry.level_count) else None

    @property
    def _levels(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        return self.filters.levels, self.filters.resolutions

    def _has_level(self, level: int | None, count: int | None) -> bool:
        levels, resolutions = self._levels
        if not levels and not resolutions:
            return True
        if level is None:
            return False
        if count is None:
            return level in levels or level in resolutions
        return level in levels or count - 1 - level in resolutions

    # -- visits ---------------------------------------------------------------------------------------------------

    def _add_visits(self, targets: list[str], frame: pl.DataFrame) -> None:
        meanings = [self._understood(target) for target in targets]
        images = [meaning.image if meaning is not None and meaning.places else None for meaning in meanings]
        image = pl.Series("image", images, pl.Categorical).gather(frame["at"])
        seen = frame.with_columns(image).filter(image.is_not_null())
        if not seen.height:
            return
        self._add_images(seen)
        if "time" not in seen.columns:
            return
        timed = seen.filter(pl.col("time").is_not_null())
        self._add_times(timed)
        self._add_visit_counts(timed)
        if self.has_sessions:
            self._add_sessions(meanings, timed)

    def _add_images(self, seen: pl.DataFrame) -> None:
        has = frozenset(seen.columns)
        nothing = pl.lit(0, pl.Int64)
        is_hit = is_known = pl.lit(value=False)
        if "status" in has:
            is_hit = is_known = pl.col("status") == 304
        if "cache" in has:
            is_cached = pl.col("cache").str.to_uppercase()
            is_hit |= is_cached.is_in(_HITS).fill_null(value=False)
            is_known |= (is_cached.is_not_null() & ~is_cached.is_in(["-", ""])).fill_null(value=False)
        sums = seen.group_by("image").agg(
            pl.len().alias("requests"),
            (pl.col("bytes").sum() if "bytes" in has else nothing.sum()).alias("bytes"),
            is_known.sum().alias("answers") if "cache" in has else pl.len().alias("answers"),
            is_hit.sum().alias("hits") if has & {"status", "cache"} else nothing.sum().alias("hits"),
            pl.col("visitor").unique().alias("visitors"),
        )
        for row in sums.iter_rows(named=True):
            tally = self.images.setdefault(row["image"], ImageTally())
            tally.requests += row["requests"]
            tally.bytes += row["bytes"]
            tally.answers += row["answers"]
            tally.hits += row["hits"]
            tally.visitors.update(row["visitors"])
        if "seconds" in has:
            step = (pl.col("seconds").clip(_LEAST_LATENCY).log() / _LATENCY_STEP).floor().cast(pl.Int64).alias("step")
            timed = seen.filter(pl.col("seconds").is_not_null())
            for image, number, count in timed.group_by("image", step).len().iter_rows():
                self.images[image].latencies[number] += count

    def _add_times(self, timed: pl.DataFrame) -> None:
        for moment, count in timed.group_by((pl.col("time") // self.moment_seconds).alias("at")).len().iter_rows():
            self.moments[moment] += count
        if len(self.moments) > _MOST_MOMENTS:
            self._widen()
        for visitor, first in timed.group_by("visitor").agg(pl.col("time").min()).iter_rows():
            self._first.setdefault(visitor, first)
        visitors = timed["visitor"].unique()
        firsts = pl.DataFrame({"visitor": visitors, "first": [self._first[visitor] for visitor in visitors]})
        ages = timed.join(firsts, on="visitor").select(
            (pl.col("time") - pl.col("first")).clip(0, _MOST_AGE).alias("age")
        )
        for age, count in ages.group_by("age").len().iter_rows():
            self.ages[age] += count

    def _widen(self) -> None:
        wider: Counter[int] = Counter()
        for moment, count in self.moments.items():
            wider[moment // _WIDER] += count
        self.moments, self.moment_seconds = wider, self.moment_seconds * _WIDER

    def _add_visit_counts(self, timed: pl.DataFrame) -> None:
        """A visit is begun by a request after a rest, of one visitor with one image."""
        by = ["image", "visitor"]
        time = pl.col("time")
        spans = timed.group_by(by).agg(time.min().alias("first"), time.max().alias("last"))
        long = spans.filter(pl.col("last") - pl.col("first") > VISIT_GAP)
        rested = timed.join(long, on=by, how="semi").group_by(by).agg(breaks=(time.sort().diff() > VISIT_GAP).sum())
        found = spans.join(rested, on=by, how="left").with_columns(pl.col("breaks").fill_null(0))
        for image, visitor, first, last, breaks in found.iter_rows():
            before = self._last.get((image, visitor))
            is_new = before is None or first - before > VISIT_GAP
            self.images[image].visits += breaks + is_new
            self._last[image, visitor] = max(last, before or last)

    def _add_sessions(self, meanings: list[Meaning | None], timed: pl.DataFrame) -> None:
        columns = ["at", "image", "visitor", "time", *(["address"] if "address" in timed.columns else [])]
        for row in timed.select(columns).iter_rows(named=True):
            key = (row["image"], row["visitor"])
            steps = self.sessions.get(key)
            if steps is None:
                if len(self.sessions) >= _MOST_SESSIONS:
                    self.sessions_left_out += 1
                    continue
                steps = self.sessions[key] = []
                self.visitors[row["visitor"]] = row.get("address") or ""
            meaning = meanings[row["at"]]
            spot = meaning.places[0].spot if meaning is not None and meaning.places else None
            if spot is not None and len(steps) < _MOST_STEPS:
                left, top, right, bottom = spot.rectangle
                steps.append(Step(row["time"], spot.level, (left + right) / 2, (top + bottom) / 2))

    # -- what comes of it -----------------------------------------------------------------------------------------

    def seen(self) -> dict[str, int]:
        """Requests by image, the most first."""
        found: Counter[str] = Counter()
        for place, count in self.places.items():
            found[place.image] += count
        return dict(found.most_common())

    def spots(self, image: str, levels: tuple[int, ...] = ()) -> Iterator[tuple[Spot, int]]:
        """What was looked at of an image, and how often."""
        for place, count in self.places.items():
            if place.image == image and place.spot is not None and (not levels or place.spot.level in levels):
                yield place.spot, count


def fixed(geometry: Geometry) -> Geometries:
    """The same for every image, as it is given by hand."""
    return lambda _image: geometry
