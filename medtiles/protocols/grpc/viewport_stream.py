"""One conversation with a viewer: two threads and a scheduler between them.

Theory of operation. One thread reads what the client says and tells the scheduler; it reads no faster than looks make
sense, so a client that sends more waits. The other asks the scheduler for turns, has tiles fetched, and hands out
messages; gRPC takes the next one when the one before has left, so no queue of ours lies between a look and what
follows from it. Tiles that need work are made by the engine, whose threads only put them into `_done`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue

import grpc

from medtiles.api.v1 import frames_pb2
from medtiles.api.v1 import viewport_pb2 as pb
from medtiles.core.errors import BadRequestError
from medtiles.core.pyramid import ImageInfo, TileKey
from medtiles.protocols.grpc import viewport_messages as wire
from medtiles.protocols.grpc.errors import problem
from medtiles.protocols.grpc.pictures import Pictures
from medtiles.protocols.grpc.renditions import Rendition, rendition_of
from medtiles.protocols.status import INTERNAL, describe
from medtiles.viewport.cuts import cut, cuttable
from medtiles.viewport.scheduler import Asking, Piece, Progress, Scheduler, Turn
from transcode.errors import FileChangedError
from transcode.frames import EncodedFrame

_logger = logging.getLogger(__name__)

_MESSAGES_A_SECOND = 500
_BURST = 50
_LONGEST_WAIT = 1.0
"""Seconds between two looks at the clock."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a silent client keeps its stream."""

    unacknowledged: float
    """Seconds, while bytes are under way."""
    idle: float
    """Seconds, while nothing is."""


@dataclass(frozen=True, slots=True)
class _At:
    """What is looked at, as far as the engine is concerned."""

    image: str
    info: ImageInfo
    rendition: Rendition


@dataclass(frozen=True, slots=True, eq=False)
class _Fetch:
    """A tile that the engine was asked for."""

    key: TileKey
    at: _At
    future: Future[EncodedFrame]


class ViewportStream:
    """One call of Look."""

    def __init__(self, pictures: Pictures, context: grpc.ServicerContext, patience: Patience) -> None:
        self._pictures = pictures
        self._context = context
        self._patience = patience
        self._changed = threading.Condition()
        self._scheduler = Scheduler(time.monotonic())
        self._at: _At | None = None
        self._number: int | None = None
        self._problem: pb.LookResponse | None = None
        self._end: Exception | None = None
        self._is_over = False
        self._heard_at = time.monotonic()
        self._fetches: dict[TileKey, _Fetch] = {}
        self._done: SimpleQueue[_Fetch] = SimpleQueue()

    def close(self, error: Exception | None = None) -> None:
        """End the conversation, with an error or well."""
        with self._changed:
            self._end = self._end or error
            self._is_over = True
            self._changed.notify_all()

    # -- what the client says -----------------------------------------------------------------------------------

    def read(self, requests: Iterator[pb.LookRequest]) -> None:
        """Take what the client says until it ends its side or goes away. Runs in a thread of its own."""
        allowance, told_at = float(_BURST), time.monotonic()
        try:
            for request in requests:
                now = time.monotonic()
                allowance = min(_BURST, allowance + (now - told_at) * _MESSAGES_A_SECOND) - 1
                told_at = now
                if allowance < 0:
                    time.sleep(-allowance / _MESSAGES_A_SECOND)
                self._take(request)
        except Exception as error:  # noqa: BLE001 - the edge: it ends the call
            self.close(error if self._context.is_active() else None)
        else:
            self.close()

    def _take(self, request: pb.LookRequest) -> None:
        at = None
        failure: Exception | None = None
        if request.HasField("viewport"):
            try:
                at = self._described(request.viewport)
            except Exception as error:  # noqa: BLE001 - a look that fails is told, and the client may look elsewhere
                failure = error
        with self._changed:
            self._heard_at = time.monotonic()
            if request.HasField("viewport"):
                self._look(request.viewport, at, failure)
            self._tell(request)
            self._changed.notify_all()

    def _described(self, viewport: pb.Viewport) -> _At:
        """What is looked at; may wait for a file to open."""
        rendition = rendition_of(viewport.rendition)
        return _At(viewport.image, self._pictures.info(viewport.image, viewport.version), rendition)

    def _look(self, viewport: pb.Viewport, at: _At | None, failure: Exception | None) -> None:
        if self._number is not None and viewport.number <= self._number:
            message = f"viewport {viewport.number} after {self._number}: numbers must grow"
            raise BadRequestError(message)
        self._number, self._problem = viewport.number, None
        if at is not None:
            try:
                like = at.rendition.request(at.image, TileKey(0, 0, 0))
                self._scheduler.look(wire.look_of(viewport), at.info, at.rendition.token, cuttable(like, at.info))
            except Exception as error:  # noqa: BLE001 - as above
                failure = error
        self._at = at
        if failure is not None:
            self._give_up(failure)

    def _tell(self, request: pb.LookRequest) -> None:
        now = time.monotonic()
        if request.HasField("byte_rate"):
            self._scheduler.set_rate(request.byte_rate, now)
        if request.HasField("receipt"):
            self._scheduler.receive(request.receipt.bytes, request.receipt.seconds, now)
        if request.HasField("drops"):
            drops = request.drops
            self._scheduler.drop(drops.image, drops.version, wire.keys_of(drops))
        if (
            request.HasField("holds") and self._at is not None
        ):  # a look that failed shows nothing: nothing is held of it
            holds = request.holds
            self._scheduler.hold(holds.image, holds.version, wire.keys_of(holds), wire.parts_of(holds))

    def _give_up(self, error: Exception) -> None:
        """Show nothing until the client looks anew, and tell it why."""
        self._scheduler.look_away()
        self._at = None
        self._problem = wire.problem(self._number or 0, _told(error))

    # -- what it is sent ----------------------------------------------------------------------------------------

    def responses(self) -> Iterator[pb.LookResponse]:
        """What the client is to be sent, as long as the conversation lasts.

        :raises TimeoutError: the client was silent for too long
        """
        if not self._context.add_callback(self.close):
            return  # the client is gone already
        try:
            while not self._is_over:
                yield from self._settled()
                response = self._next()
                if response is not None:
                    yield response
            if self._end is not None:
                raise self._end
        finally:
            for fetch in list(self._fetches.values()):
                fetch.future.cancel()

    def _next(self) -> pb.LookResponse | None:
        """The next message; None when there was none for a while, or something happened."""
        with self._changed:
            if self._problem is not None:
                told, self._problem = self._problem, None
                return told
            turn, at = self._scheduler.turn(time.monotonic()), self._at
            response = self._message(turn, at)
            if not turn.fetch and not turn.withdraw and response is None:
                self._wait(turn.wait)
        self._follow(turn, at)
        return response

    def _message(self, turn: Turn, at: _At | None) -> pb.LookResponse | None:
        rate = self._scheduler.rate
        if isinstance(turn.send, Piece) and at is not None:
            return wire.piece(turn.send, at.info.version, rate)
        if isinstance(turn.send, Progress):
            return wire.progress(turn.send, rate)
        return wire.asking(turn.send, rate) if isinstance(turn.send, Asking) else None

    def _wait(self, seconds: float) -> None:
        """Wait until something happens. With the lock."""
        is_under_way = self._scheduler.under_way > 0
        silent = time.monotonic() - self._heard_at
        if silent > (self._patience.unacknowledged if is_under_way else self._patience.idle):
            message = "the bytes sent were not acknowledged" if is_under_way else "nothing was looked at"
            raise TimeoutError(f"{message} for {silent:.0f} seconds")
        if self._done.empty() and not self._is_over:
            self._changed.wait(min(seconds, _LONGEST_WAIT))

    def _follow(self, turn: Turn, at: _At | None) -> None:
        """Withdraw and fetch what a turn says."""
        for key in turn.withdraw:
            fetch = self._fetches.pop(key, None)
            if fetch is not None:
                fetch.future.cancel()
        if at is not None:
            for key in turn.fetch:
                self._fetch(key, at)

    def _fetch(self, key: TileKey, at: _At) -> None:
        fetch = _Fetch(key, at, self._asked(key, at))
        self._fetches[key] = fetch
        fetch.future.add_done_callback(lambda _: self._wake(fetch))

    def _asked(self, key: TileKey, at: _At) -> Future[EncodedFrame]:
        """The tile, read at once when that is cheap."""
        request = at.rendition.request(at.image, key)
        future: Future[EncodedFrame] = Future()
        try:
            found = self._pictures.cheap(at.info, request)
            if found is None:
                return self._pictures.tiles.submit(request)
            future.set_result(found)
        except Exception as error:  # noqa: BLE001 - one bad tile does not spoil the rest
            future.set_exception(error)
        return future

    def _wake(self, fetch: _Fetch) -> None:
        self._done.put(fetch)
        with self._changed:
            self._changed.notify_all()

    def _settled(self) -> Iterator[pb.LookResponse]:
        """Hand tiles that are fetched to the scheduler; tell of those that cannot be had."""
        while True:
            try:
                fetch = self._done.get_nowait()
            except Empty:
                return
            if self._fetches.get(fetch.key) is not fetch:  # withdrawn meanwhile
                continue
            del self._fetches[fetch.key]
            told = self._arrived(fetch)
            if told is not None:
                yield told

    def _arrived(self, fetch: _Fetch) -> pb.LookResponse | None:
        """Hand a tile on, unless something else is looked at by now; what there is to tell of one that failed."""
        try:
            tile = cut(fetch.future.result(0))
            self._pictures.require_unchanged(fetch.at.image, fetch.at.info)
        except Exception as error:  # noqa: BLE001 - it is told
            return self._failed(fetch, error)
        with self._changed:
            if self._at == fetch.at:
                self._scheduler.arrived(fetch.key, tile)
        return None

    def _failed(self, fetch: _Fetch, error: Exception) -> pb.LookResponse | None:
        told = _told(error)
        with self._changed:
            if self._at != fetch.at:
                return None
            if isinstance(error, FileChangedError):
                self._give_up(error)
                return None
            if told.HasField("retry_after"):
                self._scheduler.failed(fetch.key, time.monotonic() + told.retry_after)
                return None
            self._scheduler.failed(fetch.key)
            return wire.problem(self._number or 0, told, fetch.key)


def _told(error: Exception) -> frames_pb2.Problem:
    """What the client is told of an error. What nobody foresaw is logged, once, here."""
    status = describe(error)
    if status is INTERNAL:
        _logger.error("a viewport failed", exc_info=error)
    return problem(status)
