"""Maps' tiles and Zoomify: names, sizes and pixels, beside those that libvips writes and the rule of viewers."""

from __future__ import annotations

from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
import pyvips  # type: ignore[import-untyped]  # ships neither types nor stubs
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from medtiles.core.errors import TileOutOfRangeError
from medtiles.core.geometry import Size, ceil_div
from medtiles.protocols.halvings import halved, halved_view
from medtiles.protocols.http import xyz

SIZES = [(1000, 700), (513, 257), (1025, 769), (300, 2000), (255, 256), (257, 1)]
sizes = st.builds(Size, st.integers(1, 100_000), st.integers(1, 100_000))


@pytest.mark.parametrize("size", SIZES)
def test_xyz_has_the_tiles_of_libvips(size: tuple[int, int], tmp_path: Path) -> None:
    pyvips.Image.black(*size, bands=3).dzsave(str(tmp_path / "out"), layout="google")
    written = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.jpg")}
    assert {size_of(tmp_path / "out" / name) for name in written} == {Size(xyz.SIDE, xyz.SIDE)}
    whole = Size(*size)
    ours = {
        f"{z}/{y}/{x}.jpg"
        for z in range(xyz.max_z(whole) + 1)
        for x, y in product(*map(range, grid_of(whole.reduced(xyz.max_z(whole) - z), xyz.SIDE)))
    }
    assert ours == written


def size_of(path: Path) -> Size:
    with Image.open(path) as opened:
        return Size(*opened.size)


def grid_of(size: Size, side: int) -> tuple[int, int]:
    return ceil_div(size.width, side), ceil_div(size.height, side)


@given(sizes)
def test_tiles_of_each_z_cover_all_of_it_once(size: Size) -> None:
    most = xyz.max_z(size)
    for z in (0, most // 2, most):
        whole = size.reduced(most - z)
        columns, rows = grid_of(whole, xyz.SIDE)
        last = xyz.tile_view(size, (z, columns - 1, rows - 1))
        assert (last.region.right, last.region.bottom) == (size.width, size.height)
        assert last.size == Size(whole.width - (columns - 1) * xyz.SIDE, whole.height - (rows - 1) * xyz.SIDE)
        with pytest.raises(TileOutOfRangeError):
            xyz.tile_view(size, (z, columns, 0))
        with pytest.raises(TileOutOfRangeError):
            xyz.tile_view(size, (z, 0, rows))
    with pytest.raises(TileOutOfRangeError):
        xyz.tile_view(size, (most + 1, 0, 0))
    assert columns == rows == 1 or most > 0


@given(sizes, st.sampled_from([64, 240, 256, 512]))
def test_zoomify_halves_rounding_down_as_viewers_do(size: Size, tile_size: int) -> None:
    tile = Size(tile_size, tile_size)
    tiers = halved(size, tile)
    assert tiers[-1] == size
    assert max(tiers[0].width, tiers[0].height) <= tile_size
    assert all(max(tier.width, tier.height) > tile_size for tier in tiers[1:])
    for tier, (small, large) in enumerate(pairwise(tiers)):
        assert small == Size(max(1, large.width // 2), max(1, large.height // 2))
        columns, rows = grid_of(small, tile_size)
        last = halved_view(size, tile, (tier, columns - 1, rows - 1))
        assert last.size == Size(small.width - (columns - 1) * tile_size, small.height - (rows - 1) * tile_size)
        assert last.region.is_within(size)
        with pytest.raises(TileOutOfRangeError):
            halved_view(size, tile, (tier, columns, 0))
    with pytest.raises(TileOutOfRangeError):
        halved_view(size, tile, (len(tiers), 0, 0))


@pytest.mark.parametrize("size", [(1024, 768), (2048, 512), (256, 256)])
def test_zoomify_has_the_tiles_of_libvips_where_nothing_is_rounded(size: tuple[int, int], tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    pyvips.Image.new_from_array(noise).dzsave(str(tmp_path / "out"), layout="zoomify")
    written = {path.relative_to(tmp_path / "out").as_posix(): path for path in (tmp_path / "out").rglob("*.jpg")}
    ours: dict[str, Size] = {}
    for tier, whole in enumerate(halved(Size(*size), Size(256, 256))):
        columns, rows = grid_of(whole, 256)
        for row, column in product(range(rows), range(columns)):
            name = f"TileGroup{len(ours) // 256}/{tier}-{column}-{row}.jpg"
            ours[name] = halved_view(Size(*size), Size(256, 256), (tier, column, row)).size
    assert {name: size_of(path) for name, path in written.items()} == ours
    told = (tmp_path / "out" / "ImageProperties.xml").read_text()
    assert f'NUMTILES="{len(ours)}"' in told
