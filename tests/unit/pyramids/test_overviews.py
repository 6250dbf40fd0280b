"""Made levels are area averages of the file's own, and a tile is there even where no pyramid can be made."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from medtiles.core.geometry import Region, Size
from medtiles.core.pyramid import Level, TileKey
from medtiles.pyramids import Overviews, PyramidFolder, PyramidShape, evened, overview_levels, overview_tile
from medtiles.pyramids.store import halved
from transcode.errors import CorruptFrameError, FileChangedError
from transcode.frames import GREY8, PixelArray

SIZE = Size(2301, 1755)
TILE = Size(256, 256)
PICTURE = np.random.default_rng(3).integers(0, 255, (SIZE.height, SIZE.width, 1)).astype(np.uint8)


class Base:
    """The picture, in bands of four pieces; it can be damaged, or made to wait."""

    size = SIZE

    def __init__(self) -> None:
        self.times = 0
        self.damaged_row: int | None = None
        self.gate: threading.Event | None = None

    def bands(self, region: Region) -> Iterator[Sequence[NDArray[Any]]]:
        is_whole = region.size == SIZE
        self.times += is_whole
        for y in range(region.y, region.bottom, 300):
            if is_whole and self.gate:
                self.gate.wait()
            bottom = min(y + 300, region.bottom)
            if self.damaged_row is not None and y <= self.damaged_row < bottom:
                message = f"row {self.damaged_row} is broken"
                raise CorruptFrameError(message)
            yield [PICTURE[y:bottom, x : min(x + 600, region.right)] for x in range(region.x, region.right, 600)]


@pytest.fixture
def base() -> Base:
    return Base()


@pytest.fixture
def overviews(tmp_path: Path, base: Base) -> Iterator[Overviews]:
    shape = PyramidShape(overview_levels(Level(SIZE, SIZE), TILE, None), GREY8, is_lossy=False)
    made = Overviews(PyramidFolder(tmp_path / "cache"), "a 1", shape, base)
    yield made
    made.close()


def _expected(key: TileKey) -> NDArray[Any]:
    level: NDArray[Any] = PICTURE
    for _ in range(key.level + 1):
        level = halved(level)
    x, y = key.column * TILE.width, key.row * TILE.height
    return level[y : y + TILE.height, x : x + TILE.width]


def _is_expected(overviews: Overviews, key: TileKey) -> bool:
    tile, expected = overviews.read_tile(key), _expected(key)
    assert isinstance(tile, PixelArray)
    return np.array_equal(tile.samples[: expected.shape[0], : expected.shape[1]], expected)


KEYS = [TileKey(0, 4, 3), TileKey(1, 0, 0), TileKey(2, 1, 0), TileKey(3, 0, 0)]


@pytest.mark.parametrize("key", KEYS)
def test_a_tile_of_the_pyramid_is_the_average(overviews: Overviews, base: Base, key: TileKey) -> None:
    assert _is_expected(overviews, key)
    assert base.times == 1


@pytest.mark.parametrize("key", KEYS)
def test_a_full_disk_does_not_keep_tiles_away(
    overviews: Overviews, base: Base, monkeypatch: pytest.MonkeyPatch, key: TileKey
) -> None:
    def full(*args: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tifffile.TiffWriter, "write", full)
    assert _is_expected(overviews, key)
    assert _is_expected(overviews, key)


def test_a_folder_that_cannot_be_written_to_is_not_tried_for_each_tile(
    overviews: Overviews, base: Base, tmp_path: Path
) -> None:
    (tmp_path / "cache").write_bytes(b"a file where the folder should be")
    for key in KEYS:
        assert _is_expected(overviews, key)
    (tmp_path / "cache").unlink()
    assert _is_expected(overviews, KEYS[0])
    assert not (tmp_path / "cache").exists()


def test_damage_is_told_only_where_it_lies(overviews: Overviews, base: Base, tmp_path: Path) -> None:
    base.damaged_row = 1700
    assert _is_expected(overviews, TileKey(0, 0, 0))
    with pytest.raises(CorruptFrameError, match="row 1700"):
        overviews.read_tile(TileKey(0, 0, 3))
    assert base.times == 1
    assert list((tmp_path / "cache").iterdir()) == []


def test_fine_tiles_do_not_wait_for_the_pyramid_that_another_makes(overviews: Overviews, base: Base) -> None:
    base.gate = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        coarse = pool.submit(overviews.read_tile, TileKey(3, 0, 0))
        while not base.times:
            pass
        assert _is_expected(overviews, TileKey(0, 1, 1))
        assert not coarse.done()
        base.gate.set()
        coarse.result()
    assert base.times == 1


def test_after_a_rest_tiles_come_as_before(overviews: Overviews, base: Base) -> None:
    overviews.rest()
    assert _is_expected(overviews, KEYS[0])
    overviews.rest()
    assert overviews._pyramid._opened is None
    assert _is_expected(overviews, KEYS[3])
    assert base.times == 1


def test_closed_ones_refuse(overviews: Overviews) -> None:
    overviews.close()
    with pytest.raises(FileChangedError):
        overviews.read_tile(KEYS[0])


def test_levels_end_with_one_tile() -> None:
    levels = overview_levels(Level(Size(5001, 4000), TILE, 4.0), TILE, None)
    assert [level.size for level in levels] == [
        Size(2501, 2000), Size(1251, 1000), Size(626, 500), Size(313, 250), Size(157, 125),
    ]  # fmt: skip
    assert [level.downsample for level in levels] == [8, 16, 32, 64, 128]


def test_rows_come_evened_and_all() -> None:
    bands = np.array_split(PICTURE, [3, 4, 9, 100, 101, 102, 1000])
    found = list(evened(bands))
    assert all(band.shape[0] % 2 == 0 for band in found[:-1])
    assert np.array_equal(np.concatenate(found), PICTURE)


@pytest.mark.parametrize(
    ("stored", "width", "expected"),
    [
        (Size(240, 240), 50_000, Size(240, 240)),
        (Size(500, 500), 50_000, Size(512, 512)),
        (Size(1024, 1024), 50_000, Size(512, 512)),
        (None, 50_000, Size(512, 512)),
        (None, 500_000, Size(512, 64)),
        (None, 1 << 24, Size(512, 16)),
    ],
)
def test_tiles_are_those_of_the_file_unless_a_row_of_them_were_too_much(
    stored: Size | None, width: int, expected: Size
) -> None:
    assert overview_tile(Size(width, 3000), stored, 3) == expected


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8"])
def test_the_largest_and_least_values_average_to_themselves(dtype: str) -> None:
    for value in (np.iinfo(dtype).max, np.iinfo(dtype).min):
        block = np.full((3, 5, 1), value, dtype)
        assert np.array_equal(halved(block), block[:2, :3])


@pytest.mark.parametrize("dtype", ["i1", "u2", "i2", "u4", "i8"])
def test_averages_are_rounded_to_the_nearest(dtype: str) -> None:
    samples = np.random.default_rng(1).integers(-100 if dtype[0] == "i" else 0, 100, (40, 60, 1)).astype(dtype)
    means = samples.astype(float).reshape(20, 2, 30, 2, 1).mean(axis=(1, 3))
    assert np.abs(halved(samples).astype(float) - means).max() <= 0.5


def test_averages_of_large_floats_do_not_overflow() -> None:
    block = np.full((2, 2, 1), np.finfo(np.float32).max, np.float32)
    assert halved(block)[0, 0, 0] == block[0, 0, 0]
