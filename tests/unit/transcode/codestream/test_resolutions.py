"""Prefixes that end where a resolution is said to be complete decode to exactly that resolution."""

from __future__ import annotations

from itertools import pairwise

import imagecodecs
import numpy as np
import pytest

from tests.judges import openjpeg
from tests.unit.transcode.codestream.conftest import Picture, htj2k, jpeg2000
from transcode.codestream import parse, resolution_ends
from transcode.codestream.markers import Codestream
from transcode.codestream.packets import packet_counts, packet_lengths


def _closed(data: bytes, codestream: Codestream, end: int) -> bytes:
    """A prefix of a codestream of one tile-part, with its length and EOC set right."""
    part = codestream.tile_parts[0]
    return data[: part.offset + 6] + (end - part.offset).to_bytes(4) + data[part.offset + 10 : end] + b"\xff\xd9"


@pytest.mark.parametrize("decompositions", [1, 3, 5])
@pytest.mark.parametrize("is_colour", [False, True])
def test_htj2k_prefixes_decode_to_their_resolution(picture: Picture, decompositions: int, is_colour: bool) -> None:
    pixels = np.dstack([picture >> 4, picture >> 5, picture >> 6]).astype(np.uint8) if is_colour else picture
    data = htj2k(pixels, reversible=True, tlm=True, tilepart=1, resolutions=decompositions)
    ends = resolution_ends(data)
    assert [end.reduction for end in ends] == list(range(decompositions, -1, -1))
    for end in ends:
        prefix = imagecodecs.htj2k_decode(data[: end.end_offset], skipres=end.reduction, resilient=True)
        whole = imagecodecs.htj2k_decode(data, skipres=end.reduction)
        assert np.array_equal(prefix, whole)
        assert prefix.shape[:2] == (end.size[1], end.size[0])


def test_a_prefix_one_tile_part_short_does_not_decode_to_the_resolution(by_tile_parts: bytes) -> None:
    ends = resolution_ends(by_tile_parts)
    whole = imagecodecs.htj2k_decode(by_tile_parts, skipres=1)
    short = imagecodecs.htj2k_decode(by_tile_parts[: ends[-3].end_offset], skipres=1, resilient=True)
    assert not np.array_equal(short, whole)


@pytest.mark.parametrize(
    "options",
    [
        {"progression": "RPCL"},
        {"progression": "RLCP", "quality_layers": [20, 5, 1]},
        {"progression": "LRCP"},
        {"progression": "RPCL", "precinct_size": (64, 64), "num_resolutions": 4},
        {
            "progression": "RPCL",
            "precinct_size": (128, 128),
            "offset": (33, 77),
            "tile_size": (600, 400),
            "num_resolutions": 4,
        },
        {"progression": "RPCL", "irreversible": True, "num_resolutions": 2},
    ],
    ids=["RPCL", "RLCP-layers", "LRCP", "precincts", "offset", "irreversible"],
)
def test_packet_lengths_tell_resolutions_apart(picture: Picture, options: dict[str, object]) -> None:
    data = jpeg2000(picture, plt=True, **options)
    codestream = parse(data)
    ends = resolution_ends(data)
    assert len(ends) == codestream.decompositions + 1 > 1
    for end in ends[:-1]:
        prefix = _closed(data, codestream, end.end_offset)
        decoded = openjpeg(prefix, end.reduction)
        assert np.array_equal(decoded, openjpeg(data, end.reduction))
        # an image with an offset comes out up to one row and column larger, filled with zeros
        assert decoded[: end.size[1], : end.size[0]].all()
        assert not decoded[end.size[1] :].any()
        assert not decoded[:, end.size[0] :].any()


def test_packets_are_counted_as_openjpeg_writes_them(picture: Picture) -> None:
    for precincts in ((64, 64), (128, 256), (256, 32)):
        data = jpeg2000(picture, plt=True, precinct_size=precincts, tile_size=(150, 130), quality_layers=[9, 3])
        codestream = parse(data)
        for part in codestream.tile_parts:
            counted = sum(packet_counts(codestream.siz, codestream.cod, part.tile))
            assert counted == len(list(packet_lengths(part.packet_lengths)))


def test_tiles_are_complete_together(picture: Picture) -> None:
    data = htj2k(picture, reversible=True, tlm=True, tilepart=1, resolutions=2, tile=(128, 128))
    codestream = parse(data)
    ends = resolution_ends(data)
    assert ends[-1].end_offset == len(data)
    for end in ends[:-1]:
        needed = [part for part in codestream.tile_parts if part.part <= codestream.decompositions - end.reduction]
        assert end.end_offset == max(part.end for part in needed)


@pytest.mark.parametrize(
    "options",
    [
        {"progression": "RPCL"},
        {"progression": "PCRL", "plt": True},
        {"progression": "CPRL", "plt": True},
        {"progression": "LRCP", "plt": True, "quality_layers": [20, 5, 1]},
    ],
    ids=["no PLT", "PCRL", "CPRL", "LRCP-layers"],
)
def test_where_resolutions_cannot_be_told_apart_only_the_end_is_given(
    picture: Picture, options: dict[str, object]
) -> None:
    data = jpeg2000(picture, **options)
    (end,) = resolution_ends(data)
    assert (end.reduction, end.end_offset, end.size) == (0, len(data), (420, 300))


def test_lying_packet_lengths_are_not_believed(picture: Picture) -> None:
    data = jpeg2000(picture, plt=True, progression="RPCL")
    at = data.index(b"\xff\x58") + 5
    lie = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
    assert len(resolution_ends(data)) == 6
    assert len(resolution_ends(lie)) == 1


def test_joined_slices_are_the_codestream(by_tile_parts: bytes) -> None:
    offsets = [0, *(end.end_offset for end in resolution_ends(by_tile_parts))]
    slices = [by_tile_parts[start:stop] for start, stop in pairwise(offsets)]
    assert b"".join(slices) == by_tile_parts
    assert all(slices)
