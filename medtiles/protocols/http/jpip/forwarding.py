"""Requests that another process answers: the worker that holds a session, or a server that takes over a new one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from medtiles.protocols.replies import NOSNIFF
from medtiles.protocols.streamed import send_body

if TYPE_CHECKING:
    import httpx

_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
DELEGATED = "x-jpip-delegated"
"""A header of requests that were handed over once, and are not again."""
_LONGEST_QUERY = 8000
_PASSED_ON = frozenset({"content-type", "content-length", "cache-control", "x-content-type-options"})
_SILENT, _CONNECTING = 60.0, 3.0
"""Seconds that another process may be silent, and take to be reached."""


class UnreachableError(Exception):
    """Another process does not answer."""


class Forwarder:
    """Connections to other processes. Used on one event loop."""

    def __init__(self, peers: Mapping[str, Path]) -> None:
        """Connect when first needed.

        :param peers: Unix sockets, by the names of those that listen there
        """
        self._peers = peers

    @cached_property
    def _client(self) -> httpx.AsyncClient:
        import httpx  # noqa: PLC0415 - it brings much that most servers never need

        mounts = {_peer(name): httpx.AsyncHTTPTransport(uds=str(path)) for name, path in self._peers.items()}
        timeout = httpx.Timeout(_SILENT, connect=_CONNECTING)
        return httpx.AsyncClient(mounts=mounts, timeout=timeout, trust_env=False)

    async def to_peer(self, name: str, query: str, host: str) -> ForwardedReply:
        """The answer of another worker.

        :raises UnreachableError: it does not answer
        """
        return await self._begun(f"{_peer(name)}/jpip", query, {"host": host} if host else {})

    async def to_server(self, address: str, query: str) -> ForwardedReply | None:
        """The answer of another server, which says where its channels are; None: it gives none."""
        try:
            found = await self._begun(address, query, {DELEGATED: "1"})
        except UnreachableError:
            return None
        if found.response.status_code != 200 or "jpip-cnew" not in found.response.headers:
            await found.response.aclose()
            return None
        found.address = address
        return found

    async def _begun(self, address: str, query: str, headers: Mapping[str, str]) -> ForwardedReply:
        import httpx  # noqa: PLC0415

        headers = {**headers, "accept-encoding": "identity"}
        if len(query) <= _LONGEST_QUERY:
            request = self._client.build_request("GET", f"{address}?{query}", headers=headers)
        else:
            request = self._client.build_request("POST", address, content=query, headers=headers)
        try:
            return ForwardedReply(await self._client.send(request, stream=True))
        except httpx.TransportError as error:
            message = f"{address}: {error}"
            raise UnreachableError(message) from error


@dataclass(slots=True)
class ForwardedReply:
    """An answer that is passed on as it comes. An ASGI application."""

    response: httpx.Response
    address: str = ""
    """Of another server, which clients are told."""

    async def __call__(self, scope: Any, receive: _Receive, send: _Send) -> None:  # noqa: ANN401 - ASGI's own type
        """Send it.

        :raises ClientGoneError: the client went away before the end
        """
        status = self.response.status_code
        await send({"type": "http.response.start", "status": status, "headers": self._headers()})
        await send_body(self._pieces(is_head=scope["method"] == "HEAD"), receive, send)

    async def _pieces(self, *, is_head: bool) -> AsyncGenerator[bytes, None]:
        try:
            if not is_head:
                async for piece in self.response.aiter_raw():
                    yield piece
        finally:
            await self.response.aclose()

    def _headers(self) -> list[tuple[bytes, bytes]]:
        found = [
            (name.encode("latin-1"), value.encode("latin-1"))
            for name, value in self.response.headers.items()
            if name in _PASSED_ON or (name.startswith("jpip-") and name != "jpip-cnew")
        ]
        granted = self.response.headers.get("jpip-cnew")
        if granted is not None:
            found.append((b"JPIP-cnew", self._told(granted).encode("latin-1")))
        return found if NOSNIFF in found else [*found, NOSNIFF]

    def _told(self, granted: str) -> str:
        """A channel of another server, with the place where it is (D.2.3)."""
        if not self.address or "host=" in granted:
            return granted
        parts = urlsplit(self.address)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return f"{granted},host={parts.hostname},port={port},path={parts.path.lstrip('/')}"


def _peer(name: str) -> str:
    return f"http://worker-{name}"
