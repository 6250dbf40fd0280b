"""Asks a FastCGI responder, without a web server between."""

from __future__ import annotations

import socket
import struct
import time
from contextlib import suppress
from pathlib import Path

_BEGIN, _PARAMETERS, _INPUT, _OUTPUT = 1, 4, 5, 6
_HEADER = struct.Struct(">BBHHBx")
_RESPONDER = struct.pack(">HB5x", 1, 0)
_SHORT = 128


def ask(place: int | Path, query: str) -> tuple[dict[str, str], bytes]:
    """Header lines by name in lower case, and body, of the answer to a GET with this query string.

    :param place: a port of this machine, or a Unix socket
    """
    parameters = b"".join(
        _length(name) + _length(value) + name.encode() + value.encode()
        for name, value in (("REQUEST_METHOD", "GET"), ("QUERY_STRING", query), ("REQUEST_URI", f"/?{query}"))
    )
    sent = (_record(_BEGIN, _RESPONDER), _record(_PARAMETERS, parameters), _record(_PARAMETERS), _record(_INPUT))
    with _connected(place, 30) as connection:
        connection.sendall(b"".join(sent))
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    output = b""
    while received:
        _, kind, _, length, padding = _HEADER.unpack_from(received)
        if kind == _OUTPUT:
            output += received[_HEADER.size : _HEADER.size + length]
        received = received[_HEADER.size + length + padding :]
    head, _, body = output.partition(b"\r\n\r\n")
    lines = (line.partition(": ") for line in head.decode("latin-1").split("\r\n"))
    return {name.lower(): value for name, _, value in lines}, body


def _connected(place: int | Path, timeout: float) -> socket.socket:
    if isinstance(place, int):
        return socket.create_connection(("127.0.0.1", place), timeout)
    found = socket.socket(socket.AF_UNIX)
    found.settimeout(timeout)
    found.connect(str(place))
    return found


def wait_for(port: int) -> None:
    """Wait until a responder takes connections.

    :raises ConnectionError: it does not in ten seconds
    """
    for _ in range(100):
        with suppress(ConnectionError), socket.create_connection(("127.0.0.1", port), timeout=5):
            return
        time.sleep(0.1)
    message = f"nobody listens at port {port}"
    raise ConnectionError(message)


def _record(kind: int, content: bytes = b"") -> bytes:
    return _HEADER.pack(1, kind, 1, len(content), 0) + content


def _length(text: str) -> bytes:
    length = len(text.encode())
    return bytes((length,)) if length < _SHORT else struct.pack(">I", length | 1 << 31)
