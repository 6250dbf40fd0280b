"""Work under way: each piece made once however many wait for it, dropped when nobody does, refused when too much waits.

Theory of operation. A *flight* is one piece of work with its waiters. Each waiter has a Future of its own, so that
cancelling one does not disturb the others. When the last waiter has cancelled, a flight that has not started gives up
its place in the queue at once; one that has started sees `is_wanted()` turn false and may stop between two steps.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from medtiles.core.errors import BusyError

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class _Flight(Generic[V]):
    __slots__ = ("job", "waiters")

    def __init__(self) -> None:
        self.waiters: list[Future[V]] = []
        self.job: Future[None] | None = None

    def is_wanted(self) -> bool:
        return bool(self.waiters)

    def fly(self, make: Callable[[Callable[[], bool]], V]) -> V:
        if not self.waiters:
            raise CancelledError
        return make(self.is_wanted)


class Flights(Generic[K, V]):
    """A bounded queue in front of a few threads."""

    def __init__(self, threads: int, limit: int) -> None:
        """Work in so many threads, and let `limit` pieces wait for them."""
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="engine")
        self._lock = threading.Lock()
        self._flights: dict[K, _Flight[V]] = {}
        self._most = threads + limit

    def join(self, key: K, make: Callable[[Callable[[], bool]], V]) -> Future[V]:
        """A Future of the value of this key; `make` is called once for all who wait for the same key.

        `make` is given a function that tells whether anybody still waits.

        :raises BusyError: the queue is full
        """
        waiter: Future[V] = Future()
        with self._lock:
            flight = self._flights.get(key)
            if flight is not None and flight.waiters:
                flight.waiters.append(waiter)
            else:
                if len(self._flights) >= self._most:
                    message = f"{self._most} requests are waiting already"
                    raise BusyError(message)
                flight = _Flight[V]()
                flight.waiters.append(waiter)
                self._flights[key] = flight
                flight.job = self._pool.submit(self._run, key, flight, make)
        waiter.add_done_callback(lambda done: self._leave(key, flight, done) if done.cancelled() else None)
        return waiter

    def _run(self, key: K, flight: _Flight[V], make: Callable[[Callable[[], bool]], V]) -> None:
        value: V | None = None
        failure: BaseException | None = None
        try:
            value = flight.fly(make)
        except BaseException as error:  # noqa: BLE001  # it is handed to those who wait
            failure = error
        with self._lock:
            if self._flights.get(key) is flight:
                del self._flights[key]
            waiters, flight.waiters = flight.waiters, []
        for waiter in waiters:
            if waiter.set_running_or_notify_cancel():
                if failure is not None:
                    waiter.set_exception(failure)
                else:
                    waiter.set_result(value)  # type: ignore[arg-type]  # no failure, so there is a value

    def _leave(self, key: K, flight: _Flight[V], waiter: Future[V]) -> None:
        with self._lock:
            if waiter in flight.waiters:
                flight.waiters.remove(waiter)
            is_empty = not flight.waiters
            if is_empty and self._flights.get(key) is flight:
                del self._flights[key]
        if is_empty and flight.job is not None:
            flight.job.cancel()

    @property
    def waiting(self) -> int:
        """Pieces of work that wait or are under way."""
        return len(self._flights)

    def close(self) -> None:
        """Finish what has started; who waits for the rest gets a CancelledError."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        for flight in list(self._flights.values()):
            for waiter in list(flight.waiters):
                waiter.cancel()
