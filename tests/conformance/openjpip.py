"""OpenJPEG's dialect of the JPP-stream, and its decoding server, for tests that let it judge ours.

A tile-header data-bin is there the whole header of a tile-part, SOT without its marker to SOD, and one is wanted for
every tile. As a program this feeds streams, one after the other, to `opj_dec_server`, which keeps what came before, and
writes the picture after each: `python -m tests.conformance.openjpip STREAM WIDTH HEIGHT OUT ...`. That server listens
on every address: run it in a network namespace of its own.
"""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from medtiles.jpip.messages import BinClass, EndOfResponse, Message, MessageReader, MessageWriter, end_of_response

_PORT = 50000
_TRIES = 12
_HEADER = 7
"""Of a picture: P, its kind, width, height, the largest value."""


def in_its_dialect(stream: bytes, tiles: int = 0) -> bytes:
    """A JPP-stream as it writes and reads them.

    :param tiles: give so many of them a header, though it is not in the stream
    """
    writer, pieces, seen = MessageWriter(), [], set()
    for message in MessageReader().feed(stream):
        if isinstance(message, EndOfResponse):
            pieces += [writer.write(_header(tile, b"")) for tile in range(tiles) if tile not in seen]
            pieces.append(end_of_response(message.reason))
        elif message.bin_class == BinClass.TILE_HEADER:
            seen.add(message.bin_id)
            pieces.append(writer.write(_header(message.bin_id, message.body)))
        else:
            pieces.append(writer.write(message))
    return b"".join(pieces)


def _header(tile: int, segments: bytes) -> Message:
    body = struct.pack(">HHIBB", 10, tile, 0, 0, 1) + segments + b"\xff\x93"
    return Message(BinClass.TILE_HEADER, 0, tile, 0, body, is_last=True)


def _talk(data: bytes, length: Callable[[bytes], int]) -> bytes:
    """What is answered; less than it should be where the server died.

    :raises OSError: it does not listen
    """
    found = b""
    with _connected() as connection, suppress(OSError):
        connection.sendall(data)
        while len(found) < length(found) and (piece := connection.recv(1 << 16)):
            found += piece
    return found


def _connected() -> socket.socket:
    for _ in range(100):
        with suppress(OSError):
            return socket.create_connection(("127.0.0.1", _PORT), 20)
        time.sleep(0.05)
    message = "opj_dec_server does not listen"
    raise OSError(message)


def _of_picture(found: bytes) -> int:
    if len(found) < _HEADER:
        return _HEADER
    width, height = struct.unpack_from(">HH", found, 2)
    return _HEADER + int(width) * int(height) * (3 if found[1] == 6 else 1)


def _pictures(words: list[str]) -> bool:
    """Feed all streams; whether each picture came in its size. The server reads a socket once, and takes what is there
    then for the whole message: on a busy machine that goes wrong now and then.
    """
    with subprocess.Popen(["opj_dec_server"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            for at in range(0, len(words), 4):
                path, width, height, out = words[at : at + 4]
                stream = Path(path).read_bytes()
                _talk(b"JPIP-stream\nversion 1.2\na.jp2\ntid1\ncid1\n%d\n" % len(stream) + stream, lambda found: 1)
                picture = _talk(f"PNM request\ncid1\n{width}\n{height}\n".encode(), _of_picture)
                if picture[2:6] != struct.pack(">HH", int(width), int(height)) or len(picture) < _of_picture(picture):
                    return False
                Path(out).write_bytes(picture[_HEADER:])
        except OSError:
            return False
        finally:
            server.kill()
    return True


def main(words: list[str]) -> None:
    """See the module."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    if not any(_pictures(words) for _ in range(_TRIES)):
        sys.exit("opj_dec_server gave no picture")


if __name__ == "__main__":
    main(sys.argv[1:])
