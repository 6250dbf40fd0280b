"""One frame to the first acceptable encoding."""

from __future__ import annotations

from dataclasses import replace

import imagecodecs
import numpy as np
import pytest

from transcode.codec import EncodeOptions
from transcode.codecs import builtin
from transcode.codecs.jpegxl import JPEG_XL
from transcode.errors import UnsupportedEncodingError
from transcode.frames import RGB8, PixelArray, PixelFormat
from transcode.recode import recode, undecoded

CODECS = builtin()
RGB = PixelArray(np.arange(16 * 20 * 3, dtype=np.uint32).reshape(16, 20, 3).astype(np.uint8), RGB8)
GREY16 = PixelArray(np.arange(12, dtype=np.uint16).reshape(3, 4, 1), PixelFormat(1, 16, 12))


@pytest.mark.parametrize("accept", [["image/jpeg"], ["image/webp", "image/jpg"], ["*/*"]])
def test_accepted_frame_comes_back_as_the_same_object(accept: list[str]) -> None:
    frame = recode(RGB, ["image/jpeg"], CODECS)
    assert recode(frame, accept, CODECS) is frame


def test_quality_asked_for_means_encoding_anew() -> None:
    frame = recode(RGB, ["image/jpeg"], CODECS)
    again = recode(frame, ["image/jpeg"], CODECS, EncodeOptions(quality=20))
    assert len(again.data) < len(frame.data)


def test_frame_of_a_reduction_is_never_passed_through() -> None:
    frame = recode(RGB, ["image/jpeg"], CODECS)
    reduced = replace(frame, reduction=1)
    assert recode(reduced, ["image/jpeg"], CODECS) is not reduced


def test_a_jpeg_that_was_packed_as_jpeg_xl_comes_out_bit_for_bit() -> None:
    jpeg = recode(RGB, ["image/jpeg"], CODECS)
    packed = replace(jpeg, data=bytes(imagecodecs.jpegxl_encode_jpeg(jpeg.data)), encoding=JPEG_XL)
    unpacked = recode(packed, ["image/webp", "image/jpeg"], CODECS)
    assert unpacked.encoding.name == "jpeg"
    assert unpacked.data == jpeg.data


def test_jpeg_xl_of_pixels_is_decoded_for_who_wants_jpeg() -> None:
    packed = recode(RGB, ["image/jxl"], CODECS)
    assert undecoded(packed, ["image/jpeg"]) is None
    assert recode(packed, ["image/jpeg"], CODECS).encoding.name == "jpeg"


@pytest.mark.parametrize("length", [0, 3, 50, 200])
def test_a_damaged_package_is_no_jpeg(length: int) -> None:
    jpeg = recode(RGB, ["image/jpeg"], CODECS)
    packed = replace(jpeg, data=bytes(imagecodecs.jpegxl_encode_jpeg(jpeg.data))[:length], encoding=JPEG_XL)
    assert undecoded(packed, ["image/jpeg"]) is None


def test_order_of_acceptance_decides() -> None:
    assert recode(RGB, ["image/png", "image/jpeg"], CODECS).encoding.name == "png"
    assert recode(RGB, ["image/jpeg", "image/png"], CODECS).encoding.name == "jpeg"


def test_encoder_that_cannot_hold_the_samples_is_passed_over() -> None:
    assert recode(GREY16, ["image/jpeg", "image/png"], CODECS).encoding.name == "png"


def test_unknown_media_type_is_passed_over() -> None:
    assert recode(RGB, ["image/unheard-of", "image/png"], CODECS).encoding.name == "png"


def test_nothing_acceptable_is_an_error_that_names_what_was() -> None:
    with pytest.raises(UnsupportedEncodingError, match="image/jpeg"):
        recode(GREY16, ["image/jpeg"], CODECS)


def test_luminance_and_chrominance_become_rgb_for_an_encoder_of_rgb() -> None:
    ybr = PixelArray(np.full((4, 4, 3), 128, np.uint8), PixelFormat(3, 8, 8, photometric="YBR_FULL"))
    frame = recode(ybr, ["image/png", "application/octet-stream"], CODECS)
    assert (frame.encoding.name, frame.format.photometric) == ("png", "RGB")


def test_luminance_and_chrominance_stay_in_plain_samples() -> None:
    ybr = PixelArray(np.full((4, 4, 3), 128, np.uint8), PixelFormat(3, 8, 8, photometric="YBR_FULL"))
    assert recode(ybr, ["application/octet-stream"], CODECS).format.photometric == "YBR_FULL"


def test_anything_accepted_gives_samples_the_first_encoder_that_holds_them() -> None:
    assert recode(GREY16, ["*/*"], CODECS).encoding.name == "png"
