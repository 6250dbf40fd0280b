"""Reading in order is noticed: forwards, backwards, a little out of order; jumping about is not; memory is bounded."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from medtiles.core.studies import Instance
from medtiles.protocols.http.dicomweb.read_ahead import ReadAhead

SLICE = Instance("1", "1.1", "1.1.1", "9", "1.2", 1, 8, 8, "v")
CINE = Instance("1", "1.2", "1.2.1", "9", "1.2", 500, 8, 8, "v")


def slices(reader: ReadAhead, numbers: list[int], series: str = "1.1") -> list[int]:
    """Everything that is named while slices are read."""
    found: list[int] = []
    for number in numbers:
        stretch = reader.note(replace(SLICE, series=series, uid=f"1.1.{number}", number=number), 1)
        found += stretch.positions() if stretch else []
    return found


def test_three_in_order_name_the_next_ones_once() -> None:
    reader = ReadAhead()
    assert slices(reader, [1, 2]) == []
    assert slices(reader, [3]) == list(range(4, 12))
    assert slices(reader, [4, 5, 6]) == []
    assert slices(reader, [7]) == list(range(12, 16))


def test_backwards_too() -> None:
    assert slices(ReadAhead(), [30, 29, 28]) == list(range(27, 19, -1))


def test_a_browser_that_asks_for_several_at_once_is_followed() -> None:
    found = slices(ReadAhead(), [1, 2, 4, 3, 5, 6, 8, 7, 10, 9, 11, 12])
    assert found == sorted(set(found))
    assert set(range(12, 16)) <= set(found)


def test_every_other_slice_is_a_run_as_other_processes_answer_the_rest() -> None:
    assert slices(ReadAhead(), [1, 3, 5]) == list(range(6, 14))


def test_jumping_about_names_nothing() -> None:
    assert slices(ReadAhead(), [1, 40, 80, 3, 60, 20, 100]) == []
    assert slices(ReadAhead(), [1, 2, 1, 2, 1, 2, 1]) == []
    assert slices(ReadAhead(), [5, 5, 5, 5, 5]) == []


def test_frames_of_an_instance_are_followed_by_their_own_numbers() -> None:
    reader = ReadAhead()
    assert [reader.note(CINE, number) is not None for number in (10, 11, 12, 13)] == [False, False, True, False]


def test_a_jump_and_a_run_from_there_name_again() -> None:
    reader = ReadAhead()
    slices(reader, [1, 2, 3])
    assert slices(reader, [100, 101, 102]) == list(range(103, 111))


def test_series_do_not_disturb_one_another_and_few_are_remembered() -> None:
    reader = ReadAhead()
    slices(reader, [1, 2], "1.5")
    assert slices(reader, [7], "1.6") == []
    assert slices(reader, [3], "1.5") != []
    for number in range(2000):
        slices(reader, [1], f"2.{number}")
    assert len(reader._runs) <= 256


@given(st.lists(st.integers(0, 60), max_size=80))
def test_nothing_is_named_that_is_far_from_what_is_read(numbers: list[int]) -> None:
    reader = ReadAhead()
    for number in numbers:
        named = slices(reader, [number])
        assert len(named) <= 8
        assert all(abs(each - number) <= 16 for each in named)
