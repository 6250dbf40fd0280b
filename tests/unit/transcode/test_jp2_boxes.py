"""Boxes say where the codestream lies and what its pixels are; what does not fit into the file is refused."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from transcode.errors import CorruptFrameError
from transcode.files import StableFile
from transcode.jp2_boxes import GREYSCALE, SRGB, codestream_within, unbox

PICTURE = np.dstack([np.arange(1200).reshape(30, 40) % 251] * 3).astype(np.uint8)
SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"


def jp2(mode: str = "RGB", **options: Any) -> bytes:
    target = io.BytesIO()
    Image.fromarray(PICTURE).convert(mode).save(target, "JPEG2000", **options)
    return target.getvalue()


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", 8 + len(body)) + kind + body


def boxed_with(*header: bytes) -> bytes:
    codestream = codestream_within(jp2())
    return SIGNATURE + box(b"ftyp", b"jph \0\0\0\0jph ") + box(b"jp2h", b"".join(header)) + box(b"jp2c", codestream)


def test_a_bare_codestream_is_its_own() -> None:
    data = codestream_within(jp2())
    assert codestream_within(data) is data
    assert (unbox(data).offset, unbox(data).length, unbox(data).brand) == (0, len(data), "")


def test_the_codestream_of_a_jp2_decodes_like_the_file() -> None:
    data = jp2()
    boxed = unbox(data)
    assert boxed.brand == "jp2"
    codestream = data[boxed.offset : boxed.offset + boxed.length]
    assert np.array_equal(imagecodecs.jpeg2k_decode(codestream), PICTURE)


def test_colour_spaces_are_told() -> None:
    assert unbox(jp2("RGB")).colour_space == SRGB
    assert unbox(jp2("L")).colour_space == GREYSCALE


def test_opacity_is_told() -> None:
    assert unbox(jp2("RGBA")).opacity_channels == (3,)
    assert unbox(jp2("RGB")).opacity_channels == ()


def test_a_profile_and_a_palette_are_told() -> None:
    boxed = unbox(boxed_with(box(b"colr", b"\2\0\0profile"), box(b"pclr", b"\0\1\1\7\0")))
    assert boxed.icc_profile == b"profile"
    assert boxed.colour_space is None
    assert boxed.has_palette


def test_reordered_colours_are_told() -> None:
    swapped = struct.pack(">HHHHHHHHHH", 3, 0, 0, 3, 1, 0, 2, 2, 0, 1)
    plain = struct.pack(">HHHHHHHHHH", 3, 0, 0, 1, 1, 0, 2, 2, 0, 3)
    assert unbox(boxed_with(box(b"cdef", swapped))).is_reordered
    assert not unbox(boxed_with(box(b"cdef", plain))).is_reordered


def test_capture_resolution_is_in_metres() -> None:
    capture = struct.pack(">HHHHbb", 4, 1, 2, 1, 6, 6)
    boxed = unbox(boxed_with(box(b"res ", box(b"resd", capture) + box(b"resc", capture))))
    assert boxed.metres_per_sample == pytest.approx((0.5e-6, 0.25e-6))
    assert unbox(boxed_with(box(b"res ", box(b"resd", capture)))).metres_per_sample is None


def test_long_and_open_ended_boxes_are_followed() -> None:
    codestream = codestream_within(jp2())
    long = SIGNATURE + b"\0\0\0\1free" + struct.pack(">Q", 20) + b"free" + struct.pack(">I4s", 0, b"jp2c") + codestream
    assert codestream_within(long) == codestream


def test_a_file_is_read_like_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.jp2"
    path.write_bytes(jp2())
    file = StableFile(path)
    assert unbox(file) == unbox(jp2())
    file.close()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "neither"),
        (b"\xff\xd8\xff\xe0", "neither"),
        (SIGNATURE, "without a contiguous codestream"),
        (SIGNATURE + box(b"ftyp", b"jp2 "), "without a contiguous codestream"),
        (SIGNATURE + b"\0\0\0\7ftyp", "the box at byte 12 has 7 bytes"),
        (SIGNATURE + b"\xff\xff\xff\xffjp2c" + b"x", "the box at byte 12 has 4294967295 bytes, 9 are left"),
        (SIGNATURE + b"\0\0\0\1jp2c" + b"\xff" * 8, "the box at byte 12 has"),
        (SIGNATURE + box(b"free", b"") * 2000, "without a contiguous codestream"),
    ],
)
def test_what_is_no_such_file_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(CorruptFrameError, match=message):
        unbox(data)


@given(st.binary(max_size=120))
def test_hostile_boxes_raise_our_error(data: bytes) -> None:
    for start in (SIGNATURE + data, SIGNATURE + box(b"jp2h", data)):
        try:
            boxed = unbox(start)
        except CorruptFrameError:
            continue
        assert boxed.offset + boxed.length <= len(start)
