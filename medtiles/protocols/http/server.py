"""Serves an ASGI application over HTTP/1.1 on sockets that are bound already: uvicorn, uvloop, httptools.

uvicorn waits for ever for the end of a request's header, takes a header of any size, and waits for ever for a client
that does not read. The protocol below puts an end to all three, by one sweep over the connections each second instead
of a timer for each. What is left to a proxy in front: TLS, HTTP/2, limits by client and by rate.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from medtiles.protocols.replies import WHOLE_ANSWER

Application = Callable[[Any, Any, Any], Awaitable[None]]

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n"
    b"cache-control: no-store\r\n\r\n"
)


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """What one connection may cost."""

    header_bytes: int = 32 * 1024
    """Of one request's line and header; counted after each read, so one read (256 KiB) more may come through."""
    header_seconds: float = 15.0
    """For a client to send a request's header, once begun or newly connected."""
    idle_seconds: int = 30
    """Between requests of one connection."""
    stalled_seconds: float = 60.0
    """For a client that does not read what it asked for."""
    connections: int = 10_000
    """At one time and process; more are answered 503."""
    drain_seconds: int = 30
    """For answers under way when the server ends."""


_LAST_ACCEPTS = 0.05
"""Seconds before it stops listening, in which the server takes the connections that wait to be taken."""
_ABOUT_TO_ASK = 1.0
"""Seconds that a client which has never asked for anything is given to do so when the server ends."""


class HttpServer:
    """One server on one event loop. `run` blocks; `stop` may be called from any thread and from signal handlers."""

    def __init__(self, app: Application, sockets: Sequence[socket.socket], limits: HttpLimits | None = None) -> None:
        """The sockets are bound; `run` listens on them and closes them in the end."""
        limits = limits or HttpLimits()
        self._sockets = list(sockets)
        config = uvicorn.Config(
            app,
            loop="auto",
            http=_protocol(limits),
            ws="none",
            lifespan="on",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=limits.connections,
            timeout_keep_alive=limits.idle_seconds,
            timeout_graceful_shutdown=limits.drain_seconds,
        )
        self._server = _Server(config)
        self.started = self._server.listening
        """Set once it listens."""

    @property
    def connections(self) -> int:
        """How many clients are connected now."""
        return len(self._server.server_state.connections)

    def run(self) -> None:
        """Serve until `stop`; then answer what is under way, and return."""
        self._server.run(sockets=self._sockets)

    def stop(self) -> None:
        """Take no new connection, answer what is under way, end."""
        self._server.should_exit = True


class _Server(uvicorn.Server):
    """uvicorn's server without its signal handlers: who runs it decides what signals mean."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = threading.Event()
        self._sweeper: asyncio.Task[None] | None = None

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        await self._serve(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._sweeper = asyncio.create_task(self._sweep())
        self.listening.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await asyncio.sleep(_LAST_ACCEPTS)
        await super().shutdown(sockets)
        if self._sweeper is not None:
            self._sweeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._sweeper

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(1)
            now = time.monotonic()
            for connection in list(self.server_state.connections):
                if isinstance(connection, GuardedProtocol):
                    connection.check(now)


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 protocol with limits of time and size, and a short way out for answers that are ready.

    The short way is the ASGI extension `WHOLE_ANSWER`: uvicorn's `send` looks at every header line of every answer,
    which costs as much as all that the gateway does for a tile at hand.
    """

    limits = HttpLimits()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected; its first header is awaited."""
        super().connection_made(transport)
        self._extensions = {WHOLE_ANSWER: self.send_whole}
        self._defaults: object = None
        self._opening = b""
        self._header_bytes = 0
        self._header_began: float | None = time.monotonic()
        self._stalled: float | None = None
        self._has_asked = False
        self._is_ending = False

    def shutdown(self) -> None:
        """The server ends: what is under way is answered. Who has only just connected may still ask, once."""
        if not (self._has_asked or self._is_ending):
            self._is_ending = True
            self.loop.call_later(_ABOUT_TO_ASK, self._end_if_silent)
        else:
            super().shutdown()

    def _end_if_silent(self) -> None:
        if not self._has_asked:
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        """Bytes have come; a header that grows too large ends the connection."""
        was_waiting = self._header_began is not None
        super().data_received(data)
        if was_waiting and self._header_began is not None:
            self._header_bytes += len(data)
            if self._header_bytes > self.limits.header_bytes and not self.transport.is_closing():
                self.transport.write(_TOO_LARGE)
                self.transport.close()

    def on_message_begin(self) -> None:
        """A request's first byte has come."""
        self._header_began = time.monotonic()
        self._header_bytes = 0
        super().on_message_begin()
        self.scope["extensions"] = self._extensions  # type: ignore[typeddict-item]

    def on_headers_complete(self) -> None:
        """A request's header is whole."""
        self._header_began = None
        self._has_asked = True
        super().on_headers_complete()
        if self._is_ending:
            self.cycle.keep_alive = False

    def send_whole(self, scope: object, head: bytes, body: bytes) -> bool:
        """Give a whole answer with status 200 to a GET at once; False: send it in ASGI's way, nothing was done.

        `head`: header lines that are known to be right, Content-Length among them, and the empty line.
        """
        cycle = self.cycle
        is_usual = cycle.scope is scope and cycle.keep_alive and not cycle.response_started
        if not is_usual or cycle.disconnected or self.flow.write_paused or self.transport.is_closing():
            return False
        cycle.response_started = cycle.response_complete = True
        self.transport.writelines((self._opening_now(), head, body))
        cycle.message_event.set()
        cycle.on_response()
        return True

    def _opening_now(self) -> bytes:
        """Status line and uvicorn's own header lines, which change once a second."""
        defaults = self.server_state.default_headers
        if defaults is not self._defaults:
            self._defaults = defaults
            self._opening = b"HTTP/1.1 200 OK\r\n" + b"".join(b"%s: %s\r\n" % line for line in defaults)
        return self._opening

    def pause_writing(self) -> None:
        """The client reads more slowly than we write."""
        self._stalled = time.monotonic()
        super().pause_writing()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._stalled = None
        super().resume_writing()

    def check(self, now: float) -> None:
        """End the connection when its client is too slow."""
        if self._header_began is not None and now - self._header_began > self.limits.header_seconds:
            self.transport.close()
        elif self._stalled is not None and now - self._stalled > self.limits.stalled_seconds:
            self.transport.abort()


def _protocol(limits: HttpLimits) -> type[GuardedProtocol]:
    """The protocol with these limits; uvicorn makes one for each connection."""
    return type("LimitedProtocol", (GuardedProtocol,), {"limits": limits})
