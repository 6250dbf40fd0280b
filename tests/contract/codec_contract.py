"""What every codec must promise. A test of codecs is a subclass with fixtures `codec`, `frame` and `codecs`."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from transcode.codec import Codec, Codecs, EncodeOptions, Encoder
from transcode.errors import CorruptFrameError, UnsupportedFeatureError, UnsupportedPixelsError
from transcode.frames import GREY8, RGB8, EncodedFrame, PixelArray, PixelFormat

REFUSALS = (CorruptFrameError, UnsupportedFeatureError, UnsupportedPixelsError)
"""What damage may make of a frame: bytes that make no sense, or that ask for what no codec reads."""
FORMATS = (
    GREY8,
    RGB8,
    PixelFormat(4, 8, 8, photometric="RGB"),
    PixelFormat(1, 8, 1),
    PixelFormat(1, 8, 8, photometric="PALETTE COLOR"),
    PixelFormat(1, 16, 12),
    PixelFormat(1, 16, 16, photometric="MONOCHROME1"),
    PixelFormat(1, 16, 16, signed=True),
    PixelFormat(3, 16, 16, photometric="RGB"),
    PixelFormat(3, 8, 8, photometric="YBR_FULL"),
    PixelFormat(1, 32, 32),
    PixelFormat(1, 32, 32, is_float=True),
    PixelFormat(1, 64, 64, is_float=True),
)


def picture(pixels: PixelFormat, width: int = 56, height: int = 40) -> PixelArray:
    """A smooth picture that uses the stored bits, the least and the greatest value among them."""
    y, x = np.mgrid[:height, :width]
    slopes = [np.sin(x / (9 + n)) + np.cos(y / (7 + n)) for n in range(pixels.samples_per_pixel)]
    unit = (np.stack(slopes, axis=-1) + 2) / 4
    unit[0, 0], unit[-1, -1] = 0, 1
    if pixels.is_float:
        return PixelArray((unit * 2000 - 1000).astype(pixels.dtype), pixels)
    least = -(1 << (pixels.bits_stored - 1)) if pixels.signed else 0
    values = np.rint(unit * ((1 << pixels.bits_stored) - 1)).astype(np.int64) + least
    return PixelArray(values.astype(pixels.dtype), pixels)


def damaged(data: bytes, seed: int) -> bytes:
    """The data cut, or with some bits flipped, or with a piece missing."""
    dice = random.Random(seed)
    changed = bytearray(data)
    kind = seed % 3
    if kind == 0:
        return bytes(changed[: dice.randrange(len(changed))])
    if kind == 1:
        for _ in range(dice.randint(1, 6)):
            changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
        return bytes(changed)
    start = dice.randrange(len(changed))
    return bytes(changed[:start] + changed[start + dice.randint(1, 30) :])


def size_after(frame: EncodedFrame, reduction: int) -> tuple[int, int]:
    step = 1 << reduction
    return -(-frame.width // step), -(-frame.height // step)


class CodecContract:
    """Subclass it with the fixtures: a codec of `codecs`, and a good frame in its encoding."""

    def test_codec_is_found_by_all_the_names_of_its_encoding(self, codec: Codec, codecs: Codecs) -> None:
        encoding = codec.encoding
        assert codecs.of(encoding) is codec
        assert {codecs.for_media_type(name) for name in encoding.media_types} == {codec}
        assert {codecs.for_transfer_syntax(uid) for uid in encoding.transfer_syntaxes} <= {codec}

    def test_good_frame_decodes_to_what_its_header_says(self, codec: Codec, frame: EncodedFrame) -> None:
        pixels = codec.decode(frame)
        assert (pixels.width, pixels.height) == (frame.width, frame.height)
        assert pixels.samples.dtype == frame.format.dtype
        assert pixels.samples.shape[2] == frame.format.samples_per_pixel

    def test_reduced_sizes_are_rounded_up(self, codec: Codec, frame: EncodedFrame) -> None:
        for reduction in range(min(codec.max_reduction, 8) + 1):
            pixels = codec.decode(frame, reduction)
            assert (pixels.width, pixels.height) == size_after(frame, reduction)

    def test_reduced_picture_shows_the_same(self, codec: Codec, frame: EncodedFrame) -> None:
        whole = codec.decode(frame).samples.astype(float)
        for reduction in range(1, min(codec.max_reduction, 2) + 1):
            step = 1 << reduction
            means = whole.reshape(whole.shape[0] // step, step, whole.shape[1] // step, step, -1).mean(axis=(1, 3))
            difference = np.abs(codec.decode(frame, reduction).samples.astype(float) - means).mean()
            assert difference < 0.08 * np.ptp(whole)  # a wavelet's low pass lies half a pixel aside of the mean

    def test_more_halvings_than_promised_are_refused(self, codec: Codec, frame: EncodedFrame) -> None:
        for reduction in (codec.max_reduction + 1, -1):
            with pytest.raises(ValueError, match="halvings"):
                codec.decode(frame, reduction)

    @pytest.mark.parametrize("change", [{"width": 57}, {"height": 39}, {"width": 0}, {"width": 40, "height": 57}])
    def test_header_that_lies_about_the_size_is_refused(
        self, codec: Codec, frame: EncodedFrame, change: dict[str, int]
    ) -> None:
        with pytest.raises(CorruptFrameError):
            codec.decode(replace(frame, **change))  # type: ignore[arg-type]

    def test_header_that_lies_about_the_samples_is_refused(self, codec: Codec, frame: EncodedFrame) -> None:
        """Or decoded to equal samples, where an encoding keeps grey as RGB and nobody can tell."""
        is_colour = frame.format.is_colour
        lying = replace(
            frame.format,
            samples_per_pixel=1 if is_colour else 3,
            photometric="MONOCHROME2" if is_colour else "RGB",
        )
        try:
            samples = codec.decode(replace(frame, format=lying)).samples
        except REFUSALS:
            return
        assert not is_colour
        assert np.ptp(samples.astype(int), axis=2).max() <= 3

    @pytest.mark.parametrize("data", [b"", b"\0", b"\xff\xd8\xff", bytes(200), b"neither fish nor flesh"])
    def test_what_is_of_no_encoding_is_refused(self, codec: Codec, frame: EncodedFrame, data: bytes) -> None:
        with pytest.raises(REFUSALS):
            codec.decode(replace(frame, data=data))

    @pytest.mark.parametrize("mutants", [60, pytest.param(1500, marks=pytest.mark.slow)])
    def test_damaged_frame_is_refused_or_keeps_its_shape(self, codec: Codec, frame: EncodedFrame, mutants: int) -> None:
        refused = 0
        for seed in range(mutants):
            reduction = seed % 2 if codec.max_reduction else 0
            try:
                pixels = codec.decode(replace(frame, data=damaged(frame.data, seed)), reduction)
            except REFUSALS:
                refused += 1
            else:
                assert (pixels.width, pixels.height) == size_after(frame, reduction)
        assert refused

    def test_eight_threads_decode_the_same(self, codec: Codec, frame: EncodedFrame) -> None:
        expected = codec.decode(frame).samples
        with ThreadPoolExecutor(8) as executor:
            results = list(executor.map(lambda _: codec.decode(frame).samples, range(32)))
        assert all(np.array_equal(samples, expected) for samples in results)


class EncoderContract:
    """Subclass it with the fixtures `codec`, an encoder, and `codecs`."""

    @pytest.mark.parametrize("pixels", FORMATS, ids=str)
    def test_what_it_holds_survives_and_the_rest_is_refused(self, codec: Encoder, pixels: PixelFormat) -> None:
        original = picture(pixels)
        if not codec.holds(pixels):
            with pytest.raises(UnsupportedPixelsError):
                codec.encode(original, EncodeOptions())
            return
        frame = codec.encode(original, EncodeOptions())
        decoded = codec.decode(frame)
        assert frame.encoding is codec.encoding
        assert decoded.format == original.format
        if codec.encoding.lossless:
            assert np.array_equal(decoded.samples, original.samples)
        else:
            difference = np.abs(decoded.samples.astype(float) - original.samples.astype(float))
            assert difference.mean() < 0.02 * np.ptp(original.samples.astype(float))

    def test_it_holds_something(self, codec: Encoder) -> None:
        assert any(codec.holds(pixels) for pixels in FORMATS)

    @pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (3, 5), (17, 16)], ids=str)
    def test_small_and_odd_sizes_survive(self, codec: Encoder, size: tuple[int, int]) -> None:
        for pixels in filter(codec.holds, (GREY8, RGB8)):
            decoded = codec.decode(codec.encode(picture(pixels, *size), EncodeOptions()))
            assert (decoded.width, decoded.height) == size

    def test_part_of_a_larger_array_encodes_as_its_copy(self, codec: Encoder) -> None:
        whole = picture(RGB8, 90, 70).samples
        part = whole[3:43, 5:61]
        view = codec.encode(PixelArray(part, RGB8), EncodeOptions())
        copy = codec.encode(PixelArray(part.copy(), RGB8), EncodeOptions())
        assert view.data == copy.data

    def test_quality_is_a_scale(self, codec: Encoder) -> None:
        original = picture(RGB8, 120, 100)
        sizes = [len(codec.encode(original, EncodeOptions(quality=quality)).data) for quality in (10, 90)]
        assert sizes == sorted(sizes)

    def test_same_pixels_give_the_same_bytes_from_eight_threads(self, codec: Encoder) -> None:
        original = picture(RGB8)
        with ThreadPoolExecutor(8) as executor:
            results = set(executor.map(lambda _: codec.encode(original, EncodeOptions()).data, range(32)))
        assert len(results) == 1
