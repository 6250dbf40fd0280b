"""A server that is asked without a socket, and pictures for it."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import imagecodecs
import numpy as np
import pytest

from medtiles.jpip.answer import Target
from medtiles.jpip.bins import CodestreamBins
from medtiles.jpip.client.conversation import Conversation
from medtiles.jpip.client.image import JpipImage
from medtiles.jpip.client.kept import KeptFile
from medtiles.jpip.client.transport import Address, BrokenConnectionError
from medtiles.jpip.request import read_request
from medtiles.jpip.server import JpipServer, Response
from tests.unit.jpip.test_answer import server_of_target
from tests.unit.transcode.codestream.conftest import Picture, htj2k, jpeg2000
from transcode.codecs import builtin

ORDERS = ("LRCP", "RLCP", "RPCL", "PCRL", "CPRL")


class Answered:
    """A response, as a client sees it. The server goes on only as far as it is read."""

    def __init__(self, line: Line, response: Response) -> None:
        self.headers = {name.lower(): value for name, value in response.headers.items()}
        self._line = line
        self._response = response
        self._is_open = True
        response.open()

    def pieces(self) -> Iterator[bytes]:
        try:
            for piece in self._response.pieces():
                left = self._line.breaks_after
                self._line.carried += len(piece[:left])
                if left is not None and len(piece) > left:
                    self._line.breaks_after = None
                    yield piece[:left]
                    raise BrokenConnectionError("cut")
                self._line.breaks_after = None if left is None else left - len(piece)
                yield piece
        finally:
            self.close()

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            self._line.reasons.append(self._response.answer.reason)
            self._response.close()


@dataclass
class Line:
    """Carries requests to a server in this process, and breaks when it is told to."""

    server: JpipServer
    asked: list[dict[str, str]] = field(default_factory=list)
    reasons: list[int] = field(default_factory=list)
    carried: int = 0
    breaks_after: int | None = None
    """Bytes."""
    is_gone: bool = False

    def ask(self, address: Address, fields: Mapping[str, str]) -> Answered:
        if self.is_gone:
            raise BrokenConnectionError("nobody there")
        self.asked.append(dict(fields))
        query = "&".join(f"{name}={quote(value)}" for name, value in fields.items())
        return Answered(self, self.server.begin(read_request(query), "image"))

    def break_again(self, after: int) -> None:
        """Once more, where it has, and not too late."""
        if self.breaks_after is None and self.carried < 70_000:
            self.breaks_after = after


ADDRESS = Address("http://server/jpip", "image")


def image_of(line: Any, kept: KeptFile | None = None, **options: Any) -> JpipImage:
    conversation = Conversation(ADDRESS, line, kept, sleep=lambda seconds: None, **options)
    return JpipImage(conversation, builtin())


def line_to(data: bytes, tid: str = "tid1", **limits: Any) -> Line:
    bins = CodestreamBins.of(data)
    return Line(server_of_target(Target(tid, 1, lambda number: bins), **limits))


@pytest.fixture(scope="session")
def streams(colours: Picture) -> dict[str, bytes]:
    """Codestreams by name."""
    options: dict[str, Any] = {"tile_offset": (20, 10), "offset": (33, 17), "codeblock_size": (16, 16)}
    found = {
        order: jpeg2000(
            colours,
            progression=order,
            tile_size=(128, 128),
            precinct_size=(64, 32),
            quality_layers=[30, 8, 0],
            num_resolutions=4,
            **options,
        )
        for order in ORDERS
    }
    found["one tile"] = jpeg2000(colours, precinct_size=(64, 64), num_resolutions=5, irreversible=True)
    found["grey"] = jpeg2000(np.ascontiguousarray(colours[..., 0]), tile_size=(100, 90), num_resolutions=3)
    found["deep"] = bytes(
        imagecodecs.jpeg2k_encode(colours[..., 0].astype(np.uint16) * 16, level=0, bitspersample=12, codecformat="j2k")
    )
    found["fast"] = htj2k(colours, reversible=True, planar=False, tile=(128, 128))
    found["fast, lossy"] = htj2k(colours, reversible=False, level=0.01, planar=False, tile=(64, 64))
    return found


def by_openjpeg(data: bytes, folder: Path, reduction: int = 0) -> Picture:
    """Decoded by its own program, which reads high-throughput code-blocks too: (rows, columns, components)."""
    if shutil.which("opj_decompress") is None:
        pytest.skip("opj_decompress is not installed")
    (folder / "a.j2k").write_bytes(data)
    command = ["opj_decompress", "-i", "a.j2k", "-o", "a.pnm", "-r", str(reduction)]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)
    found = (folder / "a.pnm").read_bytes()
    header = re.match(rb"P([56])\s(?:#.*\n)?(\d+) (\d+)\s(\d+)\n", found)
    assert header is not None
    shape = int(header[3]), int(header[2]), 3 if header[1] == b"6" else 1
    dtype = np.dtype(">u1" if int(header[4]) < 256 else ">u2")
    return np.frombuffer(found, dtype, offset=len(found) - dtype.itemsize * math.prod(shape)).reshape(shape)
