"""The gateway behind its real server on loopback: kept connections, hostile bytes, slow clients, its end."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

import httpx
import pytest

from medtiles.access_log import Answer
from medtiles.core.geometry import Region, Size
from medtiles.core.view import Request, View
from medtiles.protocols.gateway import GatewayOptions, gateway
from medtiles.protocols.http.server import HttpLimits, HttpServer
from tests.unit.protocols.fake_tiles import FakeTiles
from transcode.frames import EncodedFrame

pytestmark = pytest.mark.slow

TILE = "/dzi/slide_files/12/3_2.jpeg"
PATIENCE = 15.0


@dataclass
class Served:
    """A running server in a thread of this process."""

    tiles: FakeTiles
    server: HttpServer
    thread: threading.Thread
    port: int
    records: list[Answer]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)


@contextmanager
def serving(limits: HttpLimits | None = None) -> Iterator[Served]:
    tiles, records = FakeTiles(), list[Answer]()
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = HttpServer(gateway(tiles, GatewayOptions(record=records.append)), [listener], limits)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert server.started.wait(PATIENCE)
    try:
        yield Served(tiles, server, thread, port, records)
    finally:
        server.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive()


@pytest.fixture(scope="module")
def running() -> Iterator[Served]:
    with serving() as served:
        yield served


@pytest.fixture
def served(running: Served) -> Served:
    """The one server of this module, as new."""
    tiles = running.tiles
    tiles.is_cached = tiles.is_stuck = False
    tiles.futures.clear()
    tiles.has_asked.clear()
    running.records.clear()
    return running


def wait_until(condition: Callable[[], bool]) -> None:
    """For what another thread is about to do."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        threading.Event().wait(0.005)


def receive_all(connection: socket.socket) -> bytes:
    """Until the server closes; a reset is an end too."""
    parts = []
    try:
        while part := connection.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def get(path: str, *lines: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: x", *lines, "", ""]).encode("latin-1")


# ---- answers


@pytest.mark.parametrize("is_cached", [True, False])
def test_a_tile_is_the_same_by_either_way_out(served: Served, is_cached: bool) -> None:
    served.tiles.is_cached = is_cached
    with httpx.Client(base_url=served.url) as client:
        answers = [client.get(TILE) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    names = {tuple(sorted(answer.headers)) for answer in answers}
    assert names == {("cache-control", "content-length", "content-type", "date", "etag", "x-content-type-options")}


def test_pipelined_requests_are_answered_in_order(served: Served) -> None:
    served.tiles.is_cached = True
    places = [(column, row) for column in range(6) for row in range(6)]
    with served.connect() as connection:
        paths = [f"/dzi/slide_files/12/{column}_{row}.jpeg" for column, row in places]
        connection.sendall(b"".join(map(get, paths)) * 2 + get("/healthz", "Connection: close"))
        received = receive_all(connection)
    assert received.count(b"HTTP/1.1 200 OK\r\n") == 2 * len(places) + 1
    marks = [f"Region(x={240 * column}, y={240 * row},".encode() for column, row in places]
    found = [received.index(mark) for mark in marks]
    assert found == sorted(found)
    assert received.endswith(b"ok\n")


def test_head_and_304_have_no_body_on_the_wire(served: Served) -> None:
    served.tiles.is_cached = True
    etag = httpx.get(f"{served.url}{TILE}").headers["etag"]
    with served.connect() as connection:
        connection.sendall(
            get(TILE).replace(b"GET", b"HEAD") + get(TILE, f"If-None-Match: {etag}", "Connection: close")
        )
        received = receive_all(connection)
    assert received.count(b"\r\n\r\n") == 2
    assert received.endswith(b"\r\n\r\n")
    assert b"HTTP/1.1 304 " in received


def test_the_last_answer_of_a_connection_is_whole(served: Served) -> None:
    served.tiles.is_cached = True
    expected = httpx.get(f"{served.url}{TILE}").content
    with served.connect() as connection:
        connection.sendall(get(TILE, "Connection: close"))
        received = receive_all(connection)
    assert received.endswith(b"\r\n\r\n" + expected)


def test_a_client_of_http_1_0_is_answered(served: Served) -> None:
    with served.connect() as connection:
        connection.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        assert receive_all(connection).endswith(b"ok\n")


def test_the_software_is_not_named(served: Served) -> None:
    assert "server" not in httpx.get(f"{served.url}/healthz").headers


# ---- hostile bytes

GARBAGE = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost x\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\0" * 4096,
]


@pytest.mark.parametrize("data", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_ends_its_connection_and_nothing_else(served: Served, data: bytes) -> None:
    with served.connect() as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        received = receive_all(connection)
    assert b" 200 " not in received
    assert httpx.get(f"{served.url}/healthz").status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/../../etc/passwd", "/images/../../x", "/images/%2e%2e%2f", "//etc/passwd", "/images/%00", "/static/..%5cx"],
)
def test_paths_that_climb_find_nothing(served: Served, path: str) -> None:
    with served.connect() as connection:
        connection.sendall(get(path, "Connection: close"))
        assert receive_all(connection).startswith(b"HTTP/1.1 404 ")


def test_a_body_that_nobody_asked_for_does_not_disturb_the_next_request(served: Served) -> None:
    body = b"x" * 200_000
    with served.connect() as connection:
        connection.sendall(get("/healthz", f"Content-Length: {len(body)}") + body + get("/readyz", "Connection: close"))
        received = receive_all(connection)
    assert received.count(b"HTTP/1.1 200 ") == 2


# ---- slow and vanishing clients

STRICT = HttpLimits(header_bytes=8192, header_seconds=0.3, stalled_seconds=0.3, drain_seconds=5)


@pytest.fixture(scope="module")
def strict() -> Iterator[Served]:
    with serving(STRICT) as served:
        yield served


def test_a_header_without_end_is_cut_off(strict: Served) -> None:
    with strict.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n")
        with pytest.raises(ConnectionError):
            send_for_ever(connection, b"X-Filler: " + b"y" * 500 + b"\r\n")
        assert httpx.get(f"{strict.url}/healthz").status_code == 200


def send_for_ever(connection: socket.socket, data: bytes) -> None:
    while True:
        connection.sendall(data)


@pytest.mark.parametrize("start", [b"", b"GET /ima", b"GET / HTTP/1.1\r\nHost: x\r\n"])
def test_a_client_that_never_finishes_its_header_is_cut_off(strict: Served, start: bytes) -> None:
    with strict.connect() as connection:
        connection.sendall(start)
        assert receive_all(connection) == b""


def test_a_client_that_never_finishes_its_second_header_is_cut_off(strict: Served) -> None:
    with strict.connect() as connection:
        connection.sendall(get("/healthz") + b"GET /heal")
        assert receive_all(connection).endswith(b"ok\n")


def test_a_client_that_does_not_read_is_cut_off(strict: Served) -> None:
    usual = strict.tiles.produce

    def produce(request: Request) -> EncodedFrame:
        return replace(usual(request), data=bytes(50_000_000))

    strict.tiles.produce = produce  # type: ignore[method-assign]
    strict.tiles.is_cached = True
    strict.records.clear()
    with strict.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.sendall(get(TILE))
        wait_until(lambda: len(strict.records) > 0)
        wait_until(lambda: strict.server.connections == 0)
        assert len(receive_all(connection)) < 50_000_000


def test_idle_connections_do_not_keep_others_waiting(served: Served) -> None:
    with ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(served.connect())
        assert httpx.get(f"{served.url}/healthz").status_code == 200


def test_work_is_withdrawn_when_its_client_goes_away(served: Served) -> None:
    served.tiles.is_stuck = True
    with served.connect() as connection:
        connection.sendall(get(TILE))
        assert served.tiles.has_asked.wait(PATIENCE)
    wait_until(served.tiles.futures[0].cancelled)
    wait_until(lambda: [record.status for record in served.records] == [499])


def test_a_storm_of_abandoned_requests_leaves_the_server_well(served: Served) -> None:
    served.tiles.is_stuck = True
    connections = [served.connect() for _ in range(200)]
    for number, connection in enumerate(connections):
        connection.sendall(get(f"/dzi/slide_files/12/{number % 10}_{number % 13}.jpeg"))
    wait_until(lambda: len(served.tiles.futures) == len(connections))
    for connection in connections:
        connection.close()
    wait_until(lambda: all(future.cancelled() for future in served.tiles.futures))
    served.tiles.is_stuck = False
    assert httpx.get(f"{served.url}{TILE}").status_code == 200


# ---- the end


def test_what_is_under_way_is_answered_before_the_end() -> None:
    with serving(STRICT) as served, served.connect() as connection:
        served.tiles.is_stuck = True
        connection.sendall(get(TILE))
        assert served.tiles.has_asked.wait(PATIENCE)
        served.server.stop()
        wait_until(lambda: is_refused(served.port))
        tile = View(Region(0, 0, 240, 240), Size(240, 240))
        served.tiles.futures[0].set_result(served.tiles.produce(Request("slide", tile, ("image/jpeg",))))
        received = receive_all(connection)
        assert received.startswith(b"HTTP/1.1 200 ")
        assert b"connection: close" in received
        served.thread.join(PATIENCE)
        assert not served.thread.is_alive()


def is_refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
    except ConnectionError:
        return True
    return False


def test_who_has_just_connected_is_answered_before_the_end_and_who_stays_silent_is_not_waited_for() -> None:
    with serving(STRICT) as served, served.connect() as asking, served.connect() as silent:
        wait_until(lambda: served.server.connections == 2)
        served.server.stop()
        wait_until(lambda: is_refused(served.port))
        asking.sendall(get("/healthz"))
        received = receive_all(asking)
        assert received.startswith(b"HTTP/1.1 200 ")
        assert b"connection: close" in received
        assert receive_all(silent) == b""
        served.thread.join(PATIENCE)
        assert not served.thread.is_alive()
