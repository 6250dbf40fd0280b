"""Two decodings of a frame are the same, or the first place where they are not is named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcode.exactness import Difference, first_difference, samples_equal
from transcode.frames import GREY8, RGB8, PixelArray, PixelFormat

FLOAT32 = PixelFormat(1, 32, 32, is_float=True)


def zeros(pixel_format: PixelFormat, rows: int = 4, columns: int = 5) -> PixelArray:
    return PixelArray(np.zeros((rows, columns, pixel_format.samples_per_pixel), pixel_format.dtype), pixel_format)


def test_frames_of_the_same_samples_are_equal() -> None:
    assert samples_equal(zeros(RGB8), zeros(RGB8))
    assert first_difference(zeros(RGB8), zeros(RGB8)) is None


def test_the_first_differing_place_is_named() -> None:
    found = zeros(RGB8)
    found.samples[2, 3, 1], found.samples[3, 0, 0] = 7, 9
    difference = first_difference(zeros(RGB8), found, frame=4)
    assert difference == Difference(4, row=2, column=3, sample=1, expected=0, found=7, differing=2)
    assert str(difference) == "frame 5: row 2, column 3, sample 1 is 7, not 0; 2 samples differ in all"


@given(row=st.integers(0, 3), column=st.integers(0, 4), sample=st.integers(0, 2), value=st.integers(1, 255))
def test_one_flipped_sample_is_found_wherever_it_is(row: int, column: int, sample: int, value: int) -> None:
    found = zeros(RGB8)
    found.samples[row, column, sample] = value
    difference = first_difference(zeros(RGB8), found)
    assert difference == Difference(0, row=row, column=column, sample=sample, expected=0, found=value, differing=1)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (zeros(GREY8, 5, 4), "frame 1: 4 x 5 pixels, not 5 x 4"),
        (zeros(RGB8), "frame 1: 3 x uint8 of 8 bits (RGB), not 1 x uint8 of 8 bits (MONOCHROME2)"),
        (zeros(replace(GREY8, bits_stored=7)), "1 x uint8 of 7 bits"),
        (zeros(replace(GREY8, signed=True)), "1 x int8 of 8 bits"),
        (zeros(replace(GREY8, photometric="MONOCHROME1")), "(MONOCHROME1)"),
    ],
)
def test_frames_of_another_kind_are_never_equal(other: PixelArray, said: str) -> None:
    assert said in str(first_difference(zeros(GREY8), other))


def test_decoded_samples_are_not_subsampled_whatever_the_stream_was() -> None:
    full = replace(RGB8, photometric="YBR_FULL")
    assert samples_equal(zeros(replace(RGB8, photometric="YBR_FULL_422")), zeros(full))
    assert not samples_equal(zeros(RGB8), zeros(full))


def test_floating_samples_are_compared_bit_by_bit() -> None:
    one, other = zeros(FLOAT32), zeros(FLOAT32)
    one.samples[0, 0, 0] = other.samples[0, 0, 0] = np.nan
    assert samples_equal(one, other)
    other.samples[1, 1, 0] = -0.0
    assert not samples_equal(one, other)
