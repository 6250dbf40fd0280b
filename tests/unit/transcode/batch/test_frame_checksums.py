"""Check sums of frames: of the whole, and of every prefix that can be decoded by itself."""

from __future__ import annotations

import zlib

import imagecodecs
import numpy as np

from transcode.batch.frame_checksums import frame_checksums
from transcode.codecs import HTJ2K, JPEG_2000, RAW
from transcode.codestream import resolution_ends
from transcode.frames import GREY8, EncodedFrame, Encoding

SAMPLES = (np.arange(128 * 128) % 251).astype(np.uint8).reshape(128, 128)


def frame(data: bytes, encoding: Encoding) -> EncodedFrame:
    return EncodedFrame(data, encoding, GREY8, 128, 128)


def test_a_frame_without_resolutions_has_one_check_sum() -> None:
    assert frame_checksums(frame(b"123456789", RAW)) == (0xCBF43926,)


def test_each_resolution_has_the_check_sum_of_its_prefix() -> None:
    data = bytes(imagecodecs.htj2k_encode(SAMPLES, reversible=True, tlm=True, tilepart=1, resolutions=5))
    whole, *prefixes = frame_checksums(frame(data, HTJ2K))
    ends = resolution_ends(data)
    assert len(ends) == 6
    assert prefixes == [zlib.crc32(data[: end.end_offset]) for end in ends]
    assert whole == zlib.crc32(data) == prefixes[-1]


def test_a_pad_byte_belongs_to_the_whole_alone() -> None:
    data = bytes(imagecodecs.htj2k_encode(SAMPLES, reversible=True, tlm=True, tilepart=1, resolutions=5))
    padded = frame_checksums(frame(data + b"\0", HTJ2K))
    assert padded[1:] == frame_checksums(frame(data, HTJ2K))[1:]
    assert padded[0] == zlib.crc32(data + b"\0")


def test_a_codestream_in_boxes_or_damaged_has_the_whole_alone() -> None:
    boxed = bytes(imagecodecs.jpeg2k_encode(SAMPLES, level=0, reversible=True, codecformat="JP2"))
    assert frame_checksums(frame(boxed, JPEG_2000)) == (zlib.crc32(boxed),)
    assert frame_checksums(frame(b"\xff\x4f\xff", JPEG_2000)) == (zlib.crc32(b"\xff\x4f\xff"),)
