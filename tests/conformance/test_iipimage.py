"""IIP beside IIPImage itself, on the same pyramid: answers to OBJ word by word, pixels within two grey levels."""

from __future__ import annotations

import io
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import numpy as np
import pytest
import pyvips  # type: ignore[import-untyped]  # ships neither types nor stubs
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner

from medtiles.cli import app
from tests.e2e import fastcgi
from tests.e2e.serving import serving

pytestmark = [pytest.mark.corpus, pytest.mark.slow, pytest.mark.timeout(120)]
PROGRAM = Path("/usr/lib/iipimage-server/iipsrv.fcgi")
COLOUR, GREY = "colour.tif", "grey.tif"
"""Pixels are judged in grey: IIPImage always halves chrominance, we do not at high quality."""
PICTURE = "iiif/67352ccc-d1b0-11e1-89ae-279075081939.png"
SIZE = (2048, 1536)
"""Halved without rounding to a tile and a bit: where IIPImage and we do not round, we agree."""
OBJECTS = [
    "IIP,1.0", "IIP-server", "Max-size", "Tile-size", "Resolution-number", "Resolutions", "Bits-per-channel",
    "Colorspace", "Horizontal-views", "Vertical-views", "Min-Max-sample-values", "Basic-info",
]  # fmt: skip


class Both(NamedTuple):
    """IIPImage and we, on the same file."""

    folder: Path
    port: int
    url: str
    images: dict[str, str]
    """Ids by name."""

    def theirs(self, words: str, name: str = GREY) -> tuple[dict[str, str], bytes]:
        return fastcgi.ask(self.port, f"FIF={name}&{words}")

    def ours(self, words: str, name: str = GREY) -> httpx.Response:
        return httpx.get(f"{self.url}/iip?FIF={self.images[name]}&{words}")


@pytest.fixture(scope="module")
def both(shared_data: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    if not PROGRAM.exists():
        pytest.skip("no IIPImage: apt-get install iipimage-server")
    folder = tmp_path_factory.mktemp("iip")
    picture = pyvips.Image.new_from_file(str(shared_data(PICTURE))).resize(SIZE[0] / 1000, kernel="linear")
    for name, space in ((COLOUR, "srgb"), (GREY, "b-w")):
        picture.crop(0, 0, *SIZE).colourspace(space).tiffsave(
            str(folder / name), tile=True, pyramid=True, tile_width=256, tile_height=256, compression="deflate"
        )
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "FILESYSTEM_PREFIX": f"{folder}/",
        "LOGFILE": str(folder / "log"),
        "JPEG_QUALITY": "100",
    }
    with subprocess.Popen(
        [PROGRAM, "--bind", f"127.0.0.1:{port}"], env=environment, stdout=subprocess.DEVNULL
    ) as judge:
        try:
            fastcgi.wait_for(port)
            words = ["serve", folder, "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--workers", "1"]
            with serving(*words, cache=tmp_path_factory.mktemp("cache")) as running:
                listed = httpx.get(f"{running.url}/images").json()["images"]
                yield Both(folder, port, running.url, {image["name"]: image["id"] for image in listed})
        finally:
            judge.kill()


def colours(data: bytes) -> NDArray[np.int16]:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), np.int16)


def greys(data: bytes) -> NDArray[Any]:
    image = Image.open(io.BytesIO(data))
    assert image.mode == "L"
    return np.asarray(image, np.int16)


@pytest.mark.parametrize("name", [COLOUR, GREY])
@pytest.mark.parametrize("asked", OBJECTS)
def test_an_object_is_told_alike(both: Both, asked: str, name: str) -> None:
    """IIPImage 1.1 begins with an empty line unless its version is asked for."""
    head, body = both.theirs(f"OBJ={asked}", name)
    found = both.ours(f"OBJ={asked}", name)
    assert (found.content, found.headers["content-type"]) == (body.removeprefix(b"\r\n"), head["content-type"])


@pytest.mark.parametrize("name", [COLOUR, GREY])
def test_several_objects_are_told_alike(both: Both, name: str) -> None:
    words = "&".join(f"OBJ={asked}" for asked in OBJECTS)
    assert both.ours(words, name).content == both.theirs(words, name)[1]


def test_what_both_do_not_know_is_refused_alike(both: Both) -> None:
    head, body = both.theirs("OBJ=IIP,1.0&OBJ=nonsense")
    found = both.ours("OBJ=IIP,1.0&OBJ=nonsense")
    assert (found.status_code, found.content) == (400, body)
    assert head["status"].startswith("400 ")


def test_we_know_each_optional_object_that_they_know(both: Both) -> None:
    def told(answer: bytes) -> set[str]:
        return set(answer.decode().strip().partition(":")[2].split())

    assert told(both.theirs("OBJ=IIP-opt-obj")[1]) <= told(both.ours("OBJ=IIP-opt-obj").content)


@pytest.mark.parametrize(
    ("words", "page", "part"),
    [
        ("JTL=0,0", 3, (0, 0, 256, 192)),
        ("JTL=1,3", 2, (256, 256, 256, 128)),
        ("JTL=3,0", 0, (0, 0, 256, 256)),
        ("JTL=3,21", 0, (1280, 512, 256, 256)),
        ("JTL=3,47", 0, (1792, 1280, 256, 256)),
        ("SDS=0,90&JTL=2,5", 1, (256, 256, 256, 256)),
        ("RGN=0.25,0.5,0.25,0.25&WID=512&CVT=jpeg", 0, (512, 768, 512, 384)),
        ("RGN=0.5,0.25,0.125,0.5&HEI=384&CVT=jpeg", 1, (512, 192, 128, 384)),
        ("WID=512&HEI=384&CVT=jpeg", 2, (0, 0, 512, 384)),
    ],
)
def test_a_picture_is_the_same(both: Both, words: str, page: int, part: tuple[int, int, int, int]) -> None:
    """Within two grey levels, but where the fast and rough transform that IIPImage encodes by is further off itself.

    Regions are those that a level holds at the size asked for: each has its own way to make a picture smaller.
    """
    words = f"QLT=100&{words}"
    theirs, ours = greys(both.theirs(words)[1]), greys(both.ours(words).content)
    stored = pyvips.Image.new_from_file(str(both.folder / GREY), page=page).crop(*part).numpy().astype(np.int16)
    assert ours.shape == theirs.shape == stored.shape
    assert np.abs(ours - stored).max() <= 1
    is_far = np.abs(ours - theirs) > 2
    assert is_far.mean() < 0.02
    assert (np.abs(theirs - stored)[is_far] >= 2).all()
    assert stored.std() > 5, "there is something to see"


@pytest.mark.parametrize(
    "words",
    [
        "CNT=1.5",
        "CNT=0.4",
        "GAM=0.5",
        "GAM=2.2",
        "INV",
        "MINMAX=0:40,200&GAM=0.7&INV",
        "CMP=HOT",
        "CMP=COLD",
        "CMP=JET",
        "CMP=RED",
        "CMP=GREEN",
        "CMP=BLUE",
    ],
)
def test_a_changed_picture_is_the_same(both: Both, words: str) -> None:
    """Grey, whatever is done to it: nearly everywhere within two levels; an encoder's own error is the rest."""
    words = f"QLT=100&{words}&JTL=3,21"
    counted_from_1 = words.replace("MINMAX=0:", "MINMAX=1:")  # as it counts before its version 1.2
    theirs, ours = colours(both.theirs(counted_from_1)[1]), colours(both.ours(words).content)
    assert ours.shape == theirs.shape
    assert (np.abs(ours - theirs) > 2).mean() < 0.03, np.abs(ours - theirs).mean(axis=(0, 1))
    assert np.abs(ours - theirs).mean() < 1.1, "it cuts where we round"
    assert ours.std() > 5, "there is something to see"


def test_a_range_alone_is_not_passed_over_as_theirs_is(both: Both) -> None:
    stored = pyvips.Image.new_from_file(str(both.folder / GREY)).crop(1280, 512, 256, 256).numpy().astype(np.float64)
    assert np.abs(greys(both.theirs("QLT=100&MINMAX=1:40,200&JTL=3,21")[1]) - stored).mean() < 1
    ours = greys(both.ours("QLT=100&MINMAX=0:40,200&JTL=3,21").content)
    assert np.abs(ours - np.clip((stored - 40) / 160, 0, 1) * 255).max() <= 2


def test_a_colour_twist_is_the_same(both: Both) -> None:
    words = "QLT=100&CTW=[0.3,0.5,0.2;0,1,0;0.5,0,0.5]&COL=grey&JTL=3,21"
    theirs, ours = greys(both.theirs(words, COLOUR)[1]), greys(both.ours(words, COLOUR).content)
    assert (np.abs(ours - theirs) > 3).mean() < 0.03


def test_a_block_holds_the_same_tiles(both: Both) -> None:
    def heads(body: bytes) -> list[tuple[bytes, bytes]]:
        found = []
        while body:
            head, _, rest = body.partition(b":")
            name, _, length = head.rpartition(b"/")
            found.append((name, rest[:8]))
            assert rest[int(length) - 2 : int(length) + 2] == b"\xff\xd9\r\n"
            body = rest[int(length) + 2 :]
        return found

    theirs = heads(both.theirs("TIL=3,1-10")[1])
    assert heads(both.ours("TIL=3,1-10").content) == theirs
    assert len(theirs) == 4


def test_it_serves_what_we_export_for_it(both: Both, shared_data: Callable[[str], Path]) -> None:
    slide, name = shared_data("wsi/CMU-1-Small-Region.svs"), "exported.tif"
    words = ["export", str(slide), str(both.folder / name), "--layout", "iip-tiff", "--force"]
    done = CliRunner().invoke(app, words, env={"MEDTILES_CACHE": "none"})
    assert done.exit_code == 0, done.output
    told = both.theirs("OBJ=Max-size&OBJ=Tile-size&OBJ=Resolution-number", name)[1].split()
    assert told == [b"Max-size:2220", b"2967", b"Tile-size:240", b"240", b"Resolution-number:5"]
    head, tile = both.theirs("JTL=4,52", name)
    assert head["content-type"] == "image/jpeg"
    stored = pyvips.Image.new_from_file(str(slide)).crop(480, 1200, 240, 240).numpy()[..., :3]
    assert np.abs(colours(tile) - stored).mean() < 3
    assert colours(both.theirs("JTL=0,0", name)[1]).shape == (186, 139, 3)
