"""The edge of the server: every call ends with an answer or a status, is recorded, does not outlive its client."""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import NoReturn, Protocol, TypeVar, cast

import grpc
from google.protobuf.message import Message

from medtiles.access_log import Answer
from medtiles.core.errors import BusyError
from medtiles.protocols.grpc.errors import rich_status
from medtiles.protocols.status import INTERNAL, describe

_logger = logging.getLogger(__name__)

AnyRequest = TypeVar("AnyRequest")
"""A message, or the iterator of many."""
AnyResponse = TypeVar("AnyResponse", bound=Message)
Result = TypeVar("Result")
_PLACES = ("image", "name", "plane")
_KEY_PLACES = ("level", "column", "row", "plane")
_LOGGED_KEYS = 64
"""Of many tiles in one call, those that the log names."""


@dataclass(frozen=True)
class Edge:
    """What all calls of a server share."""

    streams: threading.Semaphore
    """One for each stream that may be under way: a client that reads slowly must not take every thread."""
    timeout: float = 60.0
    """Seconds that a call without a deadline may wait for one picture."""
    record: Callable[[Answer], None] | None = None
    """Takes note of each answer; must cost next to nothing."""

    def fail(self, error: Exception, request: object, context: grpc.ServicerContext) -> NoReturn:
        """End a call with the status of an error. What nobody foresaw is logged, once, here."""
        status = describe(error)
        if status is INTERNAL:
            _logger.error("a call failed: %s", _where(request), exc_info=error)
        context.abort_with_status(rich_status(status, _where(request)))

    def wait(self, future: Future[Result], context: grpc.ServicerContext) -> Result:
        """The result of work that is withdrawn when the client goes away or its deadline has passed.

        :raises CancelledError, TimeoutError: it was
        """

        def withdraw() -> None:
            future.cancel()

        if not future.done() and not context.add_callback(withdraw):
            withdraw()  # the client is gone already
        try:
            return future.result(self.seconds_left(context))
        finally:
            future.cancel()

    def seconds_left(self, context: grpc.ServicerContext) -> float:
        """How long a call may still take."""
        left = cast("float | None", context.time_remaining())
        return self.timeout if left is None else min(left, self.timeout)

    def note(
        self, verb: str, request: object, context: grpc.ServicerContext, began: float, status: int, sent: int
    ) -> None:
        """Record an answer."""
        if self.record is None:
            return
        took = time.perf_counter() - began
        peer = context.peer().removeprefix("ipv4:").removeprefix("ipv6:")
        client = peer.rpartition(":")[0].replace("%5B", "").replace("%5D", "")
        self.record(
            Answer(time.time() - took, client, "POST", _target(verb, request), "gRPC", status, sent, took, _route(verb))
        )


class HasEdge(Protocol):
    """A servicer."""

    @property
    def edge(self) -> Edge:
        """What its calls share."""


S = TypeVar("S", bound=HasEdge)
_Unary = Callable[[S, AnyRequest, grpc.ServicerContext], AnyResponse]
_Stream = Callable[[S, AnyRequest, grpc.ServicerContext], Iterator[AnyResponse]]


def unary(verb: _Unary[S, AnyRequest, AnyResponse]) -> _Unary[S, AnyRequest, AnyResponse]:
    """A verb with one answer, at the edge."""

    @functools.wraps(verb)
    def answer(self: S, request: AnyRequest, context: grpc.ServicerContext) -> AnyResponse:
        began = time.perf_counter()
        try:
            response = verb(self, request, context)
        except Exception as error:  # noqa: BLE001 - the edge: whatever happened, the client is told and the process lives
            self.edge.note(verb.__name__, request, context, began, describe(error).http, 0)
            self.edge.fail(error, request, context)
        if self.edge.record is not None:
            self.edge.note(verb.__name__, request, context, began, 200, response.ByteSize())
        return response

    return answer


def stream(verb: _Stream[S, AnyRequest, AnyResponse]) -> _Stream[S, AnyRequest, AnyResponse]:
    """A verb with many answers, at the edge; refused when too many streams are under way."""

    @functools.wraps(verb)
    def answer(self: S, request: AnyRequest, context: grpc.ServicerContext) -> Iterator[AnyResponse]:
        began, sent, status = time.perf_counter(), 0, 499
        is_admitted = self.edge.streams.acquire(blocking=False)
        try:
            _require(is_admitted)
            for response in verb(self, request, context):
                sent += response.ByteSize() if self.edge.record is not None else 0
                yield response
            status = 200
        except Exception as error:  # noqa: BLE001 - the edge
            status = describe(error).http
            self.edge.fail(error, request, context)
        finally:
            if is_admitted:
                self.edge.streams.release()
            self.edge.note(verb.__name__, request, context, began, status, sent)

    return answer


def _require(is_admitted: bool) -> None:
    if not is_admitted:
        message = "as many streams are under way as the server allows"
        raise BusyError(message)


def _where(request: object) -> dict[str, str]:
    """Which image, and which part of it, a request is about; nothing of one that comes in many messages."""
    if not isinstance(request, Message):
        return {}
    fields = {field.name: value for field, value in request.ListFields()}
    found = {name: str(fields[name]) for name in _PLACES if name in fields}
    key = fields.get("key", fields.get("tile"))
    if isinstance(key, Message):
        found.update({name: str(getattr(key, name)) for name in _KEY_PLACES})
    return found


def _target(verb: str, request: object) -> str:
    """A call as an address, for the log: `/GetTile?image=...&level=0&column=3&row=2`."""
    if not isinstance(request, Message):
        return f"/{verb}"
    fields = {field.name: value for field, value in request.ListFields()}
    words = [f"image={fields['image']}"] if "image" in fields else []
    key, region, size = fields.get("key", fields.get("tile")), fields.get("region"), fields.get("size")
    if isinstance(key, Message):
        words += [f"{name}={getattr(key, name)}" for name in _KEY_PLACES]
    elif "keys" in fields:
        words.append("keys=" + ",".join(f"{key.level}.{key.column}.{key.row}" for key in fields["keys"][:_LOGGED_KEYS]))
    if isinstance(region, Message):
        words.append(f"region={region.x},{region.y},{region.width},{region.height}")  # type: ignore[attr-defined]
    if isinstance(size, Message):
        words.append(f"size={size.width},{size.height}")  # type: ignore[attr-defined]
    return f"/{verb}?{'&'.join(words)}" if words else f"/{verb}"


def _route(verb: str) -> str:
    return "grpc" + "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in verb)
