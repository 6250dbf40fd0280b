"""What people look at: windows, tables and palettes, against the formulas of DICOM as pydicom applies them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.pixels.processing import apply_voi_lut

from medtiles.core.display import PLAIN, Display, Lut, Windowing
from medtiles.engine.presentation import is_plain, present, windowed
from transcode.frames import GREY8, RGB8, PixelArray, PixelFormat

CT = PixelFormat(1, 16, 16, signed=True)
EVERY = np.arange(-2000, 2000, dtype=np.int16).reshape(40, 100, 1)


def grey(samples: NDArray[np.generic], pixel_format: PixelFormat, display: Display) -> NDArray[np.generic]:
    shown = present(PixelArray(samples, pixel_format), display, None)
    assert shown.format == GREY8
    return shown.samples


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize(("centre", "width"), [(40.0, 400.0), (-600.0, 1500.0), (0.0, 2.0), (10.5, 1.5)])
def test_windows_follow_the_standard(function: str, centre: float, width: float) -> None:
    header = Dataset()
    header.WindowCenter, header.WindowWidth, header.VOILUTFunction = centre, width, function
    header.BitsStored, header.PixelRepresentation = 16, 1
    header.PhotometricInterpretation = "MONOCHROME2"
    with np.errstate(over="ignore"):
        expected = apply_voi_lut(EVERY[..., 0], header)
    low, high = -(2.0**15), 2.0**15 - 1
    ours = windowed(EVERY[..., 0].astype(np.float64), Windowing(centre, width, function))
    assert np.abs(ours * (high - low) + low - expected).max() < 0.01


def test_slope_and_intercept_come_before_the_window() -> None:
    display = Display(slope=2.0, intercept=-1024.0, windowings=(Windowing(0, 2048, "LINEAR_EXACT"),))
    shown = grey(np.array([[[0], [512], [1024]]], np.int16), CT, display)
    assert shown.ravel().tolist() == [0, 128, 255]


def test_the_lowest_value_of_monochrome1_is_white() -> None:
    display = Display(is_inverted=True)
    assert grey(np.array([[[0], [255], [55]]], np.uint8), GREY8, display).ravel().tolist() == [255, 0, 200]


def test_padding_is_black_whatever_the_window() -> None:
    display = Display(windowings=(Windowing(-3000, 10),), padding=(-2000, -2000))
    assert grey(EVERY, CT, display).ravel().tolist()[:2] == [0, 255]


def test_a_palette_index_beyond_the_table_takes_its_last_entry() -> None:
    ramp = Lut(10, np.array([0, 128 << 8, 255 << 8], np.uint16), 16)
    zero = Lut(10, np.zeros(3, np.uint16), 16)
    samples = np.array([[[0], [10], [11], [12], [255]]], np.uint8)
    pixels = PixelArray(samples, PixelFormat(1, 8, 8, photometric="PALETTE COLOR"))
    shown = present(pixels, Display(palette=(ramp, zero, zero)), None)
    assert shown.format == RGB8
    assert shown.samples[0, :, 0].tolist() == [0, 0, 128, 255, 255]
    assert not shown.samples[..., 1:].any()


def test_a_voi_table_is_used_until_the_client_asks_for_a_window() -> None:
    table = Lut(0, np.array([0, 4095, 0], np.uint16), 12)
    display = Display(voi_lut=table, windowings=(Windowing(1, 3),))
    pixels = PixelArray(np.array([[[0], [1], [2]]], np.uint16), PixelFormat(1, 16, 12))
    assert present(pixels, display, None).samples.ravel().tolist() == [0, 255, 0]
    assert present(pixels, display, Windowing(1, 2, "LINEAR_EXACT")).samples.ravel().tolist() == [0, 128, 255]


def test_a_channel_is_shown_in_its_colour() -> None:
    pixels = PixelArray(np.array([[[0], [65535]]], np.uint16), PixelFormat(1, 16, 16))
    shown = present(pixels, Display(colour=(0, 255, 51)), None)
    assert shown.samples.tolist() == [[[0, 0, 0], [0, 255, 51]]]


def test_samples_of_one_bit_are_black_and_white() -> None:
    pixels = PixelArray(np.array([[[0], [1]]], np.uint8), PixelFormat(1, 8, 1))
    assert present(pixels, PLAIN, None).samples.ravel().tolist() == [0, 255]


def test_floats_that_are_no_numbers_are_black() -> None:
    pixels = PixelArray(np.array([[[np.nan], [1.0], [0.5]]], np.float32), PixelFormat(1, 32, 32, is_float=True))
    display = Display(windowings=(Windowing(0.5, 1, "LINEAR_EXACT"),))
    assert present(pixels, display, None).samples.ravel().tolist() == [0, 255, 128]


def test_sixteen_bit_colour_keeps_its_proportions() -> None:
    pixels = PixelArray(np.array([[[0, 65535, 32768]]], np.uint16), PixelFormat(3, 16, 16, photometric="RGB"))
    assert present(pixels, PLAIN, None).samples.ravel().tolist() == [0, 255, 128]


@pytest.mark.parametrize(
    ("display", "pixels", "windowing", "expected"),
    [
        (PLAIN, RGB8, None, True),
        (PLAIN, GREY8, None, True),
        (PLAIN, GREY8, Windowing(10, 20), False),
        (Display(windowings=(Windowing(128, 256, explanation="whole"),)), GREY8, None, True),
        (Display(windowings=(Windowing(100, 256),)), GREY8, None, False),
        (Display(is_inverted=True), GREY8, None, False),
        (Display(slope=2.0), GREY8, None, False),
        (PLAIN, PixelFormat(1, 8, 8, photometric="MONOCHROME1"), None, False),
        (PLAIN, PixelFormat(1, 16, 12), None, False),
        (PLAIN, PixelFormat(1, 8, 8, photometric="PALETTE COLOR"), None, False),
        (PLAIN, PixelFormat(1, 8, 1), None, False),
    ],
)
def test_only_what_is_shown_as_stored_is_plain(
    display: Display, pixels: PixelFormat, windowing: Windowing | None, expected: bool
) -> None:
    assert is_plain(display, pixels, windowing) is expected


def test_plain_rgb_is_shown_as_the_very_object_it_is() -> None:
    picture = PixelArray(np.zeros((2, 3, 3), np.uint8), RGB8)
    assert present(picture, PLAIN, None) is picture
