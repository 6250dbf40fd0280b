"""PSNR, SSIM and the largest error: against cases counted by hand, and against the formula as it is printed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from transcode.batch.model import Quality
from transcode.batch.quality import largest_error, measure, psnr, ssim, worst
from transcode.errors import UnsupportedPixelsError
from transcode.frames import GREY8, RGB8, PixelArray, PixelFormat

GREY12 = PixelFormat(1, 16, 12)
GREY16 = PixelFormat(1, 16, 16)
SIGNED16 = PixelFormat(1, 16, 16, signed=True)
PALETTE = PixelFormat(1, 8, 8, photometric="PALETTE COLOR")
YBR8 = PixelFormat(3, 8, 8, photometric="YBR_FULL")

Array = NDArray[Any]


def pixels(samples: Array, pixel_format: PixelFormat) -> PixelArray:
    whole = samples if samples.ndim == 3 else samples[:, :, np.newaxis]
    return PixelArray(np.ascontiguousarray(whole, dtype=pixel_format.dtype), pixel_format)


def as_printed(one: Array, other: Array, peak: int) -> float:
    """Equation 13 of Wang et al., by SciPy's filter, in double precision."""
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    found = []
    for channel in range(one.shape[2]):
        x, y = one[:, :, channel].astype(float), other[:, :, channel].astype(float)
        mean_x, mean_y = filtered(x), filtered(y)
        variances = filtered(x * x) - mean_x**2 + filtered(y * y) - mean_y**2
        covariance = filtered(x * y) - mean_x * mean_y
        similarity = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
        similarity /= (mean_x**2 + mean_y**2 + c1) * (variances + c2)
        found.append(similarity[5:-5, 5:-5].mean())
    return float(np.mean(found))


def filtered(plane: Array) -> Array:
    smooth: Array = gaussian_filter(plane, 1.5, truncate=3.5)
    return smooth


def picture(shape: tuple[int, ...], peak: int, seed: int = 0) -> Array:
    """Something with edges, slopes and flat parts."""
    noise = np.random.default_rng(seed).normal(0.5, 1.5, shape)
    smooth: Array = np.clip(gaussian_filter(noise, (4, 4, 0)), 0, 1) * peak
    return smooth


def with_noise(samples: Array, amount: int, peak: int) -> Array:
    noise = np.random.default_rng(1).integers(-amount, amount + 1, samples.shape)
    return np.clip(samples.astype(np.int64) + noise, 0, peak)


def test_one_step_in_one_of_a_hundred_samples_is_twenty_decibels_above_one_step_in_all() -> None:
    before = np.zeros((10, 10))
    after = before.copy()
    after[3, 4] = 1
    everywhere = psnr(pixels(before, GREY8), pixels(before + 1, GREY8))
    assert everywhere == pytest.approx(20 * math.log10(255))
    assert psnr(pixels(before, GREY8), pixels(after, GREY8)) == pytest.approx(everywhere + 20)


@pytest.mark.parametrize(("pixel_format", "peak"), [(GREY8, 255), (GREY12, 4095), (GREY16, 65535), (SIGNED16, 65535)])
def test_the_peak_is_that_of_the_bits_stored(pixel_format: PixelFormat, peak: int) -> None:
    before = np.full((16, 16), 3)
    assert psnr(pixels(before, pixel_format), pixels(before - 2, pixel_format)) == pytest.approx(
        20 * math.log10(peak / 2)
    )


def test_equal_frames_are_infinitely_good() -> None:
    frame = pixels(picture((20, 30, 3), 255), RGB8)
    assert measure(frame, frame) == Quality(math.inf, 1.0, 0)


def test_the_largest_error_is_found_whatever_its_sign() -> None:
    before = np.full((300, 300), 100)
    after = before.copy()
    after[299, 0], after[0, 299] = 60, 130
    assert largest_error(pixels(before, GREY8), pixels(after, GREY8)) == 40


def test_samples_of_32_bits_do_not_overflow() -> None:
    wide = PixelFormat(1, 32, 32)
    zeros, full = np.zeros((16, 16)), np.full((16, 16), 2**32 - 1)
    found = measure(pixels(zeros, wide), pixels(full, wide))
    assert found.max_error == 2**32 - 1
    assert found.psnr_db == 0


@pytest.mark.parametrize("amount", [1, 4, 30, 200])
@pytest.mark.parametrize(
    ("pixel_format", "shape"),
    [(GREY8, (64, 90, 1)), (RGB8, (90, 64, 3)), (GREY12, (33, 501, 1)), (GREY16, (700, 37, 1)), (GREY8, (11, 11, 1))],
)
def test_similarity_is_that_of_the_printed_formula(
    pixel_format: PixelFormat, shape: tuple[int, ...], amount: int
) -> None:
    peak = (1 << pixel_format.bits_stored) - 1
    before = np.rint(picture(shape, peak))
    after = with_noise(before, amount * (peak // 255), peak)
    expected = as_printed(before, after, peak)
    assert ssim(pixels(before, pixel_format), pixels(after, pixel_format)) == pytest.approx(expected, abs=2e-5)


def test_an_inverted_picture_is_less_than_unlike() -> None:
    before = np.rint(picture((60, 60, 1), 255))
    assert ssim(pixels(before, GREY8), pixels(255 - before, GREY8)) < 0


def test_a_sign_changes_nothing() -> None:
    before, after = np.rint(picture((40, 40, 1), 65535)), np.rint(picture((40, 40, 1), 65535, seed=2))
    unsigned = measure(pixels(before, GREY16), pixels(after, GREY16))
    signed = measure(pixels(before - 32768, SIGNED16), pixels(after - 32768, SIGNED16))
    assert signed.ssim == pytest.approx(unsigned.ssim, abs=1e-6)
    assert (signed.psnr_db, signed.max_error) == (unsigned.psnr_db, unsigned.max_error)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 40, 1), (40, 3, 1), (10, 10, 1)])
def test_pictures_smaller_than_the_window_are_mirrored(shape: tuple[int, ...]) -> None:
    before = np.rint(picture(shape, 255))
    found = ssim(pixels(before, GREY8), pixels(np.clip(before + 9, 0, 255), GREY8))
    assert 0 < found < 1


def test_colours_count_as_much_as_brightness() -> None:
    before = np.zeros((32, 32, 3))
    before[:, :, 0] = picture((32, 32, 1), 255)[:, :, 0]
    swapped = before[:, :, ::-1]
    assert ssim(pixels(before, RGB8), pixels(swapped, RGB8)) < 0.9


def test_luminance_and_chrominance_are_compared_as_rgb() -> None:
    grey = np.full((16, 16, 3), 128)
    grey[:, :, 0] = 90
    assert measure(pixels(grey, YBR8), pixels(np.full((16, 16, 3), 90), RGB8)).max_error == 0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pixels(np.zeros((4, 4)), GREY8), pixels(np.zeros((4, 5)), GREY8)),
        (pixels(np.zeros((4, 4)), GREY12), pixels(np.zeros((4, 4)), GREY16)),
        (pixels(np.zeros((4, 4)), PALETTE), pixels(np.zeros((4, 4)), PALETTE)),
        (
            pixels(np.zeros((4, 4)), PixelFormat(1, 32, 32, is_float=True)),
            pixels(np.zeros((4, 4)), PixelFormat(1, 32, 32, is_float=True)),
        ),
    ],
)
def test_what_cannot_be_measured_is_refused(one: PixelArray, other: PixelArray) -> None:
    with pytest.raises(UnsupportedPixelsError):
        measure(one, other)


def test_the_worst_of_several_frames_is_of_each_figure_by_itself() -> None:
    assert worst([Quality(40, 0.9, 3), Quality(50, 0.8, 1), Quality(math.inf, 1, 0)]) == Quality(40, 0.8, 3)
    assert worst([]) is None


shapes = array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=24).map(lambda shape: (*shape[:2], 1))


@given(st.data())
def test_measures_are_symmetric_and_within_their_bounds(data: st.DataObject) -> None:
    shape = data.draw(shapes)
    one, other = (pixels(data.draw(arrays(np.uint8, shape)), GREY8) for _ in range(2))
    there, back = measure(one, other), measure(other, one)
    assert there.max_error == back.max_error == int(np.abs(one.samples.astype(int) - other.samples.astype(int)).max())
    assert there.psnr_db == pytest.approx(back.psnr_db)
    assert there.ssim == pytest.approx(back.ssim, abs=1e-3)  # single precision
    assert -1 - 1e-4 <= there.ssim <= 1
    assert (there.max_error == 0) == math.isinf(there.psnr_db)
    if there.max_error:
        assert 20 * math.log10(255 / there.max_error) <= there.psnr_db + 1e-9
