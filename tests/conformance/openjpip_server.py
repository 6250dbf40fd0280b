"""OpenJPEG's JPIP server, and files with the index that it wants (ISO/IEC 15444-9 Annex I).

Its own encoder writes an empty one. The server listens on every address for a transport that nobody uses, so it runs in
a network namespace of its own; we speak FastCGI with it over a Unix socket.
"""

from __future__ import annotations

import socket
import struct
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from medtiles.jpip.bins import CodestreamBins
from medtiles.jpip.boxed import plain_file
from medtiles.jpip.client.transport import Address
from tests.e2e import fastcgi
from transcode.codestream.headers import main_segments

_PIECE = 2048


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", len(body) + 8, kind) + body


def indexed(codestream: bytes) -> bytes:
    """A JP2 file of a codestream whose tiles have one tile-part each, with its index."""
    plain = plain_file(codestream)
    head = plain[: -len(codestream) - 8]
    stream_at = len(head) + 24  # behind the Index Finder
    index = _codestream_index(codestream, stream_at + 8)
    index_at = stream_at + 8 + len(codestream)
    proxy = box(
        b"prxy",
        struct.pack(">QI4sB", stream_at, len(codestream) + 8, b"jp2c", 1),
        struct.pack(">QI4s", index_at, len(index), b"cidx"),
    )
    files = box(b"fidx", proxy)
    finder = box(b"iptr", struct.pack(">QQ", index_at + len(index), len(files)))
    return head + finder + box(b"jp2c", codestream) + index + files


def _codestream_index(codestream: bytes, offset: int) -> bytes:
    bins = CodestreamBins.of(codestream)
    header = codestream[: bins.codestream.header_length]
    parts = bins.codestream.tile_parts
    main = _header_table(len(header), [(each.code, each.offset + 2) for each in main_segments(header)], header)
    tiles = box(b"tpix", _fragments(1, [[(part.offset, part.length)] for part in parts]))
    headers = [_header_table(part.header_length, [], b"") for part in parts]
    packets = box(b"ppix", *_with_manifest([_packets(bins, number) for number in range(len(bins.siz.components))]))
    boxes = [main, tiles, box(b"thix", *_with_manifest(headers)), packets]
    finder = box(b"cptr", struct.pack(">HHQQ", 0, 0, offset, len(codestream)))
    return box(b"cidx", finder, *_with_manifest(boxes))


def _with_manifest(boxes: Sequence[bytes]) -> list[bytes]:
    return [box(b"manf", *(each[:8] for each in boxes)), *boxes]


def _header_table(length: int, markers: Sequence[tuple[int, int]], header: bytes) -> bytes:
    rows = (struct.pack(">HHQ", code, 0, at) + header[at : at + 2] for code, at in markers)
    return box(b"mhix", struct.pack(">Q", length), *rows)


def _fragments(most: int, rows: Sequence[Sequence[tuple[int, int]]]) -> bytes:
    elements = (struct.pack(">II", *element) for row in rows for element in [*row, *[(0, 0)] * (most - len(row))])
    return box(b"faix", struct.pack(">BII", 0, most, len(rows)), *elements)


def _packets(bins: CodestreamBins, component: int) -> bytes:
    rows = []
    for tile in range(bins.siz.tile_count):
        index = bins.index.tile(tile)
        rows.append(
            [
                (offset, length)
                for grid in index.layout.grids[component]
                for precinct in range(grid.first, grid.first + grid.precincts)
                for _, offset, length in index.packets(precinct)
            ]
        )
    return _fragments(max(map(len, rows)), rows)


class ByFastCgi:
    """Carries the requests of a client to it."""

    def __init__(self, place: Path, process: int) -> None:
        self.place = place
        self.process = process

    def ask(self, address: Address, fields: Mapping[str, str]) -> Answered:
        query = "&".join(f"{name}={quote(value, safe=',:;*-[]')}" for name, value in fields.items())
        return Answered(*fastcgi.ask(self.place, query))


class Answered:
    def __init__(self, headers: dict[str, str], body: bytes) -> None:
        self.headers: Mapping[str, str] = headers
        self._body = body

    def pieces(self) -> Iterator[bytes]:
        yield from (self._body[at : at + _PIECE] for at in range(0, len(self._body), _PIECE))

    def close(self) -> None:
        pass


@contextmanager
def serving(folder: Path, way: Sequence[str]) -> Iterator[ByFastCgi]:
    """The server over the files of a folder.

    :param way: what goes before a command to run it in a network namespace of its own
    """
    place = folder / "socket"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))
        listener.listen(8)
        process = subprocess.Popen(
            [*way, "opj_server"],
            stdin=listener.fileno(),
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield ByFastCgi(place, process.pid)
        finally:
            process.kill()
            process.wait()
