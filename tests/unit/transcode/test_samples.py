"""Arithmetic on samples: fitted to their format, shrunk, out of plain bytes; YBR to RGB."""

from __future__ import annotations

import numpy as np
import pytest

from transcode.colour import to_rgb
from transcode.errors import CorruptFrameError, UnsupportedPixelsError
from transcode.frames import GREY8, RGB8, PixelArray, PixelFormat
from transcode.samples.fitting import fit
from transcode.samples.plain import samples_from_bytes
from transcode.samples.shrinking import shrunk

SIGNED_12_OF_16 = PixelFormat(1, 16, 12, signed=True)


def test_fit_adds_the_axis_of_samples() -> None:
    assert fit(np.zeros((3, 4), np.uint8), GREY8, (3, 4, 1)).shape == (3, 4, 1)


def test_fit_widens_a_stream_that_is_narrower_than_allocated() -> None:
    fitted = fit(np.full((2, 2), 200, np.uint8), PixelFormat(1, 16, 8), (2, 2, 1))
    assert fitted.dtype == np.uint16
    assert (fitted == 200).all()


def test_fit_extends_the_sign_from_the_stored_bits() -> None:
    twos_complement = np.array([[0xFFF, 0x800, 0x7FF, 0]], np.uint16)
    assert fit(twos_complement, SIGNED_12_OF_16, (1, 4, 1)).ravel().tolist() == [-1, -2048, 2047, 0]


def test_fit_reads_signed_samples_as_unsigned_where_the_header_says_so() -> None:
    fitted = fit(np.array([[-1, 5]], np.int16), PixelFormat(1, 16, 12), (1, 2, 1))
    assert fitted.ravel().tolist() == [0xFFF, 5]


@pytest.mark.parametrize(
    "decoded", [np.zeros((2, 3), np.uint8), np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2), np.uint16)]
)
def test_fit_refuses_what_the_header_did_not_promise(decoded: np.ndarray) -> None:
    with pytest.raises(CorruptFrameError, match="promises"):
        fit(decoded, GREY8, (2, 2, 1))


@pytest.mark.parametrize("side", [1, 2, 3, 5, 8, 13])
@pytest.mark.parametrize("reduction", [0, 1, 2, 3, 30])
def test_shrunk_sides_are_rounded_up(side: int, reduction: int) -> None:
    expected = -(-side // (1 << reduction))
    assert shrunk(np.zeros((side, 7, 1), np.uint8), reduction, is_palette=False).shape[0] == expected


def test_shrunk_samples_are_means() -> None:
    samples = np.array([[0, 10], [20, 31]], np.uint8)[:, :, None]
    assert shrunk(samples, 1, is_palette=False).item() == 15


def test_indices_into_a_palette_are_picked() -> None:
    samples = np.array([[7, 200], [200, 200]], np.uint8)[:, :, None]
    assert shrunk(samples, 1, is_palette=True).item() == 7


def test_single_bits_lie_eight_to_the_byte_lowest_first() -> None:
    samples = samples_from_bytes(b"\x05\x01", PixelFormat(1, 8, 1), (1, 9, 1))
    assert samples.ravel().tolist() == [1, 0, 1, 0, 0, 0, 0, 0, 1]


@pytest.mark.parametrize("length", [0, 5, 8])
def test_plain_bytes_of_another_length_are_refused(length: int) -> None:
    with pytest.raises(CorruptFrameError, match="promises 6"):
        samples_from_bytes(bytes(length), GREY8, (2, 3, 1))


def test_byte_of_padding_is_allowed() -> None:
    assert samples_from_bytes(b"\1\2\3\0", GREY8, (1, 3, 1)).ravel().tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("ybr", "rgb"),
    [
        ((128, 128, 128), (128, 128, 128)),
        ((76, 85, 255), (254, 0, 0)),
        ((29, 255, 107), (0, 0, 254)),
        ((0, 0, 0), (0, 135, 0)),
    ],
)
def test_full_range_ybr_becomes_the_rgb_of_the_standard(ybr: tuple[int, ...], rgb: tuple[int, ...]) -> None:
    pixels = PixelArray(np.array([[ybr]], np.uint8), PixelFormat(3, 8, 8, photometric="YBR_FULL"))
    converted = to_rgb(pixels)
    assert converted.format.photometric == "RGB"
    assert converted.samples.ravel().tolist() == list(rgb)


def test_partial_range_white_is_white() -> None:
    pixels = PixelArray(np.array([[(235, 128, 128)]], np.uint8), PixelFormat(3, 8, 8, photometric="YBR_PARTIAL_420"))
    assert to_rgb(pixels).samples.ravel().tolist() == [255, 255, 255]


def test_rgb_is_left_alone() -> None:
    pixels = PixelArray(np.zeros((1, 1, 3), np.uint8), RGB8)
    assert to_rgb(pixels) is pixels


def test_ybr_of_one_sample_is_refused() -> None:
    pixels = PixelArray(np.zeros((1, 1, 1), np.uint8), PixelFormat(1, 8, 8, photometric="YBR_FULL"))
    with pytest.raises(UnsupportedPixelsError):
        to_rgb(pixels)
