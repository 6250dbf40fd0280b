"""What frames say of themselves."""

from __future__ import annotations

import numpy as np
import pytest

from transcode.codecs.jpeg import JPEG
from transcode.frames import RGB8, EncodedFrame, PixelFormat


@pytest.mark.parametrize(
    ("media_types", "is_accepted"),
    [
        (("image/jpeg",), True),
        (("image/png", "image/jpg"), True),
        (("image/png", "*/*"), True),
        (("image/png",), False),
        ((), False),
    ],
)
def test_a_frame_is_accepted_by_its_name_by_its_aliases_or_by_all(
    media_types: tuple[str, ...], is_accepted: bool
) -> None:
    assert EncodedFrame(b"", JPEG, RGB8, 1, 1).is_accepted(media_types) is is_accepted


@pytest.mark.parametrize(
    ("pixels", "dtype"),
    [
        (RGB8, np.uint8),
        (PixelFormat(1, 16, 12), np.uint16),
        (PixelFormat(1, 16, 12, signed=True), np.int16),
        (PixelFormat(1, 32, 32, is_float=True), np.float32),
    ],
)
def test_a_format_has_the_type_of_its_samples(pixels: PixelFormat, dtype: type) -> None:
    assert pixels.dtype == np.dtype(dtype)
