"""Things made ready before they are asked for: one at a time, in a thread of its own, when nothing else waits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Prefetcher(Generic[T]):
    """Works through the latest list of things. Safe to call from several threads."""

    def __init__(self, make: Callable[[T], object], is_idle: Callable[[], bool]) -> None:
        """`make` makes one thing ready; `is_idle` says whether nothing else is to be done."""
        self._make = make
        self._is_idle = is_idle
        self._changed = threading.Condition()
        self._wanted: Iterator[T] | None = None
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def want(self, things: Iterator[T]) -> None:
        """Make these ready in order, in place of those that were named before."""
        with self._changed:
            self._wanted = things
            if self._thread is None and not self._is_closed:
                self._thread = threading.Thread(target=self._work, name="prefetch", daemon=True)
                self._thread.start()
            self._changed.notify()

    def close(self) -> None:
        """Drop what is left, and wait for the one under way."""
        with self._changed:
            self._is_closed, self._wanted = True, None
            self._changed.notify()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _work(self) -> None:
        while (things := self._next()) is not None:
            try:
                thing = next(things, None) if self._is_idle() else None
                if thing is not None:
                    self._make(thing)
            except Exception:  # noqa: BLE001 - the edge of a thread that must go on; whoever asks is told why it failed
                continue
            if thing is None:
                self._drop(things)

    def _next(self) -> Iterator[T] | None:
        """What is wanted now, waited for; None when it is over."""
        with self._changed:
            while self._wanted is None and not self._is_closed:
                self._changed.wait()
            return None if self._is_closed else self._wanted

    def _drop(self, things: Iterator[T]) -> None:
        with self._changed:
            if self._wanted is things:
                self._wanted = None
