"""Answers that are too large for memory: sent piece by piece, as fast as the client takes them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, MutableMapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from medtiles.protocols.async_tiles import AsyncTiles, ClientGoneError, gone
from medtiles.protocols.replies import Headers
from medtiles.protocols.status import INTERNAL, describe

_logger = logging.getLogger(__name__)
_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


async def send_body(pieces: AsyncGenerator[bytes, None], receive: _Receive, send: _Send) -> None:
    """A body, as its pieces come; they are closed in any case.

    :raises ClientGoneError: the client went away before the end
    """
    leaving = asyncio.ensure_future(gone(receive))
    try:
        async with aclosing(pieces):
            async for piece in pieces:
                if leaving.done():
                    raise ClientGoneError
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        leaving.cancel()


@dataclass(frozen=True, slots=True)
class StreamedReply:
    """An answer whose pieces are made in threads, one at a time. An ASGI application.

    An error in the middle ends the connection: the client sees that the answer is not whole.
    """

    status: int
    headers: Headers
    pieces: Iterator[bytes]
    tiles: AsyncTiles

    async def __call__(self, scope: Any, receive: _Receive, send: _Send) -> None:  # noqa: ANN401 - ASGI's own type
        """Send it.

        :raises ClientGoneError: the client went away before the end, or must be left alone with what it has
        """
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body", "body": b""})
            return
        await send_body(self._made(), receive, send)

    async def _made(self) -> AsyncGenerator[bytes, None]:
        try:
            while (piece := await self._next()) is not None:
                yield piece
        finally:
            await self._close()

    async def _next(self) -> bytes | None:
        """The next piece; None behind the last.

        :raises ClientGoneError: there will be none, for a reason that can happen; the log names it
        """
        try:
            return await self.tiles.call(next, self.pieces, None)
        except Exception as error:
            status = describe(error)
            if status is INTERNAL:
                raise
            _logger.warning("an answer broke off: %s", status.reason)
            raise ClientGoneError from None

    async def _close(self) -> None:
        close = getattr(self.pieces, "close", None)
        if close is not None:
            await self.tiles.call(close)
