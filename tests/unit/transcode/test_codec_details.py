"""What single codecs promise beyond the contract: colours, profiles, bombs, lossless crop, headers read first."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from dataclasses import replace

import imagecodecs
import numpy as np
import pytest
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from transcode.codec import EncodeOptions
from transcode.codecs import (
    AVIF,
    DEFLATED,
    JPEG,
    JPEG_EXTENDED,
    JPEG_LOSSLESS,
    JPEG_LS,
    JPEG_XL,
    PNG,
    RAW,
    RLE,
    WEBP,
    builtin,
    encoding_of,
)
from transcode.codecs.jpeg import crop
from transcode.errors import CorruptFrameError, UnsupportedEncodingError, UnsupportedPixelsError
from transcode.frames import GREY8, RGB8, EncodedFrame, Encoding, PixelArray, PixelFormat
from transcode.jpeg_structure import read_frame_header, with_adobe_marker
from transcode.jpegxl_structure import read_jpegxl_size
from transcode.lossless_crop import is_available
from transcode.recode import recode

CODECS = builtin()
PROFILE = bytes(range(256)) * 300
RED = np.full((32, 48, 3), (200, 30, 40), np.uint8)
MASK = PixelFormat(1, 8, 1)


def noise(*shape: int) -> NDArray[np.uint8]:
    return np.random.default_rng(7).integers(0, 256, shape, dtype=np.uint8)


def jpeg_of_red(photometric: str) -> EncodedFrame:
    """RGB stored as it is, without any marker that says so: as Aperio's tiles and many DICOM slides are."""
    data = bytes(imagecodecs.jpeg8_encode(RED, 95, colorspace="RGB", outcolorspace="RGB"))
    position = data.index(b"\xff\xee")
    bare = data[:position] + data[position + 2 + int.from_bytes(data[position + 2 : position + 4]) :]
    assert not read_frame_header(bare).states_colours or read_frame_header(bare).component_ids == (82, 71, 66)
    return EncodedFrame(numbered(bare), JPEG, replace(RGB8, photometric=photometric), 48, 32)


def numbered(data: bytes) -> bytes:
    """The stream with its components numbered 1, 2, 3, which tells decoders nothing."""
    changed = bytearray(data)
    frame, scan = data.index(b"\xff\xc0"), data.index(b"\xff\xda")
    for number in range(3):
        changed[frame + 10 + 3 * number] = number + 1
        changed[scan + 5 + 2 * number] = number + 1
    return bytes(changed)


def test_unmarked_jpeg_is_rgb_where_its_header_says_so() -> None:
    decoded = CODECS.decode(jpeg_of_red("RGB"))
    assert np.abs(decoded.samples.astype(int) - RED).max() < 4


def test_unmarked_jpeg_is_luminance_and_chrominance_otherwise() -> None:
    decoded = CODECS.decode(jpeg_of_red("YBR_FULL_422"))
    assert decoded.format.photometric == "RGB"
    assert np.abs(decoded.samples.astype(int) - RED).max() > 50


def test_marker_in_the_stream_counts_more_than_the_header() -> None:
    frame = jpeg_of_red("YBR_FULL_422")
    decoded = CODECS.decode(replace(frame, data=with_adobe_marker(frame.data, 0)))
    assert np.abs(decoded.samples.astype(int) - RED).max() < 4


def test_jpeg_of_four_colours_is_refused() -> None:
    data = simplejpeg.encode_jpeg(noise(16, 16, 4), 90, "CMYK")
    with pytest.raises(UnsupportedPixelsError):
        CODECS.decode(EncodedFrame(data, JPEG, PixelFormat(4, 8, 8), 16, 16))


def test_jpeg_with_a_harmless_warning_decodes() -> None:
    data = simplejpeg.encode_jpeg(RED, 90, "RGB", "444")
    scan_end = data.rindex(b"\xff\xd9")
    frame = EncodedFrame(data[:scan_end] + b"\x00\x00\x00" + data[scan_end:], JPEG, RGB8, 48, 32)
    assert np.array_equal(CODECS.decode(frame).samples, simplejpeg.decode_jpeg(data))


def test_jpeg_with_half_of_its_scan_is_refused_and_not_filled_with_grey() -> None:
    data = simplejpeg.encode_jpeg(noise(32, 48, 3), 90, "RGB", "444")
    with pytest.raises(CorruptFrameError, match="JPEG"):
        CODECS.decode(EncodedFrame(data[: len(data) // 2] + b"\xff\xd9", JPEG, RGB8, 48, 32))


@pytest.mark.parametrize("encoding", [JPEG, PNG, WEBP, AVIF], ids=lambda encoding: encoding.name)
def test_colour_profile_is_embedded(encoding: Encoding) -> None:
    frame = recode(PixelArray(RED, RGB8), [encoding.media_type], CODECS, EncodeOptions(icc_profile=PROFILE))
    with Image.open(io.BytesIO(frame.data)) as image:
        assert image.info["icc_profile"] == PROFILE
    assert np.abs(CODECS.decode(frame).samples.astype(int) - RED).max() < 30


def test_profile_too_large_for_jpeg_is_refused() -> None:
    with pytest.raises(UnsupportedPixelsError, match="ICC"):
        recode(PixelArray(RED, RGB8), ["image/jpeg"], CODECS, EncodeOptions(icc_profile=bytes(17_000_000)))


@pytest.mark.skipif(not is_available(), reason="no TurboJPEG library")
@pytest.mark.parametrize("size", [(1, 1), (17, 9), (48, 31), (33, 32)], ids=str)
def test_crop_keeps_every_coefficient_of_what_it_keeps(size: tuple[int, int]) -> None:
    width, height = size
    data = simplejpeg.encode_jpeg(noise(32, 48, 3), 80, "RGB", "444")
    cropped = crop(data, width, height)
    assert cropped is not None
    assert np.array_equal(simplejpeg.decode_jpeg(cropped), simplejpeg.decode_jpeg(data)[:height, :width])


@pytest.mark.skipif(not is_available(), reason="no TurboJPEG library")
@pytest.mark.parametrize("size", [(49, 10), (0, 10), (10, -1)], ids=str)
def test_crop_to_a_size_that_is_not_there_is_none(size: tuple[int, int]) -> None:
    assert crop(simplejpeg.encode_jpeg(RED, 80), *size) is None


@pytest.mark.skipif(not is_available(), reason="no TurboJPEG library")
def test_crop_of_damaged_data_is_none_and_the_next_one_works() -> None:
    data = simplejpeg.encode_jpeg(noise(32, 48, 3), 80)
    for position in range(2, len(data) - 2, 97):
        assert crop(data[:position], 20, 20) is None
        crop(data[:position] + b"\xff\xc0\x00\x00" + data[position + 4 :], 20, 20)
        assert crop(data, 20, 20) is not None


def test_deflated_bomb_is_stopped_at_the_promised_size() -> None:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = compressor.compress(bytes(50_000_000)) + compressor.flush()
    with pytest.raises(CorruptFrameError, match="inflates to more than"):
        CODECS.decode(EncodedFrame(bomb, DEFLATED, GREY8, 100, 100))


def test_masks_of_one_bit_are_packed_when_deflated() -> None:
    mask = PixelArray((noise(9, 13, 1) % 2).astype(np.uint8), MASK)
    frame = recode(mask, [DEFLATED.media_type], CODECS)
    assert len(zlib.decompress(frame.data, -15)) == -(-9 * 13 // 8)
    assert np.array_equal(CODECS.decode(frame).samples, mask.samples)


@pytest.mark.parametrize(
    "offsets",
    [(2, 64, 0), (1, 63), (1, 64, 0), (3, 64, 60, 70), (3, 64, 70, 70), (3, 64, 70, 1 << 31), (16, *[64] * 15), (0,)],
    ids=str,
)
def test_table_of_rle_segments_that_lies_is_refused(offsets: tuple[int, ...]) -> None:
    table = struct.pack(f"<{len(offsets)}L", *offsets).ljust(64, b"\0")
    with pytest.raises(CorruptFrameError, match="RLE"):
        CODECS.decode(EncodedFrame(table + b"\xfd\x07" * 20, RLE, RGB8, 2, 2))


def test_rle_segment_may_end_in_a_byte_of_padding() -> None:
    table = struct.pack("<16L", 1, 64, *[0] * 14)
    frame = EncodedFrame(table + b"\x02abc\x00", RLE, GREY8, 3, 1)
    assert CODECS.decode(frame).samples.tobytes() == b"abc"


def test_damaged_chunk_of_a_png_is_refused() -> None:
    frame = recode(PixelArray(noise(20, 30, 3), RGB8), ["image/png"], CODECS)
    damaged = bytearray(frame.data)
    damaged[len(damaged) // 2] ^= 1
    with pytest.raises(CorruptFrameError, match="chunk"):
        CODECS.decode(replace(frame, data=bytes(damaged)))


@pytest.mark.parametrize(
    "size", [(1, 1), (8, 8), (256, 256), (300, 200), (1016, 708), (255, 513), (640, 480), (9000, 3)], ids=str
)
def test_size_of_jpegxl_is_read_from_its_header(size: tuple[int, int]) -> None:
    width, height = size
    samples = np.zeros((height, width), np.uint8)
    for is_boxed in (False, True):
        data = imagecodecs.jpegxl_encode(samples, lossless=True, effort=1, usecontainer=is_boxed)
        assert read_jpegxl_size(bytes(data)) == size


def test_jpegxl_of_another_size_is_refused_before_it_is_decoded() -> None:
    data = bytes(imagecodecs.jpegxl_encode(np.zeros((4000, 4000), np.uint8), lossless=True, effort=1))
    with pytest.raises(CorruptFrameError, match="4000 x 4000"):
        CODECS.decode(EncodedFrame(data, JPEG_XL, GREY8, 4, 4))


def test_lossless_jpeg_that_lost_its_end_is_refused() -> None:
    data = bytes(imagecodecs.jpeg8_encode(noise(40, 50), lossless=True))
    with pytest.raises(CorruptFrameError, match="end"):
        CODECS.decode(EncodedFrame(data[: len(data) // 2], JPEG_LOSSLESS, GREY8, 50, 40))


def test_jpegls_that_lost_its_end_is_refused_at_once() -> None:
    data = bytes(imagecodecs.jpegls_encode(noise(40, 50)))
    with pytest.raises(CorruptFrameError, match="end"):
        CODECS.decode(EncodedFrame(data[:-2], JPEG_LS, GREY8, 50, 40))


def test_signed_samples_written_as_unsigned_come_back_signed() -> None:
    pixels = PixelFormat(1, 16, 12, signed=True)
    signed = (noise(20, 30, 1).astype(np.int16) - 128) * 16
    data = bytes(imagecodecs.jpegls_encode((signed[:, :, 0] & 0xFFF).astype(np.uint16)))
    assert np.array_equal(CODECS.decode(EncodedFrame(data, JPEG_LS, pixels, 30, 20)).samples, signed)


def test_lossy_encoders_refuse_indices_and_masks() -> None:
    for encoding in (JPEG, WEBP, AVIF):
        codec = CODECS.of(encoding)
        for pixels in (PixelFormat(1, 8, 8, photometric="PALETTE COLOR"), MASK):
            with pytest.raises(UnsupportedPixelsError):
                codec.encode(PixelArray(np.zeros((4, 4, 1), np.uint8), pixels), EncodeOptions())  # type: ignore[attr-defined]


def test_eight_bit_extended_jpeg_is_plain_jpeg() -> None:
    assert encoding_of("1.2.840.10008.1.2.4.51", 8) is JPEG
    assert encoding_of("1.2.840.10008.1.2.4.51", 16) is JPEG_EXTENDED
    assert encoding_of("1.2.840.10008.1.2.1", 16) is RAW


def test_transfer_syntax_without_codec_is_refused() -> None:
    with pytest.raises(UnsupportedEncodingError, match=r"1\.2\.3"):
        encoding_of("1.2.3", 8)


def test_loading_the_codecs_leaves_the_rare_libraries_alone() -> None:
    program = "import sys; from transcode.codecs import builtin; builtin(); print('PIL' in sys.modules)"
    path = ":".join(entry for entry in sys.path if entry)
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env={"PYTHONPATH": path}
    )
    assert answer.stdout.strip() == "False"
