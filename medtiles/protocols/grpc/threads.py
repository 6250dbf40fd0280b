"""Threads for calls, with less ceremony than the standard pool's.

grpcio wants of a pool that it takes a function and tells when it is done. A Future for each call, with its lock and its
condition, costs a seventh of what a small call costs the server in all; nobody ever asks it for a result.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

_logger = logging.getLogger(__name__)


class Task:
    """A function that runs, or has run, in one of the threads."""

    __slots__ = ("_arguments", "_callbacks", "_function", "_is_done")

    def __init__(self, function: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        self._function = function
        self._arguments = arguments
        self._callbacks: deque[Callable[[Task], object]] = deque()
        self._is_done = False

    def run(self) -> None:
        """Call the function, then those who want to know that it is done."""
        try:
            self._function(*self._arguments)
        except Exception:  # the edge: the thread lives on
            _logger.exception("a call failed beyond its servicer")
        self._is_done = True
        self._call_back()

    def add_done_callback(self, callback: Callable[[Task], object]) -> None:
        """Have something called when the function has run; at once when it has."""
        self._callbacks.append(callback)
        if self._is_done:
            self._call_back()

    def _call_back(self) -> None:
        """Whoever takes a callback off the queue calls it, so each is called once."""
        while True:
            try:
                callback = self._callbacks.popleft()
            except IndexError:
                return
            callback(self)


class Threads:
    """A fixed number of threads that take tasks in turn."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._tasks: SimpleQueue[Task | None] = SimpleQueue()
        for index in range(count):
            threading.Thread(target=self._work, name=f"grpc-{index}", daemon=True).start()

    def submit(self, function: Callable[..., object], *arguments: object) -> Task:
        """Run a function in one of the threads, when its turn comes."""
        task = Task(function, arguments)
        self._tasks.put(task)
        return task

    def close(self) -> None:
        """Let the threads end when they have done what was submitted."""
        for _ in range(self._count):
            self._tasks.put(None)

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            task.run()
            del task  # until the next comes, nothing of this call may be held
