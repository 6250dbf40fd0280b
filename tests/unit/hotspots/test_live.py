"""Counts of a running server: taken from its answers, kept, shared, bounded, shown."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medtiles.access_log import Answer
from medtiles.core.errors import BadRequestError
from medtiles.core.geometry import Region, Size
from medtiles.core.heat import HeatLook
from medtiles.core.pyramid import ImageInfo, Level
from medtiles.hotspots import live
from medtiles.hotspots.live import LiveHeat
from transcode.frames import PixelFormat

SIZE = Size(3000, 2000)
INFO = ImageInfo("slide.tif", "slide", "tiff", (Level(SIZE, Size(256, 256)),), PixelFormat(3, 8, 8))


def info(image: str) -> ImageInfo | None:
    return INFO if image == "abc" else None


def answer(target: str, status: int = 200) -> Answer:
    return Answer(0.0, "192.0.2.7", "GET", target, "HTTP/1.1", status, 100)


@pytest.fixture
def heat(tmp_path: Path) -> Iterator[LiveHeat]:
    made = LiveHeat(tmp_path / "hot.sqlite", info)
    yield made
    made.close()


def test_answers_are_counted(heat: LiveHeat) -> None:
    heat.take(
        [
            *[answer("/dzi/abc_files/12/7_5.jpeg")] * 3,
            answer("/iip?FIF=abc&JTL=4,67"),
            answer("/iiif/3/abc/1792,1280,256,256/max/0/default.jpg", 304),
            answer("/dzi/abc_files/12/7_5.jpeg", 404),
            answer("/dzi/other_files/12/7_5.jpeg"),
            answer("/images/abc/hotspots/12/7_5.png"),
            answer("/images/abc"),
        ]
    )
    found = heat.tiles("abc", 10)
    (tile,) = found.tiles
    assert (tile.level, tile.column, tile.row, tile.count) == (0, 7, 5, 5)
    assert tile.region == Region(1792, 1280, 256, 256)
    assert (found.total, found.tile_size) == (5, Size(256, 256))
    assert heat.tiles("abc", 10, level=1).tiles == ()


def test_counts_outlive_a_process_and_add_up_among_several(tmp_path: Path) -> None:
    path = tmp_path / "hot.sqlite"
    parts = [LiveHeat(path, info) for _ in range(3)]
    for part in parts:
        part.take([answer("/dzi/abc_files/12/7_5.jpeg")])
    assert parts[0].tiles("abc", 1).total == 3
    for part in parts:
        part.close()
    again = LiveHeat(path, info)
    assert again.tiles("abc", 1).total == 3
    again.close()
    assert b"192.0.2.7" not in path.read_bytes()


def test_what_was_looked_at_long_ago_fades(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_MOST_TILES", 20)
    monkeypatch.setattr(live, "_FRESH", 0.0)
    heat = LiveHeat(tmp_path / "hot.sqlite", info)
    heat.take([answer("/dzi/abc_files/12/7_5.jpeg")] * 100)
    for column in range(11):
        for row in range(7):
            heat.take([answer(f"/dzi/abc_files/12/{column}_{row}.jpeg")])
    found = heat.tiles("abc", 1000)
    assert len(found.tiles) <= 20
    assert (found.tiles[0].column, found.tiles[0].row) == (7, 5)
    heat.close()


def test_the_map_is_the_same_in_every_tile(heat: LiveHeat) -> None:
    """Tiles of the map beside one another are the map in one picture."""
    heat.take([answer("/dzi/abc_files/12/7_5.jpeg")] * 9 + [answer("/dzi/abc_files/10/1_1.jpeg")] * 2)
    look = HeatLook(colours="viridis")
    whole = picture(heat, Region(0, 0, 3000, 2000), Size(750, 500), look)
    left = picture(heat, Region(0, 0, 2048, 2000), Size(512, 500), look)
    right = picture(heat, Region(2048, 0, 952, 2000), Size(238, 500), look)
    assert np.array_equal(np.concatenate([left, right], axis=1), whole)
    assert whole[0, 0, 3] == 0
    assert whole[350, 480, 3] == 255
    assert 0 < whole[300, 300, 3] < 255


def picture(heat: LiveHeat, region: Region, size: Size, look: HeatLook) -> np.ndarray:
    with Image.open(io.BytesIO(heat.picture("abc", region, size, look))) as found:
        assert found.mode == "RGBA"
        return np.asarray(found)


def test_a_look_that_makes_no_sense(heat: LiveHeat) -> None:
    with pytest.raises(BadRequestError, match="colours"):
        heat.picture("abc", Region(0, 0, 10, 10), Size(10, 10), HeatLook(colours="mud"))


def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    path = tmp_path / "hot.sqlite"
    path.write_bytes(b"no database, whatever its name says" * 100)
    with pytest.raises(OSError, match="hot spots"):
        LiveHeat(path, info)


def test_a_full_disk_stops_nothing(
    heat: LiveHeat, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Full:
        def __enter__(self) -> None:
            message = "database or disk is full"
            raise sqlite3.OperationalError(message)

        def __exit__(self, *_: object) -> None:
            pass

        def close(self) -> None:
            pass

    heat.close()
    monkeypatch.setattr(heat, "_file", Full())
    for _ in range(3):
        heat.take([answer("/dzi/abc_files/12/7_5.jpeg")])
    assert [record.message for record in caplog.records] == ["hot spots cannot be kept: database or disk is full"]


def test_many_begin_at_once(tmp_path: Path) -> None:
    """All workers of a server open the file in the same moment, when it is not there yet."""
    for turn in range(80):
        path = tmp_path / f"{turn}.sqlite"
        with ThreadPoolExecutor(8) as pool:
            parts = list(pool.map(lambda _, path=path: LiveHeat(path, info), range(8)))
        for part in parts:
            part.close()
