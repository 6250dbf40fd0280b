"""JPEG markers: read, joined and inserted without decoding."""

from __future__ import annotations

from contextlib import suppress

import imagecodecs
import numpy as np
import pytest
import simplejpeg
from hypothesis import given
from hypothesis import strategies as st

from transcode.errors import CorruptFrameError
from transcode.jpeg_structure import (
    ColourModel,
    TileJoiner,
    ends_properly,
    join_tables,
    read_frame_header,
    read_near,
    with_adobe_marker,
)

RED = np.full((16, 24, 3), (200, 30, 40), np.uint8)


def jpeg(subsampling: str = "444", samples: np.ndarray = RED) -> bytes:
    return bytes(simplejpeg.encode_jpeg(samples, 90, "RGB", subsampling))


def without_jfif(data: bytes) -> bytes:
    assert data[2:4] == b"\xff\xe0"
    return data[:2] + data[4 + int.from_bytes(data[4:6]) :]


def with_component_ids(data: bytes, ids: tuple[int, int, int]) -> bytes:
    changed = bytearray(data)
    frame, scan = data.index(b"\xff\xc0"), data.index(b"\xff\xda")
    for number, identifier in enumerate(ids):
        changed[frame + 10 + 3 * number] = identifier
        changed[scan + 5 + 2 * number] = identifier
    return bytes(changed)


def split(data: bytes) -> tuple[bytes, bytes]:
    """The stream as tables and a tile without them, as TIFF stores them."""
    tables, tile, position = b"", b"", 2
    while data[position + 1] != 0xDA:
        end = position + 2 + int.from_bytes(data[position + 2 : position + 4])
        if data[position + 1] in {0xDB, 0xC4}:
            tables += data[position:end]
        else:
            tile += data[position:end]
        position = end
    return b"\xff\xd8" + tables + b"\xff\xd9", b"\xff\xd8" + tile + data[position:]


def test_frame_header_tells_size_and_components() -> None:
    header = read_frame_header(jpeg())
    assert (header.width, header.height, header.precision, header.components, header.process) == (24, 16, 8, 3, 0)


@pytest.mark.parametrize(
    ("subsampling", "name"), [("444", "4:4:4"), ("422", "4:2:2"), ("420", "4:2:0"), ("440", "4:4:0")]
)
def test_subsampling_is_told_by_its_usual_name(subsampling: str, name: str) -> None:
    assert read_frame_header(jpeg(subsampling)).subsampling == name


@pytest.mark.parametrize(
    ("data", "model"),
    [
        (jpeg(), ColourModel.YCBCR),
        (without_jfif(jpeg()), ColourModel.YCBCR),
        (with_component_ids(without_jfif(jpeg()), (82, 71, 66)), ColourModel.RGB),
        (with_component_ids(without_jfif(jpeg()), (0, 1, 2)), ColourModel.YCBCR),
        (with_adobe_marker(without_jfif(jpeg()), 0), ColourModel.RGB),
        (with_adobe_marker(without_jfif(jpeg()), 1), ColourModel.YCBCR),
        (with_adobe_marker(jpeg(), 0), ColourModel.YCBCR),
    ],
)
def test_colour_model_is_what_libjpeg_takes_the_stream_for(data: bytes, model: ColourModel) -> None:
    assert read_frame_header(data).colour_model is model
    assert simplejpeg.decode_jpeg_header(data)[2] == model.value


def test_tables_and_tile_decode_as_the_stream_they_came_from() -> None:
    whole = jpeg("420")
    tables, tile = split(whole)
    with pytest.raises(ValueError, match="table"):
        simplejpeg.decode_jpeg(tile)
    assert np.array_equal(simplejpeg.decode_jpeg(join_tables(tables, tile)), simplejpeg.decode_jpeg(whole))


def test_joining_without_tables_gives_the_same_object() -> None:
    data = jpeg()
    assert join_tables(None, data) is data


def test_joiner_marks_rgb_tiles_so_that_decoders_leave_their_colours_alone() -> None:
    # A stream of RGB without any marker, as Aperio writes them: libjpeg would take it for YCbCr.
    as_ycbcr = simplejpeg.decode_jpeg(jpeg(), "RGB")
    tables, tile = split(without_jfif(jpeg()))
    joined = TileJoiner(tables, adobe_transform=0).join(tile)
    assert read_frame_header(joined).colour_model is ColourModel.RGB
    assert not np.array_equal(simplejpeg.decode_jpeg(joined), as_ycbcr)


def test_marker_of_the_tile_counts_more_than_that_of_the_joiner() -> None:
    tables, tile = split(with_adobe_marker(without_jfif(jpeg()), 1))
    assert read_frame_header(TileJoiner(tables, adobe_transform=0).join(tile)).adobe_transform == 1


def test_adobe_marker_is_not_added_twice() -> None:
    marked = with_adobe_marker(jpeg(), 1)
    assert with_adobe_marker(marked, 0) is marked


@pytest.mark.parametrize("padding", [b"", b"\0", b"\xff", b"\0\0\0"])
def test_padding_behind_the_end_is_no_damage(padding: bytes) -> None:
    assert ends_properly(jpeg() + padding)


def test_stream_cut_by_two_bytes_has_lost_its_end() -> None:
    assert not ends_properly(jpeg()[:-2])


@pytest.mark.parametrize("tile", [b"", b"\xff", b"\x00\x01\x02"])
def test_what_is_no_jpeg_is_refused(tile: bytes) -> None:
    for call in (read_frame_header, TileJoiner(None).join):
        with pytest.raises(CorruptFrameError, match="SOI"):
            call(tile)


def test_tables_that_are_no_jpeg_are_refused() -> None:
    with pytest.raises(CorruptFrameError, match="tables"):
        TileJoiner(b"not tables")


def test_fill_bytes_without_end_are_given_up_on() -> None:
    with pytest.raises(CorruptFrameError, match="no frame header"):
        read_frame_header(b"\xff\xd8" + b"\xff" * 1_000_000)


def test_frame_header_that_contradicts_its_own_length_is_refused() -> None:
    damaged = bytearray(jpeg())
    damaged[damaged.index(b"\xff\xc0") + 9] = 4
    with pytest.raises(CorruptFrameError, match="frame header"):
        read_frame_header(bytes(damaged))


@given(st.integers(0, 620), st.binary(min_size=1, max_size=8))
def test_hostile_bytes_give_a_header_or_our_error(position: int, bytes_: bytes) -> None:
    data = bytearray(jpeg())
    data[position : position + len(bytes_)] = bytes_
    try:
        read_frame_header(bytes(data))
    except CorruptFrameError:
        return


def jpegls(near: int = 0, samples: int = 3) -> bytes:
    picture = np.arange(9 * 7 * samples, dtype=np.uint8).reshape(9, 7, samples)
    return bytes(imagecodecs.jpegls_encode(picture if samples > 1 else picture[:, :, 0], near))


@pytest.mark.parametrize("near", [0, 1, 3, 127])
@pytest.mark.parametrize("samples", [1, 3])
def test_near_of_a_jpegls_stream(near: int, samples: int) -> None:
    assert read_near(jpegls(near, samples)) == near


def test_near_is_the_greatest_of_all_scans() -> None:
    stream, start = jpegls(), jpegls().index(b"\xff\xda")
    scan = b"\xff\xda\0\x08\x01\x01\0\x05\0\0"
    assert read_near(stream[:start] + scan.replace(b"\x05", b"\0") + b"\x7f" * 9 + scan + b"\x7f\xff\xd9") == 5


@pytest.mark.parametrize("cut", [2, 30])
def test_near_of_a_stream_without_a_scan_is_refused(cut: int) -> None:
    with pytest.raises(CorruptFrameError):
        read_near(jpegls()[:cut])


def test_near_of_another_jpeg_is_refused() -> None:
    with pytest.raises(CorruptFrameError, match="not JPEG-LS"):
        read_near(jpeg())


@given(st.integers(0, 60), st.binary(min_size=1, max_size=8), st.integers(0, 80))
def test_hostile_bytes_give_near_or_our_error(position: int, bytes_: bytes, length: int) -> None:
    data = bytearray(jpegls(2)[:length])
    data[position : position + len(bytes_)] = bytes_
    with suppress(CorruptFrameError):
        read_near(bytes(data))
