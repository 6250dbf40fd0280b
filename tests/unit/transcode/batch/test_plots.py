"""Scales and ticks of plots: round numbers, within the axis, neither too few nor too many."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcode.batch.amounts import decimal_bytes, duration, short
from transcode.batch.markup import Markup, join, tag
from transcode.batch.plots import histogram
from transcode.batch.svg import Scale, log_ticks, ticks

positive = st.floats(1e-6, 1e15)


@given(st.floats(-1e9, 1e9), st.floats(1e-3, 1e9))
def test_ticks_lie_within_the_axis_and_are_a_handful(low: float, span: float) -> None:
    found = ticks(low, low + span)
    assert 1 <= len(found) <= 8
    assert all(low - span * 1e-6 <= tick <= low + span * (1 + 1e-6) for tick in found)
    assert found == sorted(found)


@given(positive, st.floats(1.5, 1e9))
def test_logarithmic_ticks_lie_within_the_axis_and_are_a_handful(low: float, factor: float) -> None:
    found = log_ticks(low, low * factor)
    assert len(found) <= 7
    assert all(low <= tick <= low * factor * (1 + 1e-6) for tick in found)


@pytest.mark.parametrize(
    ("low", "high", "expected"), [(0, 10, [0, 2, 4, 6, 8, 10]), (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]), (7, 7, [7])]
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(expected)


@given(positive, st.floats(1.01, 1e6), st.floats(0, 1e16), st.booleans())
def test_a_scale_never_leaves_its_axis(low: float, factor: float, value: float, is_log: bool) -> None:
    place = Scale(low, low * factor, 60, 600, is_log)(value)
    assert 60 - 1e-6 <= place <= 600 + 1e-6
    assert math.isfinite(place)


@pytest.mark.parametrize(
    ("amount", "told"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (999_499, "999 kB"), (999_500, "1 MB"), (12_345_678, "12.3 MB")],
)
def test_bytes_have_three_digits(amount: float, told: str) -> None:
    assert decimal_bytes(amount) == told


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, "0 s"), (0.0123, "0.0123 s"), (59.5, "59.5 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")]
)
def test_durations_are_told_in_two_units(seconds: float, told: str) -> None:
    assert duration(seconds) == told


def test_thousands_are_set_apart() -> None:
    assert short(1234567) == "1\N{NARROW NO-BREAK SPACE}234\N{NARROW NO-BREAK SPACE}567"


def test_text_is_escaped_and_markup_is_not() -> None:
    assert tag("b", "<&>", class_='a"b', data_value=None) == '<b class="a&quot;b">&lt;&amp;&gt;</b>'
    assert tag("p", tag("i", "x"), (tag("i", str(n)) for n in range(2))) == "<p><i>x</i><i>0</i><i>1</i></p>"
    assert isinstance(join("a", Markup("<b></b>")), Markup)


def test_numbers_of_a_drawing_are_short() -> None:
    assert tag("g", x=1 / 3, y=2.0, stroke_width=10.50) == '<g x="0.33" y="2" stroke-width="10.5"></g>'


def test_a_histogram_counts_whole_files() -> None:
    drawn = histogram([40.0, 41.0, 41.1], "PSNR", 40.5, "Histogram")
    counts = re.findall(r'text-anchor="end" class="tick">([^<]*)<', drawn)
    assert counts == ["0", "1", "2"]
    assert "limit 40.5" in drawn
