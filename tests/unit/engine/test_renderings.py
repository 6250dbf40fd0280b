"""Renderings, each against the same in plain NumPy; at seams, and whichever tile is asked for first."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from medtiles.core.display import Display
from medtiles.core.errors import BadRequestError, TileOutOfRangeError, ViewTooLargeError
from medtiles.core.geometry import Region, Size
from medtiles.core.pyramid import Channel, ImageInfo, Level, Plane, TileKey
from medtiles.core.rendering import (
    Blend,
    Bound,
    ChannelRendering,
    Composite,
    IccUse,
    Projection,
    Rendering,
    SampleRange,
    Spread,
    Unit,
    ValueRange,
)
from medtiles.core.view import Request, View
from medtiles.engine.engine import TileEngine
from medtiles.engine.tones import convolved
from transcode.codec import EncodeOptions
from transcode.codecs import builtin
from transcode.codecs.jpeg import JpegCodec
from transcode.frames import RGB8, EncodedFrame, Frame, PixelArray, PixelFormat

MakeEngine = Callable[..., TileEngine]
PNG = ("image/png",)
CODECS = builtin()
WIDTH, HEIGHT, TILE = 500, 400, 256
GREY16 = PixelFormat(1, 16, 16)


class Stack:
    """An image in memory: (planes, rows, columns, samples), of tiles of 256."""

    def __init__(self, values: NDArray[Any], planes: tuple[Plane, ...], pixels: PixelFormat = GREY16) -> None:
        self.values = values
        self.pixels = pixels
        self.background = Display()
        size = Size(values.shape[2], values.shape[1])
        self.info = ImageInfo(
            "stack",
            "slide",
            "test",
            (Level(size, Size(TILE, TILE)),),
            pixels,
            planes,
            channels=(Channel("DAPI", colour=(0, 0, 255)), Channel("FITC", colour=(0, 255, 0))),
            version="s1",
        )

    def read_tile(self, key: TileKey) -> Frame:
        region = self.info.levels[0].tile_region(key.column, key.row)
        rows, columns = slice(region.y, region.bottom), slice(region.x, region.right)
        return PixelArray(np.ascontiguousarray(self.values[key.plane, rows, columns]), self.pixels)

    def read_associated(self, name: str) -> Frame:
        raise NotImplementedError(name)

    def display(self, plane: int) -> Display:
        return self.background

    def close(self) -> None:
        pass


def fluorescence(count: int = 4, depth: int = 1) -> Stack:
    random = np.random.default_rng(7)
    values = random.gamma(2.0, 900.0, (count * depth, HEIGHT, WIDTH, 1)).clip(0, 65535).astype(np.uint16)
    planes = tuple(Plane(f"c{c}", c, z) for c in range(count) for z in range(depth))
    return Stack(values, planes)


def colours() -> Stack:
    values = np.random.default_rng(3).integers(0, 256, (1, HEIGHT, WIDTH, 3)).astype(np.uint8)
    return Stack(values, (Plane(),), RGB8)


def shown(engine: TileEngine, rendering: Rendering, region: Region | None = None, plane: int = 0) -> NDArray[np.uint8]:
    part = region or Region(0, 0, WIDTH, HEIGHT)
    frame = engine.produce(Request("stack", View(part, part.size, plane), PNG, rendering=rendering))
    return np.asarray(CODECS.decode(frame).samples)


def raw(low: float, high: float) -> ValueRange:
    return ValueRange(Bound(low), Bound(high))


FOUR = (
    ChannelRendering(0, raw(200, 6000), (0, 0, 255)),
    ChannelRendering(1, raw(500, 4000), (0, 255, 0), gamma=1.3),
    ChannelRendering(2, raw(0, 9000), (255, 40, 0), is_inverted=True),
    ChannelRendering(3, raw(3000, 100), (200, 200, 10)),
)


def expected(values: NDArray[Any], channels: tuple[ChannelRendering, ...], blend: Blend) -> NDArray[np.float64]:
    layers = []
    for channel in channels:
        low, high = channel.values.low.value, channel.values.high.value
        part = np.clip((values[channel.channel, ..., 0].astype(np.float64) - low) / (high - low), 0, 1)
        part = part**channel.gamma
        part = 1 - part if channel.is_inverted else part
        layers.append(part[..., np.newaxis] * np.array(channel.colour, np.float64) / 255)
    found = layers[0]
    for layer in layers[1:]:
        if blend is Blend.ADD:
            found = np.minimum(1, found + layer)
        elif blend is Blend.MAX:
            found = np.maximum(found, layer)
        elif blend is Blend.SCREEN:
            found = 1 - (1 - found) * (1 - layer)
        else:
            found = found * layer
    return found * 255


@pytest.mark.parametrize("blend", Blend)
def test_channels_are_put_together_as_numpy_does(make_engine: MakeEngine, blend: Blend) -> None:
    stack = fluorescence()
    engine = make_engine(stack=lambda: stack)

    found = shown(engine, Rendering(composite=Composite(FOUR, blend)))

    assert np.abs(found - expected(stack.values, FOUR, blend)).max() <= 0.51


def test_a_tile_of_several_channels_is_the_part_of_the_whole(make_engine: MakeEngine) -> None:
    engine = make_engine(stack=fluorescence)
    rendering = Rendering(composite=Composite(FOUR), kernel=((0, -1, 0), (-1, 5, -1), (0, -1, 0)), gamma=0.7)

    whole = shown(engine, rendering)

    for part in (
        Region(0, 0, 256, 256),
        Region(256, 0, 244, 256),
        Region(256, 256, 244, 144),
        Region(200, 190, 99, 77),
    ):
        found = shown(engine, rendering, part)
        np.testing.assert_array_equal(found, whole[part.y : part.bottom, part.x : part.right])


@pytest.mark.parametrize("pixels", [PixelFormat(1, 16, 12, signed=True), PixelFormat(1, 32, 32, True, is_float=True)])
def test_signed_and_floating_point_channels(make_engine: MakeEngine, pixels: PixelFormat) -> None:
    values = np.random.default_rng(5).normal(0, 600, (2, HEIGHT, WIDTH, 1)).clip(-2048, 2047).astype(pixels.dtype)
    engine = make_engine(stack=lambda: Stack(values, (Plane(channel=0), Plane(channel=1)), pixels))
    channels = (ChannelRendering(0, raw(-500, 900), (255, 0, 9)), ChannelRendering(1, raw(-100, 100), (0, 99, 99)))

    found = shown(engine, Rendering(composite=Composite(channels)))

    assert np.abs(found - expected(values, channels, Blend.ADD)).max() <= 0.51


@pytest.mark.parametrize(
    ("projection", "project"), [(Projection.MAX, np.max), (Projection.MIN, np.min), (Projection.MEAN, np.mean)]
)
def test_focal_planes_are_projected(
    make_engine: MakeEngine, projection: Projection, project: Callable[..., NDArray[Any]]
) -> None:
    stack = fluorescence(2, 5)
    engine = make_engine(stack=lambda: stack)
    channel = ChannelRendering(1, raw(0, 5000), (255, 255, 255))

    found = shown(engine, Rendering(composite=Composite((channel,), projection=projection)))

    as_one = np.rint(project(stack.values[5:10].astype(np.float64), axis=0))[..., 0]
    assert np.abs(found[..., 0] - np.clip(as_one / 5000, 0, 1) * 255).max() <= 0.51


def test_a_focal_plane_is_that_of_the_view_or_the_one_named(make_engine: MakeEngine) -> None:
    stack = fluorescence(2, 3)
    engine = make_engine(stack=lambda: stack)
    channel = ChannelRendering(1, raw(0, 5000), (255, 255, 255))

    of_view = shown(engine, Rendering(composite=Composite((channel,))), plane=2)
    named = shown(engine, Rendering(composite=Composite((channel,), z=2)))

    np.testing.assert_array_equal(of_view, named)
    assert np.abs(named[..., 0] - np.clip(stack.values[5, ..., 0] / 5000, 0, 1) * 255).max() <= 0.51


def test_percentiles_are_of_the_whole_image_whichever_tile_comes_first(make_engine: MakeEngine) -> None:
    part = ValueRange(Bound(1, Unit.PERCENTILE), Bound(99, Unit.PERCENTILE))
    rendering = Rendering(composite=Composite((ChannelRendering(0, part), ChannelRendering(1, part))))
    tiles = [Region(0, 0, 256, 256), Region(256, 0, 244, 256), Region(256, 256, 244, 144)]

    stack = fluorescence()
    stack.values[:, :256, :256] //= 9  # a dark corner, which must stay dark
    one, other = make_engine(stack=lambda: stack), make_engine(stack=lambda: stack)
    first = [shown(one, rendering, tile) for tile in tiles]
    second = [shown(other, rendering, tile) for tile in reversed(tiles)]

    for found, again in zip(first, reversed(second), strict=True):
        np.testing.assert_array_equal(found, again)
    assert first[0].mean() < first[1].mean() / 3


def test_percent_is_of_what_the_bits_can_hold(make_engine: MakeEngine) -> None:
    stack = fluorescence()
    engine = make_engine(stack=lambda: stack)
    channel = ChannelRendering(0, ValueRange(Bound(0, Unit.PERCENT), Bound(10, Unit.PERCENT)), (255, 255, 255))

    found = shown(engine, Rendering(composite=Composite((channel,))))

    assert np.abs(found[..., 0] - np.clip(stack.values[0, ..., 0] / 6553.5, 0, 1) * 255).max() <= 0.51


def test_a_sample_of_a_colour_is_a_channel(make_engine: MakeEngine) -> None:
    stack = colours()
    engine = make_engine(stack=lambda: stack)
    channel = ChannelRendering(1, raw(0, 255), (255, 255, 255))

    found = shown(engine, Rendering(composite=Composite((channel,))))

    np.testing.assert_array_equal(found[..., 2], stack.values[0, ..., 1])


RGB = colours().values[0].astype(np.float64) / 255
LUMINANCE = RGB @ np.array((0.299, 0.587, 0.114))
TWIST = ((0.5, 0.5, 0.0), (0.0, 0.2, 0.9), (1.0, -0.5, 0.1))
KERNEL = ((0.0, -0.5, 0.0), (-0.5, 3.0, -0.5), (0.0, -0.5, 0.0))


def neighbours(values: NDArray[np.float64]) -> NDArray[np.float64]:
    padded = np.pad(values, ((1, 1), (1, 1), (0, 0)), mode="edge")
    middle = padded[1:-1, 1:-1]
    around = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    return np.clip(3 * middle - 0.5 * around, 0, 1)


@pytest.mark.parametrize(
    ("rendering", "exact"),
    [
        (Rendering(gamma=0.5), RGB**0.5),
        (Rendering(is_log=True), np.log2(1 + RGB)),
        (Rendering(is_inverted=True), 1 - RGB),
        (Rendering(contrast=1.7), np.minimum(RGB * 1.7, 1)),
        (Rendering(ranges=(SampleRange(None, 50, 180),)), np.clip((RGB * 255 - 50) / 130, 0, 1)),
        (
            Rendering(ranges=(SampleRange(1, 100, 150),)),
            np.stack([RGB[..., 0], np.clip((RGB[..., 1] * 255 - 100) / 50, 0, 1), RGB[..., 2]], axis=2),
        ),
        (Rendering(twist=TWIST), np.clip(RGB @ np.array(TWIST).T, 0, 1)),
        (Rendering(twist=((0.2, 0.3, 0.5),), gamma=2.0), (RGB @ np.array((0.2, 0.3, 0.5)))[..., np.newaxis] ** 2),
        (Rendering(kernel=KERNEL), neighbours(RGB)),
        (Rendering(kernel=KERNEL, twist=TWIST), np.clip(neighbours(RGB) @ np.array(TWIST).T, 0, 1)),
        (Rendering(colour_map="red"), np.stack([RGB[..., 0], 0 * RGB[..., 0], 0 * RGB[..., 0]], axis=2)),
    ],
)  # fmt: skip
def test_colours_are_changed_as_numpy_does(
    make_engine: MakeEngine, rendering: Rendering, exact: NDArray[np.float64]
) -> None:
    engine = make_engine(stack=colours)

    found = shown(engine, rendering)

    assert np.abs(found - exact * 255).max() <= (0.51 if not rendering.colour_map else 0.8)


def test_stretching_takes_one_range_for_all_samples(make_engine: MakeEngine) -> None:
    stack = colours()
    stack.values[:] = stack.values // 4 + 80
    engine = make_engine(stack=lambda: stack)

    found = shown(engine, Rendering(spread=Spread.STRETCH))

    luminance = stack.values[0].astype(np.float64) @ np.array((0.299, 0.587, 0.114))
    low, high = np.percentile(luminance, (0.1, 99.9))
    exact = np.clip((stack.values[0] - low) / (high - low), 0, 1) * 255
    assert np.abs(found - exact).max() <= 1


def test_equalized_shades_come_equally_often(make_engine: MakeEngine) -> None:
    stack = fluorescence()
    engine = make_engine(stack=lambda: stack)

    found = shown(engine, Rendering(spread=Spread.EQUALIZE))

    counts, _ = np.histogram(found, 16, (0, 256))
    assert counts.min() > 0.8 * found.size / 16
    order = np.argsort(stack.values[0], axis=None, kind="stable")
    assert (np.diff(found.ravel()[order].astype(int)) >= 0).all()


def test_the_file_s_own_window_comes_before_all_else(make_engine: MakeEngine) -> None:
    stack = fluorescence(1)
    engine = make_engine(stack=lambda: stack)
    part = Region(0, 0, WIDTH, HEIGHT)

    plain = engine.produce(Request("stack", View(part, part.size), PNG))

    inverted = shown(engine, Rendering(is_inverted=True))
    assert np.abs(255 - inverted.astype(int) - CODECS.decode(plain).samples).max() <= 1


def test_hill_shading_of_a_slope(make_engine: MakeEngine) -> None:
    slope = np.broadcast_to(np.linspace(0, 65535, WIDTH), (HEIGHT, WIDTH)).astype(np.uint16)
    stack = Stack(slope[np.newaxis, ..., np.newaxis].copy(), (Plane(),))
    engine = make_engine(stack=lambda: stack)
    window = (SampleRange(None, 0, 65535),)

    from_left = shown(engine, Rendering(ranges=window, shading=(270.0, 45.0)))
    from_right = shown(engine, Rendering(ranges=window, shading=(90.0, 45.0)))
    from_above = shown(engine, Rendering(ranges=window, shading=(0.0, 90.0)))

    fall = 64 / (WIDTH - 1)
    length = np.hypot(1, fall)
    middle = (slice(1, -1), slice(1, -1))
    assert np.abs(from_above[middle] - 255 / length).max() <= 1
    assert np.abs(from_left[middle] - 255 * (fall + 1) / length / np.sqrt(2)).max() <= 1
    assert np.abs(from_right[middle] - 255 * (1 - fall) / length / np.sqrt(2)).max() <= 1


def test_sixteen_bits_and_nothing_else_are_the_stored_samples(make_engine: MakeEngine) -> None:
    stack = fluorescence()
    engine = make_engine(stack=lambda: stack)

    found = shown(engine, Rendering(bits=16), plane=2)

    np.testing.assert_array_equal(found, stack.values[2])


def test_sixteen_bits_of_a_composite(make_engine: MakeEngine) -> None:
    stack = fluorescence()
    engine = make_engine(stack=lambda: stack)

    found = shown(engine, Rendering(composite=Composite(FOUR), bits=16))

    assert found.dtype == np.uint16
    assert np.abs(found / 257 - expected(stack.values, FOUR, Blend.ADD)).max() <= 0.01


class JpegTile:
    """One stored JPEG with a profile beside it."""

    def __init__(self, profile: bytes) -> None:
        samples = colours().values[0, :TILE, :TILE].copy()
        self.stored: EncodedFrame = JpegCodec().encode(PixelArray(samples, RGB8), EncodeOptions())
        size = Size(TILE, TILE)
        self.info = replace(
            colours().info, levels=(Level(size, size, 1.0, "image/jpeg"),), icc_profile=profile, version="j1"
        )

    def read_tile(self, key: TileKey) -> Frame:
        return self.stored

    def read_associated(self, name: str) -> Frame:
        raise NotImplementedError(name)

    def display(self, plane: int) -> Display:
        return Display()

    def close(self) -> None:
        pass


@pytest.fixture
def profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()


def swapped_profile() -> bytes:
    """SRGB whose first and third columns are exchanged: red becomes blue."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(data[128:132])
    places = {bytes(data[132 + 12 * n : 136 + 12 * n]): 132 + 12 * n for n in range(count)}
    red, blue = places[b"rXYZ"], places[b"bXYZ"]
    data[red + 4 : red + 12], data[blue + 4 : blue + 12] = data[blue + 4 : blue + 12], data[red + 4 : red + 12]
    return bytes(data)


def test_a_profile_is_applied(make_engine: MakeEngine) -> None:
    tile = JpegTile(swapped_profile())
    engine = make_engine(stack=lambda: tile)
    part = Region(0, 0, TILE, TILE)

    found = shown(engine, Rendering(icc=IccUse.SRGB), part)

    stored = CODECS.decode(tile.stored).samples
    assert np.abs(found.astype(int) - stored[..., ::-1]).max() <= 3


def test_a_profile_is_embedded_into_the_stored_bytes(make_engine: MakeEngine) -> None:
    profile = swapped_profile()  # each made one has its own date
    tile = JpegTile(profile)
    engine = make_engine(stack=lambda: tile)
    view = View(Region(0, 0, TILE, TILE), Size(TILE, TILE))

    frame = engine.produce(Request("stack", view, ("image/jpeg",), rendering=Rendering(icc=IccUse.EMBED)))

    assert Image.open(io.BytesIO(frame.data)).info["icc_profile"] == profile
    np.testing.assert_array_equal(CODECS.decode(frame).samples, CODECS.decode(tile.stored).samples)


def test_a_profile_of_another_kind_is_refused(make_engine: MakeEngine, profile: bytes) -> None:
    engine = make_engine(stack=lambda: JpegTile(profile))

    with pytest.raises(Exception, match="ICC profile"):
        shown(engine, Rendering(icc=IccUse.SRGB), Region(0, 0, TILE, TILE))


@pytest.mark.parametrize(
    ("rendering", "error"),
    [
        (Rendering(composite=Composite(())), BadRequestError),
        (Rendering(composite=Composite((ChannelRendering(9),))), (BadRequestError, TileOutOfRangeError)),
        (Rendering(composite=Composite((ChannelRendering(-1),))), (BadRequestError, TileOutOfRangeError)),
        (Rendering(composite=Composite((ChannelRendering(0),) * 17)), BadRequestError),
        (Rendering(composite=Composite((ChannelRendering(0),), z=5)), TileOutOfRangeError),
        (Rendering(composite=Composite((ChannelRendering(0),), t=1)), TileOutOfRangeError),
        (Rendering(composite=Composite((ChannelRendering(0, colour_map="../x"),))), BadRequestError),
        (Rendering(colour_map="nope"), BadRequestError),
        (Rendering(twist=((1.0, 0.0, 0.0),)), BadRequestError),
    ],
)
def test_what_does_not_fit_the_image_is_refused(
    make_engine: MakeEngine, rendering: Rendering, error: type[Exception]
) -> None:
    engine = make_engine(stack=fluorescence)

    with pytest.raises(error):
        shown(engine, rendering)


def test_a_projection_of_too_many_planes_is_refused(make_engine: MakeEngine) -> None:
    values = np.zeros((300, 8, 8, 1), np.uint16)
    engine = make_engine(stack=lambda: Stack(values, tuple(Plane(z=z) for z in range(300))))
    rendering = Rendering(composite=Composite((ChannelRendering(0),), projection=Projection.MAX))

    with pytest.raises(ViewTooLargeError, match="planes"):
        shown(engine, rendering, Region(0, 0, 8, 8))


def test_a_kernel_at_the_edge_goes_on_with_the_last_pixels() -> None:
    flat = np.full((4, 4, 1), 0.5, np.float32)

    np.testing.assert_allclose(convolved(flat, ((1 / 9,) * 3,) * 3), 0.5, atol=1e-6)
