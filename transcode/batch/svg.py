"""What the plots of a report are drawn with: scales, ticks, axes. Pure: values to markup.

Colours are classes of the page's style sheet, so that a plot follows the light or the dark scheme of its reader.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from transcode.batch.markup import Markup, tag

WIDTH, HEIGHT = 540, 300
"""Of the drawing; the page scales it to its column."""
COLOURS = 8
"""Classes c0 to c7."""


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to places along an axis."""

    low: float
    high: float
    start: float
    end: float
    is_log: bool = False

    def __call__(self, value: float) -> float:
        """The place of a value; those beyond the ends are drawn at the ends."""
        low, high, at = (math.log10(v) if self.is_log else v for v in (self.low, self.high, max(value, self.low)))
        share = (at - low) / (high - low) if high > low else 0.5
        return self.start + min(share, 1.0) * (self.end - self.start)


@dataclass(frozen=True, slots=True)
class Frame:
    """Where in a drawing the values go."""

    left: float = 64
    right: float = WIDTH - 14
    top: float = 14
    bottom: float = HEIGHT - 46


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round values between the two: multiples of 1, 2 or 5 times a power of ten."""
    if high <= low:
        return [low]
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]


def log_ticks(low: float, high: float, most: int = 7) -> list[float]:
    """Powers of ten between the two, with their doubles and fivefolds where there is room."""
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1, 2, 5), (1, 3), (1,)):
        found = [10.0**e * f for e in exponents for f in factors if low <= 10.0**e * f <= high * (1 + 1e-9)]
        if len(found) <= most:
            return found
    return found[:: math.ceil(len(found) / most)]


def drawing(label: str, *parts: Iterable[Markup], height: float = HEIGHT) -> Markup:
    """The whole.

    :param label: what it shows, for those who do not see it
    """
    return tag("svg", *parts, viewBox=f"0 0 {WIDTH} {height:g}", role="img", aria_label=label, class_="plot")


def text(x: float, y: float, words: str, anchor: str = "middle", class_: str = "tick") -> Markup:
    """Words at a place."""
    return tag("text", words, x=float(x), y=float(y), text_anchor=anchor, class_=class_)


def line(start: tuple[float, float], end: tuple[float, float], class_: str = "grid") -> Markup:
    """A straight line."""
    return tag("line", x1=float(start[0]), y1=float(start[1]), x2=float(end[0]), y2=float(end[1]), class_=class_)


def axis_x(frame: Frame, scale: Scale, at: Sequence[float], told: Callable[[float], str], title: str) -> list[Markup]:
    """Lines, numbers and what they are, below."""
    parts = []
    for value in at:
        parts.append(line((scale(value), frame.top), (scale(value), frame.bottom)))
        parts.append(text(scale(value), frame.bottom + 16, told(value)))
    parts.append(text((frame.left + frame.right) / 2, frame.bottom + 36, title, class_="axis"))
    return parts


def axis_y(frame: Frame, scale: Scale, at: Sequence[float], told: Callable[[float], str], title: str) -> list[Markup]:
    """Lines, numbers and what they are, on the left."""
    parts = []
    for value in at:
        parts.append(line((frame.left, scale(value)), (frame.right, scale(value))))
        parts.append(text(frame.left - 7, scale(value) + 4, told(value), "end"))
    x, y = 14.0, (frame.top + frame.bottom) / 2
    parts.append(
        tag("text", title, x=x, y=y, text_anchor="middle", class_="axis", transform=f"rotate(-90 {x:g} {y:g})")
    )
    return parts


def legend(names: Sequence[str]) -> Markup:
    """Which colour is which, as HTML beside the drawing."""
    return tag(
        "ul",
        (tag("li", tag("i", class_=f"swatch c{number % COLOURS}"), name) for number, name in enumerate(names)),
        class_="legend",
    )
