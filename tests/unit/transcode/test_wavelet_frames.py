"""JPEG 2000 and HTJ2K frames: boxes, palettes, subsampled colours, reductions beyond the codestream's own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray

from transcode.codecs import builtin
from transcode.codecs.htj2k import HTJ2K, Htj2kCodec
from transcode.codecs.jpeg2000 import JPEG_2000, Jpeg2000Codec
from transcode.codestream import parse, resolution_ends
from transcode.colour import to_rgb
from transcode.decoders.openjpeg import decode_by_pillow, decode_by_pylibjpeg
from transcode.errors import CorruptFrameError, UnsupportedFeatureError
from transcode.frames import GREY8, RGB8, EncodedFrame, PixelArray, PixelFormat, Samples
from transcode.growing import decode_prefix
from transcode.jp2_boxes import codestream_within

PALETTE = PixelFormat(1, 8, 8, photometric="PALETTE COLOR")


def ramp() -> NDArray[np.uint8]:
    y, x = np.mgrid[:44, :60]
    return np.asarray(x * 2 + y * 3, dtype=np.uint8)


def j2k(samples: Samples, **options: Any) -> bytes:
    return bytes(imagecodecs.jpeg2k_encode(samples, codecformat="j2k", reversible=True, **options))


def htj2k(samples: Samples) -> bytes:
    """One tile-part for each resolution, one packet in each, no colour transform."""
    encoded = imagecodecs.htj2k_encode(samples, reversible=True, resolutions=2, tlm=True, tilepart=1)
    return bytes(encoded)


def subsampled(luminance: Samples, *narrow: Samples) -> bytes:
    """An HTJ2K codestream of components out of codestreams of one; all but the first are narrower."""
    parts = [(data := htj2k(component), parse(data)) for component in (luminance, *narrow)]
    first, structure = parts[0]
    packets = b"".join(
        data[part.offset + part.header_length : part.end]
        for resolution in range(len(structure.tile_parts))
        for data, parsed in parts
        for part in [parsed.tile_parts[resolution]]
    )
    header = bytearray(first[: structure.header_length])
    tlm = header.index(b"\xff\x55")
    del header[tlm : tlm + 2 + int.from_bytes(header[tlm + 2 : tlm + 4])]
    siz = header.index(b"\xff\x51")
    header[siz + 2 : siz + 4] = (41 + 3 * len(narrow)).to_bytes(2)
    header[siz + 38 : siz + 40] = (1 + len(narrow)).to_bytes(2)
    header[siz + 43 : siz + 43] = b"".join(
        bytes([header[siz + 40], luminance.shape[1] // each.shape[1], 1]) for each in narrow
    )
    tile_part = b"\xff\x90\x00\x0a\x00\x00" + (14 + len(packets)).to_bytes(4) + b"\x00\x01\xff\x93" + packets
    return bytes(header) + tile_part + b"\xff\xd9"


def test_codestream_in_boxes_is_found() -> None:
    bare = j2k(ramp())
    boxed = bytes(imagecodecs.jpeg2k_encode(ramp(), codecformat="jp2", reversible=True))
    assert codestream_within(bare) is bare
    assert codestream_within(boxed)[:4] == b"\xff\x4f\xff\x51"


@pytest.mark.parametrize("length", [0, 11, 12, 40, 80])
def test_boxes_that_end_too_early_are_refused(length: int) -> None:
    boxed = bytes(imagecodecs.jpeg2k_encode(ramp(), codecformat="jp2", reversible=True))
    with pytest.raises(CorruptFrameError):
        codestream_within(boxed[:length])


def test_boxes_without_end_are_given_up_on() -> None:
    signature = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
    with pytest.raises(CorruptFrameError, match="without a contiguous codestream"):
        codestream_within(signature + b"\x00\x00\x00\x08free" * 100_000)


def test_halvings_beyond_the_decompositions_are_averaged() -> None:
    frame = EncodedFrame(j2k(ramp(), resolutions=2), JPEG_2000, GREY8, 60, 44)
    decoded = Jpeg2000Codec().decode(frame, 4)
    assert (decoded.width, decoded.height) == (4, 3)
    assert abs(int(decoded.samples[0, 0, 0]) - int(ramp()[:16, :16].astype(int).mean())) < 12


def test_reduction_of_the_frame_adds_to_that_of_the_call() -> None:
    codec, data = Jpeg2000Codec(), j2k(ramp())
    whole = EncodedFrame(data, JPEG_2000, GREY8, 60, 44)
    halved = EncodedFrame(data, JPEG_2000, GREY8, 30, 22, reduction=1)
    assert np.array_equal(codec.decode(halved, 1).samples, codec.decode(whole, 2).samples)


def test_size_before_the_reduction_of_the_frame_is_refused() -> None:
    frame = EncodedFrame(j2k(ramp()), JPEG_2000, GREY8, 60, 44, reduction=1)
    with pytest.raises(CorruptFrameError, match="after them"):
        Jpeg2000Codec().decode(frame)


def test_indices_into_a_palette_do_not_go_through_the_wavelet() -> None:
    indices = np.where(np.indices((44, 60)).sum(0) % 2, 200, 10).astype(np.uint8)
    decoded = Jpeg2000Codec().decode(EncodedFrame(j2k(indices), JPEG_2000, PALETTE, 60, 44), 2)
    assert np.array_equal(decoded.samples[:, :, 0], indices[::4, ::4])


@pytest.mark.parametrize(
    ("stored", "decoded"), [("YBR_RCT", "RGB"), ("YBR_ICT", "RGB"), ("RGB", "RGB"), ("YBR_FULL", "RGB")]
)
def test_colours_whose_transform_is_undone_are_rgb(stored: str, decoded: str) -> None:
    rgb = np.dstack([ramp()] * 3)
    frame = EncodedFrame(j2k(rgb), JPEG_2000, replace(RGB8, photometric=stored), 60, 44)
    assert Jpeg2000Codec().decode(frame).format.photometric == decoded


def test_luminance_and_chrominance_without_a_transform_stay_as_they_are() -> None:
    ybr = np.dstack([ramp()] * 3)
    pixels = replace(RGB8, photometric="YBR_FULL")
    decoded = Jpeg2000Codec().decode(EncodedFrame(j2k(ybr, mct=False), JPEG_2000, pixels, 60, 44))
    assert decoded.format.photometric == "YBR_FULL"
    assert np.array_equal(decoded.samples, ybr)


@pytest.mark.parametrize("reduction", [0, 1])
def test_subsampled_chrominance_becomes_rgb_of_full_size(reduction: int) -> None:
    grey = np.full((44, 30), 128, np.uint8)
    data = subsampled(ramp(), grey, grey)
    frame = EncodedFrame(data, HTJ2K, replace(RGB8, photometric="YBR_FULL_422"), 60, 44)
    decoded = Htj2kCodec().decode(frame, reduction)
    assert (decoded.width, decoded.height) == (60 >> reduction, 44 >> reduction)
    assert decoded.format.photometric == "RGB"
    if reduction == 0:
        assert np.abs(decoded.samples.astype(int) - ramp()[:, :, None]).max() <= 1


def test_pillow_and_pylibjpeg_make_the_same_colours_of_subsampled_chrominance() -> None:
    blue, red = (ramp()[:, ::2] // 2 + 60).astype(np.uint8), (200 - ramp()[:, ::2] // 3).astype(np.uint8)
    data = subsampled(ramp(), blue, red)
    pictures = [decode(data, RGB8, (44, 60, 3), 0).astype(int) for decode in (decode_by_pillow, decode_by_pylibjpeg)]
    assert np.abs(pictures[0] - pictures[1]).max() <= 1


def deep_ramp(columns: int) -> NDArray[np.uint16]:
    y, x = np.mgrid[:44, :columns]
    return np.asarray(x * 700 + y * 300, dtype=np.uint16)


@pytest.mark.parametrize("reduction", [0, 1, 7])
def test_deep_subsampled_chrominance_becomes_rgb_too(reduction: int) -> None:
    luminance, grey = deep_ramp(60), np.full((44, 30), 32768, np.uint16)
    pixels = PixelFormat(3, 16, 16, photometric="YBR_FULL_422")
    decoded = Htj2kCodec().decode(EncodedFrame(subsampled(luminance, grey, grey), HTJ2K, pixels, 60, 44), reduction)
    assert decoded.samples.shape == (-(-44 >> reduction), -(-60 >> reduction), 3)
    assert decoded.format.photometric == "RGB"
    if reduction == 0:
        assert np.abs(decoded.samples.astype(int) - luminance[:, :, None]).max() <= 1


@pytest.mark.parametrize("step", [2, 4])
def test_chrominance_of_bytes_becomes_rgb_however_it_is_subsampled(step: int) -> None:
    blue, red = (ramp()[:, ::step] // 2 + 60).astype(np.uint8), (200 - ramp()[:, ::step] // 3).astype(np.uint8)
    pixels = replace(RGB8, photometric="YBR_FULL")
    decoded = Htj2kCodec().decode(EncodedFrame(subsampled(ramp(), blue, red), HTJ2K, pixels, 60, 44))
    repeated = np.dstack([ramp(), blue.repeat(step, axis=1), red.repeat(step, axis=1)])
    assert decoded.format.photometric == "RGB"
    assert np.abs(decoded.samples.astype(int) - to_rgb(PixelArray(repeated, pixels)).samples).max() <= 1


def test_deep_chrominance_of_a_quarter_of_the_columns_is_repeated() -> None:
    narrow = deep_ramp(60)[:, ::4]
    pixels = PixelFormat(3, 16, 16, photometric="YBR_FULL")
    decoded = Htj2kCodec().decode(EncodedFrame(subsampled(deep_ramp(60), narrow, narrow), HTJ2K, pixels, 60, 44))
    assert decoded.format.photometric == "YBR_FULL"
    assert np.array_equal(decoded.samples, np.dstack([deep_ramp(60), *[narrow.repeat(4, axis=1)] * 2]))


def test_components_of_different_sizes_that_are_no_colour_are_brought_to_one_size() -> None:
    data = subsampled(deep_ramp(60), deep_ramp(30))
    frame = EncodedFrame(data, HTJ2K, PixelFormat(2, 16, 16), 60, 44)
    decoded = Htj2kCodec().decode(frame).samples
    assert np.array_equal(decoded[:, :, 0], deep_ramp(60))
    assert np.array_equal(decoded[:, :, 1], deep_ramp(30).repeat(2, axis=1))
    halved = Htj2kCodec().decode(frame, 1).samples
    assert np.array_equal(halved[:, :, 1], deep_ramp(30).reshape(22, 2, 30).mean(axis=1).round())


@pytest.mark.parametrize("reduction", [0, 1, 6])
def test_components_that_are_all_subsampled_are_the_picture(reduction: int) -> None:
    data = bytearray(j2k(ramp()))
    for at, side in ((8, 120), (12, 44), (24, 120), (28, 44)):
        data[at : at + 4] = side.to_bytes(4)
    data[43:45] = b"\x02\x01"
    decoded = Jpeg2000Codec().decode(EncodedFrame(bytes(data), JPEG_2000, GREY8, 60, 44), reduction)
    expected = Jpeg2000Codec().decode(EncodedFrame(j2k(ramp()), JPEG_2000, GREY8, 60, 44), reduction)
    assert np.array_equal(decoded.samples, expected.samples)


def test_what_no_decoder_reads_is_not_called_corrupt() -> None:
    data = bytearray(htj2k(ramp()))
    cod = data.index(b"\xff\x52")
    data[cod + 6 : cod + 8] = b"\x00\x02"
    with pytest.raises(UnsupportedFeatureError, match="2 quality layers"):
        Htj2kCodec().decode(EncodedFrame(bytes(data), HTJ2K, GREY8, 60, 44))


def test_irreversible_htj2k_is_clamped_and_does_not_wrap() -> None:
    checkers = np.where(np.indices((64, 64)).sum(0) % 2, 255, 0).astype(np.uint8)
    data = bytes(imagecodecs.htj2k_encode(checkers, 0.02, reversible=False))
    decoded = Htj2kCodec().decode(EncodedFrame(data, HTJ2K, GREY8, 64, 64)).samples[:, :, 0]
    assert np.abs(decoded.astype(int) - checkers).max() < 100


def test_htj2k_that_lost_its_end_is_refused() -> None:
    data = htj2k(ramp())
    assert data.endswith(b"\xff\xd9")
    with pytest.raises(CorruptFrameError, match="end"):
        Htj2kCodec().decode(EncodedFrame(data[:-2], HTJ2K, GREY8, 60, 44))


def test_truncation_at_any_byte_is_refused() -> None:
    for codec, encoding, data in ((Jpeg2000Codec(), JPEG_2000, j2k(ramp())), (Htj2kCodec(), HTJ2K, htj2k(ramp()))):
        for length in range(0, len(data) - 2, 7):
            with pytest.raises(CorruptFrameError):
                codec.decode(EncodedFrame(data[:length], encoding, GREY8, 60, 44))


def test_what_has_come_in_part_is_clamped_where_the_wavelet_overshoots() -> None:
    """Black beside white, at random: no lower resolution of it stays within the range."""
    dice = np.random.default_rng(1)
    picture = np.where(dice.random((256, 256)) < 0.5, 0, 255).astype(np.uint8)
    data = bytes(imagecodecs.htj2k_encode(picture, reversible=True, tlm=True, tilepart=1, resolutions=4))
    for end in resolution_ends(data):
        frame = EncodedFrame(data[: end.end_offset], HTJ2K, GREY8, 256, 256)
        found = decode_prefix(frame, end.reduction, builtin()).samples
        wanted = builtin().decode(EncodedFrame(data, HTJ2K, GREY8, 256, 256), end.reduction).samples
        assert np.array_equal(found, wanted)
