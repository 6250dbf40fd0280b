"""Every target of the archive under one contract: what goes in comes out, and the stream says what it holds."""

from __future__ import annotations

import itertools
import struct
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from tests.contract.codec_contract import picture
from transcode.archive import TARGETS, archive_encoders
from transcode.codec import Codecs
from transcode.codecs import (
    DEFLATED,
    HTJ2K,
    JPEG,
    JPEG_2000,
    JPEG_EXTENDED,
    JPEG_LS,
    JPEG_XL,
    RAW,
    RLE,
    builtin,
    encoding_of,
)
from transcode.codestream import parse, rpcl_faults
from transcode.errors import UnsupportedEncodingError, UnsupportedPixelsError
from transcode.frames import GREY8, RGB8, EncodedFrame, PixelArray, PixelFormat
from transcode.jpeg_structure import ColourModel, read_frame_header, read_near
from transcode.jpegxl_structure import read_jpegxl_header
from transcode.targets import ArchiveEncoder, ArchiveOptions, Target

pytestmark = pytest.mark.slow

OPTIONS = ArchiveOptions(near=1)
"""The only error that near-lossless allows at any depth."""
GREY16 = PixelFormat(1, 16, 16)
SIGNED16 = PixelFormat(1, 16, 16, signed=True)
PALETTE = PixelFormat(1, 8, 8, photometric="PALETTE COLOR")
YBR_FULL = PixelFormat(3, 8, 8, photometric="YBR_FULL")
DEPTHS = [PixelFormat(1, 8 if bits <= 8 else 16, bits, signed) for bits in range(2, 17) for signed in (False, True)]
FORMATS = [
    *DEPTHS,
    PixelFormat(1, 16, 8),
    PixelFormat(1, 16, 7, signed=True),
    PixelFormat(1, 16, 12, photometric="MONOCHROME1"),
    PALETTE,
    PixelFormat(1, 16, 16, photometric="PALETTE COLOR"),
    RGB8,
    YBR_FULL,
    PixelFormat(3, 16, 16, photometric="RGB"),
    PixelFormat(3, 16, 12, photometric="RGB"),
    PixelFormat(1, 8, 1),
    PixelFormat(1, 32, 32),
    PixelFormat(1, 32, 32, is_float=True),
    PixelFormat(1, 64, 64, is_float=True),
]
REFUSED_BY_ALL = [
    PixelFormat(3, 8, 8, photometric="YBR_FULL_422"),
    PixelFormat(3, 8, 8, photometric="YBR_PARTIAL_420"),
    PixelFormat(3, 8, 8, photometric="YBR_RCT"),
    PixelFormat(3, 8, 8, photometric="YBR_ICT"),
    PixelFormat(3, 8, 8, photometric="MONOCHROME2"),
    PixelFormat(1, 8, 8, photometric="RGB"),
    PixelFormat(4, 8, 8, photometric="CMYK"),
    PixelFormat(2, 8, 8, photometric="MONOCHROME2"),
]
LOSSLESS = [target for target in TARGETS if target.is_lossless and target.name != "jxl-jpeg"]
LOSSY = [target for target in TARGETS if not target.is_lossless]
WRITES_SAMPLES = [*LOSSLESS, *LOSSY]


def name_of(value: Target | PixelFormat) -> str:
    if isinstance(value, Target):
        return value.name
    kind = "f" if value.is_float else "i" if value.signed else "u"
    return f"{value.photometric.replace(' ', '')}-{kind}{value.bits_stored}of{value.bits_allocated}"


def encoder_of(target: Target) -> ArchiveEncoder:
    return archive_encoders().named(target.name)


def random_picture(pixels: PixelFormat, width: int, height: int, seed: int = 0) -> PixelArray:
    """Noise over the whole range: the worst that an encoder meets."""
    dice = np.random.default_rng(seed)
    shape = (height, width, pixels.samples_per_pixel)
    if pixels.is_float:
        return PixelArray(dice.standard_normal(shape).astype(pixels.dtype), pixels)
    least = -(1 << (pixels.bits_stored - 1)) if pixels.signed else 0
    values = dice.integers(least, least + (1 << pixels.bits_stored), shape, dtype=np.int64)
    return PixelArray(values.astype(pixels.dtype), pixels)


@pytest.fixture(scope="module")
def codecs() -> Codecs:
    return builtin()


@pytest.fixture(params=WRITES_SAMPLES, ids=name_of)
def encoder(request: pytest.FixtureRequest) -> ArchiveEncoder:
    return encoder_of(request.param)


@pytest.fixture(params=LOSSLESS, ids=name_of)
def lossless(request: pytest.FixtureRequest) -> ArchiveEncoder:
    return encoder_of(request.param)


@pytest.fixture(params=LOSSY, ids=name_of)
def lossy(request: pytest.FixtureRequest) -> ArchiveEncoder:
    return encoder_of(request.param)


def held_by(encoder: ArchiveEncoder, width: int = 56, height: int = 40) -> list[PixelFormat]:
    return [pixels for pixels in FORMATS if encoder.refusal(pixels, width, height) is None]


class TestTable:
    """The set of targets."""

    def test_no_two_targets_share_a_name_or_a_transfer_syntax(self) -> None:
        assert len({target.name for target in TARGETS}) == len(TARGETS)
        assert len({target.transfer_syntax for target in TARGETS}) == len(TARGETS)

    def test_every_target_is_found_by_name_and_by_transfer_syntax(self) -> None:
        encoders = archive_encoders()
        for target in TARGETS:
            assert encoders.named(target.name).target is target
            assert encoders.for_transfer_syntax(target.transfer_syntax).target is target

    def test_unknown_name_is_told_with_those_that_there_are(self) -> None:
        with pytest.raises(UnsupportedEncodingError, match=r"'jpegsl'.*jpegls, .*htj2k-rpcl.*rle"):
            archive_encoders().named("jpegsl")

    def test_unknown_transfer_syntax_is_refused(self) -> None:
        with pytest.raises(UnsupportedEncodingError, match=r"1\.2\.840\.10008\.1\.2\.4\.70"):
            archive_encoders().for_transfer_syntax("1.2.840.10008.1.2.4.70")

    def test_target_is_read_by_the_codec_of_its_transfer_syntax(self) -> None:
        for target in TARGETS:
            assert encoding_of(target.transfer_syntax, 16) is target.encoding

    def test_only_lossy_targets_name_a_method(self) -> None:
        assert all(target.is_lossless == (not target.lossy_method) for target in TARGETS)


class TestLossless:
    """What loses nothing."""

    @pytest.mark.parametrize("size", [(56, 40), (47, 65), (130, 67)], ids=str)
    def test_every_sample_of_every_format_comes_back(
        self, lossless: ArchiveEncoder, codecs: Codecs, size: tuple[int, int]
    ) -> None:
        for pixels in held_by(lossless):
            for made in (picture(pixels, *size), random_picture(pixels, *size)):
                decoded = codecs.decode(lossless.encode(made, OPTIONS))
                assert np.array_equal(decoded.samples, made.samples), pixels
                assert decoded.format == pixels

    @pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (3, 5), (2, 2), (300, 1), (1, 300)], ids=str)
    def test_small_and_thin_frames_come_back(
        self, lossless: ArchiveEncoder, codecs: Codecs, size: tuple[int, int]
    ) -> None:
        for pixels in held_by(lossless, *size):
            made = random_picture(pixels, *size)
            assert np.array_equal(codecs.decode(lossless.encode(made, OPTIONS)).samples, made.samples), pixels

    @pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 1), (1, 4), (2, 2), (1, 5)], ids=str)
    def test_every_picture_of_two_bits_and_few_pixels_comes_back(
        self, lossless: ArchiveEncoder, codecs: Codecs, size: tuple[int, int]
    ) -> None:
        pixels = PixelFormat(1, 8, 2)
        if lossless.refusal(pixels, *size) is not None:
            pytest.skip("not applicable: such frames are refused")
        for number in range(0, 4 ** (size[0] * size[1]), 3):
            values = [number >> (2 * at) & 3 for at in range(size[0] * size[1])]
            samples = np.array(values, np.uint8).reshape(size[1], size[0], 1)
            decoded = codecs.decode(lossless.encode(PixelArray(samples, pixels), OPTIONS))
            assert np.array_equal(decoded.samples, samples), values

    @pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 2), (3, 5), (70, 50)], ids=str)
    @pytest.mark.parametrize("kind", ["least", "greatest", "checkers", "stripes"])
    def test_extreme_values_come_back(
        self, lossless: ArchiveEncoder, codecs: Codecs, kind: str, size: tuple[int, int]
    ) -> None:
        y, x = np.mgrid[: size[1], : size[0]]
        which = {"least": 0 * x, "greatest": 0 * x + 1, "checkers": (x + y) % 2, "stripes": x // 8 % 2}[kind]
        for pixels in filter(lambda each: not each.is_float, held_by(lossless, *size)):
            least = -(1 << (pixels.bits_stored - 1)) if pixels.signed else 0
            values = least + which.astype(object) * ((1 << pixels.bits_stored) - 1)
            samples = np.repeat(values[:, :, np.newaxis].astype(pixels.dtype), pixels.samples_per_pixel, axis=2)
            decoded = codecs.decode(lossless.encode(PixelArray(samples, pixels), OPTIONS))
            assert np.array_equal(decoded.samples, samples), pixels

    def test_grey_colours_and_palettes_are_held(self, lossless: ArchiveEncoder) -> None:
        assert {GREY8, GREY16, RGB8, PALETTE} <= set(held_by(lossless))

    def test_what_it_wrote_it_keeps(self, lossless: ArchiveEncoder) -> None:
        if lossless.target.name == "jxl":
            pytest.skip("not applicable: the header of JPEG XL does not tell that nothing was lost")
        for pixels in held_by(lossless):
            assert lossless.keeps(lossless.encode(picture(pixels), OPTIONS)), pixels

    def test_quality_and_near_change_nothing(self, lossless: ArchiveEncoder) -> None:
        made = picture(GREY16)
        assert lossless.encode(made, ArchiveOptions(5, 60)).data == lossless.encode(made, OPTIONS).data


class TestLossy:
    """What loses a little."""

    def test_it_is_near_the_original(self, lossy: ArchiveEncoder, codecs: Codecs) -> None:
        for pixels in held_by(lossy):
            if pixels.bits_stored < 7:
                continue  # a value of few is no small error
            made = picture(pixels, 128, 96)
            decoded = codecs.decode(lossy.encode(made, OPTIONS))
            before = made.samples.astype(float)
            if pixels.photometric == "YBR_FULL" and decoded.format.photometric == "RGB":
                continue  # its own test holds JPEG's YCbCr
            error = decoded.samples.astype(float) - before
            noise = np.sqrt((error**2).mean()) or 1e-9
            assert 20 * np.log10(((1 << pixels.bits_stored) - 1) / noise) > 38, pixels

    @pytest.mark.parametrize(
        "size", [(1, 1), (1, 40), (40, 1), (2, 2), (5, 90), (16, 16), (17, 200), (31, 70)], ids=str
    )
    def test_even_frames_of_any_size_stay_even(
        self, lossy: ArchiveEncoder, codecs: Codecs, size: tuple[int, int]
    ) -> None:
        """Black, white and grey all over; small frames too, which wavelets do not decompose."""
        for pixels in (GREY8, PixelFormat(1, 16, 12), GREY16, SIGNED16):
            if lossy.refusal(pixels, *size) is not None:
                continue
            span = (1 << pixels.bits_stored) - 1
            least = -(1 << (pixels.bits_stored - 1)) if pixels.signed else 0
            for value in (least, least + span // 3, least + span):
                samples = np.full((size[1], size[0], 1), value, pixels.dtype)
                decoded = codecs.decode(lossy.encode(PixelArray(samples, pixels), OPTIONS)).samples.astype(int)
                assert np.abs(decoded - value).max() <= span // 100, (pixels, value)

    def test_small_frames_are_refused_where_the_library_spoils_them(self) -> None:
        encoder = archive_encoders().named("j2k-lossy")
        assert encoder.refusal(GREY8, 15, 300) == "15 x 300 pixels, its sides are at least 16"
        assert encoder.refusal(GREY8, 16, 16) is None

    def test_palettes_are_refused(self, lossy: ArchiveEncoder) -> None:
        for pixels in (PALETTE, PixelFormat(1, 16, 12, photometric="PALETTE COLOR")):
            assert lossy.refusal(pixels, 9, 9)

    def test_lower_quality_is_smaller(self, lossy: ArchiveEncoder) -> None:
        pixels = PixelFormat(1, 16, 12) if lossy.target.name == "jpeg-extended" else GREY8
        made = random_picture(pixels, 128, 128)
        sizes = [
            len(lossy.encode(made, ArchiveOptions(quality, near)).data)
            for quality, near in ((30, 20), (70, 5), (95, 1))
        ]
        assert sizes == sorted(set(sizes))

    def test_what_it_wrote_it_keeps(self, lossy: ArchiveEncoder) -> None:
        for pixels in held_by(lossy):
            is_xyb = lossy.target.name != "jxl-lossy" or pixels.is_colour
            assert lossy.keeps(lossy.encode(picture(pixels), OPTIONS)) or not is_xyb, pixels

    @pytest.mark.parametrize("near", [1, 2, 7])
    def test_near_lossless_is_nowhere_further_off_than_asked(self, codecs: Codecs, near: int) -> None:
        encoder = archive_encoders().named("jpegls-near")
        for pixels in held_by(encoder):
            if near > ((1 << pixels.bits_stored) - 1) // 2:
                continue
            made = random_picture(pixels, 60, 41)
            frame = encoder.encode(made, ArchiveOptions(near=near))
            error = np.abs(codecs.decode(frame).samples.astype(int) - made.samples)
            assert error.max() == near == read_near(frame.data), pixels

    @pytest.mark.parametrize("near", [0, -1, 128, 1000])
    def test_near_beyond_the_standard_is_refused(self, near: int) -> None:
        with pytest.raises(UnsupportedPixelsError, match="errs by 1 to 127"):
            archive_encoders().named("jpegls-near").encode(picture(GREY8), ArchiveOptions(near=near))

    def test_near_lossless_refuses_signed_samples(self) -> None:
        assert archive_encoders().named("jpegls-near").refusal(SIGNED16, 9, 9) == "signed samples"

    def test_ybr_full_goes_into_jpeg_without_a_conversion(self) -> None:
        """A conversion to RGB and back would move colours that RGB has not."""
        import imagecodecs

        impossible = np.full((32, 32, 3), (16, 240, 16), np.uint8)
        frame = archive_encoders().named("jpeg").encode(PixelArray(impossible, YBR_FULL), OPTIONS)
        decoded = imagecodecs.jpeg8_decode(frame.data, colorspace="YCBCR", outcolorspace="YCBCR")
        assert np.abs(decoded.astype(int) - impossible).max() <= 1


class TestRefusals:
    """What is not held is said, in words."""

    def test_format_that_none_holds(self, encoder: ArchiveEncoder) -> None:
        for pixels in REFUSED_BY_ALL:
            assert encoder.refusal(pixels, 9, 9), pixels

    def test_encode_raises_with_the_reason(self, encoder: ArchiveEncoder) -> None:
        for pixels in [*FORMATS, *REFUSED_BY_ALL]:
            reason = encoder.refusal(pixels, 56, 40)
            if reason is not None:
                with pytest.raises(UnsupportedPixelsError) as caught:
                    encoder.encode(random_picture(pixels, 56, 40), OPTIONS)
                assert encoder.target.name in str(caught.value)
                assert reason in str(caught.value)

    def test_too_large_and_empty_sides(self, encoder: ArchiveEncoder) -> None:
        pixels = PixelFormat(1, 16, 12) if encoder.target.name == "jpeg-extended" else GREY8
        assert encoder.refusal(pixels, 65500, 65500) is None
        assert "65536 x 8 pixels" in (encoder.refusal(pixels, 65536, 8) or "")
        assert encoder.refusal(pixels, 8, 65536)
        assert encoder.refusal(pixels, 0, 8)

    def test_samples_beyond_bits_stored_are_never_cut(self, encoder: ArchiveEncoder) -> None:
        for pixels in held_by(encoder):
            if pixels.is_float or pixels.bits_stored == pixels.bits_allocated:
                continue
            made = picture(pixels)
            made.samples[3, 3, 0] = 1 << (pixels.bits_stored - (1 if pixels.signed else 0))
            with pytest.raises(UnsupportedPixelsError, match="do not fit"):
                encoder.encode(made, OPTIONS)

    def test_only_plain_and_deflated_frames_hold_floats_and_wide_samples(self) -> None:
        wide = PixelFormat(1, 32, 32)
        floats = PixelFormat(1, 32, 32, is_float=True)
        names = {
            pixels: {target.name for target in TARGETS if encoder_of(target).refusal(pixels, 9, 9) is None}
            for pixels in (wide, floats, PixelFormat(1, 8, 1))
        }
        assert names[wide] == {"explicit", "deflated", "deflated-frame"}
        assert names[floats] == {"explicit", "deflated"}
        assert names[PixelFormat(1, 8, 1)] == {"deflated-frame"}


class TestTruth:
    """The stream and the format that comes back say the same."""

    def test_format_changes_by_its_photometric_interpretation_alone(self, encoder: ArchiveEncoder) -> None:
        for pixels in held_by(encoder):
            frame = encoder.encode(picture(pixels), OPTIONS)
            assert replace(frame.format, photometric=pixels.photometric) == pixels
            assert (frame.width, frame.height) == (56, 40)
            assert frame.encoding is encoder.target.encoding

    @pytest.mark.parametrize(
        ("name", "rgb", "ybr"),
        [
            ("explicit", "RGB", "YBR_FULL"),
            ("rle", "RGB", "YBR_FULL"),
            ("deflated-frame", "RGB", "YBR_FULL"),
            ("jpeg", "YBR_FULL_422", "YBR_FULL_422"),
            ("jpegls", "RGB", "YBR_FULL"),
            ("jpegls-near", "RGB", "YBR_FULL"),
            ("j2k", "YBR_RCT", "YBR_FULL"),
            ("j2k-lossy", "YBR_ICT", "YBR_FULL"),
            ("htj2k", "YBR_RCT", "YBR_FULL"),
            ("htj2k-rpcl", "YBR_RCT", "YBR_FULL"),
            ("htj2k-lossy", "YBR_ICT", "YBR_FULL"),
            ("jxl", "RGB", None),
            ("jxl-lossy", "XYB", None),
        ],
    )
    def test_colours_are_named_as_they_are_stored(self, name: str, rgb: str, ybr: str | None) -> None:
        encoder = archive_encoders().named(name)
        assert encoder.encode(picture(RGB8), OPTIONS).format.photometric == rgb
        if ybr is None:
            assert encoder.refusal(YBR_FULL, 9, 9)
        else:
            assert encoder.encode(picture(YBR_FULL), OPTIONS).format.photometric == ybr

    def test_header_of_the_stream_has_the_precision_and_the_sign(self, encoder: ArchiveEncoder) -> None:
        for pixels in held_by(encoder):
            frame = encoder.encode(picture(pixels), OPTIONS)
            assert stated_by(frame) in {None, (pixels.bits_stored, pixels.signed, pixels.samples_per_pixel)}, pixels

    def test_transform_is_in_the_stream_where_the_format_says_so(self) -> None:
        for name in ("j2k", "j2k-lossy", "htj2k", "htj2k-rpcl", "htj2k-lossy"):
            for pixels in (RGB8, YBR_FULL, GREY8):
                frame = archive_encoders().named(name).encode(picture(pixels), OPTIONS)
                assert parse(frame.data).cod.mct == (frame.format.photometric in {"YBR_RCT", "YBR_ICT"})
                assert parse(frame.data).is_reversible == (
                    frame.format.photometric != "YBR_ICT" and "lossy" not in name
                )

    def test_jpeg_is_without_subsampling_and_marked_as_ycbcr(self) -> None:
        for pixels in (RGB8, YBR_FULL):
            header = read_frame_header(archive_encoders().named("jpeg").encode(picture(pixels), OPTIONS).data)
            assert (header.subsampling, header.colour_model) == ("4:4:4", ColourModel.YCBCR)
            assert header.states_colours

    def test_jpegxl_is_xyb_where_the_format_says_so(self) -> None:
        for name, expected in (("jxl", False), ("jxl-lossy", True)):
            for quality in (1, 95, 100):
                frame = archive_encoders().named(name).encode(picture(RGB8), ArchiveOptions(quality))
                assert read_jpegxl_header(frame.data).is_xyb == expected

    @pytest.mark.parametrize(("width", "height"), [(1, 1), (64, 64), (2049, 700), (700, 2049), (4100, 33), (33, 8200)])
    def test_rpcl_keeps_its_rules_at_any_size(self, width: int, height: int) -> None:
        for pixels in (GREY8, PixelFormat(1, 16, 12), SIGNED16, RGB8):
            frame = archive_encoders().named("htj2k-rpcl").encode(picture(pixels, width, height), OPTIONS)
            assert rpcl_faults(parse(frame.data)) == ()

    def test_rle_packs_each_row_by_itself_into_even_segments(self) -> None:
        frame = archive_encoders().named("rle").encode(picture(GREY16, 33, 17), OPTIONS)
        count, *starts = struct.unpack_from("<16L", frame.data)
        bounds = [*starts[:count], len(frame.data)]
        assert (count, starts[0], set(starts[count:])) == (2, 64, {0})
        assert all(bound % 2 == 0 for bound in bounds)
        for start, end in itertools.pairwise(bounds):
            assert row_lengths(frame.data[start:end], 33) == [33] * 17


def stated_by(frame: EncodedFrame) -> tuple[int, bool, int] | None:
    """Bits, sign and samples a pixel that the stream states of itself; JPEG and JPEG XL know no sign."""
    signed = frame.format.signed
    if frame.encoding in {RAW, RLE, DEFLATED}:
        return None
    if frame.encoding in {JPEG_2000, HTJ2K}:
        (component,) = set(parse(frame.data).siz.components)
        return component.depth, component.signed, len(parse(frame.data).siz.components)
    if frame.encoding in {JPEG, JPEG_EXTENDED, JPEG_LS}:
        header = read_frame_header(frame.data)
        return header.precision, signed, header.components
    assert frame.encoding is JPEG_XL
    return read_jpegxl_header(frame.data).bits, False, frame.format.samples_per_pixel


def row_lengths(segment: bytes, width: int) -> list[int]:
    """How many bytes each row unpacks to, where runs never cross its end (G.3.1)."""
    rows, position, filled = [], 0, 0
    while position < len(segment) - 1:
        count = segment[position]
        length = count + 1 if count < 128 else 257 - count if count > 128 else 0
        position += 1 + (length if count < 128 else 1 if count > 128 else 0)
        filled += length
        assert filled <= width
        if filled == width:
            rows.append(filled)
            filled = 0
    return rows


class TestKeeping:
    """Which stored codestreams may be copied."""

    def test_no_target_keeps_another_encoding(self) -> None:
        made = {target: encoder_of(target).encode(picture_for(target), OPTIONS) for target in WRITES_SAMPLES}
        for target in TARGETS:
            for other, frame in made.items():
                if target.encoding is not other.encoding:
                    assert not encoder_of(target).keeps(frame), (target.name, other.name)

    def test_what_a_target_wrote_has_its_form_and_that_of_no_other_encoding(self) -> None:
        made = {target: encoder_of(target).encode(picture_for(target), OPTIONS) for target in WRITES_SAMPLES}
        for target in TARGETS:
            for other, frame in made.items():
                if target is other:
                    assert encoder_of(target).writes(frame), target.name
                elif target.encoding is not other.encoding:
                    assert not encoder_of(target).writes(frame), (target.name, other.name)

    def test_lossless_jpeg_xl_has_not_the_form_of_the_others(self) -> None:
        lossless = archive_encoders().named("jxl")
        packed = (
            archive_encoders().named("jxl-jpeg").repack(archive_encoders().named("jpeg").encode(picture(RGB8), OPTIONS))
        )
        assert packed is not None
        assert not lossless.writes(packed)
        assert not lossless.writes(archive_encoders().named("jxl-lossy").encode(picture(RGB8), OPTIONS))

    def test_lossless_targets_keep_nothing_that_was_lossy(self) -> None:
        for target in LOSSY:
            frame = encoder_of(target).encode(picture_for(target), OPTIONS)
            assert not any(encoder_of(each).keeps(frame) for each in LOSSLESS)

    def test_lossy_targets_keep_nothing_that_is_whole(self) -> None:
        for target in LOSSLESS:
            frame = encoder_of(target).encode(picture(GREY8), OPTIONS)
            assert not any(encoder_of(each).keeps(frame) for each in LOSSY)

    def test_streams_of_another_precision_or_size_are_not_kept(self) -> None:
        for target in WRITES_SAMPLES:
            if target.encoding in {RAW, RLE, DEFLATED}:
                continue
            frame = encoder_of(target).encode(picture_for(target), OPTIONS)
            other_bits = replace(frame.format, bits_stored=11, bits_allocated=16)
            assert not encoder_of(target).keeps(replace(frame, format=other_bits)), target.name
            assert not encoder_of(target).keeps(replace(frame, width=57)), target.name

    def test_damage_is_not_kept_and_not_raised(self) -> None:
        for target in WRITES_SAMPLES:
            if target.encoding not in {RAW, RLE, DEFLATED}:
                frame = encoder_of(target).encode(picture_for(target), OPTIONS)
                for length in range(4):
                    assert not encoder_of(target).keeps(replace(frame, data=frame.data[:length])), target.name

    def test_progressive_jpeg_is_not_baseline(self) -> None:
        frame = archive_encoders().named("jpeg").encode(picture(RGB8), OPTIONS)
        assert (
            not archive_encoders()
            .named("jpeg")
            .keeps(replace(frame, data=frame.data.replace(b"\xff\xc0", b"\xff\xc2", 1)))
        )

    def test_rpcl_does_not_keep_a_stream_without_tlm(self) -> None:
        import imagecodecs

        made = picture(GREY8)
        data = bytes(imagecodecs.htj2k_encode(made.samples[:, :, 0], reversible=True))
        frame = EncodedFrame(data, HTJ2K, GREY8, made.width, made.height)
        assert archive_encoders().named("htj2k").keeps(frame)
        assert not archive_encoders().named("htj2k-rpcl").keeps(frame)


def picture_for(target: Target) -> PixelArray:
    """A picture that a target holds; colours where it tells them by XYB."""
    special = {"jpeg-extended": PixelFormat(1, 16, 12), "jxl-lossy": RGB8}
    return picture(special.get(target.name, GREY8))


class TestRepacking:
    """JPEG in JPEG XL and back."""

    @pytest.mark.parametrize("tail", [b"", b"\0"], ids=["even", "padded"])
    @pytest.mark.parametrize("pixels", [GREY8, RGB8, YBR_FULL], ids=name_of)
    def test_jpeg_comes_back_bit_for_bit(self, pixels: PixelFormat, tail: bytes, codecs: Codecs) -> None:
        from transcode.codecs.jpegxl import jpeg_within

        jpeg = archive_encoders().named("jpeg").encode(picture(pixels), OPTIONS)
        jpeg = replace(jpeg, data=jpeg.data + tail)
        encoder = archive_encoders().named("jxl-jpeg")
        packed = encoder.repack(jpeg)
        assert packed is not None
        assert jpeg_within(packed.data) == encoder.unpack(packed) == jpeg.data
        assert "1.2.840.10008.1.2.4.50" in encoder.repacks
        assert packed.format == jpeg.format
        assert encoder.keeps(packed)
        error = np.abs(codecs.decode(packed).samples.astype(int) - codecs.decode(jpeg).samples)
        assert error.mean() < 1  # libjpeg clamps luminance and chrominance before it turns them into RGB

    def test_other_streams_and_samples_are_not_repacked(self) -> None:
        encoder = archive_encoders().named("jxl-jpeg")
        assert encoder.repack(archive_encoders().named("jpegls").encode(picture(GREY8), OPTIONS)) is None
        extended = archive_encoders().named("jpeg-extended").encode(picture(PixelFormat(1, 16, 12)), OPTIONS)
        assert encoder.repack(extended) is None
        assert encoder.repack(replace(extended, encoding=JPEG)) is None
        assert encoder.refusal(GREY8, 9, 9)
        with pytest.raises(UnsupportedPixelsError, match="JPEG codestreams"):
            encoder.encode(picture(GREY8), OPTIONS)

    def test_a_jpeg_of_another_size_than_the_header_says_is_left_alone(self) -> None:
        jpeg = archive_encoders().named("jpeg").encode(picture(RGB8), OPTIONS)
        assert archive_encoders().named("jxl-jpeg").repack(replace(jpeg, height=jpeg.height + 1)) is None

    def test_only_what_was_packed_is_unpacked(self) -> None:
        for target in WRITES_SAMPLES:
            frame = encoder_of(target).encode(picture_for(target), OPTIONS)
            assert archive_encoders().named("jxl-jpeg").unpack(frame) is None
            assert target.name == "jxl-jpeg" or encoder_of(target).unpack(frame) is None

    def test_only_jpegxl_repacks(self) -> None:
        jpeg = archive_encoders().named("jpeg").encode(picture(RGB8), OPTIONS)
        assert [each.target.name for each in archive_encoders() if each.repack(jpeg)] == ["jxl-jpeg"]


class TestCalls:
    """How encoders may be called."""

    def test_part_of_a_larger_array_encodes_as_its_copy(self, encoder: ArchiveEncoder) -> None:
        for pixels in (GREY8, RGB8, PixelFormat(1, 16, 12)):
            if encoder.refusal(pixels, 50, 40) is None:
                part = picture(pixels, 90, 70).samples[3:43, 5:55]
                view = encoder.encode(PixelArray(part, pixels), OPTIONS)
                assert view.data == encoder.encode(PixelArray(part.copy(), pixels), OPTIONS).data

    def test_samples_are_not_changed(self, encoder: ArchiveEncoder) -> None:
        for pixels in held_by(encoder):
            made = picture(pixels)
            made.samples.flags.writeable = False
            before = made.samples.copy()
            encoder.encode(made, OPTIONS)
            assert np.array_equal(made.samples, before)

    def test_same_samples_give_the_same_bytes_from_eight_threads(self, encoder: ArchiveEncoder) -> None:
        made = picture(PixelFormat(1, 16, 12) if encoder.target.name == "jpeg-extended" else GREY8, 120, 100)
        with ThreadPoolExecutor(8) as executor:
            results = set(executor.map(lambda _: encoder.encode(made, OPTIONS).data, range(32)))
        assert len(results) == 1

    def test_streams_are_bytes_and_bare(self, encoder: ArchiveEncoder) -> None:
        """No boxes around codestreams but those of JPEG XL, where the standard of the codec demands them."""
        for pixels in held_by(encoder):
            data = encoder.encode(picture(pixels), OPTIONS).data
            assert type(data) is bytes
            assert data[4:8] != b"jP  "
