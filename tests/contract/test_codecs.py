"""Every codec of the table under the contract; those that can hang, in children."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import imagecodecs
import numpy as np
import pytest

from tests.contract.codec_contract import CodecContract, EncoderContract, picture
from transcode.codec import Codec, Codecs, EncodeOptions, Encoder
from transcode.codecs import (
    ENCODINGS,
    HTJ2K,
    JPEG_2000,
    JPEG_EXTENDED,
    JPEG_LOSSLESS,
    JPEG_LS,
    RLE,
    builtin,
)
from transcode.frames import GREY8, RGB8, EncodedFrame, Encoding, PixelArray, PixelFormat, Samples
from transcode.isolation import Isolation

GREY12 = PixelFormat(1, 16, 12)
GREY16 = PixelFormat(1, 16, 16)
SIGNED16 = PixelFormat(1, 16, 16, signed=True)


def rle(samples: Samples) -> bytes:
    """The frame as PS3.5 Annex G has it: byte planes, the most significant first."""
    big_endian = np.ascontiguousarray(samples.transpose(2, 0, 1)).astype(samples.dtype.newbyteorder(">"))
    planes = big_endian.view(np.uint8).reshape(samples.shape[2], -1, samples.itemsize).transpose(0, 2, 1)
    packed = [bytes(imagecodecs.packbits_encode(plane.tobytes())) for plane in planes.reshape(-1, planes.shape[2])]
    starts = np.cumsum([64, *(len(segment) for segment in packed)])[:-1]
    return struct.pack("<16L", len(packed), *starts, *[0] * (15 - len(packed))) + b"".join(packed)


def frame_of(pixels: PixelArray, encoding: Encoding, data: object) -> EncodedFrame:
    return EncodedFrame(bytes(data), encoding, pixels.format, pixels.width, pixels.height)  # type: ignore[call-overload]


def made_frames() -> Iterator[EncodedFrame]:
    """Frames in the encodings that this package reads and does not write."""
    grey, rgb, grey12, grey16 = (picture(pixels) for pixels in (GREY8, RGB8, GREY12, GREY16))
    signed = picture(SIGNED16)
    for pixels in (rgb, grey16, signed):
        yield frame_of(pixels, RLE, rle(pixels.samples))
    for pixels in (rgb, grey16, signed):
        yield frame_of(pixels, JPEG_2000, imagecodecs.jpeg2k_encode(pixels.samples.squeeze(), reversible=True))
        yield frame_of(pixels, HTJ2K, imagecodecs.htj2k_encode(pixels.samples.squeeze(), reversible=True))
    yield frame_of(grey, JPEG_2000, imagecodecs.jpeg2k_encode(grey.samples.squeeze(), 40, codecformat="j2k"))
    yield frame_of(grey, HTJ2K, imagecodecs.htj2k_encode(grey.samples.squeeze(), 0.005, reversible=False))
    for pixels in (rgb, grey16):
        yield frame_of(pixels, JPEG_LS, imagecodecs.jpegls_encode(pixels.samples.squeeze()))
    for pixels in (grey, grey16):
        deep = imagecodecs.jpeg8_encode(pixels.samples.squeeze(), lossless=True)
        yield frame_of(pixels, JPEG_LOSSLESS, deep)
    yield frame_of(grey12, JPEG_EXTENDED, imagecodecs.jpeg8_encode(grey12.samples.squeeze(), 95, bitspersample=12))


def encoded_frames() -> Iterator[EncodedFrame]:
    """Frames of every encoder."""
    for codec in builtin():
        for pixels in (GREY8, RGB8, GREY12):
            if isinstance(codec, Encoder) and codec.holds(pixels):
                yield codec.encode(picture(pixels), EncodeOptions())


FRAMES = [*encoded_frames(), *made_frames()]
ENCODERS = [codec.encoding for codec in builtin() if isinstance(codec, Encoder)]


def name_of(frame: EncodedFrame) -> str:
    pixels = frame.format
    return f"{frame.encoding.name}-{pixels.samples_per_pixel}x{'i' if pixels.signed else 'u'}{pixels.bits_stored}"


@pytest.fixture(scope="module")
def codecs() -> Iterator[Codecs]:
    with Isolation(2) as isolation:
        yield builtin(isolation)


class TestDecoders(CodecContract):
    """All that can be read."""

    @pytest.fixture(params=FRAMES, ids=name_of)
    def frame(self, request: pytest.FixtureRequest) -> EncodedFrame:
        made: EncodedFrame = request.param
        return made

    @pytest.fixture
    def codec(self, codecs: Codecs, frame: EncodedFrame) -> Codec:
        return codecs.of(frame.encoding)


class TestEncoders(EncoderContract):
    """All that can be written."""

    @pytest.fixture(params=ENCODERS, ids=lambda encoding: encoding.name)
    def codec(self, codecs: Codecs, request: pytest.FixtureRequest) -> Encoder:
        found = codecs.of(request.param)
        assert isinstance(found, Encoder)
        return found


def test_every_encoding_is_under_the_contract() -> None:
    assert {frame.encoding for frame in FRAMES} == set(ENCODINGS)


def test_no_two_encodings_share_a_name_a_media_type_or_a_transfer_syntax() -> None:
    for names in (
        [encoding.name for encoding in ENCODINGS],
        [name for encoding in ENCODINGS for name in encoding.media_types],
        [uid for encoding in ENCODINGS for uid in encoding.transfer_syntaxes],
    ):
        assert len(names) == len(set(names))


LOSSY = {(JPEG_EXTENDED, GREY12), (JPEG_2000, GREY8), (HTJ2K, GREY8)}


@pytest.mark.parametrize("frame", list(made_frames()), ids=name_of)
def test_stored_frame_decodes_to_the_picture_it_was_made_of(codecs: Codecs, frame: EncodedFrame) -> None:
    original = picture(frame.format).samples.astype(int)
    difference = np.abs(codecs.decode(frame).samples - original)
    assert difference.mean() <= (0.02 * np.ptp(original) if (frame.encoding, frame.format) in LOSSY else 0)
