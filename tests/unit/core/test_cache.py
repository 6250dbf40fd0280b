"""A cache bounded by bytes."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from medtiles.core.cache import TileCache


def cache(capacity: int = 10) -> TileCache[str, bytes]:
    return TileCache(capacity, len)


def test_the_least_used_goes_first() -> None:
    held = cache()
    for name in "ab":
        held.put(name, b"12345")
    held.get("a")
    held.put("c", b"1")
    assert (held.get("a"), held.get("b"), held.get("c")) == (b"12345", None, b"1")
    assert held.size == 6


def test_what_is_larger_than_the_cache_is_held_alone_and_only_until_the_next() -> None:
    held = cache()
    held.put("small", b"1")
    held.put("large", b"x" * 11)
    assert held.get("small") is None
    assert held.get("large") == b"x" * 11
    held.put("next", b"1")
    assert held.get("large") is None
    assert held.size == 1


def test_a_cache_of_nothing_holds_the_last_value_alone() -> None:
    held = cache(0)
    held.put("a", b"1")
    held.put("b", b"2")
    assert (held.get("a"), held.get("b")) == (None, b"2")


def test_a_value_put_twice_counts_once() -> None:
    held = cache()
    held.put("a", b"123")
    held.put("a", b"12345")
    assert held.size == 5


def test_a_value_is_made_once_for_all_who_wait() -> None:
    held = cache()
    made: list[int] = []
    together = threading.Barrier(8)

    def make() -> bytes:
        made.append(1)
        return b"value"

    def ask(_: int) -> bytes:
        together.wait(10)
        return held.get_or_make("a", make)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {b"value"}
    assert made == [1]


def test_a_failure_is_not_held() -> None:
    held = cache()

    def fail() -> bytes:
        message = "broken"
        raise ValueError(message)

    with pytest.raises(ValueError, match="broken"):
        held.get_or_make("a", fail)
    assert held.get_or_make("a", lambda: b"mended") == b"mended"


def test_who_waits_for_a_value_that_cannot_be_made_is_told_why() -> None:
    held = cache()
    started, go_on = threading.Event(), threading.Event()

    def fail() -> bytes:
        started.set()
        go_on.wait(10)
        message = "broken"
        raise ValueError(message)

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(held.get_or_make, "a", fail)
        assert started.wait(10)
        second = threads.submit(held.get_or_make, "a", lambda: b"never called while another makes it")
        while not held._in_flight["a"]:  # the second must wait before the first may fail
            pass
        go_on.set()
        for each in (first, second):
            with pytest.raises(ValueError, match="broken"):
                each.result(10)
    assert held.get_or_make("a", lambda: b"1") == b"1"
