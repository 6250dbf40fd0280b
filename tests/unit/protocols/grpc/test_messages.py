"""Core values survive the way through messages."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtiles.api.v1 import frames_pb2, images_pb2, tiles_pb2
from medtiles.core.display import Display, Lut, Windowing
from medtiles.core.errors import BadRequestError, TileOutOfRangeError, ViewTooLargeError
from medtiles.core.geometry import Region, Size
from medtiles.core.pyramid import Associated, Channel, DicomIdentity, ImageInfo, Level, Plane, TileKey
from medtiles.core.tiles import ImageSummary
from medtiles.core.view import View
from medtiles.protocols.grpc import image_messages, messages
from transcode.frames import RGB8, EncodedFrame, Encoding, PixelArray, PixelFormat

WEBP = Encoding("webp", "image/webp", "webp", lossless=False)
INT32 = st.integers(-(2**31), 2**31 - 1)
FULL = ImageInfo(
    name="Größe µ.svs",
    kind="slide",
    format="aperio",
    levels=(Level(Size(2220, 2967), Size(240, 240), 1.0, "image/jpeg"), Level(Size(555, 741), Size(240, 250), 4.0009)),
    pixels=PixelFormat(3, 8, 8, photometric="YBR_FULL_422"),
    planes=(Plane("DAPI", 1, 2, 3, -4.5, "1.2.3", 7), Plane(position_mm=0.0), Plane()),
    version="0123456789abcdef",
    spacing_mm=(0.000499, 0.000501),
    slice_spacing_mm=0.0,
    objective_power=20.0,
    background=(250, 0, 255),
    bounds=Region(1, 2, 3, 4),
    associated=(Associated("label", Size(387, 463)),),
    icc_profile=b"",
    dicom=DicomIdentity("1.2", "1.3", ("1.4", "1.5"), "1.6", "1.7", "SM", ("1.8",)),
    channels=(Channel("DAPI", "Hoechst", 461.5, 350.0, (0, 0, 255)), Channel()),
    properties=MappingProxyType({"aperio.MPP": "0.499", "": "empty"}),
)
PLAIN = ImageInfo("a", "picture", "png", (Level(Size(1, 1), Size(1, 1)),), RGB8)


def through(message: images_pb2.Image) -> images_pb2.Image:
    return images_pb2.Image.FromString(message.SerializeToString())


@pytest.mark.parametrize("info", [FULL, PLAIN], ids=["full", "plain"])
def test_an_image_comes_back(info: ImageInfo) -> None:
    assert image_messages.info_of(through(image_messages.image("id", info))) == info


def test_a_name_that_is_no_unicode_comes_escaped() -> None:
    info = ImageInfo("a\udcff.svs", "slide", "tiff", PLAIN.levels, RGB8, properties={"k\udc80": "v\udc81"})

    back = image_messages.info_of(through(image_messages.image("id", info)))

    assert (back.name, dict(back.properties)) == ("a\\udcff.svs", {"k\\udc80": "v\\udc81"})


def test_a_line_of_the_listing_comes_back() -> None:
    summary = ImageSummary("id", "name", "slide", "tiff", 5, 6, 7, "SM", "1.2", "1.3", "it is torn")

    assert image_messages.summary_of(image_messages.summary(summary)) == summary


def lut(first: int, bits: int) -> Lut:
    return Lut(first, np.arange(first + 5, first + 9).astype(np.uint16), bits)


def same_lut(one: Lut | None, other: Lut | None) -> bool:
    if one is None or other is None:
        return one is other
    alike = (one.first, one.bits, one.values.dtype) == (other.first, other.bits, other.values.dtype)
    return alike and np.array_equal(one.values, other.values)


def test_a_full_display_comes_back() -> None:
    display = Display(
        slope=0.5,
        intercept=-1024.0,
        modality_lut=lut(-5, 16),
        windowings=(Windowing(40.0, 400.0, "SIGMOID", "WINDOW1"), Windowing(1.0, 2.0)),
        voi_lut=lut(0, 12),
        is_inverted=True,
        palette=(lut(1, 8), lut(2, 8), lut(3, 16)),
        colour=(0, 0, 255),
        padding=(-2000, -1999),
        units="HU",
    )

    back = image_messages.display_of(image_messages.display(display))

    assert (back.slope, back.intercept, back.windowings, back.is_inverted) == (
        display.slope,
        display.intercept,
        display.windowings,
        True,
    )
    assert (back.colour, back.padding, back.units) == (display.colour, display.padding, "HU")
    assert same_lut(back.modality_lut, display.modality_lut)
    assert same_lut(back.voi_lut, display.voi_lut)
    assert back.palette is not None
    assert all(map(same_lut, back.palette, display.palette or ()))


def test_the_plain_display_comes_back_without_what_it_lacks() -> None:
    back = image_messages.display_of(image_messages.display(Display()))

    assert (back.modality_lut, back.voi_lut, back.palette, back.colour, back.padding) == (None,) * 5


@pytest.mark.parametrize("pixels", [RGB8, PixelFormat(1, 16, 12, signed=True), PixelFormat(2, 32, 32, is_float=True)])
def test_an_encoded_frame_comes_back(pixels: PixelFormat) -> None:
    frame = EncodedFrame(b"\0bytes", WEBP, pixels, 254, 255, 3)
    message = frames_pb2.EncodedFrame()

    messages.put_frame(message, frame)

    back = messages.encoded_frame_of(message, {"webp": WEBP})
    assert back.encoding is WEBP
    assert (back.data, back.format, back.width, back.height, back.reduction) == (b"\0bytes", pixels, 254, 255, 3)


def test_an_encoding_that_this_side_does_not_know_keeps_its_names() -> None:
    assert messages.encoding_of("jpegxs", "image/jxsc", {}).media_types == ("image/jxsc",)


@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2", "<i2", ">i4", "<f4", ">f8"])
def test_samples_come_back_in_native_order(dtype: str) -> None:
    kind = np.dtype(dtype)
    pixels = PixelFormat(3, kind.itemsize * 8, kind.itemsize * 8, kind.kind == "i", "RGB", kind.kind == "f")
    array = np.arange(4 * 5 * 3).reshape(4, 5, 3).astype(kind)[::-1].astype(pixels.dtype)
    given_ = PixelArray(array, pixels)

    back = messages.samples_of(messages.samples(given_), bytes(messages.packed_samples(given_)))

    assert back.format == pixels
    np.testing.assert_array_equal(back.samples, array)


def test_samples_go_out_in_little_endian_order() -> None:
    pixels = PixelArray(np.array([[[0x0102]]], np.uint16), PixelFormat(1, 16, 16))

    assert bytes(messages.packed_samples(pixels)) == b"\x02\x01"


def test_samples_of_a_part_of_an_array_go_out_without_gaps() -> None:
    whole = np.arange(100, dtype=np.uint8).reshape(10, 10, 1)
    pixels = PixelArray(whole[2:4, 3:5], PixelFormat(1, 8, 8))

    assert bytes(messages.packed_samples(pixels)) == bytes([23, 24, 33, 34])


def test_samples_that_contradict_their_shape_are_refused() -> None:
    message = messages.samples(PixelArray(np.zeros((2, 2, 1), np.uint8), PixelFormat(1, 8, 8)))

    with pytest.raises(ValueError, match="reshape"):
        messages.samples_of(message, b"12345")


@given(INT32, INT32, INT32, INT32)
def test_a_tile_key_comes_back(level: int, column: int, row: int, plane: int) -> None:
    key = TileKey(level, column, row, plane)

    assert messages.tile_key_of(messages.tile_key(key)) == key


@given(INT32, INT32, INT32, INT32)
def test_a_region_comes_back(x: int, y: int, width: int, height: int) -> None:
    region = Region(x, y, width, height)

    assert messages.region_of(messages.region(region)) == region


@pytest.mark.parametrize("number", [2**31, -(2**31) - 1, 2**63, 2**64])
def test_numbers_that_no_message_holds_are_refused_by_name(number: int) -> None:
    with pytest.raises(TileOutOfRangeError, match=str(number)):
        messages.tile_key(TileKey(0, number, 0))
    with pytest.raises(BadRequestError, match=str(number)):
        messages.region(Region(0, 0, number, 1))
    with pytest.raises(ViewTooLargeError, match=str(number)):
        messages.size(Size(number, 1))


def test_a_region_without_a_size_is_wanted_as_large_as_it_is() -> None:
    request = tiles_pb2.GetRegionRequest(region=frames_pb2.Region(x=1, y=2, width=30, height=40), plane=5)

    assert messages.view_of(request) == View(Region(1, 2, 30, 40), Size(30, 40), 5)


def test_a_request_without_a_region_is_refused() -> None:
    with pytest.raises(BadRequestError, match="no region"):
        messages.view_of(tiles_pb2.ReadRegionRequest(image="a"))
