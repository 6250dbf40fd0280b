"""Headers of JPEG XL: size, depth and colours without decoding."""

from __future__ import annotations

from contextlib import suppress

import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcode.errors import CorruptFrameError
from transcode.jpegxl_structure import holds_jpeg, read_jpegxl_header, read_jpegxl_size


def stream(width: int = 40, height: int = 24, bits: int = 8, samples: int = 1, **how: object) -> bytes:
    """A picture without loss, unless told otherwise."""
    shape = (height, width, samples) if samples > 1 else (height, width)
    picture = np.arange(np.prod(shape)).reshape(shape) % (1 << bits)
    options = {"lossless": True, "effort": 1, "bitspersample": bits, "numthreads": 1, **how}
    return bytes(imagecodecs.jpegxl_encode(picture.astype("u1" if bits <= 8 else "u2"), **options))  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (256, 256), (257, 3), (300, 400), (9000, 2), (320, 240), (24, 20)])
def test_size_of_every_way_to_write_it(size: tuple[int, int]) -> None:
    header = read_jpegxl_header(stream(*size))
    assert (header.width, header.height) == size == read_jpegxl_size(stream(*size))


@pytest.mark.parametrize("bits", [*range(2, 17)])
def test_depth(bits: int) -> None:
    header = read_jpegxl_header(stream(bits=bits))
    assert (header.bits, header.is_float, header.is_xyb) == (bits, False, False)


def test_lossy_colours_are_xyb() -> None:
    assert read_jpegxl_header(stream(samples=3, lossless=False, distance=1.0)).is_xyb
    assert not read_jpegxl_header(stream(samples=3)).is_xyb


def test_floating_point() -> None:
    picture = np.zeros((9, 9), np.float32)
    header = read_jpegxl_header(bytes(imagecodecs.jpegxl_encode(picture, lossless=True, numthreads=1)))
    assert (header.bits, header.is_float) == (32, True)


def test_extra_channels_are_refused() -> None:
    with pytest.raises(CorruptFrameError, match="extra channels"):
        read_jpegxl_header(stream(samples=4))


def test_only_what_was_a_jpeg_holds_one() -> None:
    jpeg = imagecodecs.jpeg8_encode(np.zeros((16, 16, 3), np.uint8), 90)
    assert holds_jpeg(bytes(imagecodecs.jpegxl_encode_jpeg(jpeg, numthreads=1)))
    assert not holds_jpeg(stream())
    assert not holds_jpeg(stream(bits=16))  # in a container


@pytest.mark.parametrize("bits", [8, 16], ids=["bare", "container"])
@given(position=st.integers(0, 60), bytes_=st.binary(min_size=1, max_size=8), length=st.integers(0, 80))
def test_hostile_bytes_give_a_header_or_our_error(bits: int, position: int, bytes_: bytes, length: int) -> None:
    data = bytearray(stream(bits=bits)[:length])
    data[position : position + len(bytes_)] = bytes_
    holds_jpeg(bytes(data))
    with suppress(CorruptFrameError):
        read_jpegxl_header(bytes(data))
