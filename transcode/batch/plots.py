"""The four plots of a report, as SVG within the page: pairs of bars, a scatter, a curve over time, a histogram.

Drawn by hand, because matplotlib would be the heaviest dependency of the project, for pictures that neither follow
the reader's colour scheme nor can be searched, copied or read aloud.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from transcode.batch.amounts import decimal_bytes, short
from transcode.batch.markup import Markup, join, tag
from transcode.batch.sums import Point
from transcode.batch.svg import (
    COLOURS,
    HEIGHT,
    WIDTH,
    Frame,
    Scale,
    axis_x,
    axis_y,
    drawing,
    legend,
    line,
    log_ticks,
    text,
    ticks,
)

_BAR = 13
_ROW = 46
_MOST_BINS = 96
_MANY_DOTS = 200
_ALL_OTHERS = "others"


def before_and_after(rows: Sequence[tuple[str, int, int]], label: str) -> Markup:
    """Two bars for each row: bytes before, bytes after."""
    frame = Frame(left=104, top=6, bottom=6 + _ROW * len(rows), right=WIDTH - 112)
    most = max((max(before, after) for _, before, after in rows), default=1) or 1
    scale = Scale(0, most, frame.left, frame.right)
    parts: list[Markup] = []
    for number, (name, before, after) in enumerate(rows):
        y = frame.top + number * _ROW + 6
        parts.append(text(frame.left - 10, y + _BAR + 5, _short_name(name), "end", "name"))
        for offset, value, kind in ((0, before, "before"), (_BAR + 2, after, "after")):
            width = max(1.0, scale(value) - frame.left) if value else 0.0
            parts.append(tag("rect", x=frame.left, y=float(y + offset), width=width, height=_BAR, rx=2, class_=kind))
        parts.append(text(frame.left + scale(before) - frame.left + 7, y + 11, decimal_bytes(before), "start"))
        told = decimal_bytes(after) + (f" · {before / after:.2f}×" if after and before else "")
        parts.append(text(scale(after) + 7, y + _BAR + 13, told, "start", "tick strong"))
    return drawing(label, parts, height=frame.bottom + 6)


def ratio_by_size(points: Sequence[Point], label: str) -> Markup:
    """A dot for each file: how large it was, how many times smaller it became; both axes logarithmic."""
    frame = Frame()
    sizes = [point.bytes_read for point in points]
    ratios = [point.bytes_read / point.bytes_written for point in points]
    x = Scale(min(sizes) / 1.3, max(sizes) * 1.3, frame.left, frame.right, is_log=True)
    y = Scale(min(0.8, min(ratios) / 1.1), max(1.25, max(ratios) * 1.1), frame.bottom, frame.top, is_log=True)
    names = _most_frequent([point.target for point in points])
    colours = {name: number for number, name in enumerate(names)}
    dots = (
        tag(
            "circle",
            tag("title", f"{point.name}\n{decimal_bytes(point.bytes_read)} → {decimal_bytes(point.bytes_written)}"),
            cx=x(point.bytes_read),
            cy=y(ratio),
            r=2.6 if len(points) > _MANY_DOTS else 4.5,
            class_=f"dot c{colours.get(point.target, len(names) - 1) % COLOURS}",
        )
        for point, ratio in zip(points, ratios, strict=True)
    )
    return join(
        drawing(
            label,
            axis_x(frame, x, log_ticks(x.low, x.high), decimal_bytes, "size of the source"),
            axis_y(frame, y, log_ticks(y.low, y.high), lambda value: f"{value:g}×", "times smaller"),
            [line((frame.left, y(1)), (frame.right, y(1)), "one")],
            dots,
        ),
        legend(names),
    )


def throughput(bytes_by_second: Mapping[int, int], label: str) -> Markup:
    """Bytes a second, read, over the time of the batch."""
    first, last = min(bytes_by_second), max(bytes_by_second) + 1
    width = max(1, math.ceil((last - first) / _MOST_BINS))
    bins: Counter[int] = Counter()
    for second, count in bytes_by_second.items():
        bins[(second - first) // width] += count
    number = math.ceil((last - first) / width)
    rates = [bins[index] / min(width, last - first - index * width) for index in range(number)]
    frame = Frame()
    x = Scale(first, last, frame.left, frame.right)
    y = Scale(0, max(rates) * 1.08 or 1, frame.bottom, frame.top)
    edges = [(x(first + index * width), x(min(last, first + (index + 1) * width))) for index in range(number)]
    steps = " ".join(
        f"L{a:.1f} {y(rate):.1f} L{b:.1f} {y(rate):.1f}" for (a, b), rate in zip(edges, rates, strict=True)
    )
    floor = f"{frame.bottom:g}"
    area = tag("path", d=f"M{frame.left:g} {floor} {steps} L{frame.right:g} {floor} Z", class_="area")
    mean = sum(bytes_by_second.values()) / (last - first)
    return drawing(
        label,
        axis_x(frame, x, _times(first, last), lambda value: _clock(value, last - first), "time of day, UTC"),
        axis_y(frame, y, ticks(0, y.high, 5), decimal_bytes, "read per second"),
        [area, line((frame.left, y(mean)), (frame.right, y(mean)), "mean")],
        [text(frame.right - 4, y(mean) - 6, f"mean {decimal_bytes(mean)}/s", "end", "tick strong")],
    )


def histogram(values: Sequence[float], title: str, limit: float | None, label: str) -> Markup:
    """How many values lie in each of up to 32 bins; the limit as a line, where there is one."""
    frame = Frame()
    shown = [*values, *([limit] if limit is not None else [])]
    low, high = min(shown), max(shown)
    if high - low < 1e-12:
        low, high = low - 0.5 * (abs(low) or 1) * 0.1, high + 0.5 * (abs(high) or 1) * 0.1
    number = min(32, max(8, math.isqrt(len(values))))
    width = (high - low) / number
    bins = Counter(min(number - 1, int((value - low) / width)) for value in values)
    x = Scale(low, high, frame.left, frame.right)
    y = Scale(0, max(bins.values()) * 1.08, frame.bottom, frame.top)
    bars = (
        tag(
            "rect",
            tag("title", f"{count} files from {low + index * width:.5g} to {low + (index + 1) * width:.5g}"),
            x=x(low + index * width) + 0.5,
            y=y(count),
            width=x(low + width) - x(low) - 1,
            height=frame.bottom - y(count),
            class_="c0",
        )
        for index, count in bins.items()
    )
    marks: list[Markup] = []
    if limit is not None:
        marks = [
            line((x(limit), frame.top), (x(limit), frame.bottom), "limit"),
            text(x(limit) + 6, frame.top + 12, f"limit {limit:g}", "start", "tick strong"),
        ]
    return drawing(
        label,
        axis_x(frame, x, ticks(low, high), lambda value: f"{value:.6g}", title),
        axis_y(frame, y, [tick for tick in ticks(0, y.high, 5) if tick == round(tick)], short, "files"),
        bars,
        marks,
    )


def _most_frequent(names: Sequence[str]) -> list[str]:
    found = [name for name, _ in Counter(names).most_common()]
    return found if len(found) <= COLOURS else [*found[: COLOURS - 1], _ALL_OTHERS]


def _short_name(name: str) -> str:
    return name if len(name) <= 16 else f"{name[:15]}…"


def _times(first: int, last: int) -> list[float]:
    """Round moments: whole minutes, hours or days."""
    span = last - first
    for step in (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400):
        if span / step <= 7:
            break
    else:
        step = 86400 * math.ceil(span / 86400 / 7)
    return [float(moment) for moment in range(-(-first // step) * step, last + 1, step)]


def _clock(moment: float, span: float) -> str:
    shape = "%d %b %H:%M" if span > 86400 else "%H:%M" if span > 600 else "%H:%M:%S"
    return datetime.fromtimestamp(moment, UTC).strftime(shape)


__all__ = ["HEIGHT", "before_and_after", "histogram", "ratio_by_size", "throughput"]
