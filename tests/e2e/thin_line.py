"""A line between a client and a server that carries little and takes its time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_CHUNK = 4096


@contextmanager
def thin_line(address: str, rate: float, delay: float) -> Iterator[str]:
    """HOST:PORT that leads to an address by `rate` bytes a second and `delay` seconds, each way."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    host, _, port = address.rpartition(":")

    async def join(near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        far, onwards = await asyncio.open_connection(host, int(port))
        try:
            with suppress(OSError, asyncio.CancelledError):
                await asyncio.gather(_carry(near, onwards, rate, delay), _carry(far, back, rate, delay))
        finally:
            back.close()
            onwards.close()

    server = asyncio.run_coroutine_threadsafe(asyncio.start_server(join, "127.0.0.1", 0), loop).result(10)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        asyncio.run_coroutine_threadsafe(_stop(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _carry(come: asyncio.StreamReader, go: asyncio.StreamWriter, rate: float, delay: float) -> None:
    """Bytes leave one after the other at the rate; what waits is bounded only by what the sender sends."""
    clock = asyncio.get_running_loop()
    on_its_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def arrive() -> None:
        while True:
            at, data = await on_its_way.get()
            await asyncio.sleep(max(0.0, at - clock.time()))
            go.write(data)
            if not data:
                go.close()
                return

    arriving = asyncio.ensure_future(arrive())
    free = clock.time()
    while data := await come.read(_CHUNK):
        free = max(free, clock.time()) + len(data) / rate
        await on_its_way.put((free + delay, data))
    await on_its_way.put((free + delay, b""))
    await arriving


async def _stop(server: asyncio.Server) -> None:
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.sleep(0.05)  # transports close in the next turn of the loop
