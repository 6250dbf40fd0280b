"""Every way in which TIFF stores samples gives the samples that tifffile reads, exactly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from medtiles.core.errors import UnsupportedFormatError
from medtiles.core.pyramid import TileKey
from medtiles.sources.tiff import FORMAT, decode
from tests.unit.sources.tiff.tiff_files import damaged, expected, gradients, noise, opened, set_tag, tag_entry, write
from tests.unit.sources.whole_pictures import whole_level
from transcode.frames import EncodedFrame, PixelArray

pytestmark = pytest.mark.slow

_TILED = {"tile": (64, 80)}
_IN_STRIPS = {"rowsperstrip": 13}
_COMPRESSIONS = [None, "lzw", "deflate", "zstd", "packbits", "lzma"]


@pytest.mark.parametrize("layout", [_TILED, {"tile": (16, 16)}, _IN_STRIPS], ids=["wide-tiles", "tiles", "strips"])
@pytest.mark.parametrize("order", ["<", ">"], ids=["little", "big"])
@pytest.mark.parametrize("compression", _COMPRESSIONS)
def test_samples_of_each_type_are_read_exactly(
    tmp_path: Path, compression: str | None, order: str, layout: dict[str, Any]
) -> None:
    for dtype in ("u1", "i1", "u2", "i2", "u4", "f4", "f8"):
        path = write(tmp_path / "a.tif", noise((70, 101), dtype), compression=compression, byteorder=order, **layout)
        with opened(path) as source:
            found = whole_level(source)
        assert found.dtype == np.dtype(dtype)
        assert np.array_equal(found, expected(path)), dtype


@pytest.mark.parametrize("order", ["<", ">"], ids=["little", "big"])
@pytest.mark.parametrize(("dtype", "predictor"), [("u1", 2), ("u2", 2), ("i4", 2), ("f2", 3), ("f4", 3), ("f8", 3)])
@pytest.mark.parametrize("is_rgb", [False, True], ids=["grey", "rgb"])
def test_predictors_are_undone(tmp_path: Path, order: str, dtype: str, predictor: int, is_rgb: bool) -> None:
    array = noise((70, 101, 3) if is_rgb else (70, 101), dtype)
    options: dict[str, Any] = {"photometric": "rgb" if is_rgb else "minisblack", **_TILED}
    path = write(tmp_path / "a.tif", array, compression="zlib", predictor=predictor, byteorder=order, **options)
    with opened(path) as source:
        assert np.array_equal(whole_level(source), expected(path).astype("f4" if dtype == "f2" else dtype))


@pytest.mark.parametrize("layout", [_TILED, _IN_STRIPS], ids=["tiles", "strips"])
@pytest.mark.parametrize("is_big", [False, True], ids=["classic", "bigtiff"])
@pytest.mark.parametrize("compression", [None, "zstd"])
def test_samples_stored_apart_are_put_together(
    tmp_path: Path, compression: str | None, is_big: bool, layout: dict[str, Any]
) -> None:
    array = noise((3, 150, 201), most=255)
    options: dict[str, Any] = {"photometric": "rgb", "planarconfig": "separate", "bigtiff": is_big, **layout}
    path = write(tmp_path / "a.tif", array, compression=compression, **options)
    with opened(path) as source:
        assert np.array_equal(whole_level(source), array.transpose(1, 2, 0))


@pytest.mark.parametrize("bits", [1, 2, 4, 6, 10, 12, 14])
def test_samples_that_fill_no_bytes_are_unpacked(tmp_path: Path, bits: int) -> None:
    array = noise((70, 101), "u1" if bits <= 8 else "u2", 1 << bits)
    path = write(tmp_path / "a.tif", array.astype(bool) if bits == 1 else array, bitspersample=bits, **_IN_STRIPS)
    with opened(path) as source:
        assert source.info.pixels.bits_stored == bits
        assert np.array_equal(whole_level(source)[..., 0], array.astype(bool) if bits == 1 else array)


@pytest.mark.parametrize("subsampling", [(1, 1), (2, 1), (2, 2)], ids=str)
def test_jpeg_tiles_of_ycbcr_are_passed_through_and_decode_alike(tmp_path: Path, subsampling: tuple[int, int]) -> None:
    path = write(tmp_path / "a.tif", gradients(), photometric="rgb", compression="jpeg", subsampling=subsampling,
                 **_TILED)  # fmt: skip
    with opened(path) as source:
        assert source.info.levels[0].media_type == "image/jpeg"
        frame = source.read_tile(TileKey(0, 0, 0))
        assert isinstance(frame, EncodedFrame)
        assert b"Adobe" not in frame.data
        assert np.array_equal(whole_level(source), expected(path))


def test_jpeg_tiles_of_rgb_say_so_in_a_marker(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", gradients(), photometric="rgb", compression="jpeg",
                 compressionargs={"outcolorspace": "rgb"}, **_TILED)  # fmt: skip
    with opened(path) as source:
        frame = source.read_tile(TileKey(0, 0, 0))
        assert isinstance(frame, EncodedFrame)
        assert b"Adobe\x00\x64\x00\x00\x00\x00\x00" in frame.data
        found = np.asarray(imagecodecs.jpeg8_decode(frame.data))
        assert np.array_equal(found, expected(path)[:64, :80])


@pytest.mark.parametrize("compression", ["jpeg", "jpeg2000", "webp", "jpegxl"])
@pytest.mark.parametrize("layout", [_TILED, {"rowsperstrip": 32}], ids=["tiles", "strips"])
def test_tiles_that_are_pictures_decode_as_in_tifffile(
    tmp_path: Path, compression: str, layout: dict[str, Any]
) -> None:
    arguments = {} if compression in {"jpeg", "jpeg2000"} else {"lossless": True}
    if compression == "jpeg2000" and "tile" not in layout:
        layout = {"rowsperstrip": 150}
    path = write(tmp_path / "a.tif", gradients(), photometric="rgb", compression=compression,
                 compressionargs=arguments, **layout)  # fmt: skip
    with opened(path) as source:
        assert (source.info.levels[0].media_type is not None) == ("tile" in layout)
        assert np.array_equal(whole_level(source), expected(path))


@pytest.mark.parametrize("compression", ["jpeg", "jpeg2000"])
def test_pictures_of_single_samples_become_rgb(tmp_path: Path, compression: str) -> None:
    path = write(tmp_path / "a.tif", gradients().transpose(2, 0, 1).copy(), photometric="rgb",
                 planarconfig="separate", compression=compression, **_TILED)  # fmt: skip
    with opened(path) as source:
        assert isinstance(source.read_tile(TileKey(0, 0, 0)), PixelArray)
        assert np.abs(whole_level(source).astype(int) - gradients()).max() <= 3


def test_deep_jpeg_is_passed_through_under_its_own_name(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", gradients(channels=1)[..., 0].astype("u2") * 16, compression="jpeg",
                 bitspersample=12, compressionargs={"bitspersample": 12}, **_TILED)  # fmt: skip
    with opened(path) as source:
        assert source.info.levels[0].media_type != "image/jpeg"
        assert np.array_equal(whole_level(source), expected(path))


def test_palette_is_handed_out_with_the_indices(tmp_path: Path) -> None:
    colours = noise((3, 256), "u2", 65535)
    path = write(tmp_path / "a.tif", noise((70, 101)), photometric="palette", colormap=colours, **_TILED)
    with opened(path) as source:
        palette = source.display(0).palette
        assert palette is not None
        assert source.info.pixels.photometric == "PALETTE COLOR"
        assert all(np.array_equal(lut.values, row) for lut, row in zip(palette, colours, strict=True))
        assert {lut.bits for lut in palette} == {16}


def test_white_zero_is_shown_inverted_and_stored_as_it_is(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", noise((70, 101)), photometric="miniswhite", **_TILED)
    with opened(path) as source:
        assert source.display(0).is_inverted
        assert np.array_equal(whole_level(source), expected(path))


def test_inks_become_rgb(tmp_path: Path) -> None:
    inks = noise((70, 101, 4), most=256)
    light = 255.0 - inks
    with opened(write(tmp_path / "a.tif", inks, photometric="separated", **_TILED)) as source:
        assert np.array_equal(whole_level(source), np.rint(light[..., :3] * light[..., 3:] / 255))


def test_alpha_is_laid_over_white(tmp_path: Path) -> None:
    array = noise((70, 101, 4), most=256)
    alpha = array[..., 3:] / 255
    options: dict[str, Any] = {"photometric": "rgb", "extrasamples": ["unassalpha"], **_TILED}
    with opened(write(tmp_path / "a.tif", array, **options)) as source:
        wanted = np.rint(array[..., :3] * alpha + 255 * (1 - alpha))
        assert np.abs(whole_level(source) - wanted).max() <= 1


def test_subsampled_ycbcr_without_compression_becomes_rgb(tmp_path: Path) -> None:
    units = np.array([[[10, 20, 30, 40, 90, 160], [50, 60, 70, 80, 128, 128]]], np.uint8)
    path = write(tmp_path / "a.tif", np.zeros((2, 4, 3), np.uint8), photometric="ycbcr")
    offset = _strip_offset(path)

    def fill(data: bytearray) -> None:
        data[offset : offset + units.size] = units.tobytes()
        place = tag_entry(data, 530)
        data[place + 8 : place + 12] = b"\2\0\2\0"

    with opened(damaged(path, fill)) as source:
        found = whole_level(source)
    luma = np.array([[10, 20, 50, 60], [30, 40, 70, 80]])
    chroma = Image.merge("YCbCr", [
        Image.fromarray(luma.astype(np.uint8)),
        Image.fromarray(np.array([[90, 90, 128, 128]] * 2, np.uint8)),
        Image.fromarray(np.array([[160, 160, 128, 128]] * 2, np.uint8)),
    ])  # fmt: skip
    assert np.abs(found.astype(int) - np.asarray(chroma.convert("RGB"))).max() <= 2


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("layout", [_TILED, _IN_STRIPS], ids=["tiles", "strips"])
def test_turned_pages_are_shown_upright(tmp_path: Path, orientation: int, layout: dict[str, Any]) -> None:
    array = gradients(130, 90)
    tag = (274, "H", 1, orientation, True)
    path = write(tmp_path / "a.tif", array, photometric="rgb", extratags=[tag], **layout)
    picture = Image.fromarray(array)
    picture.getexif()[274] = orientation
    upright = np.asarray(ImageOps.exif_transpose(picture))
    with opened(path) as source:
        assert (source.info.size.height, source.info.size.width) == upright.shape[:2]
        assert np.array_equal(whole_level(source), upright)


def test_bands_of_strips_are_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.tif", noise((1200, 2000)), compression="zlib", rowsperstrip=1200)
    calls: list[int] = []
    plain = decode.decode_rows

    def counted(*arguments: Any) -> Any:
        calls.append(1)
        return plain(*arguments)

    monkeypatch.setattr(decode, "decode_rows", counted)
    with opened(path) as source:
        assert source.info.levels[0].grid.area == 12
        assert np.array_equal(whole_level(source), expected(path))
    assert len(calls) == 1


def test_unknown_compression_is_refused_by_number(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", noise((70, 101)), **_TILED)
    with pytest.raises(UnsupportedFormatError, match="34676"):
        FORMAT.open([damaged(path, lambda data: set_tag(data, 259, 34676))])


def _strip_offset(path: Path) -> int:
    with tifffile.TiffFile(path) as file:
        return int(file.pages.first.dataoffsets[0])
