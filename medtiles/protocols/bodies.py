"""Bodies of requests, read as they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest

from medtiles.core.errors import BadRequestError
from medtiles.protocols.async_tiles import ClientGoneError

_PATIENCE = 60.0
"""Seconds without a byte after which a client is given up."""


async def pieces(request: HttpRequest) -> AsyncIterator[bytes]:
    """The bytes of a body, some at a time.

    :raises ClientGoneError: the connection ends before it
    :raises TimeoutError: nothing comes any more
    """
    stream = request.stream()
    while True:
        try:
            async with asyncio.timeout(_PATIENCE):
                piece = await anext(stream)
        except StopAsyncIteration:
            return
        except ClientDisconnect as error:
            raise ClientGoneError from error
        yield piece


async def whole(request: HttpRequest, most_bytes: int) -> bytes:
    """A body that is short.

    :raises BadRequestError: it is longer
    :raises ClientGoneError, TimeoutError: as `pieces`
    """
    found = bytearray()
    async for piece in pieces(request):
        found += piece
        if len(found) > most_bytes:
            message = f"the body has more than {most_bytes} bytes"
            raise BadRequestError(message)
    return bytes(found)
