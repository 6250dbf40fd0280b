"""TIFF of 16 bits: nothing is lost, others read it, damage is told."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from transcode.codec import EncodeOptions
from transcode.codecs.tiff import TiffCodec
from transcode.errors import CorruptFrameError
from transcode.frames import PixelArray, PixelFormat

CODEC = TiffCodec()


@pytest.mark.parametrize("samples", [1, 3])
def test_sixteen_bits_come_back(samples: int) -> None:
    values = np.random.default_rng(1).integers(0, 65536, (37, 53, samples)).astype(np.uint16)
    pixels = PixelArray(values, PixelFormat(samples, 16, 16, photometric="RGB" if samples == 3 else "MONOCHROME2"))

    frame = CODEC.encode(pixels, EncodeOptions(icc_profile=b"a profile"))

    np.testing.assert_array_equal(CODEC.decode(frame).samples, values)
    with Image.open(io.BytesIO(frame.data)) as picture:
        assert picture.size == (53, 37)
        assert picture.info["icc_profile"] == b"a profile"
        if samples == 1:
            np.testing.assert_array_equal(np.asarray(picture), values[..., 0])


def test_damage_is_told() -> None:
    values = np.random.default_rng(1).integers(0, 65536, (37, 53, 1)).astype(np.uint16)
    frame = CODEC.encode(PixelArray(values, PixelFormat(1, 16, 16)), EncodeOptions())
    random = np.random.default_rng(2)
    for _ in range(200):
        data = bytearray(frame.data)
        if random.random() < 0.5:
            del data[int(random.integers(len(data))) :]
        else:
            data[int(random.integers(len(data)))] ^= int(random.integers(1, 256))
        damaged = type(frame)(bytes(data), frame.encoding, frame.format, frame.width, frame.height)
        try:
            found = CODEC.decode(damaged).samples
        except CorruptFrameError:
            continue
        assert found.shape == values.shape
