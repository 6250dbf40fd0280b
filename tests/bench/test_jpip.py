"""What JPIP saves: bytes for a window, and for a first picture over a slow line, beside the whole file."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import httpx
import imagecodecs
import numpy as np
import pytest

from medtiles.jpip.answer import Target
from medtiles.jpip.bins import CodestreamBins
from medtiles.jpip.request import read_request
from medtiles.jpip.server import JpipLimits, JpipServer
from tests.bench.conftest import Table
from tests.conformance.openjpip_server import indexed
from tests.conformance.openjpip_server import serving as serving_peer
from tests.e2e import fastcgi
from tests.e2e.serving import children
from tests.e2e.serving import serving as serving_ours
from tests.e2e.test_orthanc import alone
from tests.unit.transcode.codestream.conftest import Picture, jpeg2000

pytestmark = pytest.mark.bench
SIDE = 2000
LINE = 30e6 / 8
"""Bytes a second."""


def pixels() -> Picture:
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    noise = np.random.default_rng(0).normal(0, 6, x.shape)
    wave = [128 + 60 * np.sin(x / (9 + channel)) + 40 * np.cos(y / 13) + noise for channel in range(3)]
    return np.stack(wave, axis=-1).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def data() -> bytes:
    return bytes(imagecodecs.htj2k_encode(pixels(), reversible=True, tile=(512, 512), planar=False))


def answered(data: bytes, query: str) -> tuple[int, float]:
    """Bytes, and seconds of the processor; the codestream is opened anew, as for a first request."""
    started = time.process_time()
    bins = CodestreamBins.of(data)
    target = Target("id", 1, lambda number: bins)
    response = JpipServer(lambda image, part: target, JpipLimits(), time.monotonic).begin(read_request(query), "image")
    length = sum(map(len, response.pieces()))
    return length, time.process_time() - started


def test_a_window_takes_a_part_of_the_file(data: bytes, table: Table) -> None:
    length, _ = answered(data, f"fsiz={SIDE},{SIDE}&roff=600,600&rsiz=512,512")
    share = length / len(data)
    ours = f"{length / 1e6:.2f} MB"
    table.add(
        "a window of 512 of 2,000 x 2,000 x 3", ours, f"whole {len(data) / 1e6:.2f} MB", "half", is_met=share <= 0.5
    )


def test_a_first_picture_over_a_slow_line(data: bytes, table: Table) -> None:
    found = [answered(data, "fsiz=500,500") for _ in range(5)]
    ours = found[0][0] / LINE + median(seconds for _, seconds in found)
    whole = len(data) / LINE
    table.add(
        "a first picture of 500 at 30 Mbit/s",
        f"{ours * 1e3:.0f} ms",
        f"whole file {whole * 1e3:.0f} ms, {whole / ours:.1f} x",
        "5 x less",
        is_met=whole / ours >= 5,
    )


def test_requests_beside_openjpegs_server(table: Table, tmp_path: Path) -> None:
    """Whole pictures at a quarter of the resolution, without a session: each over its own face, in turns.

    OpenJPEG's server understands regions otherwise (it leaves precincts out), so whole pictures are all that compares.
    """
    way = alone() if shutil.which("opj_server") and shutil.which("unshare") else None
    if way is None:
        pytest.skip("opj_server is not installed, or there is no network namespace for it")
    codestream = jpeg2000(
        pixels(), progression="RPCL", tile_size=(512, 512), precinct_size=(256, 256), num_resolutions=5
    )
    files = tmp_path / "files"
    files.mkdir()
    (files / "a.jp2").write_bytes(indexed(codestream))
    (tmp_path / "peer").mkdir()
    (tmp_path / "peer" / "a.jp2").write_bytes(indexed(codestream))
    query = f"fsiz={SIDE // 4},{SIDE // 4}&type=jpp-stream"
    ports = ("--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--workers", 1)
    with (
        serving_ours("serve", files, *ports, cache=tmp_path / "cache") as server,
        serving_peer(tmp_path / "peer", way) as peer,
        httpx.Client() as client,
    ):
        image = client.get(f"{server.url}/images").json()["images"][0]["id"]

        def ours() -> int:
            return len(client.get(f"{server.url}/jpip?target={image}&{query}").content)

        def theirs() -> int:
            return len(fastcgi.ask(peer.place, f"target=a.jp2&{query}")[1])

        assert abs(ours() - theirs()) < 0.05 * theirs()
        rates = [(timed(ours), timed(theirs)) for _ in range(5)]
        ratio = median(their_time / our_time for our_time, their_time in rates)
        memory = resident(server.process.pid), resident(peer.process)
    told = f"{1 / median(each for each, _ in rates):.0f}/s, {memory[0] >> 20} MB"
    beside = f"opj_server {1 / median(each for _, each in rates):.0f}/s, {memory[1] >> 20} MB"
    what = "pictures of 500 by JPIP a second"  # of 600 messages each, which are made one by one, in Python
    table.add(what, told, f"{beside}; {ratio:.2f} x", "as many", is_met=ratio >= 1, is_passed=ratio >= 0.1)


def test_rates_are_reached(data: bytes, table: Table, tmp_path: Path) -> None:
    """Kilobytes a second over sockets: of one client, and of five whose rates are together more than that of all."""
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a.jhc").write_bytes(data)
    ports = ("--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--workers", 1)
    rates = ("--set", "jpip_client_rate=1000", "--set", "jpip_rate=3000")
    with serving_ours("serve", tmp_path / "files", *ports, *rates, cache=tmp_path / "cache") as server:
        image = httpx.get(f"{server.url}/images").json()["images"][0]["id"]

        def ask(_: int = 0) -> int:
            return len(httpx.get(f"{server.url}/jpip?target={image}&fsiz={SIDE},{SIDE}", timeout=120).content)

        start = time.perf_counter()
        one = ask() / (time.perf_counter() - start) / 1024
        start = time.perf_counter()
        with ThreadPoolExecutor(5) as pool:
            together = sum(pool.map(ask, range(5))) / (time.perf_counter() - start) / 1024
    for what, found, wanted in (("one client", one, 1000), ("all", together, 3000)):
        is_met = abs(found / wanted - 1) <= 0.05
        table.add(f"rate of {what}", f"{found:.0f} kB/s", f"{wanted} kB/s set", "5 %", is_met=is_met, is_passed=is_met)


def timed(work: Callable[[], int], count: int = 40) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    for _ in range(count):
        work()
    return (time.perf_counter() - start) / count


def resident(process: int) -> int:
    """Bytes of memory of a process and its children."""
    own = Path(f"/proc/{process}/status").read_text().partition("VmRSS:")[2].split()
    return (int(own[0]) if own else 0) * 1024 + sum(map(resident, children(process)))
