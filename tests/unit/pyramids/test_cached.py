"""A pyramid is made once, found again, made anew when it is not the wanted one, and never half-written."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from medtiles.core.errors import DamagedImageError, UnsupportedFormatError
from medtiles.core.geometry import Size
from medtiles.core.pyramid import TileKey
from medtiles.pyramids import CachedPyramid, PyramidFolder, PyramidShape, levels_of
from transcode.codecs.jpeg import JPEG, JpegCodec
from transcode.errors import FileChangedError
from transcode.frames import GREY8, RGB8, EncodedFrame, PixelArray, PixelFormat

SIZE = Size(1300, 1101)
FORMATS = [GREY8, RGB8, PixelFormat(1, 16, 16), PixelFormat(1, 32, 32, is_float=True)]


def _shape(pixels: PixelFormat, *, is_lossy: bool = False) -> PyramidShape:
    return PyramidShape(levels_of(SIZE, JPEG.media_type if is_lossy else None), pixels, is_lossy)


class Maker:
    """A picture, and how often it was decoded."""

    def __init__(self, pixels: PixelFormat = RGB8) -> None:
        y, x = np.mgrid[0 : SIZE.height, 0 : SIZE.width]
        planes = [x // 8, y // 8, (x + y) // 16][: pixels.samples_per_pixel]
        self.picture = PixelArray(np.dstack(planes).astype(pixels.dtype), pixels)
        self.times = 0
        self.opened: list[CachedPyramid] = []

    def __call__(self) -> Iterator[NDArray[Any]]:
        self.times += 1
        yield from np.array_split(self.picture.samples, 7)

    def pyramid(self, folder: Path, key: str = "a 1", *, is_lossy: bool = False) -> CachedPyramid:
        shape = _shape(self.picture.format, is_lossy=is_lossy)
        self.opened.append(CachedPyramid(PyramidFolder(folder), key, shape, self))
        return self.opened[-1]


MakerOf = Callable[..., Maker]


@pytest.fixture
def make() -> Iterator[MakerOf]:
    """Makers whose pyramids are closed after the test."""
    makers: list[Maker] = []

    def one(pixels: PixelFormat = RGB8) -> Maker:
        makers.append(Maker(pixels))
        return makers[-1]

    yield one
    for maker in makers:
        for pyramid in maker.opened:
            pyramid.close()


def _samples(pyramid: CachedPyramid, level: int) -> Any:
    """A level put together from its tiles."""
    grid, size = pyramid.levels[level].grid, pyramid.levels[level].size
    rows = []
    for row in range(grid.height):
        tiles = [pyramid.read_tile(TileKey(level, column, row)) for column in range(grid.width)]
        decoded = [JpegCodec().decode(tile) if isinstance(tile, EncodedFrame) else tile for tile in tiles]
        rows.append(np.concatenate([tile.samples for tile in decoded], axis=1))
    return np.concatenate(rows)[: size.height, : size.width]


@pytest.mark.parametrize("pixels", FORMATS, ids=["grey", "rgb", "16 bits", "float"])
def test_full_resolution_of_a_lossless_pyramid_is_the_picture(
    tmp_path: Path, make: MakerOf, pixels: PixelFormat
) -> None:
    maker = make(pixels)
    pyramid = maker.pyramid(tmp_path)
    assert np.array_equal(_samples(pyramid, 0), maker.picture.samples)


@pytest.mark.parametrize("pixels", FORMATS, ids=["grey", "rgb", "16 bits", "float"])
def test_levels_are_area_averages(tmp_path: Path, make: MakerOf, pixels: PixelFormat) -> None:
    maker = make(pixels)
    pyramid = maker.pyramid(tmp_path)
    assert [level.size for level in pyramid.levels] == [SIZE, Size(650, 551), Size(325, 276)]
    whole = maker.picture.samples[:1100, :1300].astype(float)
    means = whole.reshape(550, 2, 650, 2, -1).mean(axis=(1, 3))
    assert np.abs(_samples(pyramid, 1)[:550].astype(float) - means).max() <= 0.5


def test_a_lossy_pyramid_hands_out_jpeg(tmp_path: Path, make: MakerOf) -> None:
    maker = make()
    pyramid = maker.pyramid(tmp_path, is_lossy=True)
    tile = pyramid.read_tile(TileKey(0, 2, 2))
    assert isinstance(tile, EncodedFrame)
    assert (tile.width, tile.height) == (512, 512)
    assert pyramid.levels[0].media_type == tile.encoding.media_type
    assert np.abs(_samples(pyramid, 0).astype(int) - maker.picture.samples).max() < 24


def test_other_programs_read_the_file(tmp_path: Path, make: MakerOf) -> None:
    maker = make(PixelFormat(1, 16, 16))
    maker.pyramid(tmp_path).read_tile(TileKey(0, 0, 0))
    (path,) = tmp_path.iterdir()
    assert np.array_equal(tifffile.imread(path, key=0), maker.picture.samples[:, :, 0])


def test_a_pyramid_is_made_once_and_found_by_others(tmp_path: Path, make: MakerOf) -> None:
    maker, other = make(), make()
    first = maker.pyramid(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(first.read_tile, [TileKey(0, 0, 0)] * 16))
    second = other.pyramid(tmp_path)
    second.read_tile(TileKey(2, 0, 0))
    assert (maker.times, other.times) == (1, 0)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_changed_picture_gets_another_pyramid(tmp_path: Path, make: MakerOf) -> None:
    maker = make()
    maker.pyramid(tmp_path, "a 1").read_tile(TileKey(0, 0, 0))
    maker.pyramid(tmp_path, "a 2").read_tile(TileKey(0, 0, 0))
    assert maker.times == 2


@pytest.mark.parametrize("damage", [b"", b"not a TIFF at all", None], ids=["empty", "foreign", "cut"])
def test_a_broken_file_in_the_cache_is_made_anew(tmp_path: Path, make: MakerOf, damage: bytes | None) -> None:
    maker = make()
    maker.pyramid(tmp_path).read_tile(TileKey(0, 0, 0))
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:200] if damage is None else damage)
    pyramid = maker.pyramid(tmp_path)
    assert np.array_equal(_samples(pyramid, 0), maker.picture.samples)
    assert maker.times == 2


def test_a_broken_tile_in_the_cache_is_made_anew(tmp_path: Path, make: MakerOf) -> None:
    maker = make()
    maker.pyramid(tmp_path).read_tile(TileKey(0, 0, 0))
    (path,) = tmp_path.iterdir()
    with tifffile.TiffFile(path) as file:
        offset = file.pages.first.dataoffsets[0]
    data = path.read_bytes()
    path.write_bytes(data[:offset] + b"\0" * 8 + data[offset + 8 :])
    assert np.array_equal(_samples(maker.pyramid(tmp_path), 0), maker.picture.samples)
    assert maker.times == 2


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, make: MakerOf, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tifffile.TiffWriter, "write", full)
    with pytest.raises(UnsupportedFormatError, match="cannot be written to the cache folder: No space left"):
        make().pyramid(tmp_path).read_tile(TileKey(0, 0, 0))
    assert list(tmp_path.iterdir()) == []


def test_a_picture_that_does_not_decode_leaves_nothing_behind(tmp_path: Path, make: MakerOf) -> None:
    def broken() -> Iterator[NDArray[Any]]:
        yield np.zeros((700, SIZE.width, 3), np.uint8)
        message = "broken"
        raise DamagedImageError(message)

    pyramid = CachedPyramid(PyramidFolder(tmp_path), "a 1", _shape(RGB8), broken)
    with pytest.raises(DamagedImageError):
        pyramid.read_tile(TileKey(0, 0, 0))
    assert list(tmp_path.iterdir()) == []


def test_two_that_write_at_once_do_no_harm(tmp_path: Path, make: MakerOf) -> None:
    maker = make()
    pyramids = [maker.pyramid(tmp_path) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        for tile in pool.map(lambda pyramid: pyramid.read_tile(TileKey(2, 0, 0)), pyramids):
            assert isinstance(tile, PixelArray)
    assert [path.suffix for path in tmp_path.iterdir()] == [".tif"]


def test_a_closed_pyramid_refuses(tmp_path: Path, make: MakerOf) -> None:
    pyramid = make().pyramid(tmp_path)
    pyramid.close()
    pyramid.close()
    with pytest.raises(FileChangedError):
        pyramid.read_tile(TileKey(0, 0, 0))
