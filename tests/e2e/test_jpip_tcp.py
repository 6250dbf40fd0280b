"""JPIP answers over a connection of their own (http-tcp): the bytes of HTTP, in chunks that are acknowledged."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests.e2e.serving import Server, serving, wait_until
from tests.unit.transcode.codestream.conftest import jpeg2000

WINDOW = "fsiz=900,700&roff=100,80&rsiz=400,300"
WHOLE = "fsiz=900,700"
HANDSHAKE = 1.5
END = bytes([0])


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    noise = np.random.default_rng(3).integers(0, 256, (700, 900, 3), np.uint8)
    (folder / "noise.j2k").write_bytes(jpeg2000(noise, tile_size=(256, 256)))
    return folder


@pytest.fixture(scope="module")
def server(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Two workers, so that each has a port, and channels are asked for by way of the other."""
    given = {"jpip_tcp": "127.0.0.1:0", "jpip_handshake": HANDSHAKE, "jpip_chunk_kb": 32}
    words = [word for name, value in given.items() for word in ("--set", f"{name}={value}")]
    ports = ("--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0")
    with serving("serve", files, *ports, "--workers", 2, *words, cache=tmp_path_factory.mktemp("cache")) as found:
        yield found


@pytest.fixture
def url(server: Server) -> str:
    (image,) = httpx.get(f"{server.url}/images").json()["images"]
    return f"{server.url}/jpip?target={image['id']}"


class Channel:
    """A client of one channel."""

    def __init__(self, url: str, fields: str) -> None:
        self.url = url
        answer = httpx.get(f"{url}&cnew=http-tcp&{fields}")
        assert answer.status_code == 200
        assert not answer.content
        granted = dict(item.split("=") for item in answer.headers["jpip-cnew"].split(","))
        assert granted["transport"] == "http-tcp"
        self.cid, self.port = granted["cid"], int(granted["auxport"])
        self.connection: socket.socket | None = None

    def __enter__(self) -> Channel:
        return self

    def __exit__(self, *_: object) -> None:
        if self.connection is not None:
            self.connection.close()

    @property
    def socket(self) -> socket.socket:
        assert self.connection is not None
        return self.connection

    def connect(self, line_end: str = "\r\n") -> None:
        self.connection = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        self.socket.sendall(f"{self.cid}{line_end}".encode())

    def ask(self, fields: str) -> httpx.Response:
        return httpx.get(f"{self.url}&cid={self.cid}&{fields}")

    def exactly(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            more = self.socket.recv(count - len(found))
            if not more:
                raise EOFError
            found += more
        return found

    def chunk(self, *, is_told: bool = True) -> bytes:
        header = self.exactly(8)
        body = self.exactly(int.from_bytes(header[:2]) - 8)
        if is_told:
            self.socket.sendall(header)
        return body

    def rest(self) -> int:
        """Bytes that come without being acknowledged, until the end or until a second has passed without any."""
        self.socket.settimeout(1)
        count = 0
        try:
            while True:
                count += len(self.chunk(is_told=False))
        except TimeoutError:
            return count

    def response(self) -> tuple[bytes, int]:
        """The messages of a response without their end, and why it ended; an end is the last message of a chunk."""
        found = b""
        while True:
            found += self.chunk()
            if found[-3:-2] == END and found[-1:] == END and found[-2] in range(1, 8):
                return found[:-3], found[-2]


def is_closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def by_http(url: str, fields: str) -> bytes:
    return httpx.get(f"{url}&{fields}").content[:-3]


@pytest.mark.parametrize("line_end", ["\r\n", "\r\n\r\n", "\n"])
def test_the_bytes_are_those_of_http(url: str, line_end: str) -> None:
    with Channel(url, WINDOW) as channel:
        channel.connect(line_end)
        assert channel.response() == (by_http(url, WINDOW), 2)


def test_a_session_sends_nothing_twice_and_ends(url: str) -> None:
    with Channel(url, WINDOW) as channel:
        channel.connect()
        first, _ = channel.response()
        for _ in range(4):  # whichever worker takes the request
            assert channel.ask(WINDOW).status_code == 200
            assert channel.response() == (b"", 2)
        channel.ask(WHOLE)
        rest, reason = channel.response()
        assert reason == 1
        assert abs(len(first) + len(rest) - len(by_http(url, WHOLE))) < 500  # some bins come in two messages
        channel.ask("cclose=*")
        with pytest.raises(EOFError):
            channel.rest()
        assert channel.ask(WINDOW).status_code == 404


def test_a_new_window_ends_what_is_under_way(url: str) -> None:
    with Channel(url, WHOLE) as channel:
        channel.connect()
        channel.chunk()
        channel.ask(WINDOW)
        assert channel.response()[1] == 3
        assert channel.response()[1] == 2


def test_no_more_is_on_its_way_than_a_window(url: str) -> None:
    with Channel(url, WHOLE) as channel:
        channel.connect()
        assert 1 << 17 < channel.rest() <= 1 << 18


def test_who_does_not_connect_loses_the_channel(url: str) -> None:
    with Channel(url, WINDOW) as channel:
        assert channel.ask(WINDOW).status_code == 200
        wait_until(lambda: channel.ask(WINDOW).status_code == 404, HANDSHAKE + 15)


def test_a_false_acknowledgement_closes_the_channel(url: str) -> None:
    with Channel(url, WHOLE) as channel:
        channel.connect()
        channel.chunk(is_told=False)
        channel.socket.sendall(b"\xff" * 8)
        with pytest.raises((EOFError, ConnectionResetError)):
            channel.rest()
        wait_until(lambda: channel.ask(WINDOW).status_code == 404, 10)


@pytest.mark.parametrize("line", [b"nobody\r\n", b"x" * 5000, b"\xff\n", b""])
def test_who_names_no_channel_is_sent_away(url: str, line: bytes) -> None:
    with Channel(url, WINDOW) as channel, socket.create_connection(("127.0.0.1", channel.port), timeout=20) as other:
        other.sendall(line)
        assert is_closed(other)
        if line:
            channel.connect()  # the channel waits for its own client all the same
            assert channel.response()[1] == 2


def test_it_is_granted_where_the_client_wants_it_first(url: str) -> None:
    assert "transport=http," not in httpx.get(f"{url}&cnew=http-tcp,http").headers["jpip-cnew"]
    assert re.search(r"transport=http$", httpx.get(f"{url}&cnew=http,http-tcp").headers["jpip-cnew"])


def test_headers_alone_send_no_messages(url: str) -> None:
    with Channel(url, WINDOW) as channel:
        channel.connect()
        channel.response()
        assert httpx.head(f"{url}&cid={channel.cid}&{WHOLE}").status_code == 200
        assert channel.rest() == 0
