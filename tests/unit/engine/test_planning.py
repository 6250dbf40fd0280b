"""Which level and which tiles: arithmetic, judged by OpenSlide's own Deep Zoom generator where it has a say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtiles.core.errors import BadRequestError, TileOutOfRangeError, ViewTooLargeError
from medtiles.core.geometry import Region, Size, ceil_div
from medtiles.core.limits import Limits
from medtiles.core.pyramid import ImageInfo, Level, TileKey
from medtiles.core.view import View
from medtiles.engine.planning import (
    Box,
    best_level,
    count_tiles,
    cover,
    plan_view,
    require_view,
    stored_tile,
    tiles_under,
)
from transcode.frames import RGB8


def pyramid(size: Size, tile: Size, *downsamples: float, is_floor: bool = False) -> ImageInfo:
    """An image whose levels are made as scanners make them."""
    levels = []
    for downsample in downsamples:
        reduced = (
            Size(int(size.width / downsample), int(size.height / downsample))
            if is_floor
            else Size(ceil_div(size.width, int(downsample)), ceil_div(size.height, int(downsample)))
        )
        true = (size.width / reduced.width + size.height / reduced.height) / 2
        levels.append(Level(reduced, tile, true, "image/jpeg"))
    return ImageInfo("slide", "slide", "test", tuple(levels), RGB8)


SLIDE = pyramid(Size(4443, 3567), Size(256, 256), 1, 2, is_floor=True)


def test_a_view_of_exactly_one_tile_names_that_tile() -> None:
    view = View(Region(512, 256, 256, 256), Size(256, 256))
    assert stored_tile(SLIDE, view) == TileKey(0, 2, 1)


def test_a_view_on_a_floor_sized_level_still_finds_the_stored_tile() -> None:
    view = View(Region(1024, 512, 512, 512), Size(256, 256), plane=0)
    assert stored_tile(SLIDE, view) == TileKey(1, 2, 1)


@pytest.mark.parametrize(
    "view",
    [
        View(Region(1, 0, 256, 256), Size(256, 256)),
        View(Region(0, 0, 255, 256), Size(255, 256)),
        View(Region(0, 0, 256, 256), Size(128, 128)),
        View(Region(1025, 512, 512, 512), Size(256, 256)),
        View(Region(0, 0, 512, 512), Size(512, 512)),
    ],
)
def test_a_view_of_anything_else_names_no_tile(view: View) -> None:
    assert stored_tile(SLIDE, view) is None


def test_a_level_that_is_a_pixel_short_at_the_edge_is_not_taken_for_the_whole_edge_tile() -> None:
    # 4443 pixels are 2222 when halved as Deep Zoom does, but this file stores 2221.
    assert stored_tile(SLIDE, View(Region(4096, 0, 347, 512), Size(174, 256))) is None


def test_an_edge_tile_of_level_0_is_found_at_its_cut_size() -> None:
    assert stored_tile(SLIDE, View(Region(4352, 3328, 91, 239), Size(91, 239))) == TileKey(0, 17, 13)


def test_the_coarsest_level_that_has_a_pixel_for_each_is_chosen() -> None:
    info = pyramid(Size(20000, 20000), Size(256, 256), 1, 4, 16)
    whole = Region(0, 0, 20000, 20000)
    assert best_level(info, View(whole, Size(20000, 20000))) == 0
    assert best_level(info, View(whole, Size(10000, 10000))) == 0
    assert best_level(info, View(whole, Size(5000, 5000))) == 1
    assert best_level(info, View(whole, Size(1251, 1251))) == 1
    assert best_level(info, View(whole, Size(1250, 1250))) == 2
    assert best_level(info, View(whole, Size(100, 100))) == 2
    assert best_level(info, View(Region(0, 0, 10, 10), Size(100, 100))) == 0


def test_a_missing_level_is_decoded_at_half_size() -> None:
    info = pyramid(Size(20000, 20000), Size(256, 256), 1, 4, 16)
    plan = plan_view(info, View(Region(2048, 4096, 2048, 2048), Size(256, 256)))
    assert (plan.level, plan.reduction) == (1, 1)
    assert plan.box == Box(256, 512, 512, 768)


def test_tiles_of_odd_sides_are_not_halved_while_decoding() -> None:
    info = pyramid(Size(2220, 2967), Size(240, 240), 1)
    plan = plan_view(info, View(Region(0, 0, 2220, 2967), Size(35, 47)))
    assert plan.reduction == 4


def test_a_single_tile_is_halved_as_often_as_wanted() -> None:
    info = pyramid(Size(3001, 2001), Size(3001, 2001), 1)
    plan = plan_view(info, View(Region(0, 0, 3001, 2001), Size(94, 63)))
    assert plan.reduction == 5
    assert plan.box == Box(0, 0, 94, 63)


@given(
    width=st.integers(1, 70000),
    height=st.integers(1, 70000),
    tile=st.sampled_from([240, 254, 256, 512]),
    overlap=st.integers(0, 3),
    data=st.data(),
)
def test_every_deep_zoom_tile_maps_its_pixels_one_to_one(
    width: int, height: int, tile: int, overlap: int, data: st.DataObject
) -> None:
    info = pyramid(Size(width, height), Size(256, 256), 1)
    reduction = data.draw(st.integers(0, 16))
    reduced = Size(width, height).reduced(reduction)
    column = data.draw(st.integers(0, ceil_div(reduced.width, tile) - 1))
    row = data.draw(st.integers(0, ceil_div(reduced.height, tile) - 1))
    x, y = max(0, column * tile - overlap), max(0, row * tile - overlap)
    right = min(reduced.width, (column + 1) * tile + overlap)
    bottom = min(reduced.height, (row + 1) * tile + overlap)
    region = Region(x << reduction, y << reduction, 0, 0)
    region = Region(
        region.x, region.y, min(right << reduction, width) - region.x, min(bottom << reduction, height) - region.y
    )
    size = Size(right - x, bottom - y)
    plan = plan_view(info, View(region, size))
    assert plan.reduction <= reduction
    if plan.reduction == reduction:
        assert plan.box == Box(x, y, right, bottom)


def test_what_leaves_the_image_is_refused_by_name() -> None:
    with pytest.raises(BadRequestError, match="4443 x 3567"):
        require_view(SLIDE, View(Region(4000, 0, 444, 10), Size(10, 10)), Limits())
    with pytest.raises(BadRequestError, match="empty"):
        require_view(SLIDE, View(Region(0, 0, 0, 10), Size(10, 10)), Limits())
    with pytest.raises(BadRequestError, match="size 0,10"):
        require_view(SLIDE, View(Region(0, 0, 10, 10), Size(0, 10)), Limits())
    with pytest.raises(TileOutOfRangeError, match="plane 1"):
        require_view(SLIDE, View(Region(0, 0, 10, 10), Size(10, 10), plane=1), Limits())


@pytest.mark.parametrize("size", [Size(2**31, 1), Size(1, 2**63), Size(9000, 9000)])
def test_more_than_the_limits_allow_is_refused(size: Size) -> None:
    with pytest.raises(ViewTooLargeError):
        require_view(SLIDE, View(Region(0, 0, 10, 10), size), Limits())


def test_a_level_that_is_no_power_of_two_has_no_halvings() -> None:
    info = pyramid(Size(9000, 9000), Size(256, 256), 1, 3)
    assert info.reductions == (0, None)
    assert info.scales == ((1.0, 1.0), (3.0, 3.0))


def test_each_touched_tile_is_listed_once() -> None:
    level = SLIDE.levels[0]
    region = Region(255, 256, 258, 1)
    assert list(tiles_under(level, region)) == [(0, 1), (1, 1), (2, 1)]
    assert count_tiles(level, region) == 3


def test_a_cover_keeps_its_margin_within_the_picture() -> None:
    assert cover(Box(0.5, 3.5, 9.2, 8.0), Size(10, 100), 2) == Region(0, 1, 10, 9)
