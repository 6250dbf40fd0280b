"""A stored tile over HTTP from the cache: CPU of the server for a request, beside the least that it can do."""

from __future__ import annotations

import socket
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.bench.conftest import Table
from tests.bench.http_floor import GRID

pytestmark = [pytest.mark.bench, pytest.mark.timeout(300)]
CONNECTIONS = 4
REQUESTS = 12_000
ROUNDS = 5
MOST_MICROSECONDS = 60
LEAST_RATIO = 0.75
HEADER = (
    b"Host: 127.0.0.1\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/146.0 Safari/537.36\r\n"
    b"Accept: image/avif,image/webp,image/svg+xml,image/*,*/*;q=0.8\r\nAccept-Encoding: gzip, deflate, br\r\n"
    b"Accept-Language: en\r\nReferer: http://127.0.0.1/\r\nSec-Fetch-Dest: image\r\nSec-Fetch-Mode: no-cors\r\n\r\n"
)


class Server:
    """A server process, and connections to it that are kept alive."""

    def __init__(self, process: subprocess.Popen[str], port: int, folder: str) -> None:
        self._process = process
        self._connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(CONNECTIONS)]
        self._requests = [
            f"GET {folder}{column}_{row}.jpeg HTTP/1.1\r\n".encode() + HEADER
            for column in range(GRID)
            for row in range(GRID)
        ]

    def close(self) -> None:
        for connection in self._connections:
            connection.close()

    def cpu_microseconds(self, requests: int) -> float:
        """Of the server, for one request."""
        before = self._cpu_seconds()
        for number in range(0, requests, CONNECTIONS):
            for offset, connection in enumerate(self._connections):
                connection.sendall(self._requests[(number + offset) % len(self._requests)])
            for connection in self._connections:
                read_answer(connection)
        return (self._cpu_seconds() - before) / requests * 1e6

    def _cpu_seconds(self) -> float:
        """Of all threads, to the nanosecond."""
        threads = Path(f"/proc/{self._process.pid}/task").glob("*/schedstat")
        return sum(int(each.read_text().split()[0]) for each in threads) / 1e9


def read_answer(connection: socket.socket) -> None:
    """One whole answer with status 200."""
    data = connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), head
    missing = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]) - len(body)
    while missing > 0:
        missing -= len(connection.recv(min(missing, 65536)))


@contextmanager
def serving(kind: str, slide: Path) -> Iterator[Server]:
    listener = socket.create_server(("127.0.0.1", 0))
    port, descriptor = listener.getsockname()[1], listener.fileno()
    command = [sys.executable, "-m", "tests.bench.http_floor", kind, str(descriptor), str(slide)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, pass_fds=[descriptor])
    listener.close()
    try:
        assert process.stdout is not None
        server = Server(process, port, process.stdout.readline().strip())
        yield server
        server.close()
    finally:
        process.kill()
        process.communicate()


def test_a_stored_tile_over_http_costs_little_more_than_the_floor(big_slide: Path, table: Table) -> None:
    with ExitStack() as stack:
        floor = stack.enter_context(serving("floor", big_slide))
        ours = stack.enter_context(serving("gateway", big_slide))
        for server in (floor, ours):
            server.cpu_microseconds(1000)
        rounds = [(floor.cpu_microseconds(REQUESTS), ours.cpu_microseconds(REQUESTS)) for _ in range(ROUNDS)]
    least, cost = (statistics.median(column) for column in zip(*rounds, strict=True))
    ratio = statistics.median(least / cost for least, cost in rounds)
    table.add(
        "HTTP stored tile, from the cache",
        f"{cost:.0f} us",
        f"raw ASGI floor {least:.0f} us, {ratio:.2f} of it",
        f"{MOST_MICROSECONDS} us, {LEAST_RATIO}",
        is_met=cost <= MOST_MICROSECONDS and ratio >= LEAST_RATIO,
    )
