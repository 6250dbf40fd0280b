"""JPIP over HTTP (ISO/IEC 15444-9 Annex F): `/jpip?target={image}&...`, or `/jpip/{image}?...`; GET, or POST.

All that a request means is decided in `medtiles.jpip`; here are its bytes, its header lines, and the time they take.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, MutableMapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from starlette.requests import Request as HttpRequest
from starlette.routing import Route

from medtiles.core.codestreams import CodestreamSet, OffersCodestreams
from medtiles.core.errors import BadRequestError
from medtiles.jpip.delegation import OURSELVES
from medtiles.jpip.errors import UnknownChannelError
from medtiles.jpip.request import HTTP, MOST_BYTES, JpipRequest, read_request
from medtiles.jpip.server import Response
from medtiles.protocols import bodies, parameters, replies
from medtiles.protocols.async_tiles import AsyncTiles, ClientGoneError, gone
from medtiles.protocols.http.jpip.auxiliary import Auxiliary, some
from medtiles.protocols.http.jpip.forwarding import DELEGATED, ForwardedReply, Forwarder, UnreachableError
from medtiles.protocols.jpip_service import JpipService, Transfer
from medtiles.protocols.replies import NOSNIFF, Headers, Reply

_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_AT_ONCE = 1 << 20
"""Bytes up to which an answer whose length is bounded is made before it is sent, so that its length can be told."""
_PIECE = 1 << 16
"""Bytes that are sent at once of those that have been made."""


def routes(tiles: AsyncTiles) -> list[Route]:
    """The routes, where there is JPIP."""
    if tiles.jpip is None or not isinstance(tiles.tiles, OffersCodestreams):
        return []
    codestreams = tiles.tiles.codestreams
    answers = _Answers(tiles, tiles.jpip)

    async def get_codestreams(request: HttpRequest) -> Reply:
        image = parameters.image_id(request.path_params["image"])
        found = await tiles.call(codestreams.describe, image)
        return replies.json_document(codestreams_document(found), request.headers)

    async def get_jpip(request: HttpRequest) -> JpipReply | ForwardedReply:
        return await answers.to(request)

    methods = ["GET", "POST"]
    return [
        Route("/images/{image}/codestreams", get_codestreams, name="codestreams"),
        Route("/jpip", get_jpip, methods=methods, name="jpip"),
        Route("/jpip/{image}", get_jpip, methods=methods, name="jpip"),
    ]


class _Answers:
    """Who answers a request: this process, the worker that holds the session, or a server that takes over a new one."""

    def __init__(self, tiles: AsyncTiles, service: JpipService) -> None:
        self._tiles = tiles
        self._service = service
        self._forwarder = Forwarder(service.peers)
        self._auxiliary = Auxiliary(tiles, service)

    async def to(self, request: HttpRequest) -> JpipReply | ForwardedReply:
        """The answer, ready to be sent."""
        text, named = await _text(request), request.path_params.get("image")
        asked = read_request(text)
        peer = self._service.peer_of(asked.cid)
        if peer is not None:
            return await self._of_peer(peer, text, request)
        if asked.cid is None and HTTP in asked.cnew and DELEGATED not in request.headers:
            whole = f"target={quote(named)}&{text}" if named is not None and asked.target is None else text
            delegated = await self._of_other(whole)
            if delegated is not None:
                return delegated
        response = await self._tiles.call(self._service.server.begin, asked, named)
        return JpipReply(self._tiles, asked, response, self._service.transfer, self._auxiliary)

    async def _of_peer(self, peer: str, text: str, request: HttpRequest) -> ForwardedReply:
        try:
            return await self._forwarder.to_peer(peer, text, request.headers.get("host", ""))
        except UnreachableError as error:
            message = "cid: the process that held this channel is no more; ask for a new one"
            raise UnknownChannelError(message) from error

    async def _of_other(self, text: str) -> ForwardedReply | None:
        shares = self._service.shares
        place = shares.next() if shares is not None else OURSELVES
        return None if place == OURSELVES else await self._forwarder.to_server(place, text)


def codestreams_document(found: CodestreamSet) -> dict[str, Any]:
    """What `/images/{id}/codestreams` tells: what is at each number of `stream=`."""
    return {
        "codestreams": [
            {
                "stream": number,
                "level": place.level,
                "plane": place.plane,
                "width": place.size.width,
                "height": place.size.height,
                "stored": place.is_stored,
                "bytes": place.length or None,
            }
            for number, place in enumerate(found.places)
        ]
    }


async def _text(request: HttpRequest) -> str:
    """The fields: of the address, and of the body.

    :raises BadRequestError: too many bytes, or not ASCII
    """
    data = request.scope["query_string"]
    if request.method == "POST":
        data = b"&".join(filter(None, (data, (await bodies.whole(request, MOST_BYTES)).strip())))
    try:
        return str(data, "ascii")
    except UnicodeDecodeError as error:
        message = "a request is of ASCII characters; others are written as %C3%A4"
        raise BadRequestError(message) from error


@dataclass(frozen=True, slots=True)
class JpipReply:
    """A response on its way. An ASGI application."""

    tiles: AsyncTiles
    asked: JpipRequest
    response: Response
    transfer: Transfer
    auxiliary: Auxiliary

    async def __call__(self, scope: Any, receive: _Receive, send: _Send) -> None:  # noqa: ANN401 - ASGI's own type
        """Send it.

        :raises ClientGoneError: the client went away before the end
        """
        if self.response.is_elsewhere and scope["method"] != "HEAD":
            await self.auxiliary.send(self.response)
            await send(_start(self._headers(0)))
            await send({"type": "http.response.body", "body": b""})
            return
        self.response.open()
        try:
            await self._give(scope["method"] == "HEAD", receive, send)
        finally:
            self.response.close()

    async def _give(self, is_head: bool, receive: _Receive, send: _Send) -> None:
        if self.response.after is not None:
            await asyncio.shield(asyncio.wrap_future(self.response.after))
        pieces = self.response.pieces()
        if self._tells_length() and not is_head:
            body = await self.tiles.call(b"".join, pieces)
            await send(_start(self._headers(len(body))))
            stream = self._cut(body)
        else:
            first = b"" if is_head else await self.tiles.call(_some, pieces)
            await send(_start(self._headers(None)))
            stream = self._made(first, pieces)
        leaving = asyncio.ensure_future(gone(receive))
        try:
            async with aclosing(stream):
                async for piece in stream:
                    await _wait(self.response.delay(len(piece)), leaving)
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            leaving.cancel()

    def _tells_length(self) -> bool:
        if self.transfer is Transfer.AUTO:
            return self.asked.len is not None and self.asked.len <= _AT_ONCE
        return self.transfer is Transfer.LENGTH

    async def _cut(self, body: bytes) -> AsyncGenerator[bytes, None]:
        for at in range(0, len(body), _PIECE):
            yield body[at : at + _PIECE]

    async def _made(self, first: bytes, pieces: Iterator[bytes]) -> AsyncGenerator[bytes, None]:
        piece = first
        while piece:
            yield piece
            piece = await self.tiles.call(_some, pieces)

    def _headers(self, length: int | None) -> Headers:
        headers = [
            (b"content-type", self.response.answer.media_type.encode("ascii")),
            (b"cache-control", b"no-cache" if self.response.channel is not None else replies.NEVER.encode("ascii")),
            NOSNIFF,
        ]
        if length is not None:
            headers.append((b"content-length", b"%d" % length))
        headers += [(name.encode("ascii"), value.encode("latin-1")) for name, value in self.response.headers.items()]
        return headers


def _start(headers: Headers) -> dict[str, Any]:
    return {"type": "http.response.start", "status": 200, "headers": headers}


def _some(pieces: Iterator[bytes]) -> bytes:
    return b"".join(some(pieces))


async def _wait(seconds: float, leaving: asyncio.Future[None]) -> None:
    """Wait, unless the client goes away.

    :raises ClientGoneError: it did
    """
    if leaving.done():
        raise ClientGoneError
    if seconds > 0:
        await asyncio.wait({leaving}, timeout=seconds)
        if leaving.done():
            raise ClientGoneError
