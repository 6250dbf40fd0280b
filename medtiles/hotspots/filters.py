"""Which lines count: filters on fields, as expressions over columns."""

from __future__ import annotations

import fnmatch
import ipaddress
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cached_property
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

from medtiles.hotspots.errors import HotspotsError

BOTS = (
    r"(?i)bot\b|bot/|crawl|spider|slurp|archiver|scrapy|python-requests|curl/|wget|monitor|headlesschrome|uptime|probe"
)
USUAL_STATUS = ("2xx", "304")
_REGEX = "re:"


@dataclass(frozen=True)
class Filters:
    """What lines must have to count; empty: anything."""

    images: tuple[str, ...] = ()
    """Exact names or ids, globs, or `re:` and a regular expression."""
    levels: tuple[int, ...] = ()
    resolutions: tuple[int, ...] = ()
    """The same, counted from the smallest."""
    protocols: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    """Single ones, or networks such as 10.0.0.0/8."""
    agent: str = ""
    referer: str = ""
    """Regular expressions, found anywhere and in any case."""
    status: tuple[str, ...] = USUAL_STATUS
    methods: tuple[str, ...] = ("GET", "POST")
    since: int | None = None
    until: int | None = None
    """Seconds since 1970; the end is not included."""
    bytes: tuple[float | None, float | None] = (None, None)
    seconds: tuple[float | None, float | None] = (None, None)
    """Least and most, both included."""
    exclude_bots: bool = False

    @property
    def fields(self) -> frozenset[str]:
        """What must be read of a line."""
        wanted = {
            "address": self.addresses,
            "agent": self.agent or self.exclude_bots,
            "referer": self.referer,
            "status": self.status,
            "method": self.methods,
            "time": self.since is not None or self.until is not None,
            "bytes": self.bytes != (None, None),
            "duration": self.seconds != (None, None),
        }
        return frozenset(field for field, is_wanted in wanted.items() if is_wanted)

    def apply(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The lines that count. A field that the log does not have is no reason to drop one."""
        tests = [test for field, test in self._tests.items() if field in frame.columns]
        kept = frame.filter(*tests) if tests else frame
        if self.addresses and "address" in kept.columns:
            known = [address for address in kept["address"].unique() if self._is_from(address)]
            kept = kept.filter(pl.col("address").is_in(known))
        return kept

    def has_image(self, *names: str) -> bool:
        """Whether an image counts that has these names."""
        return not self.images or any(test(name) for test in self._image_tests for name in names)

    @cached_property
    def _image_tests(self) -> list[Callable[[str], object]]:
        return [_name_test(word) for word in self.images]

    @cached_property
    def _networks(self) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        try:
            return [ipaddress.ip_network(word, strict=False) for word in self.addresses]
        except ValueError as error:
            message = f"address {error}: one such as 192.0.2.7, or a network such as 192.0.2.0/24 is wanted"
            raise HotspotsError(message) from error

    def _is_from(self, address: str | None) -> bool:
        try:
            found = ipaddress.ip_address((address or "").strip("[]"))
        except ValueError:
            return False
        mapped = getattr(found, "ipv4_mapped", None)
        return any(found in network or (mapped is not None and mapped in network) for network in self._networks)

    @cached_property
    def _tests(self) -> dict[str, pl.Expr]:
        found: dict[str, pl.Expr] = {}
        if self.status:
            found["status"] = pl.any_horizontal(*map(_status_test, self.status))
        if self.methods:
            found["method"] = pl.col("method").is_in(self.methods)
        for field, low, high in (("bytes", *self.bytes), ("seconds", *self.seconds)):
            if (low, high) != (None, None):
                found[field] = _between(field, low, high)
        if self.since is not None or self.until is not None:
            found["time"] = _between("time", self.since, None if self.until is None else self.until - 1)
        return {**found, **self._text_tests}

    @property
    def _text_tests(self) -> dict[str, pl.Expr]:
        found: dict[str, pl.Expr] = {}
        agent = pl.col("agent").fill_null("")
        tests = [agent.str.contains(_any_case(self.agent, "agent"))] if self.agent else []
        if self.exclude_bots:
            tests.append(~agent.str.contains(BOTS))
        if tests:
            found["agent"] = pl.all_horizontal(*tests)
        if self.referer:
            found["referer"] = pl.col("referer").fill_null("").str.contains(_any_case(self.referer, "referer"))
        return found


def moment(text: str, zone: str = "UTC") -> int:
    """Seconds since 1970 of `2026-11-27T14:00`, `2026-11-27`, or with a zone of its own.

    :raises HotspotsError: it is no time
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        message = f"time {text[:40]!a}: such as 2026-11-27, 2026-11-27T14:00 or 2026-11-27T14:00+01:00 is wanted"
        raise HotspotsError(message) from error
    if found.tzinfo is None:
        found = found.replace(tzinfo=time_zone(zone))
    return int(found.timestamp())


def time_zone(name: str) -> tzinfo:
    """A zone by its name.

    :raises HotspotsError: there is none of that name
    """
    if name.upper() in {"UTC", "Z"}:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        message = f"zone {name[:40]!a}: a name such as Europe/Berlin is wanted"
        raise HotspotsError(message) from error


def require_status(words: Sequence[str]) -> tuple[str, ...]:
    """Status codes as they are written: 200, 2xx.

    :raises HotspotsError: one is none
    """
    for word in words:
        if re.fullmatch(r"[1-5](?:xx|[0-9]{2})", word) is None:
            message = f"status {word[:20]!a}: such as 200 or 4xx is wanted"
            raise HotspotsError(message)
    return tuple(words)


def _status_test(word: str) -> pl.Expr:
    if word.endswith("xx"):
        first = int(word[0]) * 100
        return pl.col("status").is_between(first, first + 99)
    return pl.col("status") == int(word)


def _between(field: str, low: float | None, high: float | None) -> pl.Expr:
    tests = [pl.col(field).is_not_null()]
    if low is not None:
        tests.append(pl.col(field) >= low)
    if high is not None:
        tests.append(pl.col(field) <= high)
    return pl.all_horizontal(*tests)


def _any_case(text: str, name: str) -> str:
    pattern = f"(?i){text}"
    try:
        pl.Series([""]).str.contains(pattern)
    except pl.exceptions.ComputeError as error:
        message = f"{name} {text[:60]!a}: it is no regular expression"
        raise HotspotsError(message) from error
    return pattern


def _name_test(word: str) -> Callable[[str], object]:
    if word.startswith(_REGEX):
        try:
            return re.compile(word.removeprefix(_REGEX)).search
        except re.error as error:
            message = f"image {word[:60]!a}: it is no regular expression ({error})"
            raise HotspotsError(message) from error
    if any(character in word for character in "*?["):
        pattern = re.compile(fnmatch.translate(word))
        return pattern.match
    return lambda name: name == word
