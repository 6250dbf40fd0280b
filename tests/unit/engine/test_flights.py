"""Work under way: made once, dropped when nobody waits, refused when too much does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future

import pytest

from medtiles.core.errors import BusyError
from medtiles.engine.flights import Flights

PATIENCE = 10


@pytest.fixture
def flights() -> Iterator[Flights[str, int]]:
    made = Flights[str, int](threads=1, limit=2)
    yield made
    made.close()


class Gate:
    """Work that starts, then waits until it is let go."""

    def __init__(self) -> None:
        self.has_started, self.may_end = threading.Event(), threading.Event()
        self.calls = 0
        self.was_wanted: list[bool] = []

    def __call__(self, is_wanted: Callable[[], bool]) -> int:
        self.calls += 1
        self.has_started.set()
        assert self.may_end.wait(PATIENCE)
        self.was_wanted.append(is_wanted())
        return 7


def test_many_who_want_the_same_get_it_made_once(flights: Flights[str, int]) -> None:
    gate = Gate()
    waiters = [flights.join("a", gate) for _ in range(100)]
    gate.may_end.set()
    assert [waiter.result(PATIENCE) for waiter in waiters] == [7] * 100
    assert gate.calls == 1


def test_a_failure_reaches_all_who_wait(flights: Flights[str, int]) -> None:
    gate = Gate()
    flights.join("gate", gate)

    def fail(_: Callable[[], bool]) -> int:
        message = "no"
        raise LookupError(message)

    waiters = [flights.join("a", fail) for _ in range(2)]
    gate.may_end.set()
    for waiter in waiters:
        with pytest.raises(LookupError, match="no"):
            waiter.result(PATIENCE)


def test_cancelling_one_waiter_leaves_the_others(flights: Flights[str, int]) -> None:
    gate = Gate()
    first, second = flights.join("a", gate), flights.join("a", gate)
    assert first.cancel()
    gate.may_end.set()
    assert second.result(PATIENCE) == 7


def test_work_that_nobody_waits_for_is_never_started(flights: Flights[str, int]) -> None:
    gate, unwanted = Gate(), Gate()
    running = flights.join("gate", gate)
    assert gate.has_started.wait(PATIENCE)
    dropped = flights.join("b", unwanted)
    dropped.cancel()
    assert flights.waiting == 1
    gate.may_end.set()
    assert running.result(PATIENCE) == 7
    after = flights.join("c", lambda _: 9)
    assert after.result(PATIENCE) == 9
    assert unwanted.calls == 0


def test_work_under_way_learns_that_nobody_waits(flights: Flights[str, int]) -> None:
    gate = Gate()
    waiter = flights.join("a", gate)
    assert gate.has_started.wait(PATIENCE)
    waiter.cancel()
    gate.may_end.set()
    flights.join("b", lambda _: 1).result(PATIENCE)
    assert gate.was_wanted == [False]


def test_who_comes_after_an_abandoned_flight_gets_a_new_one(flights: Flights[str, int]) -> None:
    gate = Gate()
    flights.join("a", gate).cancel()
    again = flights.join("a", lambda _: 8)
    gate.may_end.set()
    assert again.result(PATIENCE) == 8


def test_a_full_queue_refuses_and_recovers(flights: Flights[str, int]) -> None:
    gate = Gate()
    waiters: list[Future[int]] = [flights.join(str(number), gate) for number in range(3)]
    with pytest.raises(BusyError, match="waiting already"):
        flights.join("one more", gate)
    gate.may_end.set()
    assert [waiter.result(PATIENCE) for waiter in waiters] == [7, 7, 7]
    assert flights.join("again", lambda _: 5).result(PATIENCE) == 5


def test_closing_drops_what_has_not_started() -> None:
    flights = Flights[str, int](threads=1, limit=2)
    gate = Gate()
    running, waiting = flights.join("a", gate), flights.join("b", gate)
    assert gate.has_started.wait(PATIENCE)
    gate.may_end.set()
    flights.close()
    assert running.result(PATIENCE) == 7
    with pytest.raises(CancelledError):
        waiting.result(PATIENCE)
