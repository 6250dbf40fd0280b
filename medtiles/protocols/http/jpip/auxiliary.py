"""Answers over a connection of their own: transport `http-tcp` of JPIP (ISO/IEC 15444-9 Annex G).

Requests and the headers of responses go by HTTP. The client connects to the auxiliary port, names its channel in a
line, and gets the messages of all responses there, one response after the other. They come in chunks of whole messages,
each after eight bytes: its length, those bytes included, and its number. The client sends the eight bytes back when it
has read the chunk; more than a window is never on its way.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count

from medtiles.core.errors import MedTilesError
from medtiles.jpip.server import Response, failure
from medtiles.jpip.session import Channel
from medtiles.protocols.async_tiles import AsyncTiles
from medtiles.protocols.jpip_service import JpipService
from transcode.errors import TranscodeError

_HEADER = 8
_MOST_BODY = (1 << 16) - 1 - _HEADER
_WINDOW = 1 << 18
"""Bytes on their way that the client has not said it has read."""
_AT_ONCE = 1 << 16
"""Bytes of messages that are made in one turn of a thread."""
_MOST_LINE = 256
_EMPTY_LINE = b"\r\n"
_BROKEN = (OSError, TimeoutError, asyncio.IncompleteReadError)


@dataclass(eq=False, slots=True)
class _Way:
    """A channel, and what waits to be sent on it; None: the channel is closed."""

    channel: Channel
    waiting: asyncio.Queue[Response | None] = field(default_factory=asyncio.Queue)
    connected: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Auxiliary:
    """All auxiliary connections of a process. Used on its event loop, which listens from the first channel on."""

    def __init__(self, tiles: AsyncTiles, service: JpipService) -> None:
        self._tiles = tiles
        self._server = service.server
        self._listener = service.auxiliary
        self._handshake = service.handshake_seconds
        self._ways: dict[str, _Way] = {}
        self._listening: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        if self._listener is not None:
            self._server.auxiliary_port = self._listener.getsockname()[1]

    async def send(self, response: Response) -> None:
        """Send a response after those that wait on its channel. Returns before it is sent."""
        assert response.channel is not None
        if self._listening is None:
            self._listening = await asyncio.start_server(self._accept, sock=self._listener, limit=_MOST_LINE)
        channel = response.channel
        way = self._ways.get(channel.cid)
        if way is None:
            way = self._ways[channel.cid] = _Way(channel)
            tell, waiting = asyncio.get_running_loop().call_soon_threadsafe, way.waiting
            channel.closed.add_done_callback(lambda _: tell(waiting.put_nowait, None))
            task = asyncio.create_task(self._run(way))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        response.open()
        way.waiting.put_nowait(response)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A client has connected: it says for which channel, or is sent away."""
        way = None
        with suppress(*_BROKEN, asyncio.LimitOverrunError):
            line = await asyncio.wait_for(reader.readuntil(b"\n"), self._handshake)
            way = self._ways.get(line.strip().decode("latin-1"))
        if way is None or way.connected.done():
            writer.close()
        else:
            way.connected.set_result((reader, writer))

    async def _run(self, way: _Way) -> None:
        """Serve a channel until it is closed, or its connection broken, which closes it."""
        try:
            reader, writer = await asyncio.wait_for(way.connected, self._handshake)
            flow = _Flow(reader, writer, self._server.limits.sessions.idle)
            async with asyncio.TaskGroup() as tasks:
                told = tasks.create_task(flow.read_told())
                while (response := await way.waiting.get()) is not None:
                    await self._give(response, flow)
                told.cancel()
        except* _BROKEN:
            pass  # nobody is left to be told
        finally:
            del self._ways[way.channel.cid]
            self._server.sessions.close((way.channel.cid,), None)
            while not way.waiting.empty():
                response = way.waiting.get_nowait()
                if response is not None:
                    response.close()
            if way.connected.done() and not way.connected.cancelled():
                way.connected.result()[1].close()

    async def _give(self, response: Response, flow: _Flow) -> None:
        pieces = response.pieces()
        try:
            while made := await self._tiles.call(some, pieces):
                for body in _bodies(made):
                    await asyncio.sleep(response.delay(len(body)))
                    await flow.send(body)
        except (MedTilesError, TranscodeError) as error:
            await flow.send(failure(error))
        finally:
            response.close()


class _Flow:
    """Chunks on one connection, no more at a time than the client reads."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, patience: float) -> None:
        """:param patience: seconds that a client may take to read"""
        self._reader = reader
        self._writer = writer
        self._patience = patience
        self._numbers = count()
        self._on_way: deque[bytes] = deque()
        """Headers of chunks that the client has not sent back."""
        self._bytes = 0
        self._has_read = asyncio.Event()

    async def send(self, body: bytes) -> None:
        """Send a chunk.

        :raises OSError: the connection is broken
        :raises TimeoutError: the client reads nothing any more
        """
        async with asyncio.timeout(self._patience):
            while self._bytes + len(body) > _WINDOW and self._on_way:
                self._has_read.clear()
                await self._has_read.wait()
            header = (_HEADER + len(body)).to_bytes(2) + next(self._numbers).to_bytes(6)
            self._on_way.append(header)
            self._bytes += len(body)
            self._writer.write(header + body)
            await self._writer.drain()

    async def read_told(self) -> None:
        """Read what the client sends back, until the connection ends.

        :raises OSError: it sends something else
        :raises asyncio.IncompleteReadError: it has ended
        """
        is_first = True
        while True:
            told = await self._reader.readexactly(_HEADER)
            if is_first and told.startswith(_EMPTY_LINE) and told not in self._on_way:
                told = told[len(_EMPTY_LINE) :] + await self._reader.readexactly(len(_EMPTY_LINE))  # some send one more
            is_first = False
            if not self._on_way or told != self._on_way[0]:
                message = "the client sends back what is no header of a chunk"
                raise ConnectionAbortedError(message)
            header = self._on_way.popleft()
            self._bytes -= int.from_bytes(header[:2]) - _HEADER
            self._has_read.set()


def some(pieces: Iterator[bytes]) -> list[bytes]:
    """Enough messages that a turn of a thread is worth it; none at the end."""
    found, size = [], 0
    for piece in pieces:
        found.append(piece)
        size += len(piece)
        if size >= _AT_ONCE:
            break
    return found


def _bodies(messages: list[bytes]) -> Iterator[bytes]:
    """Whole messages together, as many as a chunk holds."""
    body = bytearray()
    for message in messages:
        if body and len(body) + len(message) > _MOST_BODY:
            yield bytes(body)
            body.clear()
        body += message
    if body:
        yield bytes(body)
