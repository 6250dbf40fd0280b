"""Stored tiles over gRPC, beside a servicer that does nothing: the same payload, the same server, another process."""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc
import pytest

from medtiles.api.v1 import frames_pb2, tiles_pb2, tiles_pb2_grpc
from tests.bench.conftest import Table
from tests.bench.grpc_floor import One, stay_on

pytestmark = [pytest.mark.bench, pytest.mark.timeout(300)]

ROUNDS = 25
"""In turns, so that what else the machine does hits both alike; the median of their ratios holds."""
ACCEPT = frames_pb2.Rendition(accept=["image/jpeg"])
_TICK = os.sysconf("SC_CLK_TCK")
Stub = tiles_pb2_grpc.TileServiceStub


class Peer:
    """A server process, and what it has cost."""

    def __init__(self, process: subprocess.Popen[str], stub: Stub) -> None:
        self.process = process
        self.stub = stub
        self.seconds: list[float] = []
        self.cpu = 0.0

    def measure(self, work: Callable[[Stub], int]) -> None:
        cpu, start = self._cpu(), time.perf_counter()
        count = work(self.stub)
        self.seconds.append((time.perf_counter() - start) / count)
        self.cpu += (self._cpu() - cpu) / count

    def _cpu(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICK


@contextmanager
def serving(*arguments: str) -> Iterator[Peer]:
    command = [sys.executable, "-m", "tests.bench.grpc_floor", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        with process.stdout, grpc.insecure_channel(f"127.0.0.1:{int(process.stdout.readline())}") as channel:
            yield Peer(process, Stub(channel))
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def keys(big_slide: Path) -> list[tiles_pb2.TileKey]:
    """Tiles of level 0 in an order of chance; as many as fit into the engine's own cache."""
    source = One(big_slide).open("big")
    grid = source.info.levels[0].grid
    source.close()
    order = random.Random(3)
    return [
        tiles_pb2.TileKey(column=order.randrange(grid.width - 1), row=order.randrange(grid.height - 1))
        for _ in range(500)
    ]


@pytest.fixture(params=["kept", "read"])
def pair(big_slide: Path, keys: list[tiles_pb2.TileKey], request: pytest.FixtureRequest) -> Iterator[tuple[Peer, Peer]]:
    """Ours, and the floor with answers as long as ours are on the average."""
    with ExitStack() as stack:
        ours = stack.enter_context(serving(request.param, str(big_slide)))
        size = statistics.mean(len(get(ours.stub, key).frame.data) for key in keys)
        floor = stack.enter_context(serving("floor", str(round(size))))
        stack.callback(os.sched_setaffinity, 0, stay_on(1))  # last: processes inherit it
        yield ours, floor


def get(stub: Stub, key: tiles_pb2.TileKey) -> tiles_pb2.GetTileResponse:
    answer: tiles_pb2.GetTileResponse = stub.GetTile(tiles_pb2.GetTileRequest(image="big", key=key, rendition=ACCEPT))
    return answer


def compare(pair: tuple[Peer, Peer], work: Callable[[Stub], int]) -> tuple[str, str, float]:
    """Both in turns; medians."""
    for peer in pair:
        work(peer.stub)
    for _ in range(ROUNDS):
        for peer in pair:
            peer.measure(work)
    ours, floor = (statistics.median(peer.seconds) for peer in pair)
    ratio = statistics.median(a / b for a, b in zip(*(peer.seconds for peer in pair), strict=True))
    cpu = [peer.cpu / ROUNDS * 1e6 for peer in pair]
    return (
        f"{ours * 1e6:.0f} µs (server CPU {cpu[0]:.0f})",
        f"empty handler {floor * 1e6:.0f} µs (server CPU {cpu[1]:.0f}): {ratio:.2f} x",
        ratio,
    )


def how(request: pytest.FixtureRequest) -> str:
    """Where the tiles come from, in words."""
    kept: dict[str, str] = {"kept": "kept by the engine", "read": "read each time"}
    return kept[request.node.callspec.params["pair"]]


def test_a_stored_tile_by_unary_call(
    pair: tuple[Peer, Peer], keys: list[tiles_pb2.TileKey], table: Table, request: pytest.FixtureRequest
) -> None:
    def work(stub: Stub) -> int:
        for key in keys:
            get(stub, key)
        return len(keys)

    ours, floor, ratio = compare(pair, work)
    what = f"a stored tile by gRPC, {how(request)}, unary, wall clock"
    table.add(what, ours, floor, "≤ 1.2 x", is_met=ratio <= 1.2)


def test_stored_tiles_by_stream(
    pair: tuple[Peer, Peer], keys: list[tiles_pb2.TileKey], table: Table, request: pytest.FixtureRequest
) -> None:
    def work(stub: Stub) -> int:
        asked = tiles_pb2.StreamTilesRequest(image="big", keys=keys, rendition=ACCEPT)
        count = 0
        for answer in stub.StreamTiles(asked):
            count += sum(result.HasField("frame") for result in answer.results)
        assert count == len(keys)
        return count

    ours, floor, ratio = compare(pair, work)
    what = f"a stored tile by gRPC, {how(request)}, streamed, wall clock"
    table.add(what, ours, floor, "≤ 1.2 x", is_met=ratio <= 1.2)
