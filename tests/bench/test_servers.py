"""Beside other servers of slides: Debian's IIPImage over FastCGI, large_image and OpenSlide by library call.

What is compared is the CPU time of whoever answers, for one answer: of our process with all of HTTP, of IIPImage's
process, and of library calls. Several clients ask at once, as viewers do, so that neither server is woken up for each
request. Addresses never repeat: no cache of either answers.
"""

from __future__ import annotations

import os
import random
import socket
import statistics
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from medtiles.core.geometry import Size
from tests.bench.conftest import Table, microseconds
from tests.bench.test_export import ours as exported
from tests.e2e import fastcgi
from tests.e2e.serving import serving

pytestmark = pytest.mark.bench
PROGRAM = Path("/usr/lib/iipimage-server/iipsrv.fcgi")
ROUNDS, COUNT, CLIENTS = 3, 300, 8
TILE = 256
SIZE = Size(20300, 20200)
QUALITY = 75
TICKS = os.sysconf("SC_CLK_TCK")


class Servers(NamedTuple):
    """Both of them, on the same pyramid."""

    url: str
    ours: int
    """Process number."""
    image: str
    port: int
    theirs: int
    name: str

    def answer(self, words: str) -> None:
        """Ours, to a query of IIP."""
        _client.get(f"{self.url}/iip?FIF={self.image}&{words}").raise_for_status()

    def their_answer(self, words: str) -> None:
        """IIPImage's."""
        head, body = fastcgi.ask(self.port, f"FIF={self.name}&{words}")
        assert head["content-type"] == "image/jpeg", (head, body[:200])


_client = httpx.Client()


@pytest.fixture(scope="module")
def servers(big_slide: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    if not PROGRAM.exists():
        pytest.skip("no IIPImage: apt-get install iipimage-server")
    folder = tmp_path_factory.mktemp("pyramid")
    file = exported(big_slide, folder, "iip-tiff")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = {**os.environ, "FILESYSTEM_PREFIX": f"{folder}/", "JPEG_QUALITY": str(QUALITY), "VERBOSITY": "0"}
    with subprocess.Popen([PROGRAM, "--bind", f"127.0.0.1:{port}"], env=environment, stdout=subprocess.DEVNULL) as peer:
        try:
            fastcgi.wait_for(port)
            words = ["serve", file, "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--workers", "1"]
            with serving(*words, cache=tmp_path_factory.mktemp("cache")) as running:
                image = httpx.get(f"{running.url}/images").json()["images"][0]["id"]
                yield Servers(running.url, running.process.pid, image, port, peer.pid, file.name)
        finally:
            peer.kill()


def used(process: int) -> float:
    """Seconds of CPU that a process has taken."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def each(servers: Servers, words: Callable[[int], str]) -> tuple[float, float, float]:
    """CPU microseconds of an answer of ours and of theirs, and how many times as long theirs take: medians."""
    for number in range(20):  # what is loaded with the first requests
        servers.answer(words(number))
        servers.their_answer(words(number))
    rounds = []
    clients = ThreadPoolExecutor(CLIENTS)
    for number in range(ROUNDS):
        taken = []
        for process, ask in ((servers.ours, servers.answer), (servers.theirs, servers.their_answer)):
            start = used(process)
            list(clients.map(ask, (words(20 + number * COUNT + index) for index in range(COUNT))))
            taken.append((used(process) - start) / COUNT * 1e6)
        rounds.append(taken)
    ratio = statistics.median(theirs / max(ours, 1.0) for ours, theirs in rounds)
    return statistics.median(ours for ours, _ in rounds), statistics.median(theirs for _, theirs in rounds), ratio


def tiles(columns: int, rows: int) -> list[tuple[int, int]]:
    """Addresses of inner tiles in an order of chance that is the same each time."""
    found = [(column, row) for row in range(1, rows - 1) for column in range(1, columns - 1)]
    random.Random(7).shuffle(found)
    return found


PLACES = tiles(79, 78)


def number_of(place: tuple[int, int]) -> int:
    """Of a tile in IIP's count."""
    return place[1] * 80 + place[0]


def large_image_tile(path: Path, source: str) -> Callable[[int], Any]:
    """What gives a tile of full resolution by large_image; skips where that is not installed."""
    large_image = pytest.importorskip("large_image", reason="no large_image: pip install 'medtiles[bench]'")
    module = pytest.importorskip(f"large_image_source_{source}")
    opened = module.open(str(path)) if hasattr(module, "open") else large_image.open(str(path))
    level = opened.getMetadata()["levels"] - 1
    return lambda number: opened.getTile(*PLACES[number], level)


def test_a_stored_tile(servers: Servers, big_slide: Path, table: Table) -> None:
    mine, other, ratio = each(servers, lambda n: f"JTL=7,{number_of(PLACES[n])}")
    library = {name: microseconds(large_image_tile(big_slide, name), 100, 3) for name in ("tiff", "openslide")}
    also = ", ".join(f"large_image ({name}) {taken:.0f}" for name, taken in library.items())
    table.add(
        "servers: a stored tile, CPU",
        f"{mine:.0f} µs",
        f"IIPImage {other:.0f} µs: {ratio:.1f} x; by library call {also} µs",
        "≥ 1 x",
        is_met=ratio >= 1,
        is_passed=mine < min(library.values()),
    )


def test_a_tile_of_another_quality(servers: Servers, table: Table) -> None:
    mine, other, ratio = each(servers, lambda n: f"QLT=60&JTL=7,{number_of(PLACES[n])}")
    table.add(
        "servers: a tile encoded anew, CPU",
        f"{mine:.0f} µs",
        f"IIPImage {other:.0f} µs: {ratio:.1f} x",
        "≥ 1 x",
        is_met=ratio >= 1,
        is_passed=ratio >= 0.4,
    )


def test_a_region_of_1000_pixels_at_500(servers: Servers, table: Table) -> None:
    chance = random.Random(3)
    corners = [(chance.randrange(SIZE.width - 1000), chance.randrange(SIZE.height - 1000)) for _ in range(1000)]

    def words(number: int) -> str:
        x, y = corners[number]
        region = f"{x / SIZE.width:.7f},{y / SIZE.height:.7f},{1000 / SIZE.width:.7f},{1000 / SIZE.height:.7f}"
        return f"QLT={QUALITY}&RGN={region}&WID=500&CVT=jpeg"

    mine, other, ratio = each(servers, words)
    table.add(
        "servers: 1000 x 1000 pixels at 500 x 500, CPU",
        f"{mine:.0f} µs",
        f"IIPImage {other:.0f} µs: {ratio:.1f} x",
        "≥ 2 x",
        is_met=ratio >= 2,
        is_passed=ratio >= 0.7,
    )
