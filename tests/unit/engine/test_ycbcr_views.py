"""Views put together from luminance and chrominance, held against the ordinary way through RGB."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache

import imagecodecs
import numpy as np
import pytest
import simplejpeg
from PIL import Image

from medtiles.core.display import PLAIN, Display
from medtiles.core.errors import ViewTooLargeError
from medtiles.core.geometry import Region, Size
from medtiles.core.limits import Limits
from medtiles.core.pyramid import ImageInfo, Level, TileKey
from medtiles.core.view import Request, View
from medtiles.engine import ycbcr_views
from medtiles.engine.engine import EngineOptions, TileEngine
from transcode import ycbcr
from transcode.codecs import JPEG, builtin
from transcode.errors import CorruptFrameError
from transcode.frames import RGB8, EncodedFrame, Encoding, Frame, PixelArray, PixelFormat, Samples
from transcode.jpeg_structure import with_adobe_marker

pytestmark = pytest.mark.skipif(not ycbcr.is_available(), reason="no TurboJPEG library")

MakeEngine = Callable[..., TileEngine]
CODECS = builtin()
SIZE = Size(301, 203)
TILE = Size(64, 48)
YBR = PixelFormat(3, 8, 8, photometric="YBR_FULL_422")
WHOLE = View(Region(0, 0, 301, 203), SIZE)
PLACES = [
    (Region(0, 0, 66, 50), "at the corner, even"),
    (Region(63, 47, 66, 50), "overlapping by one"),
    (Region(64, 47, 66, 50), "even, odd"),
    (Region(63, 48, 66, 50), "odd, even"),
    (Region(37, 21, 77, 91), "odd everywhere"),
    (Region(36, 20, 77, 91), "odd sizes"),
    (Region(190, 100, 111, 103), "at the lower right edge, even"),
    (Region(191, 101, 110, 102), "at the lower right edge, odd"),
    (Region(300, 202, 1, 1), "the last pixel"),
    (Region(299, 201, 1, 1), "a pixel at an odd place"),
    (Region(31, 0, 1, 203), "one column"),
    (Region(0, 0, 301, 203), "everything"),
]
at_each_place = pytest.mark.parametrize("region", [place for place, _ in PLACES], ids=[name for _, name in PLACES])


@cache
def painting() -> Samples:
    """Something like stained tissue: soft, coloured, nowhere flat."""
    coarse = np.random.default_rng(4).integers(30, 226, (SIZE.height // 24 + 2, SIZE.width // 24 + 2, 3), np.uint8)
    soft = np.asarray(Image.fromarray(coarse).resize((SIZE.width, SIZE.height), Image.Resampling.BICUBIC))
    return soft.copy()


class Painted:
    """Tiles of a painting, padded at the edges with a green that must never be seen."""

    def __init__(self, encode: Callable[[Samples, int], bytes], pixels: PixelFormat = YBR, tile: Size = TILE) -> None:
        self._encode = encode
        self._pixels = pixels
        self.read = 0
        self._info = ImageInfo("painting", "slide", "test", (Level(SIZE, tile, 1.0, JPEG.media_type),), RGB8)

    @property
    def info(self) -> ImageInfo:
        return self._info

    def read_tile(self, key: TileKey) -> Frame:
        self.read += 1
        tile = self._info.levels[0].tile_size
        samples = np.empty((tile.height, tile.width, 3), np.uint8)
        samples[:] = (0, 255, 0)
        x, y = key.column * tile.width, key.row * tile.height
        # what is beyond the picture within its last block belongs to it, as every encoder has it
        padded = np.pad(painting(), ((0, -SIZE.height % 16), (0, -SIZE.width % 16), (0, 0)), mode="edge")
        part = padded[y : y + tile.height, x : x + tile.width]
        samples[: part.shape[0], : part.shape[1]] = part
        data = self._encode(samples, key.column + key.row * 100)
        return EncodedFrame(data, JPEG, self._pixels, tile.width, tile.height)

    def read_associated(self, name: str) -> Frame:
        raise NotImplementedError

    def display(self, plane: int) -> Display:
        return PLAIN

    def close(self) -> None:
        pass


def stored_as(subsampling: str) -> Callable[[], Painted]:
    return lambda: Painted(lambda samples, _: simplejpeg.encode_jpeg(samples, 98, "RGB", subsampling))


@contextmanager
def the_ordinary_way() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ycbcr_views, "is_available", lambda: False)
        yield


def request(region: Region, accept: str = JPEG.media_type, quality: int | None = 100) -> Request:
    return Request("painting", View(region, region.size), (accept,), quality)


def pixels(frame: EncodedFrame) -> Samples:
    return CODECS.decode(frame).samples.astype(np.float64)


def both(make_engine: MakeEngine, region: Region, source: Callable[[], Painted]) -> tuple[Samples, Samples, Samples]:
    """A view made of luminance and chrominance, made of RGB, and its exact pixels."""
    ours = pixels(make_engine(painting=source).produce(request(region)))
    with the_ordinary_way():
        engine = make_engine(painting=source)
        return (
            ours,
            pixels(engine.produce(request(region))),
            engine.samples("painting", View(region, region.size)).samples,
        )


def decibels(a: Samples, b: Samples) -> float:
    error = float(np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2))
    return float(10 * np.log10(255**2 / max(error, 1e-3)))


@at_each_place
@pytest.mark.parametrize("subsampling", ["420", "422", "444"])
def test_the_picture_is_that_of_the_ordinary_way(make_engine: MakeEngine, subsampling: str, region: Region) -> None:
    ours, ordinary, exact = both(make_engine, region, stored_as(subsampling))
    assert ours.shape == ordinary.shape == (region.height, region.width, 3)
    is_thin = min(region.width, region.height) == 1  # what is a part of a sample of chrominance takes it as it is
    assert decibels(ours, ordinary) >= (40 if is_thin else 45)
    assert is_thin or decibels(ours, exact) >= decibels(ordinary, exact) - 1


@pytest.mark.parametrize("corner", [(20, 20), (21, 20), (20, 21), (21, 21)])
def test_nothing_is_shifted(make_engine: MakeEngine, corner: tuple[int, int]) -> None:
    """Neither luminance nor chrominance: against a picture moved by one pixel either way, all are farther off."""
    ours, ordinary, _ = both(make_engine, Region(*corner, 150, 120), stored_as("420"))
    weights = np.array([[0.299, 0.587, 0.114], [-0.169, -0.331, 0.5], [0.5, -0.419, -0.081]]).T
    ours, ordinary = ours @ weights, ordinary @ weights
    inner = ours[1:-1, 1:-1]
    for component in range(3):
        at_place = decibels(inner[..., component], ordinary[1:-1, 1:-1, component])
        for y, x in ((0, 1), (2, 1), (1, 0), (1, 2)):
            moved = ordinary[y : y + inner.shape[0], x : x + inner.shape[1], component]
            assert decibels(inner[..., component], moved) < at_place - 6


def test_tiles_are_decoded_once_for_all_views_that_share_them(make_engine: MakeEngine) -> None:
    source = stored_as("420")()
    engine = make_engine(painting=lambda: source)
    for region in (Region(1, 1, 120, 90), Region(3, 3, 120, 90), Region(5, 1, 100, 90)):
        engine.produce(request(region))
    assert source.read == 4


def test_views_of_several_threads_are_those_of_one(make_engine: MakeEngine) -> None:
    regions = [Region(x, y, 99, 70) for x in range(0, 200, 23) for y in range(0, 130, 19)]
    one = [make_engine(painting=stored_as("420")).produce(request(region)).data for region in regions]
    engine = make_engine(EngineOptions(encoded_cache_bytes=0, decoded_cache_bytes=0), painting=stored_as("420"))
    with ThreadPoolExecutor(8) as threads:
        many = list(threads.map(lambda region: engine.produce(request(region)).data, regions * 3))
    assert many == one * 3


def marked_rgb(samples: Samples, _: int) -> bytes:
    return bytes(imagecodecs.jpeg8_encode(samples, 98, colorspace="RGB", outcolorspace="RGB"))


def unmarked_rgb(samples: Samples, number: int) -> bytes:
    data = marked_rgb(samples, number)
    position = data.index(b"\xff\xee")
    return data[:position] + data[position + 2 + int.from_bytes(data[position + 2 : position + 4]) :]


def mixed(samples: Samples, number: int) -> bytes:
    return bytes(simplejpeg.encode_jpeg(samples, 98, "RGB", "420" if number % 2 else "444"))


def unequal(samples: Samples, _: int) -> bytes:
    return bytes(simplejpeg.encode_jpeg(samples, 98, "RGB", "440"))


def with_extra_bytes(samples: Samples, _: int) -> bytes:
    """A harmless warning of libjpeg: bytes before a marker that belong to nothing."""
    data = bytes(simplejpeg.encode_jpeg(samples, 98, "RGB", "420"))
    return data[:-2] + bytes(5) + data[-2:]


def marked_twice(samples: Samples, number: int) -> bytes:
    return with_adobe_marker(mixed(samples, number * 2 + 1), 1)


UNUSUAL = [
    (marked_rgb, YBR, TILE),
    (unmarked_rgb, RGB8, TILE),
    (mixed, YBR, TILE),
    (unequal, YBR, TILE),
    (with_extra_bytes, YBR, TILE),
    (marked_twice, YBR, TILE),
    (marked_twice, YBR, Size(63, 47)),
]


@pytest.mark.parametrize(("encode", "format_", "tile"), UNUSUAL, ids=lambda each: getattr(each, "__name__", str(each)))
def test_what_is_unusual_looks_right(
    make_engine: MakeEngine, encode: Callable[[Samples, int], bytes], format_: PixelFormat, tile: Size
) -> None:
    ours, ordinary, _ = both(make_engine, Region(37, 21, 150, 91), lambda: Painted(encode, format_, tile))
    assert decibels(ours, ordinary) >= 45
    assert decibels(ours, painting()[21:112, 37:187]) >= 30


@pytest.mark.parametrize("cut", [2, 30, 200, 400, -40])
def test_a_damaged_tile_fails_as_in_the_ordinary_way(make_engine: MakeEngine, cut: int) -> None:
    def encode(samples: Samples, number: int) -> bytes:
        data = bytes(simplejpeg.encode_jpeg(samples, 98, "RGB", "420"))
        return data[:cut] if number == 1 else data

    region = Region(37, 21, 150, 20)
    engine = make_engine(painting=lambda: Painted(encode))
    with pytest.raises(CorruptFrameError) as ours:
        engine.produce(request(region))
    with the_ordinary_way(), pytest.raises(CorruptFrameError) as ordinary:
        make_engine(painting=lambda: Painted(encode)).produce(request(region))
    assert str(ours.value) == str(ordinary.value)
    assert pixels(engine.produce(request(Region(150, 100, 80, 70)))).shape == (70, 80, 3)


def test_a_tile_of_another_size_than_its_grid_is_refused(make_engine: MakeEngine) -> None:
    engine = make_engine(painting=lambda: Painted(lambda samples, _: simplejpeg.encode_jpeg(samples[:32], 98)))
    with pytest.raises(CorruptFrameError, match="64 x 32 pixels, not 64 x 48"):
        engine.produce(request(Region(1, 1, 50, 40)))


def test_other_encodings_sizes_and_limits_are_for_the_ordinary_way(make_engine: MakeEngine) -> None:
    engine = make_engine(EngineOptions(limits=Limits(view_tiles=8)), painting=stored_as("420"))
    exact = engine.samples("painting", View(Region(1, 1, 90, 80), Size(90, 80))).samples
    assert np.array_equal(pixels(engine.produce(request(Region(1, 1, 90, 80), "image/png"))), exact)
    half = engine.produce(Request("painting", View(Region(0, 0, 100, 80), Size(50, 40)), (JPEG.media_type,)))
    assert (half.width, half.height) == (50, 40)
    with pytest.raises(ViewTooLargeError, match="touches 25 tiles, more than 8"):
        engine.produce(request(WHOLE.region))


def test_anything_is_accepted(make_engine: MakeEngine) -> None:
    frame = make_engine(painting=stored_as("420")).produce(request(Region(1, 1, 90, 80), "*/*"))
    assert frame.encoding is JPEG
    assert frame.format == YBR


def test_a_view_that_nobody_waits_for_is_left_off(make_engine: MakeEngine) -> None:
    reached, go_on = threading.Event(), threading.Event()

    class Slow(Painted):
        def read_tile(self, key: TileKey) -> Frame:
            reached.set()
            go_on.wait(10)
            return super().read_tile(key)

    source = Slow(lambda samples, _: simplejpeg.encode_jpeg(samples, 98))
    engine = make_engine(painting=lambda: source)
    future = engine.submit(request(WHOLE.region))
    assert reached.wait(10)
    future.cancel()
    go_on.set()
    with pytest.raises(CancelledError):
        future.result()
    engine.close()
    assert source.read == 1


def test_samples_that_are_no_jpeg_do_not_come_here(make_engine: MakeEngine) -> None:
    class Plain(Painted):
        def read_tile(self, key: TileKey) -> Frame:
            return PixelArray(np.full((TILE.height, TILE.width, 3), 90, np.uint8), RGB8)

    engine = make_engine(painting=lambda: Plain(mixed))
    assert np.abs(pixels(engine.produce(request(Region(1, 1, 90, 80)))) - 90).max() <= 1


def test_only_jpeg_is_decoded_so() -> None:
    frame = EncodedFrame(b"", Encoding("jpeg", "image/jpeg", "jpeg"), YBR, 64, 48)
    assert ycbcr.decode_ycbcr(frame) is None
