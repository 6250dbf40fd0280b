"""Large TIFF files without a pyramid get levels that are averages of their own samples; others stay as they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from medtiles.core.errors import TileOutOfRangeError
from medtiles.core.geometry import Size
from medtiles.core.pyramid import TileKey
from medtiles.pyramids import PyramidFolder
from medtiles.sources.tiff import TiffFormat, TiffSource
from tests.contract.source_contract import pixels_of
from tests.unit.sources.tiff.tiff_files import Array, expected, noise, set_tag, write
from transcode.colour import to_rgb
from transcode.errors import CorruptFrameError, FileChangedError
from transcode.frames import EncodedFrame

pytestmark = pytest.mark.slow

SHAPE = (1301, 2203)
KINDS: dict[str, tuple[Array, dict[str, Any]]] = {
    "grey strips": (noise(SHAPE), {"rowsperstrip": 7, "compression": "lzw"}),
    "16 bits, tiles": (noise(SHAPE, "u2", 60000), {"tile": (128, 128), "compression": "zlib", "predictor": 2}),
    "signed, one strip": (noise(SHAPE, "i2", 30000), {"rowsperstrip": 1301, "compression": "zlib"}),
    "float, tiles": (noise(SHAPE, "f4"), {"tile": (256, 256)}),
    "rgb strips": (noise((*SHAPE, 3)), {"rowsperstrip": 13, "photometric": "rgb"}),
    "rgb, 16 bits, tiles": (noise((*SHAPE, 3), "u2", 60000), {"tile": (144, 160), "photometric": "rgb"}),
    "rgb, odd planes": (
        noise((3, *SHAPE)),
        {"rowsperstrip": 5, "photometric": "rgb", "planarconfig": "separate"},
    ),
    "upside down": (noise(SHAPE), {"rowsperstrip": 9, "extratags": [(274, "H", 1, 3, True)]}),
    "on its side": (noise(SHAPE), {"tile": (64, 96), "extratags": [(274, "H", 1, 6, True)]}),
}


@contextmanager
def opened(path: Path) -> Iterator[TiffSource]:
    """The file's source, with a cache folder beside it."""
    source = TiffFormat(cache=PyramidFolder(path.with_name("cache"))).open([path])
    try:
        yield source
    finally:
        source.close()


def _level(source: TiffSource, number: int, plane: int = 0) -> Array:
    level = source.info.levels[number]
    canvas = np.zeros((level.size.height, level.size.width, source.info.pixels.samples_per_pixel))
    for row in range(level.grid.height):
        for column in range(level.grid.width):
            region = level.tile_region(column, row)
            samples = to_rgb(pixels_of(source.read_tile(TileKey(number, column, row, plane)))).samples
            canvas[region.y : region.bottom, region.x : region.right] = samples[: region.height, : region.width]
    return canvas


def _averages(full: Array, halvings: int) -> Array:
    """Means of blocks of level 0 that lie within it wholly."""
    step = 1 << halvings
    height, width = (side // step * step for side in full.shape[:2])
    blocks: Array = full[:height, :width].astype(float).reshape(height // step, step, width // step, step, -1)
    return blocks.mean(axis=(1, 3))


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_made_level_is_the_area_average_of_full_resolution(tmp_path: Path, kind: str) -> None:
    array, options = KINDS[kind]
    with opened(write(tmp_path / "a.tif", array, **options)) as source:
        full = _level(source, 0)
        assert len(source.info.levels) > 3
        for number, level in enumerate(source.info.levels[1:], 1):
            assert level.size == source.info.size.reduced(number)
            assert level.downsample == 1 << number
            means = _averages(full, number)
            rounding = 1e-3 if source.info.pixels.is_float else 0.5 * number
            found = _level(source, number)[: means.shape[0], : means.shape[1]]
            assert np.abs(found - means).max() <= rounding


def test_a_tiled_jpeg_gets_jpeg_in_tiles_of_its_own_size(tmp_path: Path) -> None:
    y, x = np.mgrid[0:2100, 0:2300]
    smooth = np.dstack([x // 9, y // 9, (x + y) // 18]).astype(np.uint8)
    path = write(tmp_path / "a.tif", smooth, tile=(240, 240), compression="jpeg", photometric="rgb")
    with opened(path) as source:
        assert {level.tile_size for level in source.info.levels} == {Size(240, 240)}
        assert {level.media_type for level in source.info.levels} == {"image/jpeg"}
        assert isinstance(source.read_tile(TileKey(1, 0, 0)), EncodedFrame)
        means = _averages(smooth, 2)
        assert np.abs(_level(source, 2)[: means.shape[0], : means.shape[1]] - means).max() < 12


def test_stored_tiles_are_handed_out_as_before(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", noise((2100, 2300, 3)), tile=(256, 256), compression="jpeg", photometric="rgb")
    without = TiffFormat().open([path])
    with opened(path) as source:
        for key in (TileKey(0, 0, 0), TileKey(0, 8, 8)):
            one, other = source.read_tile(key), without.read_tile(key)
            assert isinstance(one, EncodedFrame)
            assert isinstance(other, EncodedFrame)
            assert one.data == other.data
    without.close()


def test_opening_makes_nothing(tmp_path: Path) -> None:
    with opened(write(tmp_path / "a.tif", noise(SHAPE), rowsperstrip=64)) as source:
        source.read_tile(TileKey(0, 0, 0))
        source.display(0)
        assert not (tmp_path / "cache").exists()


def test_each_plane_is_made_when_it_is_wanted(tmp_path: Path) -> None:
    planes = noise((20, 1101, 2103))
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, planes, tile=(256, 256), photometric="minisblack", metadata=None)
    with opened(path) as source:
        source.read_tile(TileKey(1, 0, 0, 3))
        assert len(list((tmp_path / "cache").iterdir())) == 1
        for plane in (*range(20), 3, 0):
            means = _averages(planes[plane], 1)
            assert np.abs(_level(source, 1, plane)[:550, :1051] - means).max() <= 0.5


def test_channels_that_are_stored_together_are_made_apart(tmp_path: Path) -> None:
    array = noise((*SHAPE, 5), "u2", 60000)
    path = write(tmp_path / "a.tif", array, rowsperstrip=11, photometric="minisblack", planarconfig="contig")
    with opened(path) as source:
        for channel in (0, 4):
            means = _averages(array[..., channel], 1)
            assert np.abs(_level(source, 1, channel)[: means.shape[0], : means.shape[1]] - means).max() <= 0.5


def test_levels_that_the_file_has_are_kept_and_continued(tmp_path: Path) -> None:
    array, path = noise((2500, 5200)), tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as file:
        file.write(array, tile=(256, 256), metadata=None)
        file.write(array[::2, ::2], tile=(256, 256), subfiletype=1, metadata=None)
    with opened(path) as source:
        sizes = [level.size.width for level in source.info.levels]
        assert sizes == [5200, 2600, 1300, 650, 325]
        means = _averages(expected(path, 1), 1)
        assert np.abs(_level(source, 2)[:625, :1300] - means).max() <= 0.5


_COLORMAP = np.arange(768, dtype=np.uint16).reshape(3, 256)
UNCHANGED: dict[str, tuple[Array, dict[str, Any]]] = {
    "small": (noise((2048, 2048)), {"tile": (256, 256)}),
    "palette": (noise(SHAPE), {"photometric": "palette", "colormap": _COLORMAP}),
    "one bit": (noise(SHAPE, "bool", 2), {"photometric": "minisblack"}),
    "strips on their side": (noise(SHAPE), {"rowsperstrip": 9, "extratags": [(274, "H", 1, 6, True)]}),
}


@pytest.mark.parametrize("kind", list(UNCHANGED))
def test_these_have_the_levels_of_the_file_alone(tmp_path: Path, kind: str) -> None:
    array, options = UNCHANGED[kind]
    with opened(write(tmp_path / "a.tif", array, **options)) as source:
        assert len(source.info.levels) == 1
        with pytest.raises(TileOutOfRangeError):
            source.read_tile(TileKey(1, 0, 0))


def test_without_a_cache_folder_there_are_the_levels_of_the_file_alone(tmp_path: Path) -> None:
    source = TiffFormat().open([write(tmp_path / "a.tif", noise(SHAPE))])
    assert len(source.info.levels) == 1
    source.close()


def test_a_changed_file_gets_another_pyramid(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    for value in (10, 200):
        with opened(write(path, np.full(SHAPE, value, np.uint8), rowsperstrip=64)) as source:
            assert _level(source, 2).mean() == value


def test_a_file_that_changes_meanwhile_leaves_no_pyramid(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", noise(SHAPE), rowsperstrip=64)
    with opened(path) as source:
        path.write_bytes(path.read_bytes() + b"more")
        with pytest.raises(FileChangedError):
            source.read_tile(TileKey(1, 0, 0))
    assert list((tmp_path / "cache").iterdir()) == []


def test_damage_is_told_with_its_place_and_spares_the_rest(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", noise(SHAPE), tile=(256, 256), compression="zlib")
    with tifffile.TiffFile(path) as file:
        offset = file.pages.first.dataoffsets[-1]
    data = path.read_bytes()
    path.write_bytes(data[:offset] + b"\xff" * 16 + data[offset + 16 :])
    with opened(path) as source:
        source.read_tile(TileKey(1, 0, 0))
        with pytest.raises(CorruptFrameError, match=r"a\.tif, level 1, column 2, row 1, plane 0"):
            source.read_tile(TileKey(1, 2, 1))


def test_holes_are_background(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", np.full((2100, 2100, 3), 90, np.uint8), rowsperstrip=2100, photometric="rgb")
    data = bytearray(path.read_bytes())
    set_tag(data, 279, 0)
    path.write_bytes(data)
    with opened(path) as source:
        assert _level(source, 3).min() == 255
