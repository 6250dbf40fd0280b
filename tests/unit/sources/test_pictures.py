"""Stored JPEG goes out untouched, turned ones upright, large ones as pyramids; broken ones are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from medtiles.core.display import PLAIN
from medtiles.core.errors import DamagedImageError, UnsupportedFormatError
from medtiles.core.geometry import Size
from medtiles.core.pyramid import TileKey
from medtiles.pyramids import PyramidFolder
from medtiles.sources.pictures import PictureFormat
from transcode.errors import FileChangedError
from transcode.frames import EncodedFrame, PixelArray

FIRST = TileKey(0, 0, 0)


@pytest.fixture
def colour() -> np.ndarray[Any, Any]:
    y, x = np.mgrid[0:100, 0:160]
    return np.dstack([x, y * 2, x + y]).astype(np.uint8)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"quality": 30}])
def test_an_upright_jpeg_is_handed_out_untouched(tmp_path: Path, colour: Any, options: dict[str, Any]) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(colour).save(path, **options)
    source = PictureFormat(None).open([path])
    frame = source.read_tile(FIRST)
    assert isinstance(frame, EncodedFrame)
    assert frame.data == path.read_bytes()
    assert source.info.levels[0].media_type == "image/jpeg"
    assert source.display(0) is PLAIN
    source.close()


def test_a_turned_jpeg_is_decoded_upright(tmp_path: Path, colour: Any) -> None:
    path = tmp_path / "a.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(colour).save(path, exif=exif, quality=95, subsampling=0)
    source = PictureFormat(None).open([path])
    frame = source.read_tile(FIRST)
    assert source.info.size == Size(100, 160)
    assert source.info.levels[0].media_type is None
    assert isinstance(frame, PixelArray)
    assert np.abs(frame.samples.astype(int) - np.rot90(colour, -1)).max() < 16
    source.close()


def test_a_cmyk_jpeg_is_decoded(tmp_path: Path, colour: Any) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(colour).convert("CMYK").save(path)
    source = PictureFormat(None).open([path])
    assert isinstance(source.read_tile(FIRST), PixelArray)
    source.close()


def test_a_cut_jpeg_is_not_handed_out(tmp_path: Path, colour: Any) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(colour).save(path)
    path.write_bytes(path.read_bytes()[:-300])
    source = PictureFormat(None).open([path])
    with pytest.raises(DamagedImageError, match=r"a\.jpg is broken"):
        source.read_tile(FIRST)
    source.close()


def test_a_large_picture_needs_a_cache_folder(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("L", (5000, 20)).save(path)
    with pytest.raises(UnsupportedFormatError, match="there is no cache folder"):
        PictureFormat(None).open([path])


def test_the_pyramid_of_a_large_picture_is_kept(tmp_path: Path) -> None:
    path, cache = tmp_path / "a.png", tmp_path / "cache"
    Image.effect_noise((4500, 40), 60).save(path)
    before = path.read_bytes()
    for _ in range(2):
        source = PictureFormat(PyramidFolder(cache)).open([path])
        tile = source.read_tile(FIRST)
        assert isinstance(tile, PixelArray)
        with Image.open(path) as image:
            assert np.array_equal(tile.samples[:40, :, 0], np.asarray(image)[:, :512])
        source.close()
    assert len(list(cache.iterdir())) == 1
    assert path.read_bytes() == before


@pytest.mark.parametrize("size", [(60, 40), (4200, 30)])
def test_a_replaced_picture_is_noticed(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "a.png"
    Image.new("L", size, 10).save(path)
    source = PictureFormat(PyramidFolder(tmp_path / "cache")).open([path])
    other = tmp_path / "b.png"
    Image.new("L", size, 20).save(other)
    other.replace(path)
    with pytest.raises(FileChangedError):
        source.read_tile(FIRST)
    source.close()


def test_detection_goes_by_the_first_bytes(tmp_path: Path) -> None:
    formats = PictureFormat(None)
    assert formats.detects(Path("slide.dat"), b"\x89PNG\r\n\x1a\n" + bytes(100))
    assert formats.detects(Path("a.bmp"), b"BM" + bytes(100))
    assert not formats.detects(Path("readme.txt"), b"BMW is a car")
    assert not formats.detects(Path("a.jpg"), b"")
    assert not formats.detects(Path("a.jp2"), b"\xff\x4f\xff\x51")
