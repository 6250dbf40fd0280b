"""A cache bounded by bytes, in which a value that many want is made once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class TileCache(Generic[K, V]):
    """Least recently used values go first. Safe to call from several threads."""

    def __init__(self, capacity: int, cost: Callable[[V], int]) -> None:
        """Hold values of `capacity` bytes in all, as `cost` counts them."""
        self._capacity = capacity
        self._cost = cost
        self._lock = threading.Lock()
        self._values: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._in_flight: dict[K, list[Future[V]]] = {}
        """Who waits for a value that somebody makes."""
        self.size = 0
        """Bytes held now."""
        self.hits = 0
        self.misses = 0

    def get(self, key: K) -> V | None:
        """The value, when it is held."""
        with self._lock:
            found = self._values.get(key)
            if found is None:
                self.misses += 1
                return None
            self._values.move_to_end(key)
            self.hits += 1
            return found[0]

    def put(self, key: K, value: V) -> None:
        """Hold a value. One that is larger than the whole cache is held alone: it was dear to make."""
        cost = self._cost(value)
        with self._lock:
            held = len(self._values)
            self._values[key] = (value, cost)
            if len(self._values) > held:
                self.size += cost
            else:  # rarely: two made it at once
                self._values.move_to_end(key)
                self.size = sum(each for _, each in self._values.values())
            while self.size > self._capacity and len(self._values) > 1:
                _, (_, freed) = self._values.popitem(last=False)
                self.size -= freed

    def get_or_make(self, key: K, make: Callable[[], V]) -> V:
        """The value; made by the first caller who lacks it, while others who want the same wait for it."""
        found = self.get(key)
        if found is not None:
            return found
        waiter: Future[V] | None = None
        with self._lock:
            waiters = self._in_flight.get(key)
            if waiters is None:
                self._in_flight[key] = []
            else:
                waiter = Future()
                waiters.append(waiter)
        if waiter is not None:
            return waiter.result()
        try:
            value = make()
            self.put(key, value)
        except BaseException as error:
            for each in self._land(key):
                each.set_exception(error)
            raise
        for each in self._land(key):
            each.set_result(value)
        return value

    def _land(self, key: K) -> list[Future[V]]:
        """Those who wait for a value that is made, or will not be."""
        with self._lock:
            return self._in_flight.pop(key)

    def clear(self) -> None:
        """Let everything go."""
        with self._lock:
            self._values.clear()
            self.size = 0
