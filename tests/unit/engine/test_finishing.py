"""Pictures mirrored, turned and without their colours, held against plain NumPy and Pillow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from medtiles.core.geometry import Size
from medtiles.core.view import Finish, Tones
from medtiles.engine.finishing import finished
from transcode.frames import GREY8, RGB8, PixelArray

WHITE = (255, 255, 255)
COLOURS: NDArray[Any] = np.random.default_rng(7).integers(0, 256, (30, 40, 3), dtype=np.uint8)
GREY: NDArray[Any] = COLOURS[..., :1].copy()


def finish(samples: NDArray[Any], how: Finish, *, has_alpha: bool = False) -> PixelArray:
    pixels = PixelArray(samples, RGB8 if samples.shape[2] == 3 else GREY8)
    return finished(pixels, how, WHITE, has_alpha=has_alpha)


@pytest.mark.parametrize("samples", [COLOURS, GREY], ids=["RGB", "grey"])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
@pytest.mark.parametrize("is_mirrored", [False, True])
def test_right_angles_move_pixels_and_change_none(samples: NDArray[Any], degrees: int, is_mirrored: bool) -> None:
    found = finish(samples, Finish(is_mirrored, degrees))
    expected = samples
    if is_mirrored:
        expected = np.flip(expected, axis=1)
    for _ in range(degrees // 90):  # clockwise: rows from below become columns
        expected = np.flip(expected.swapaxes(0, 1), axis=1)
    assert np.array_equal(found.samples, expected)
    assert found.samples.flags.c_contiguous
    assert found.format.samples_per_pixel == samples.shape[2]


@pytest.mark.parametrize("samples", [COLOURS, GREY], ids=["RGB", "grey"])
def test_other_angles_leave_transparent_corners(samples: NDArray[Any]) -> None:
    found = finish(samples, Finish(degrees=30), has_alpha=True)
    height, width = found.samples.shape[:2]
    assert (width, height) >= (int(40 * 0.866 + 30 * 0.5), int(40 * 0.5 + 30 * 0.866))
    assert found.format.samples_per_pixel == 4
    assert found.samples[0, 0, 3] == found.samples[-1, -1, 3] == 0
    assert found.samples[height // 2, width // 2, 3] == 255


@given(st.integers(1, 60), st.integers(1, 60), st.floats(0, 359.99))
def test_the_size_is_known_before(width: int, height: int, degrees: float) -> None:
    how = Finish(degrees=degrees, padded=Size(20, 20))
    found = finish(np.zeros((height, width, 1), np.uint8), how).samples
    most = how.size_of(Size(width, height))
    assert found.shape[0] <= most.height
    assert found.shape[1] <= most.width


def test_turning_is_clockwise() -> None:
    samples = np.full((40, 40, 1), 255, np.uint8)
    samples[:4] = 0  # a black bar above
    right = finish(samples, Finish(degrees=90.0)).samples
    nearly = finish(samples, Finish(degrees=89.0)).samples
    for found in (right, nearly):
        middle = found.shape[0] // 2
        assert found[middle, -3 if found is right else -4, 0] < 128 < found[middle, 2, 0]


@pytest.mark.parametrize("samples", [COLOURS, GREY], ids=["RGB", "grey"])
def test_without_transparency_corners_have_the_background(samples: NDArray[Any]) -> None:
    found = finish(samples, Finish(degrees=45))
    assert found.format.samples_per_pixel == samples.shape[2]
    assert found.samples[0, 0].tolist() == [255] * samples.shape[2]


@pytest.mark.parametrize("samples", [COLOURS, GREY], ids=["RGB", "grey"])
@pytest.mark.parametrize("has_alpha", [False, True])
def test_pictures_are_filled_up_at_the_right_and_below(samples: NDArray[Any], has_alpha: bool) -> None:
    found = finish(samples, Finish(padded=Size(64, 48)), has_alpha=has_alpha).samples
    assert found.shape[:2] == (48, 64)
    assert np.array_equal(found[:30, :40, : samples.shape[2]], samples)
    if has_alpha:
        assert found.shape[2] == 4
        assert (found[:30, :40, 3] == 255).all()
        assert not found[30:, :, 3].any()
        assert not found[:, 40:, 3].any()
    else:
        assert (found[30:] == 255).all()
        assert (found[:, 40:] == 255).all()
    assert finish(samples, Finish(padded=Size(40, 30)), has_alpha=has_alpha).samples.shape == samples.shape


def test_grey_is_luminance() -> None:
    found = finish(COLOURS, Finish(tones=Tones.GREY))
    assert found.format == GREY8
    assert np.array_equal(found.samples[..., 0], np.asarray(Image.fromarray(COLOURS).convert("L")))
    assert np.array_equal(finish(GREY, Finish(tones=Tones.GREY)).samples, GREY)


@pytest.mark.parametrize("samples", [COLOURS, GREY], ids=["RGB", "grey"])
def test_bitonal_is_black_and_white(samples: NDArray[Any]) -> None:
    found = finish(samples, Finish(tones=Tones.BITONAL)).samples
    grey = finish(samples, Finish(tones=Tones.GREY)).samples
    assert np.array_equal(found, np.where(grey.astype(int) < 128, 0, 255))
