"""Components that all have fewer samples than the reference grid are a picture of their own size."""

from __future__ import annotations

import struct
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
from openjpeg.utils import decode

from tests.unit.transcode.codestream.conftest import Picture, jpeg2000
from transcode.codestream import parse, require_decodable, without_subsampling
from transcode.errors import CorruptFrameError, UnsupportedFeatureError

GRID = struct.Struct(">8I")


def regridded(data: bytes, grid: tuple[int, ...], dx: int, dy: int) -> bytes:
    """Another reference grid, and each component subsampled."""
    changed = bytearray(data)
    GRID.pack_into(changed, 8, *grid)
    for number in range(int.from_bytes(data[40:42])):
        changed[43 + 3 * number : 45 + 3 * number] = bytes((dx, dy))
    return bytes(changed)


def subsampled(data: bytes, dx: int, dy: int) -> bytes:
    """The same picture on a reference grid with more points than samples."""
    grid = GRID.unpack_from(data, 8)
    return regridded(data, tuple(side * (dy if number % 2 else dx) for number, side in enumerate(grid)), dx, dy)


OPTIONS: dict[str, dict[str, Any]] = {
    "whole": {},
    "tiles": {"tile_size": (128, 96)},
    "offset": {"offset": (12, 5), "tile_offset": (3, 1), "tile_size": (100, 100)},
    "by position": {"progression": "PCRL", "precinct_size": (64, 64), "num_resolutions": 3},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize(("dx", "dy"), [(2, 1), (1, 3), (4, 4)])
def test_subsampling_is_undone_to_the_byte(picture: Picture, options: dict[str, Any], dx: int, dy: int) -> None:
    data = jpeg2000(picture, **options)
    stretched = subsampled(data, dx, dy)
    assert parse(stretched).siz.picture_size == (420, 300)
    assert without_subsampling(stretched, parse(stretched)) == data


def test_the_picture_is_the_one_that_openjpeg_upsamples(picture: Picture) -> None:
    stretched = subsampled(jpeg2000(picture), 2, 3)
    assert np.array_equal(decode(stretched, 0), picture.repeat(3, axis=0).repeat(2, axis=1))


def test_sizes_are_rounded_as_the_standard_does(picture: Picture) -> None:
    data = jpeg2000(picture)
    siz = parse(regridded(data, (839, 301, 1, 0, 838, 301, 1, 0), 2, 1)).siz
    assert siz.picture_size == (419, 301)
    assert siz.reduced_size(1) == (209, 151)
    assert siz.reduced_size(2) == (104, 76)


def test_what_is_not_subsampled_stays_the_same_object(picture: Picture) -> None:
    data = jpeg2000(picture)
    assert without_subsampling(data, parse(data)) is data


def test_tiles_that_begin_between_samples_are_not_supported(picture: Picture) -> None:
    data = regridded(jpeg2000(picture, tile_size=(128, 96)), (839, 300, 0, 0, 255, 96, 0, 0), 2, 1)
    with pytest.raises(UnsupportedFeatureError, match="tiles that begin between samples"):
        require_decodable(parse(data))


@pytest.mark.parametrize(("progression", "is_refused"), [("PCRL", True), ("CPRL", True), ("RPCL", False)])
def test_positions_that_would_be_compared_otherwise_are_not_supported(
    picture: Picture, progression: str, is_refused: bool
) -> None:
    data = regridded(jpeg2000(picture, progression=progression), (840, 300, 1, 0, 839, 300, 1, 0), 2, 1)
    with pytest.raises(UnsupportedFeatureError, match="between samples") if is_refused else nullcontext():
        require_decodable(parse(data))


def test_components_without_a_sample_are_refused(picture: Picture) -> None:
    data = regridded(jpeg2000(picture), (6, 300, 5, 0, 420, 300, 0, 0), 4, 1)
    with pytest.raises(CorruptFrameError, match="no sample"):
        without_subsampling(data, parse(data))
