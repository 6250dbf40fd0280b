"""The HTTP gateway: one ASGI application over any `Tiles`.

Tiles go a fast way, dispatched by hand; everything else goes through a Starlette router. Both ways meet here for what
all answers share: allowed methods and hosts, CORS, errors told as problems, one record for each answer.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from starlette.routing import Match, Router

from medtiles.access_log import Answer
from medtiles.core.heat import Heat
from medtiles.core.limits import Limits
from medtiles.core.tiles import Tiles
from medtiles.core.uploads import Uploads
from medtiles.protocols import kept, replies
from medtiles.protocols.async_tiles import AsyncTiles, Beside, ClientGoneError
from medtiles.protocols.cors import Cors
from medtiles.protocols.health import health_routes
from medtiles.protocols.http import PROTOCOLS, REFUSALS, TILES
from medtiles.protocols.jpip_service import JpipService
from medtiles.protocols.origin import UNDER
from medtiles.protocols.replies import WHOLE_ANSWER, Headers, Reply
from medtiles.protocols.status import describe
from medtiles.protocols.tile_way import AtHand, TileWay

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_NOTHING: dict[str, Any] = {}
ALLOWED = "GET, HEAD, OPTIONS"
_logger = logging.getLogger(__name__)


def _nothing(answer: Answer) -> None:
    """Record nothing."""


@dataclass(frozen=True, slots=True)
class GatewayOptions:
    """How a gateway behaves."""

    origins: tuple[str, ...] = ()
    """Web origins whose pages may read answers, such as https://viewer.example.org; "*" is any. None by default."""
    hosts: tuple[str, ...] = ()
    """Names (without port) that a request's Host may have, against DNS rebinding; empty: any."""
    max_age: int = 0
    """Seconds that clients may show a tile before they ask again; addresses with `?v=` may be kept for ever."""
    timeout: float = 60.0
    """Seconds that an answer may take to be made."""
    limits: Limits = Limits()
    """Of the engine, which documents tell."""
    rights: str | None = None
    """Address of a licence or a statement of rights that holds for all images."""
    uploads: Uploads | None = None
    """Where images that clients bring go; None: none are taken."""
    jpip: JpipService | None = None
    """What is offered of JPIP; None: nothing."""
    heat: Heat | None = None
    """Counts of what is looked at; None: nobody counts."""
    record: Callable[[Answer], object] = _nothing
    """Takes note of each answer; must cost next to nothing."""
    metrics: Callable[[], bytes] | None = None
    """The Prometheus text."""
    is_ready: Callable[[], bool] = lambda: True
    """Whether new requests are welcome; False while draining."""


class _Exchange:
    """One answer on its way out: counts what is sent and adds what all answers share. Also an ASGI `send`."""

    __slots__ = ("_is_head", "_send", "route", "sent", "shared", "status")

    def __init__(self, send: Send, method: str) -> None:
        self._send = send
        self._is_head = method == "HEAD"
        self.shared: Headers = []
        self.status = 0
        self.sent = 0
        self.route = "none"

    async def __call__(self, message: Message) -> None:
        """Pass on a message of an application."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = _merged(message["headers"], self.shared)
        elif message["type"] == "http.response.body":
            self.sent += len(message.get("body", b""))
        await self._send(message)

    async def give(self, reply: Reply) -> None:
        """Send a whole reply."""
        self.status = reply.status
        headers = _merged(reply.headers, self.shared) if self.shared else reply.headers
        body = b"" if self._is_head else reply.body
        await self._send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})
        self.sent = len(body)


class Gateway:
    """The ASGI application. Used on one event loop."""

    def __init__(self, tiles: Tiles, options: GatewayOptions) -> None:
        self._options = options
        beside = Beside(options.uploads, options.jpip, options.heat)
        self._tiles = AsyncTiles(tiles, options.timeout, options.limits, options.rights, beside)
        self._cors = Cors(options.origins)
        self._tile_way = TileWay(self._tiles, TILES, options.max_age, self._cors.headers(None))
        self._hosts = frozenset(host.lower() for host in options.hosts)
        self._record = options.record
        routes = [route for module in PROTOCOLS for route in module.routes(self._tiles)]
        routes += health_routes(options.is_ready, options.metrics)
        self._names = {route.endpoint: route.name for route in routes}
        self._posts = [route for route in routes if "POST" in (route.methods or ())]
        self._router = Router(routes, redirect_slashes=False, default=_no_such_address)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3). The shortest way is for nearly all that is asked: a tile at hand."""
        if scope["type"] != "http":
            await self._other(scope, receive, send)
            return
        started = time.perf_counter()
        headers: dict[bytes, bytes] = dict(scope["headers"])
        found = self._at_hand(scope, headers)
        if found is None:
            await self._http(scope, headers, receive, send, started)
            return
        route, lines, head, body = found
        whole = scope.get("extensions", _NOTHING).get(WHOLE_ANSWER)
        if whole is None or not whole(scope, head, body):
            await send({"type": "http.response.start", "status": 200, "headers": lines})
            await send({"type": "http.response.body", "body": body})
        self._record(_record(scope, headers, 200, len(body), route, time.perf_counter() - started))

    def _at_hand(self, scope: Scope, headers: dict[bytes, bytes]) -> AtHand | None:
        if scope["method"] != "GET" or b"if-none-match" in headers or b"origin" in headers:
            return None
        if self._hosts and not self._is_our_name(headers):
            return None
        return self._tile_way.at_hand(scope["path"], scope["query_string"])

    async def _other(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    def _is_our_name(self, headers: dict[bytes, bytes]) -> bool:
        return not self._hosts or _name(headers.get(b"host", b"")) in self._hosts

    async def _http(
        self, scope: Scope, headers: dict[bytes, bytes], receive: Receive, send: Send, started: float
    ) -> None:
        exchange = _Exchange(send, scope["method"])
        try:
            await self._answer(scope, headers, receive, exchange)
        except ClientGoneError:
            exchange.status = 499
        except Exception as error:  # the edge: whatever happens, the client is told and the process lives
            if exchange.status:
                raise
            await exchange.give(_refusal(scope["path"], error))
        finally:
            seconds = time.perf_counter() - started
            if not _is_of_a_peer(scope):
                self._record(_record(scope, headers, exchange.status or 499, exchange.sent, exchange.route, seconds))

    async def _answer(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive, exchange: _Exchange) -> None:
        origin = headers.get(b"origin")
        exchange.shared = self._cors.headers(origin)
        method, path = scope["method"], scope["path"]
        if not self._is_our_name(headers):
            await exchange.give(replies.problem("MISDIRECTED_REQUEST", 421, "this server does not go by that name"))
        elif method == "OPTIONS":
            exchange.route = "options"
            await exchange.give(self._cors.preflight(origin))
        elif method == "POST" and self._takes_posts(scope):
            await self._routed(scope, receive, exchange)
        elif method not in {"GET", "HEAD"}:
            detail = f"{method} is not one of {ALLOWED}"
            await exchange.give(replies.problem("METHOD_NOT_ALLOWED", 405, detail, [("allow", ALLOWED)]))
        else:
            await self._get(scope, path, headers, receive, exchange)

    async def _get(
        self, scope: Scope, path: str, headers: dict[bytes, bytes], receive: Receive, exchange: _Exchange
    ) -> None:
        protocol = self._tile_way.protocol_of(path)
        if protocol is not None:
            exchange.route = protocol.NAME
            reply = await self._tile_way.reply(protocol, path, scope["query_string"], headers, receive)
            if reply is not None:
                await exchange.give(reply)
                return
        name, plain = kept.split(path)
        if name:
            await self._tiles.call(self._tiles.tiles.kept_rendering, name)
            scope = {**scope, "path": plain, UNDER: path.removesuffix(plain)}
        await self._routed(scope, receive, exchange)

    async def _routed(self, scope: Scope, receive: Receive, exchange: _Exchange) -> None:
        try:
            await self._router(scope, receive, exchange)
        finally:
            exchange.route = self._names.get(scope.get("endpoint"), "none")

    def _takes_posts(self, scope: Scope) -> bool:
        return any(route.matches(scope)[0] is Match.FULL for route in self._posts)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                self._tiles.close()
                await send({"type": "lifespan.shutdown.complete"})
                return


def gateway(tiles: Tiles, options: GatewayOptions | None = None) -> Gateway:
    """The ASGI application that answers for these tiles."""
    return Gateway(tiles, options or GatewayOptions())


async def _no_such_address(scope: Scope, receive: Receive, send: Send) -> None:
    await replies.problem("NOT_FOUND", 404, "there is nothing at this address")(scope, receive, send)


def _refusal(path: str, error: Exception) -> Reply:
    status = describe(error)
    if status.reason == "INTERNAL":
        _logger.error("a request failed", exc_info=error)
    extra = [] if status.retry_after is None else [("retry-after", str(max(1, round(status.retry_after))))]
    in_its_form = REFUSALS.get(path)
    if in_its_form is not None:
        return in_its_form(error, status, extra)
    return replies.problem(status.reason, status.http, status.detail, extra)


@lru_cache(maxsize=64)
def _name(host: bytes) -> str:
    """The name in Host, without its port; an IPv6 address without its brackets."""
    text = host.decode("latin-1").lower()
    name, colon, port = text.rpartition(":")
    return (name if colon and port.isdigit() else text).removeprefix("[").removesuffix("]")


@lru_cache(maxsize=256)
def _text(value: bytes) -> str:
    """A header that a client repeats with each request: one string for all of them, cut to what a log can use."""
    return value[:1024].decode("latin-1")


def _merged(headers: Headers, shared: Headers) -> Headers:
    """All header lines; the two that may say Vary joined into one."""
    if not shared:
        return headers
    vary = [value for name, value in (*headers, *shared) if name == b"vary"]
    lines = [line for line in (*headers, *shared) if line[0] != b"vary"]
    return [*lines, (b"vary", b", ".join(vary))] if vary else lines


def _is_of_a_peer(scope: Scope) -> bool:
    """Whether another worker passes a request on, by a Unix socket: it counts and logs it itself."""
    return scope["client"] is None


def _record(scope: Scope, headers: dict[bytes, bytes], status: int, sent: int, route: str, seconds: float) -> Answer:
    query_string = scope["query_string"]
    target = scope["raw_path"] + b"?" + query_string if query_string else scope["raw_path"]
    client = scope["client"]
    fields = (
        time.time() - seconds,
        client[0] if client else "",
        scope["method"],
        target.decode("latin-1"),
        "HTTP/1.1" if scope["http_version"] == "1.1" else f"HTTP/{scope['http_version']}",
        status,
        sent,
        seconds,
        route,
        _text(headers.get(b"referer", b"")),
        _text(headers.get(b"user-agent", b"")),
    )
    return tuple.__new__(Answer, fields)  # what Answer(*fields) does, in half the time
