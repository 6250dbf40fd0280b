"""A tile that is cut out decodes to the same pixels as in its place."""

from __future__ import annotations

import imagecodecs
import numpy as np
import pytest

from tests.judges import openjpeg
from tests.unit.transcode.codestream.conftest import Picture, htj2k, jpeg2000
from transcode.codestream import can_cut, cut_tile, parse, require_sane


def _cut(data: bytes, tile: int) -> bytes:
    return cut_tile(parse(data), tile, lambda offset, length: data[offset : offset + length])


def _place(data: bytes, tile: int, reduction: int) -> tuple[slice, slice]:
    """Rows and columns of a tile in the decoded picture."""
    siz, scale = parse(data).siz, 1 << reduction
    x0, y0, x1, y1 = (-(-side // scale) for side in siz.tile_bounds(tile))
    left, top = -(-siz.x0 // scale), -(-siz.y0 // scale)
    return slice(y0 - top, y1 - top), slice(x0 - left, x1 - left)


@pytest.mark.parametrize("reduction", [0, 1, 2])
@pytest.mark.parametrize(
    "options",
    [
        {"tile_size": (128, 128)},
        {"tile_size": (64, 128), "irreversible": True},
        {"tile_size": (100, 90), "num_resolutions": 4},
        {"tile_size": (128, 64), "offset": (37, 21), "tile_offset": (11, 13), "num_resolutions": 3},
        {"tile_size": (128, 128), "progression": "RPCL", "plt": True, "precinct_size": (64, 64)},
        {"tile_size": (128, 128), "codeblock_size": (16, 16), "quality_layers": [10, 4, 1]},
    ],
    ids=["squares", "irreversible", "odd", "offset", "precincts", "layers"],
)
def test_a_jpeg_2000_tile_decodes_as_in_its_place(picture: Picture, options: dict[str, object], reduction: int) -> None:
    data = jpeg2000(picture, **options)
    whole = openjpeg(data, reduction)
    for tile in range(parse(data).siz.tile_count):
        rows, columns = _place(data, tile, reduction)
        decoded = openjpeg(_cut(data, tile), reduction)
        expected = whole[rows, columns]
        # a tile that keeps its place may come out one row or column larger than it is, filled with zeros
        assert np.array_equal(decoded[: expected.shape[0], : expected.shape[1]], expected)


@pytest.mark.parametrize("is_reversible", [True, False])
def test_an_htj2k_tile_decodes_as_in_its_place(picture: Picture, is_reversible: bool) -> None:
    pixels = np.dstack([picture >> 4, picture >> 5, picture >> 6]).astype(np.uint8)
    data = htj2k(
        pixels, reversible=is_reversible, level=None if is_reversible else 0.01, tile=(128, 128), tlm=True, tilepart=1
    )
    whole = imagecodecs.htj2k_decode(data)
    for tile in range(parse(data).siz.tile_count):
        rows, columns = _place(data, tile, 0)
        assert np.array_equal(imagecodecs.htj2k_decode(_cut(data, tile)), whole[rows, columns])


def test_square_tiles_are_moved_to_the_origin(picture: Picture) -> None:
    data = htj2k(picture, reversible=True, tile=(128, 128))
    require_sane(parse(_cut(data, 5)), 128, 128, 1)


def test_a_cut_tile_keeps_its_tile_parts(picture: Picture) -> None:
    data = htj2k(picture, reversible=True, tile=(128, 128), resolutions=3, tlm=True, tilepart=1)
    codestream = parse(_cut(data, 7))
    assert codestream.siz.tile_count == 1
    assert [(part.tile, part.part, part.parts) for part in codestream.tile_parts] == [(0, n, 4) for n in range(4)]
    assert not codestream.tlm


def test_packed_packet_headers_keep_tiles_together(picture: Picture) -> None:
    data = jpeg2000(picture, tile_size=(128, 128))
    start = parse(data).header_length
    assert can_cut(parse(data))
    assert not can_cut(parse(data[:start] + b"\xff\x60\0\3\0" + data[start:]))


def test_a_tile_that_is_cut_out_says_how_many_tile_parts_it_has(picture: Picture) -> None:
    data = bytearray(htj2k(picture, reversible=True, tile=(256, 256), tlm=True, tilepart=1, resolutions=2))
    for part in parse(bytes(data)).tile_parts:
        data[part.offset + 11] -= 1
    cut = _cut(bytes(data), 1)
    assert [(part.part, part.parts) for part in parse(cut).tile_parts] == [(number, 3) for number in range(3)]
    assert np.array_equal(imagecodecs.jpeg2k_decode(cut), picture[:256, 256:])
