"""Orders of a series: each index once, and first what is wanted first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtiles.core.series_order import Order, SeriesOrder, interleaved, nearest

ORDERS = st.builds(
    SeriesOrder,
    st.sampled_from(Order),
    st.integers(1, 300),
    st.integers(-5, 300),
    st.integers(-2, 2),
)


@given(ORDERS, st.integers(0, 250))
def test_each_index_comes_once(order: SeriesOrder, count: int) -> None:
    assert sorted(order.indices(count)) == list(range(count))


@pytest.mark.parametrize(
    ("count", "step", "expected"),
    [
        (10, 4, [0, 4, 8, 2, 6, 1, 3, 5, 7, 9]),
        (9, 8, [0, 8, 4, 2, 6, 1, 3, 5, 7]),
        (8, 6, [0, 6, 3, 1, 2, 4, 5, 7]),
        (4, 1, [0, 1, 2, 3]),
        (3, 100, [0, 1, 2]),
        (0, 4, []),
    ],
)
def test_interleaved_is_every_nth_then_halves(count: int, step: int, expected: list[int]) -> None:
    assert list(interleaved(count, step)) == expected


@given(st.integers(2, 250), st.sampled_from([2, 4, 8, 16, 32]))
def test_interleaved_halves_the_greatest_gap_with_each_round(count: int, step: int) -> None:
    indices = list(interleaved(count, step))
    gap = step
    while gap > 1:
        come = sorted(indices[: len(range(0, count, gap))])
        assert come == list(range(0, count, gap))
        gap //= 2


@pytest.mark.parametrize(("count", "expected"), [(7, [3, 4, 2, 5, 1, 6, 0]), (4, [1, 2, 0, 3]), (1, [0]), (0, [])])
def test_centre_out_begins_in_the_middle(count: int, expected: list[int]) -> None:
    assert list(SeriesOrder(Order.CENTRE_OUT).indices(count)) == expected


@pytest.mark.parametrize(
    ("index", "direction", "expected"),
    [
        (2, 1, [2, 3, 1, 4, 0]),
        (2, -1, [2, 1, 3, 0, 4]),
        (0, -1, [0, 1, 2, 3, 4]),
        (99, 0, [4, 3, 2, 1, 0]),
        (-7, 1, [0, 1, 2, 3, 4]),
    ],
)
def test_the_nearest_come_first(index: int, direction: int, expected: list[int]) -> None:
    assert list(nearest(5, index, direction)) == expected


@given(st.integers(1, 200), st.integers(0, 199), st.sampled_from([-1, 1]))
def test_distance_never_shrinks(count: int, index: int, direction: int) -> None:
    at = min(index, count - 1)
    distances = [abs(each - at) for each in nearest(count, index, direction)]
    assert distances == sorted(distances)
