"""Many pictures of one image, few at a time, each handed on as soon as it is ready."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from queue import Empty, SimpleQueue

import grpc

from medtiles.core.errors import BusyError
from medtiles.core.tiles import Tiles
from medtiles.core.view import Request
from transcode.frames import EncodedFrame

Outcome = EncodedFrame | Exception
_MOST_WAITING = 16
"""Pictures of one call that the engine may have at a time: enough to keep it busy, few enough to be fair."""


class Batch:
    """The pictures of one call. Used in one thread; work is withdrawn when the client goes away."""

    def __init__(
        self,
        tiles: Tiles,
        find: Callable[[Request], EncodedFrame | None],
        context: grpc.ServicerContext,
        seconds_left: Callable[[], float],
    ) -> None:
        """`find` gives pictures that are not worth a worker; `seconds_left` says how long the others may take."""
        self._tiles = tiles
        self._find = find
        self._context = context
        self._seconds_left = seconds_left
        self._done: SimpleQueue[tuple[int, Future[EncodedFrame]] | None] = SimpleQueue()
        self._waiting: dict[int, Future[EncodedFrame]] = {}

    def outcomes(self, requests: Iterable[Request]) -> Iterator[tuple[int, Outcome] | None]:
        """Index and picture of each request, or why there is none. Ends early when the client goes away.

        None comes before each time that one must be waited for: a hint to hand on what is there.

        :raises TimeoutError: nothing was ready for too long
        """
        self._context.add_callback(lambda: self._done.put(None))
        try:
            for index, request in enumerate(requests):
                outcome = self._begun(index, request)
                while isinstance(outcome, BusyError) and self._waiting and self._context.is_active():
                    yield from self._ready(len(self._waiting) - 1)
                    outcome = self._begun(index, request)
                if outcome is not None:
                    yield index, outcome
                if self._waiting:
                    yield from self._ready(_MOST_WAITING - 1)
                if not self._context.is_active():
                    return
            yield from self._ready(0)
        finally:
            for future in list(self._waiting.values()):
                future.cancel()

    def _begun(self, index: int, request: Request) -> Outcome | None:
        """The picture, when it can be had at once; None when a worker has been asked for it."""
        try:
            found = self._find(request)
            if found is None:
                self._submit(index, request)
        except Exception as error:  # noqa: BLE001 - one bad tile does not spoil the rest; the caller tells why it failed
            return error
        return found

    def _submit(self, index: int, request: Request) -> None:
        future = self._tiles.submit(request)
        self._waiting[index] = future
        future.add_done_callback(lambda done: self._done.put((index, done)))

    def _ready(self, most: int) -> Iterator[tuple[int, Outcome] | None]:
        """What is ready; waits until at most so many pictures are still waited for, or the client goes away."""
        while self._waiting:
            must_wait = len(self._waiting) > most
            if must_wait and self._done.empty():
                yield None
            try:
                done = self._done.get(must_wait, max(0.0, self._seconds_left()))
            except Empty:
                if not must_wait:
                    return
                message = "the tiles took too long"
                raise TimeoutError(message) from None
            if done is None:
                return
            index, future = done
            del self._waiting[index]
            yield index, _outcome(future)


def _outcome(future: Future[EncodedFrame]) -> Outcome:
    try:
        return future.result(0)
    except Exception as error:  # noqa: BLE001 - as above
        return error
