"""Histograms: of tiles, and of when people looked; as bars in the terminal, SVG or PNG."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from html import escape
from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from medtiles.hotspots.errors import HotspotsError

BINS = 60
_MOST_BINS = 10_000
_CLOCKS = ((3600, "%H:%M:%S"), (86_400, "%H:%M"), (14 * 86_400, "%d %b %H:%M"), (math.inf, "%d %b %Y"))
"""Up to how many seconds a time is told how."""
_WIDTH, _HEIGHT = 960, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 34, 46
_LETTER = 7.2
"""About how wide one is."""
_INK, _BAR, _GRID, _PAPER = "#24303d", "#0d9488", "#dde3ea", "#ffffff"
_STEPS = " ▏▎▍▌▋▊▉█"


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts of evenly spaced bins."""

    title: str
    labels: tuple[str, ...]
    """Of the edges between bins, or of the bins."""
    counts: tuple[int, ...]
    axis: str
    """What the labels count."""


def of_tiles(counts: Sequence[int], most: int = 200) -> Histogram:
    """Tiles in falling order of how often they were asked for; where there are many, several share a bar."""
    step = max(1, math.ceil(len(counts) / most))
    sums = tuple(max(counts[at : at + step]) for at in range(0, len(counts), step))
    labels = tuple(str(at + 1) for at in range(0, len(counts), step))
    return Histogram("Requests of each tile", labels, sums, "tiles, the most looked at first")


def by_age(ages: Mapping[int, int], bins: int = BINS, limit: float | None = None) -> Histogram:
    """Requests by time since their visitor's first one.

    :param limit: seconds up to which they are shown; None: all
    """
    end = limit if limit is not None else max(ages, default=0) + 1
    sums, edges = _binned(ages, bins, 0, end)
    return Histogram(
        "Requests since a visitor's first one", tuple(map(_duration, edges)), sums, "time since the first request"
    )


def by_clock(moments: Mapping[int, int], unit: int = 1, bins: int = BINS, zone: tzinfo = UTC) -> Histogram:
    """Requests by wall clock.

    :param moments: counts by time since 1970
    :param unit: seconds of one of its steps; no bin is shorter
    """
    if not moments:
        return Histogram("Requests by time", (), (), "time")
    first, last = min(moments), max(moments) + 1
    sums, edges = _binned(moments, min(bins, last - first), first, last)
    span = (last - first) * unit
    form = next(form for most, form in _CLOCKS if span < most)
    labels = tuple(datetime.fromtimestamp(edge * unit, zone).strftime(form) for edge in edges)
    begin = datetime.fromtimestamp(first * unit, zone)
    return Histogram("Requests by time", labels, sums, f"time from {begin:%d %b %Y} on ({begin:%Z})")


def _binned(counts: Mapping[int, int], bins: int, start: float, end: float) -> tuple[tuple[int, ...], list[float]]:
    if not 1 <= bins <= _MOST_BINS or not end > start:
        message = f"bins {bins}, range {end - start}: 1 to {_MOST_BINS} bins, and a range above 0"
        raise HotspotsError(message)
    sums, edges = np.histogram(list(counts), bins, (start, end), weights=list(counts.values()))
    return tuple(int(count) for count in sums), [float(edge) for edge in edges]


def _duration(seconds: float) -> str:
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s" if seconds == whole else f"{seconds:.1f} s"
    if whole < 7200:
        return f"{whole // 60}:{whole % 60:02} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02} h"


def as_text(histogram: Histogram, width: int = 60) -> str:
    """Bars for the terminal."""
    most = max(histogram.counts, default=0)
    lines = [f"{histogram.title} ({sum(histogram.counts)})"]
    size = max((len(label) for label in histogram.labels), default=0)
    for label, count in zip(histogram.labels, histogram.counts, strict=False):
        eighths = round(8 * width * count / most) if most else 0
        bar = _STEPS[-1] * (eighths // 8) + _STEPS[eighths % 8].strip()
        lines.append(f"{label.rjust(size)} {bar} {count}")
    return "\n".join(lines) + "\n"


def as_svg(histogram: Histogram) -> str:
    """A drawing. Bars have their counts as tooltips."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{escape(histogram.title)}" font-family="system-ui, sans-serif" font-size="12" fill="{_INK}">',
        f'<rect width="100%" height="100%" fill="{_PAPER}"/>',
        f'<text x="{_LEFT}" y="20" font-size="14" font-weight="600">{escape(histogram.title)}</text>',
    ]
    top, lines = _scale(histogram)
    for value, y in lines:
        parts.append(f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{_GRID}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:,}</text>')
    for label, count, (x0, y0, x1, y1) in _bars(histogram, top):
        box = f'x="{x0:.2f}" y="{y0:.2f}" width="{x1 - x0:.2f}" height="{y1 - y0:.2f}"'
        parts.append(f'<rect {box} fill="{_BAR}"><title>{escape(label)}: {count:,}</title></rect>')
    for label, x, _ in _ticks(histogram):
        parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - 26}" text-anchor="middle">{escape(label)}</text>')
    parts.append(
        f'<text x="{(_WIDTH + _LEFT) / 2}" y="{_HEIGHT - 8}" text-anchor="middle">{escape(histogram.axis)}</text>'
    )
    return "".join(parts) + "</svg>\n"


def as_png(histogram: Histogram, times: int = 2) -> bytes:
    """The same as pixels."""
    picture = Image.new("RGB", (_WIDTH * times, _HEIGHT * times), _PAPER)
    draw = ImageDraw.Draw(picture)
    font, heading = ImageFont.load_default(12 * times), ImageFont.load_default(14 * times)
    draw.text((_LEFT * times, 6 * times), histogram.title, _INK, heading)
    top, lines = _scale(histogram)
    for value, y in lines:
        draw.line(((_LEFT * times, y * times), ((_WIDTH - _RIGHT) * times, y * times)), _GRID, times)
        draw.text(((_LEFT - 8) * times, y * times), f"{value:,}", _INK, font, anchor="rm")
    for _, count, (x0, y0, x1, y1) in _bars(histogram, top):
        if count:
            draw.rectangle((x0 * times, y0 * times, max(x0, x1 - 1 / times) * times, y1 * times), _BAR)
    for label, x, _ in _ticks(histogram):
        draw.text((x * times, (_HEIGHT - 30) * times), label, _INK, font, anchor="mm")
    draw.text(((_WIDTH + _LEFT) / 2 * times, (_HEIGHT - 12) * times), histogram.axis, _INK, font, anchor="mm")
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def _scale(histogram: Histogram) -> tuple[float, list[tuple[int, float]]]:
    """The count at the upper edge, and round counts with their heights."""
    most = max(1, *histogram.counts) if histogram.counts else 1
    power = 10 ** math.floor(math.log10(most / 4)) if most >= 4 else 1
    step = next(power * factor for factor in (1, 2, 5, 10) if most / (power * factor) <= 4)
    top = step * math.ceil(most / step)
    return top, [(int(value), _y(value, top)) for value in np.arange(0, top + step / 2, step)]


def _y(count: float, top: float) -> float:
    return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - count / top)


def _bars(histogram: Histogram, top: float) -> list[tuple[str, int, tuple[float, float, float, float]]]:
    number = max(1, len(histogram.counts))
    wide = (_WIDTH - _LEFT - _RIGHT) / number
    gap = min(2.0, wide * 0.15)
    names = _names(histogram)
    return [
        (names[at], count, (_LEFT + at * wide, _y(count, top), _LEFT + (at + 1) * wide - gap, _y(0, top)))
        for at, count in enumerate(histogram.counts)
    ]


def _names(histogram: Histogram) -> list[str]:
    if len(histogram.labels) == len(histogram.counts) + 1:
        return [f"{low} to {high}" for low, high in pairwise(histogram.labels)]
    return list(histogram.labels)


def _ticks(histogram: Histogram) -> list[tuple[str, float, int]]:
    """Labels that have room side by side."""
    labels = histogram.labels
    if not labels:
        return []
    is_edges = len(labels) == len(histogram.counts) + 1
    wide = (_WIDTH - _LEFT - _RIGHT) / max(1, len(histogram.counts))
    room = 8 + _LETTER * max(map(len, labels))
    step = max(1, math.ceil(room / wide))
    places = [(labels[at], _LEFT + (at + (0 if is_edges else 0.5)) * wide, at) for at in range(0, len(labels), step)]
    return [place for place in places if place[1] + _LETTER / 2 * len(place[0]) < _WIDTH]  # none is cut off
