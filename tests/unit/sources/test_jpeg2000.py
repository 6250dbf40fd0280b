"""Codestreams go out untouched, tiles cut out, reductions as levels; what is broken is told."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from medtiles.core.display import PLAIN, Display
from medtiles.core.errors import DamagedImageError, UnsupportedFormatError
from medtiles.core.geometry import Size
from medtiles.core.pyramid import TileKey
from medtiles.core.source import Source
from medtiles.pyramids import PyramidFolder
from medtiles.sources.jpeg2000 import Jpeg2000Format
from medtiles.sources.jpeg2000.stored import Stored
from tests.unit.transcode.test_wavelet_frames import deep_ramp, subsampled
from transcode.codecs import builtin
from transcode.codecs.htj2k import HTJ2K
from transcode.codecs.jpeg2000 import JPEG_2000
from transcode.codestream import parse
from transcode.colour import to_rgb
from transcode.errors import CorruptFrameError, FileChangedError
from transcode.frames import EncodedFrame, PixelArray

FIRST = TileKey(0, 0, 0)
CODECS = builtin()
SYCC_BOXES = b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x17jp2h\0\0\0\x0fcolr\x01\0\0\0\0\0\x12\0\0\0\0jp2c"
"""What stands before a codestream whose components are luminance and chrominance (EnumCS 18)."""


@pytest.fixture(scope="module")
def colour() -> np.ndarray[Any, Any]:
    y, x = np.mgrid[0:300, 0:420]
    noise = np.random.default_rng(3).integers(0, 20, (300, 420, 3))
    return (np.dstack([x // 2, y // 2, (x + y) // 4]) + noise).astype(np.uint8)


def opened(path: Path, data: bytes, cache: Path | None = None) -> Source:
    path.write_bytes(data)
    return Jpeg2000Format(PyramidFolder(cache) if cache else None).open([path])


def jp2(path: Path, pixels: Any, **options: Any) -> bytes:
    Image.fromarray(pixels).save(path, "JPEG2000", **options)
    return path.read_bytes()


def assembled(source: Source, level: int) -> Any:
    """A level put together from its decoded tiles."""
    grid = source.info.levels[level].grid
    return np.concatenate(
        [
            np.concatenate([_samples(source, TileKey(level, column, row)) for column in range(grid.width)], axis=1)
            for row in range(grid.height)
        ]
    )


def _samples(source: Source, key: TileKey) -> Any:
    frame = source.read_tile(key)
    return CODECS.decode(frame).samples if isinstance(frame, EncodedFrame) else frame.samples


def test_a_bare_codestream_is_handed_out_untouched(tmp_path: Path, colour: Any) -> None:
    data = bytes(imagecodecs.htj2k_encode(colour, reversible=True))
    source = opened(tmp_path / "a.jhc", data)
    frame = source.read_tile(FIRST)
    assert isinstance(frame, EncodedFrame)
    assert frame.data == data
    assert frame.encoding is HTJ2K
    assert frame.format.photometric == "YBR_RCT"
    assert source.info.levels[0].media_type == HTJ2K.media_type
    assert source.display(0) is PLAIN
    source.close()


def test_the_codestream_in_boxes_is_handed_out_bare(tmp_path: Path, colour: Any) -> None:
    data = jp2(tmp_path / "a.jp2", colour)
    source = Jpeg2000Format(None).open([tmp_path / "a.jp2"])
    frame = source.read_tile(FIRST)
    assert isinstance(frame, EncodedFrame)
    assert frame.encoding is JPEG_2000
    assert frame.data in data
    assert parse(frame.data).length == len(frame.data)
    source.close()


def test_levels_are_the_reductions_of_the_codestream(tmp_path: Path, colour: Any) -> None:
    source = opened(tmp_path / "a.jhc", bytes(imagecodecs.htj2k_encode(colour, reversible=True, resolutions=3)))
    levels = source.info.levels
    assert [level.size for level in levels] == [Size(420, 300), Size(210, 150), Size(105, 75), Size(53, 38)]
    assert [level.grid.area for level in levels] == [1] * 4
    for number in range(1, 4):
        frame = source.read_tile(TileKey(number, 0, 0))
        assert isinstance(frame, EncodedFrame)
        assert frame.reduction == number
        assert levels[number].media_type is None
    source.close()


@pytest.mark.parametrize("tile", [(128, 128), (96, 64), (64, 200)])
def test_a_level_from_cut_tiles_is_the_codestream_decoded_whole(
    tmp_path: Path, colour: Any, tile: tuple[int, int]
) -> None:
    data = jp2(tmp_path / "a.jp2", colour, tile_size=tile)
    source = Jpeg2000Format(None).open([tmp_path / "a.jp2"])
    whole = EncodedFrame(data, JPEG_2000, source.info.pixels, 420, 300)
    assert len(source.info.levels) > 2
    can_reduce = "skipres" in inspect.signature(imagecodecs.jpeg2k_decode).parameters
    for number in range(len(source.info.levels) if can_reduce else 1):
        assert np.array_equal(assembled(source, number), CODECS.decode(whole, number).samples)
    source.close()


def test_a_level_from_cut_htj2k_tiles_is_the_picture(tmp_path: Path, colour: Any) -> None:
    data = bytes(imagecodecs.htj2k_encode(colour, reversible=True, tile=(128, 64), tlm=True, tilepart=1))
    source = opened(tmp_path / "a.jph", data)
    assert source.info.levels[0].tile_size == Size(128, 64)
    assert np.array_equal(assembled(source, 0), colour)
    source.close()


def test_tiles_on_no_even_grid_are_one_tile(tmp_path: Path, colour: Any) -> None:
    jp2(tmp_path / "a.jp2", colour, tile_size=(128, 64), offset=(9, 5), tile_offset=(3, 1))
    source = Jpeg2000Format(None).open([tmp_path / "a.jp2"])
    assert source.info.levels[0].grid == Size(1, 1)
    assert np.array_equal(assembled(source, 0), colour)
    source.close()


def test_alpha_is_laid_on_white(tmp_path: Path, colour: Any) -> None:
    alpha = np.zeros((300, 420, 1), np.uint8)
    alpha[:100] = 255
    jp2(tmp_path / "a.jp2", np.concatenate([colour, alpha], axis=2))
    source = Jpeg2000Format(None).open([tmp_path / "a.jp2"])
    samples = assembled(source, 0)
    assert np.array_equal(samples[:100], colour[:100])
    assert (samples[100:] == 255).all()
    source.close()


def test_a_large_codestream_of_one_tile_gets_a_pyramid(tmp_path: Path) -> None:
    pixels = (np.arange(4200) * 7 + np.arange(50)[:, np.newaxis]).astype(np.uint16)
    data = bytes(imagecodecs.htj2k_encode(pixels, reversible=True))
    source = opened(tmp_path / "a.jhc", data, tmp_path / "cache")
    assert source.info.levels[0].grid == Size(9, 1)
    tile = source.read_tile(TileKey(0, 8, 0))
    assert isinstance(tile, PixelArray)
    assert np.array_equal(tile.samples[:50, :104, 0], pixels[:, 4096:])
    assert len(list((tmp_path / "cache").iterdir())) == 1
    source.close()


def test_a_large_codestream_of_one_tile_needs_a_cache_folder(tmp_path: Path) -> None:
    data = bytes(imagecodecs.htj2k_encode(np.zeros((20, 5000), np.uint8), reversible=True))
    with pytest.raises(UnsupportedFormatError, match="there is no cache folder"):
        opened(tmp_path / "a.jhc", data)


def test_deep_samples_are_stretched(tmp_path: Path) -> None:
    data = bytes(imagecodecs.htj2k_encode(np.full((64, 64), 900, np.uint16), reversible=True))
    source = opened(tmp_path / "a.jhc", data)
    assert source.info.pixels.bits_stored == 16
    display = source.display(0)
    assert isinstance(display, Display)
    assert display.windowings == ()
    source.close()


def test_a_missing_codestream_tile_is_told(tmp_path: Path, colour: Any) -> None:
    data = bytes(imagecodecs.htj2k_encode(colour, reversible=True, tile=(128, 128)))
    last = parse(data).tile_parts[-1]
    source = opened(tmp_path / "a.jhc", data[: last.offset] + b"\xff\xd9")
    assert isinstance(source.read_tile(FIRST), EncodedFrame)
    with pytest.raises(CorruptFrameError, match="codestream tile 11 is missing"):
        source.read_tile(TileKey(0, 3, 2))
    source.close()


@pytest.mark.parametrize("cut", [60, 200, 5000])
def test_a_cut_file_is_damaged_and_says_where(tmp_path: Path, colour: Any, cut: int) -> None:
    data = bytes(imagecodecs.htj2k_encode(colour, reversible=True))
    with pytest.raises(DamagedImageError, match=r"a\.jhc is broken: .* at byte"):
        opened(tmp_path / "a.jhc", data[:cut])


def many(count: int, rows: int = 90, columns: int = 130) -> np.ndarray[Any, Any]:
    noise = np.random.default_rng(5).integers(0, 30, (rows, columns, count))
    return (np.mgrid[0:rows, 0:columns].sum(axis=0)[:, :, np.newaxis] + noise).astype(np.uint8)


@pytest.mark.parametrize("encode", [imagecodecs.jpeg2k_encode, imagecodecs.htj2k_encode])
def test_components_that_are_no_colour_are_planes(tmp_path: Path, encode: Callable[..., bytes]) -> None:
    pixels = many(7)
    options = {"codecformat": "j2k"} if encode is imagecodecs.jpeg2k_encode else {}
    source = opened(tmp_path / "a.j2c", bytes(encode(pixels, reversible=True, **options)))
    assert [plane.name for plane in source.info.planes] == [f"component {number}" for number in range(1, 8)]
    assert source.info.pixels.samples_per_pixel == 1
    assert source.info.levels[0].media_type is None
    assert [level.size for level in source.info.levels] == [Size(130, 90), Size(65, 45), Size(33, 23)]
    for number in range(7):
        frame = source.read_tile(TileKey(0, 0, 0, number))
        assert isinstance(frame, PixelArray)
        assert np.array_equal(frame.samples[:, :, 0], pixels[:, :, number])
    assert source.read_tile(TileKey(1, 0, 0, 6)).format == source.info.pixels
    source.close()


def test_components_are_decoded_once_while_they_are_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = opened(tmp_path / "a.j2c", bytes(imagecodecs.jpeg2k_encode(many(6), codecformat="j2k", reversible=True)))
    calls: list[int] = []
    decode = Stored.decode_planes

    def counted(stored: Stored, reduction: int) -> PixelArray:
        calls.append(reduction)
        return decode(stored, reduction)

    monkeypatch.setattr(Stored, "decode_planes", counted)
    for number in range(6):
        source.read_tile(TileKey(0, 0, 0, number))
    assert calls == [0]
    monkeypatch.setattr("medtiles.sources.jpeg2000.tiles._KEPT_BYTES", 1000)
    source.read_tile(TileKey(1, 0, 0, 0))
    source.read_tile(TileKey(1, 0, 0, 1))
    assert calls == [0, 1, 1]
    source.close()


def test_components_that_are_kept_are_not_shown_for_another_file(tmp_path: Path) -> None:
    path = tmp_path / "a.j2c"
    data = bytes(imagecodecs.jpeg2k_encode(many(6), codecformat="j2k", reversible=True))
    source = opened(path, data)
    source.read_tile(FIRST)
    path.write_bytes(data + b"\0")
    with pytest.raises(FileChangedError):
        source.read_tile(FIRST)
    source.close()


def test_more_components_than_memory_allows_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = bytes(imagecodecs.jpeg2k_encode(many(6), codecformat="j2k", reversible=True))
    monkeypatch.setattr("medtiles.sources.jpeg2000.stored._MOST_SAMPLES", 6 * 130 * 90 - 1)
    with pytest.raises(UnsupportedFormatError, match="6 components of 130 x 90 samples"):
        opened(tmp_path / "a.j2c", data)


def test_planes_of_different_depths_are_refused(tmp_path: Path) -> None:
    data = bytearray(imagecodecs.jpeg2k_encode(many(6), codecformat="j2k", reversible=True))
    data[45] = 11
    with pytest.raises(UnsupportedFormatError, match="different depths"):
        opened(tmp_path / "a.j2c", bytes(data))


def test_components_that_are_all_subsampled_are_one_picture(tmp_path: Path, colour: Any) -> None:
    data = bytearray(imagecodecs.jpeg2k_encode(colour, codecformat="j2k", reversible=True))
    for at, side in ((8, 1680), (12, 600), (24, 1680), (28, 600)):
        data[at : at + 4] = side.to_bytes(4)
    for at in (43, 46, 49):
        data[at : at + 2] = b"\x04\x02"
    source = opened(tmp_path / "a.j2c", bytes(data))
    frame = source.read_tile(FIRST)
    assert isinstance(frame, EncodedFrame)
    assert frame.data == data
    assert source.info.size == Size(420, 300)
    assert np.array_equal(assembled(source, 0), colour)
    assert assembled(source, 2).shape == (75, 105, 3)
    source.close()


@pytest.mark.parametrize(("boxes", "planes"), [(b"", 3), (SYCC_BOXES, 1)], ids=["bare", "sYCC"])
def test_deep_narrow_components_are_colour_where_the_boxes_say_so(tmp_path: Path, boxes: bytes, planes: int) -> None:
    narrow = np.full((44, 15), 32768, np.uint16)
    source = opened(tmp_path / "a.jph", boxes + subsampled(deep_ramp(60), narrow, narrow))
    assert len(source.info.planes) == planes
    frame = source.read_tile(FIRST)
    decoded = to_rgb(CODECS.decode(frame)) if isinstance(frame, EncodedFrame) else frame
    assert decoded.format.photometric == ("MONOCHROME2" if planes > 1 else "RGB")
    assert np.array_equal(decoded.samples, np.dstack([deep_ramp(60)] * source.info.pixels.samples_per_pixel))
    source.close()


def test_what_no_decoder_reads_is_not_supported_rather_than_broken(tmp_path: Path, colour: Any) -> None:
    data = bytearray(imagecodecs.htj2k_encode(colour, reversible=True))
    cap = data.index(b"\xff\x50")
    data[cap + 8] |= 0xC0
    with pytest.raises(UnsupportedFormatError, match=r"^a\.jhc is not supported here: HTJ2K with .*MIXED"):
        opened(tmp_path / "a.jhc", bytes(data))


def test_an_absurd_size_is_refused(tmp_path: Path) -> None:
    data = bytearray(imagecodecs.htj2k_encode(np.zeros((64, 64), np.uint8), reversible=True))
    data[8:16] = data[24:32] = b"\x7f\xff\xff\xff" * 2
    with pytest.raises(UnsupportedFormatError, match="pixels in one piece"):
        opened(tmp_path / "a.jhc", bytes(data), tmp_path)


def test_detection_goes_by_the_first_bytes() -> None:
    formats = Jpeg2000Format(None)
    assert formats.detects(Path("a.bin"), b"\xff\x4f\xff\x51" + bytes(20))
    assert formats.detects(Path("a.bin"), b"\0\0\0\x0cjP  \r\n\x87\n")
    assert not formats.detects(Path("a.jp2"), b"\xff\xd8\xff\xe0")
    assert not formats.detects(Path("a.jp2"), b"")
