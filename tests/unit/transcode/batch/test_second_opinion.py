"""Every judge agrees with our codec on what is whole, says who it is, and is stopped or refuses what is not."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import imagecodecs
import numpy as np
import pytest
import simplejpeg
from numpy.typing import NDArray
from pydicom.pixels.encoders.base import RLELosslessEncoder

from transcode.batch import second_opinion
from transcode.batch.quality import measure
from transcode.batch.second_opinion import JUDGES, Judge, SecondOpinion, judges_of
from transcode.codecs import (
    HTJ2K,
    JPEG,
    JPEG_2000,
    JPEG_LOSSLESS,
    JPEG_LS,
    JPEG_XL,
    RAW,
    RLE,
    builtin,
)
from transcode.errors import CorruptFrameError, UnsupportedPixelsError
from transcode.exactness import first_difference
from transcode.frames import GREY8, RGB8, EncodedFrame, Encoding, PixelArray, PixelFormat, Samples
from transcode.isolation import Isolation, NativeDecoder
from transcode.samples.fitting import Shape

GREY12 = PixelFormat(1, 16, 12)
SIGNED16 = PixelFormat(1, 16, 16, signed=True)
YBR_422 = replace(RGB8, photometric="YBR_FULL_422")
YBR_RCT = replace(RGB8, photometric="YBR_RCT")

ROWS, COLUMNS = 61, 83


def picture(pixels: PixelFormat) -> PixelArray:
    rows, columns = np.mgrid[:ROWS, :COLUMNS]
    values = (rows * 13 + columns * 7) % (1 << pixels.bits_stored)
    if pixels.signed:
        values -= 1 << (pixels.bits_stored - 1)
    planes = [values, values[::-1], values[:, ::-1]][: pixels.samples_per_pixel]
    samples = np.ascontiguousarray(np.stack(planes, axis=2).astype(pixels.dtype))
    return PixelArray(samples, replace(pixels, photometric="RGB") if pixels.is_colour else pixels)


def plain(samples: Samples) -> NDArray[Any]:
    return samples[:, :, 0] if samples.shape[2] == 1 else samples


def htj2k(samples: Samples, pixels: PixelFormat) -> bytes:
    return bytes(imagecodecs.htj2k_encode(plain(samples), reversible=True, tlm=True, tilepart=1))


def jpeg2000(samples: Samples, pixels: PixelFormat) -> bytes:
    lossless: dict[str, Any] = {
        "level": 0,
        "reversible": True,
        "codecformat": "J2K",
        "bitspersample": pixels.bits_stored,
    }
    return bytes(imagecodecs.jpeg2k_encode(plain(samples), mct=pixels.is_colour, **lossless))


def jpegls(samples: Samples, pixels: PixelFormat) -> bytes:
    unsigned: NDArray[Any] = plain(samples).view(f"u{samples.dtype.itemsize}")
    return bytes(imagecodecs.jpegls_encode(unsigned))


def jpeg_lossless(samples: Samples, pixels: PixelFormat) -> bytes:
    return bytes(imagecodecs.ljpeg_encode(plain(samples), bitspersample=pixels.bits_stored))


def rle(samples: Samples, pixels: PixelFormat) -> bytes:
    options: dict[str, Any] = {
        "rows": ROWS,
        "columns": COLUMNS,
        "samples_per_pixel": pixels.samples_per_pixel,
        "bits_allocated": pixels.bits_allocated,
        "bits_stored": pixels.bits_stored,
        "pixel_representation": int(pixels.signed),
        "photometric_interpretation": pixels.photometric,
        "number_of_frames": 1,
        "planar_configuration": 0,
    }
    return bytes(RLELosslessEncoder.encode(samples.tobytes(), encoding_plugin="pydicom", **options))


def raw(samples: Samples, pixels: PixelFormat) -> bytes:
    return samples.tobytes()


def jpeg(samples: Samples, pixels: PixelFormat) -> bytes:
    colours, subsampling = ("RGB", "444") if pixels.is_colour else ("GRAY", "Gray")
    return bytes(simplejpeg.encode_jpeg(samples, 95, colours, subsampling))


def jpegxl(samples: Samples, pixels: PixelFormat) -> bytes:
    return bytes(imagecodecs.jpegxl_encode(plain(samples), lossless=True, numthreads=1))


Encode = Callable[[Samples, PixelFormat], bytes]
LOSSLESS: list[tuple[Encoding, PixelFormat, Encode]] = [
    (HTJ2K, GREY8, htj2k),
    (HTJ2K, SIGNED16, htj2k),
    (HTJ2K, YBR_RCT, htj2k),
    (JPEG_2000, GREY8, jpeg2000),
    (JPEG_2000, GREY12, jpeg2000),
    (JPEG_2000, SIGNED16, jpeg2000),
    (JPEG_2000, YBR_RCT, jpeg2000),
    (JPEG_LS, GREY8, jpegls),
    (JPEG_LS, SIGNED16, jpegls),
    (JPEG_LS, RGB8, jpegls),
    (JPEG_LOSSLESS, GREY12, jpeg_lossless),
    (RLE, GREY8, rle),
    (RLE, GREY12, rle),
    (RLE, SIGNED16, rle),
    (RLE, RGB8, rle),
    (RAW, GREY12, raw),
    (RAW, RGB8, raw),
]
LOSSLESS_JUDGES = [(*case, judge) for case in LOSSLESS for judge in JUDGES[case[0].name]]


def made(encoding: Encoding, pixels: PixelFormat, encode: Encode) -> tuple[PixelArray, EncodedFrame]:
    source = picture(pixels)
    return source, EncodedFrame(encode(source.samples, pixels), encoding, pixels, COLUMNS, ROWS)


def ask(judge: Judge, monkeypatch: pytest.MonkeyPatch, encoding: Encoding) -> SecondOpinion:
    if judge.needs and importlib.util.find_spec(judge.needs) is None:
        pytest.skip(f"{judge.needs} is not installed")
    monkeypatch.setattr(second_opinion, "JUDGES", {encoding.name: (judge,)})
    return SecondOpinion()


@pytest.mark.parametrize(
    ("encoding", "pixels", "encode", "judge"),
    LOSSLESS_JUDGES,
    ids=[
        f"{encoding.name}-{pixels.photometric}{pixels.bits_stored}-{judge.name}"
        for encoding, pixels, _, judge in LOSSLESS_JUDGES
    ],
)
def test_every_judge_gives_back_what_was_encoded_without_loss(
    encoding: Encoding, pixels: PixelFormat, encode: Encode, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, frame = made(encoding, pixels, encode)
    opinion = ask(judge, monkeypatch, encoding).decode(frame)
    assert first_difference(source, opinion.pixels) is None
    assert (opinion.judge, opinion.is_independent) == (judge.name, judge.is_independent)


@pytest.mark.parametrize("judge", JUDGES[JPEG.name], ids=lambda judge: judge.name)
@pytest.mark.parametrize("pixels", [GREY8, YBR_422])
def test_judges_of_jpeg_agree_to_the_rounding(
    pixels: PixelFormat, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, frame = made(JPEG, pixels, jpeg)
    opinion = ask(judge, monkeypatch, JPEG).decode(frame)
    assert measure(builtin().decode(frame), opinion.pixels).max_error <= 2


def test_unmarked_rgb_in_a_jpeg_stays_rgb() -> None:
    components = picture(RGB8).samples
    as_ycbcr = simplejpeg.encode_jpeg(components, 95, "RGB", "444")
    jfif_ends = 4 + int.from_bytes(as_ycbcr[4:6])
    unmarked = as_ycbcr[:2] + as_ycbcr[jfif_ends:]
    frame = EncodedFrame(unmarked, JPEG, RGB8, COLUMNS, ROWS)
    assert measure(builtin().decode(frame), SecondOpinion().decode(frame).pixels).max_error <= 2


def test_an_encoding_with_one_implementation_is_judged_by_itself_and_says_so() -> None:
    source, frame = made(JPEG_XL, GREY8, jpegxl)
    opinion = SecondOpinion().decode(frame)
    assert first_difference(source, opinion.pixels) is None
    assert (opinion.judge, opinion.is_independent) == ("jpegxl itself", False)


def refusing(data: bytes, pixels: PixelFormat, shape: Shape, reduction: int) -> Samples:
    message = "not of this kind"
    raise UnsupportedPixelsError(message)


def test_a_judge_that_does_not_know_the_samples_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    better = Judge("better", refusing, is_independent=True)
    monkeypatch.setattr(second_opinion, "JUDGES", {RAW.name: (better, *JUDGES[RAW.name])})
    assert SecondOpinion().decode(made(RAW, GREY8, raw)[1]).judge == "numpy"


def test_a_judge_that_is_not_installed_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = Judge("absent", refusing, is_independent=True, needs="no_such_module_anywhere")
    monkeypatch.setattr(second_opinion, "JUDGES", {RAW.name: (absent, *JUDGES[RAW.name])})
    assert [judge.name for judge in judges_of(RAW.name)] == ["numpy"]


@pytest.mark.parametrize(
    ("encoding", "pixels", "encode"), [case for case in LOSSLESS if case[0] is not RAW], ids=lambda case: str(case)[:20]
)
def test_a_frame_cut_short_is_refused(encoding: Encoding, pixels: PixelFormat, encode: Encode) -> None:
    frame = made(encoding, pixels, encode)[1]
    with pytest.raises(CorruptFrameError):
        SecondOpinion().decode(replace(frame, data=frame.data[: len(frame.data) // 2]))


def test_judges_can_be_asked_in_a_child_process() -> None:
    with Isolation(1) as isolation:
        opinions = SecondOpinion(isolation)
        for encoding, pixels, encode in [(HTJ2K, GREY8, htj2k), (JPEG_LS, SIGNED16, jpegls), (RLE, RGB8, rle)]:
            source, frame = made(encoding, pixels, encode)
            assert first_difference(source, opinions.decode(frame).pixels) is None


@pytest.mark.parametrize(
    "judge", [judge for judges in JUDGES.values() for judge in judges], ids=lambda judge: judge.name
)
def test_judges_are_functions_that_a_child_process_finds_by_name(judge: Judge) -> None:
    decoder: NativeDecoder = judge.decode
    module = importlib.import_module(decoder.__module__)
    assert getattr(module, decoder.__qualname__) is decoder
