"""The verb that goes on for as long as somebody looks, in threads of its own: it must not take those of other calls."""

from __future__ import annotations

import dataclasses
import functools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc

from medtiles.api.v1 import viewport_pb2 as pb
from medtiles.api.v1.viewport_pb2_grpc import ViewportServiceServicer
from medtiles.core.errors import BusyError
from medtiles.protocols.grpc.calls import Edge, stream
from medtiles.protocols.grpc.pictures import Pictures
from medtiles.protocols.grpc.viewport_stream import Patience, ViewportStream

_TO_REFUSE = 8
"""Threads for calls beyond those that may look: they only say so."""


class ViewportServicer(ViewportServiceServicer):
    """medtiles.api.v1.ViewportService."""

    def __init__(self, pictures: Pictures, most: int, patience: Patience) -> None:
        """`most`: viewers at the same time."""
        self.edge: Edge = dataclasses.replace(pictures.edge, streams=threading.BoundedSemaphore(most))
        self._pictures = pictures
        self._patience = patience
        self._threads = ThreadPoolExecutor(most + _TO_REFUSE, thread_name_prefix="viewport")
        self._streams: set[ViewportStream] = set()
        self._look = functools.partial(Look, self)
        self._look.experimental_thread_pool = self._threads  # type: ignore[attr-defined]  # where gRPC looks for it

    @property
    def Look(self) -> Callable[[Iterator[pb.LookRequest], grpc.ServicerContext], Iterator[pb.LookResponse]]:  # noqa: N802
        """Send a viewer what it needs next."""
        return self._look

    def conversation(
        self, requests: Iterator[pb.LookRequest], context: grpc.ServicerContext
    ) -> Iterator[pb.LookResponse]:
        """One call."""
        talk = ViewportStream(self._pictures, context, self._patience)
        threading.Thread(target=talk.read, args=(requests,), name="viewport-reader", daemon=True).start()
        self._streams.add(talk)
        try:
            yield from talk.responses()
        finally:
            self._streams.discard(talk)

    def end_conversations(self) -> None:
        """End those under way, which would go on for ever: viewers open another with another process."""
        for talk in tuple(self._streams):
            talk.close(BusyError("the server stops: open another stream"))

    def close(self) -> None:
        """Let go of the threads, when no calls come any more."""
        self._threads.shutdown(wait=False)


@stream
def Look(  # noqa: N802 - the verb's name, under which it is recorded
    servicer: ViewportServicer, requests: Iterator[pb.LookRequest], context: grpc.ServicerContext
) -> Iterator[pb.LookResponse]:
    """Send a viewer what it needs next."""
    return servicer.conversation(requests, context)
