"""Hot spots from end to end: what a browser looks at, by the gateway's own log, and while a log grows."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import tifffile
from PIL import Image

from medtiles.client import Client
from medtiles.core.errors import NotCountedError
from medtiles.web import build
from tests.e2e.browsing import Browser
from tests.e2e.serving import Server, serving, wait_until

pytestmark = pytest.mark.timeout(180)
WIDTH, HEIGHT, TILE = 6000, 4000, 256
LOOKED_AT = (4200, 1300)
"""Pixels of full resolution."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("slides")
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    waves = [(127 + 120 * np.sin(x / step) * np.cos(y / 90)).astype(np.uint8) for step in (50, 70, 110)]
    tifffile.imwrite(
        found / "waves.tif", np.stack(waves, axis=-1), tile=(TILE, TILE), photometric="rgb", compression="jpeg"
    )
    return found


@pytest.fixture(params=["combined", "json"])
def logged(request: pytest.FixtureRequest, folder: Path, tmp_path: Path) -> Iterator[tuple[Server, Path]]:
    """A server that keeps a log, and the log."""
    log = tmp_path / "access.log"
    words = ["serve", folder, "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--workers", "1", "--access-log", log]
    with serving(*words, "--set", f"access_log_format={request.param}", cache=tmp_path / "cache") as running:
        yield running, log


def run(*words: object) -> str:
    command = [sys.executable, "-m", "medtiles", "hotspots", *map(str, words)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


def tile_at(x: float, y: float) -> tuple[int, int]:
    return int(x // TILE), int(y // TILE)


@pytest.mark.browser
def test_the_hottest_tile_is_where_the_page_looked(logged: tuple[Server, Path], tmp_path: Path) -> None:
    """A page comes back to one place again and again, by Deep Zoom and by JPIP, and strays once."""
    if not build.is_built():
        build.build()
    server, log = logged
    browser = Browser(tmp_path / "profile", server.url)
    try:
        image = browser.images["waves.tif"]["id"]
        x, y = LOOKED_AT
        for at, step in enumerate((0, 40, -40, 1500)):
            browser.show(f"#/{image}?x={x + step}&y={y}&zoom=1&again={at}")
            browser.find("[data-opened=true]")
            browser.wait(lambda: not browser.requests())
        browser.show(f"#/{image}?jpip=1&x={x}&y={y}&zoom=1")
        browser.find("[data-opened=true][data-settled=true]")
    finally:
        browser.driver.quit()
    wait_until(lambda: "jpip" in log.read_text() and f"fsiz={WIDTH}" in log.read_text())
    out = tmp_path / "map.png"
    words = ("--server", server.url, "--level", 0, "-i", "waves.tif", "-o", out, "-w", WIDTH // 10, "--format", "json")
    found = json.loads(run(log, *words))
    assert found["unreadable_lines"] == 0
    hottest = [(tile["column"], tile["row"]) for tile in found["tiles"] if tile["count"] == found["tiles"][0]["count"]]
    assert tile_at(*LOOKED_AT) in hottest
    assert max(abs(column - tile_at(*LOOKED_AT)[0]) for column, _ in hottest) <= 3
    with Image.open(out) as picture:
        heat = np.asarray(picture)
    assert heat[LOOKED_AT[1] // 10, LOOKED_AT[0] // 10] == 255
    assert heat[-1, 0] == 0


def test_calls_of_grpc_are_counted(logged: tuple[Server, Path], folder: Path) -> None:
    server, log = logged
    with Client(server.grpc) as client:
        (image,) = client.images()
        for _ in range(3):
            client.tile(image.id, 0, 7, 5)
        client.region(image.id, 512, 512, 512, 256)
    wait_until(lambda: log.exists() and log.read_text().count("GetTile") == 3 and "GetRegion" in log.read_text())
    found = json.loads(run(log, "--images", folder, "--format", "json", "--protocol", "grpc"))
    counts = {(tile["level"], tile["column"], tile["row"]): tile["count"] for tile in found["tiles"]}
    assert counts == {(0, 7, 5): 3, (0, 2, 2): 1, (0, 3, 2): 1}


def test_a_log_is_followed_until_ctrl_c(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    line = '192.0.2.7 - - [10/Oct/2025:13:55:36 +0000] "GET /dzi/abc_files/13/{}_0.jpeg HTTP/1.1" 200 9 "-" "-"\n'
    log.write_text(line.format(1))
    words = ["hotspots", str(log), "--follow", "--size", "6000x4000", "--format", "json"]
    with subprocess.Popen(
        [sys.executable, "-m", "medtiles", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as running:
        time.sleep(2.5)
        with log.open("a") as file:
            file.write(line.format(1) + line.format(2))
        time.sleep(1.5)
        running.send_signal(signal.SIGINT)
        out, _ = running.communicate(timeout=30)
    assert [(tile["column"], tile["count"]) for tile in json.loads(out)["tiles"]] == [(1, 2), (2, 1)]


@pytest.fixture
def counting(folder: Path, tmp_path: Path) -> Iterator[Server]:
    """A server of two processes that counts."""
    words = ["serve", folder, "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--workers", "2", "--hotspots"]
    with serving(*words, cache=tmp_path / "cache") as running:
        yield running


def test_counts_of_a_running_server(counting: Server, folder: Path, tmp_path: Path) -> None:
    """Requests of both processes, over HTTP and gRPC, add up, and are there after a restart."""
    url = counting.url
    image = httpx.get(f"{url}/images").json()["images"][0]["id"]
    for _ in range(6):  # each over a connection of its own
        httpx.get(f"{url}/dzi/{image}_files/13/7_5.jpeg").raise_for_status()
    with Client(counting.grpc) as client:
        client.tile(image, 0, 7, 5)
        wait_until(lambda: client.hot_tiles(image).total == 7)
        (tile,) = client.hot_tiles(image).tiles
        assert (tile.level, tile.column, tile.row, tile.count) == (0, 7, 5, 7)
        assert client.hot_tiles(image, level=1).tiles == ()
    wait_until(lambda: httpx.get(f"{url}/images/{image}/hotspots").json()["total"] == 7)
    assert httpx.get(f"{url}/images/{image}/hotspots/14/0_0.png").status_code == 404
    assert httpx.get(f"{url}/images/{image}/hotspots/8/0_0.png?colours=mud").status_code == 400
    counting.end()
    words = ["serve", folder, "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--workers", "1", "--hotspots"]
    with serving(*words, cache=tmp_path / "cache") as again:
        assert httpx.get(f"{again.url}/images/{image}/hotspots").json()["tiles"][0]["count"] == 7


def test_a_server_makes_tiles_before_they_are_asked_for(folder: Path, tmp_path: Path) -> None:
    """Somebody goes along a row at a quality that is not stored, and so does the next: most of it is there."""
    words = [
        "serve",
        folder,
        "--http",
        "127.0.0.1:0",
        "--grpc",
        "127.0.0.1:0",
        "--workers",
        "1",
        "--set",
        "prefetch=true",
    ]

    def used() -> float:
        lines = httpx.get(f"{server.url}/metrics").text.splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith("medtiles_prefetched_tiles_used"))

    with serving(*words, cache=tmp_path / "cache") as server:
        image = httpx.get(f"{server.url}/images").json()["images"][0]["id"]
        with httpx.Client(base_url=server.url) as client:
            for column in range(12):
                client.get(f"/dzi/{image}_files/13/{column}_5.jpeg?quality=61").raise_for_status()
                time.sleep(0.6)
        wait_until(lambda: used() >= 4)


@pytest.mark.parametrize("protocol", ["deep-zoom", "iip", "zoomify", "iiif"])
def test_a_list_warms_a_server(counting: Server, folder: Path, tmp_path: Path, protocol: str) -> None:
    """The tiles that one log tells are asked for, by the addresses of a protocol: counted, they are the same list."""
    line = '192.0.2.7 - - [10/Oct/2025:13:55:36 +0000] "GET /dzi/waves_files/{}.jpeg HTTP/1.1" 200 9 "-" "-"'
    places = ["13/7_5", "13/7_5", "13/23_15", "12/3_2", "9/0_0"]
    log, tiles = tmp_path / "access.log", tmp_path / "tiles.json"
    log.write_text("\n".join(line.format(place) for place in places) + "\n")
    run(log, "--images", folder, "--format", "json", "--list", tiles)
    done = subprocess.run(
        [sys.executable, "-m", "medtiles", "warm", tiles, counting.url, "--protocol", protocol],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.startswith("4 tiles, ")
    image = httpx.get(f"{counting.url}/images").json()["images"][0]["id"]

    def counted() -> set[tuple[int, int, int]]:
        tiles = httpx.get(f"{counting.url}/images/{image}/hotspots").json()["tiles"]
        return {(tile["level"], tile["column"], tile["row"]) for tile in tiles}

    wait_until(lambda: counted() == {(0, 7, 5), (0, 23, 15), (1, 3, 2), (4, 0, 0)})


def test_a_server_that_does_not_count_says_so(logged: tuple[Server, Path]) -> None:
    server, _ = logged
    image = httpx.get(f"{server.url}/images").json()["images"][0]["id"]
    assert httpx.get(f"{server.url}/images/{image}/hotspots").status_code == 404
    with Client(server.grpc) as client, pytest.raises(NotCountedError, match="--hotspots"):
        client.hot_tiles(image)


@pytest.mark.browser
def test_the_viewer_lays_the_map_over_the_slide(counting: Server, tmp_path: Path) -> None:
    if not build.is_built():
        build.build()
    browser = Browser(tmp_path / "profile", counting.url)
    try:
        image = browser.images["waves.tif"]["id"]
        for _ in range(9):
            httpx.get(f"{counting.url}/dzi/{image}_files/13/16_5.jpeg").raise_for_status()
        address = f"{counting.url}/images/{image}/hotspots"
        wait_until(lambda: all(httpx.get(address).json()["total"] >= 9 for _ in range(8)))  # both processes know
        place = f"#/{image}?x={LOOKED_AT[0]}&y={LOOKED_AT[1]}&zoom=1"
        browser.show(place)
        canvas = browser.find("[data-opened=true] .openseadragon-canvas")
        browser.wait(lambda: browser.picture(canvas).std() > 10 and not browser.requests())
        plain = browser.picture(canvas)
        browser.press("Hot spots: where people looked")
        browser.wait(lambda: any("/hotspots/" in url for url in browser.requests()))
        browser.wait(lambda: np.abs(browser.picture(canvas) - plain).mean() > 5)
        browser.wait(lambda: "hot=1" in browser.driver.current_url)
        browser.show(f"{place}&hot=1")
        browser.wait(lambda: any("/hotspots/" in url for url in browser.requests()))
        assert browser.log("browser") == []
    finally:
        browser.driver.quit()
