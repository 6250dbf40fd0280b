"""Deep Zoom geometry and addresses. The geometry's judge is OpenSlide's generator."""

from __future__ import annotations

from dataclasses import replace
from typing import cast
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openslide import AbstractSlide
from openslide.deepzoom import DeepZoomGenerator

from medtiles.core.errors import BadRequestError, ImageNotFoundError, TileOutOfRangeError
from medtiles.core.geometry import Region, Size
from medtiles.core.pyramid import Level
from medtiles.core.view import View
from medtiles.protocols.http import dzi
from medtiles.protocols.http.dzi import Choices, Layout, TileAddress
from medtiles.protocols.replies import version_token
from medtiles.protocols.tile_choices import TileChoices
from tests.unit.protocols.fake_tiles import SLIDE, STUDY


class OneLevel:
    """A slide of one level and no pixels, for the generator."""

    level_count = 1
    level_downsamples = (1.0,)

    def __init__(self, width: int, height: int) -> None:
        self.properties: dict[str, str] = {}
        self.level_dimensions = ((width, height),)

    def get_best_level_for_downsample(self, downsample: float) -> int:
        return 0


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    size = Size(draw(st.integers(1, 60_000)), draw(st.integers(1, 60_000)))
    tile_size = draw(st.sampled_from([16, 64, 240, 254, 256, 510, 1000]))
    return Layout(size, tile_size, draw(st.sampled_from([0, 1, 2, 8])))


def generator(layout: Layout) -> DeepZoomGenerator:
    slide = cast("AbstractSlide", OneLevel(layout.size.width, layout.size.height))
    return DeepZoomGenerator(slide, layout.tile_size, layout.overlap)


@given(layouts())
def test_levels_and_grids_are_openslides(layout: Layout) -> None:
    judge = generator(layout)
    levels = range(layout.max_level + 1)
    assert judge.level_count == layout.max_level + 1
    assert list(judge.level_dimensions) == [(s.width, s.height) for s in map(layout.level_size, levels)]
    assert list(judge.level_tiles) == [(g.width, g.height) for g in map(layout.grid, levels)]


@given(layouts(), st.data())
def test_a_tile_covers_what_openslides_does(layout: Layout, data: st.DataObject) -> None:
    level = data.draw(st.integers(0, layout.max_level))
    grid = layout.grid(level)
    column, row = data.draw(st.integers(0, grid.width - 1)), data.draw(st.integers(0, grid.height - 1))
    view = layout.tile_view(level, column, row)
    (x, y), _, (width, height) = generator(layout).get_tile_coordinates(level, (column, row))
    assert view.region == Region(x, y, width, height)
    # OpenSlide lets an overlap that is wider than the last tile reach beyond the level; libvips does not, nor do we.
    left, top = (max(0, place * layout.tile_size - layout.overlap) for place in (column, row))
    wide, high = generator(layout).get_tile_dimensions(level, (column, row))
    whole = layout.level_size(level)
    assert (view.size.width, view.size.height) == (min(wide, whole.width - left), min(high, whole.height - top))


@given(layouts(), st.data())
def test_a_view_shrinks_to_exactly_its_tile(layout: Layout, data: st.DataObject) -> None:
    level = data.draw(st.integers(0, layout.max_level))
    grid = layout.grid(level)
    column, row = data.draw(st.integers(0, grid.width - 1)), data.draw(st.integers(0, grid.height - 1))
    view = layout.tile_view(level, column, row)
    assert view.region.is_within(layout.size)
    assert view.region.size.reduced(layout.max_level - level) == view.size


def test_a_stored_tile_is_asked_for_as_such() -> None:
    address = dzi.read_tile_address("/dzi/slide_files/12/3_2.jpeg", b"")
    assert address is not None
    request = dzi.tile_request(address, SLIDE)
    assert request.what == View(Region(720, 480, 240, 240), Size(240, 240))
    assert request.accept == ("image/jpeg",)
    assert request.quality is None


@pytest.mark.parametrize(
    ("stored", "served"),
    [(Size(240, 240), 240), (Size(512, 512), 512), (Size(256, 128), 512), (Size(16, 16), 512), (Size(9000, 9000), 512)],
)
def test_the_stored_tile_size_is_served_when_it_is_square_and_of_use(stored: Size, served: int) -> None:
    assert dzi.default_tile_size(replace(SLIDE, levels=(Level(Size(20_000, 20_000), stored),))) == served


def test_the_address_may_choose_everything() -> None:
    address = dzi.read_tile_address(
        "/dzi/a_files/3/1_2.webp", b"tile_size=254&overlap=1&quality=80&plane=2&window=40,400"
    )
    assert address is not None
    assert address[:5] == ("a", 3, 1, 2, "image/webp")
    choices = address.choices
    assert (choices.tile_size, choices.overlap, choices.tile.quality, choices.tile.plane) == (254, 1, 80, 2)
    assert choices.tile.windowing is not None
    assert (choices.tile.windowing.centre, choices.tile.windowing.width) == (40.0, 400.0)


@pytest.mark.parametrize(
    "path",
    ["/dzi/a.dzi", "/dzi/", "/dzi/a_files", "/dzi/a_files/1", "/dzi/a/1/0_0.jpeg", "/dzi/a_files/1/0_0.jpeg/x", "/dzi"],
)
def test_what_is_no_address_of_a_tile_is_left_to_others(path: str) -> None:
    assert dzi.read_tile_address(path, b"") is None


NUMBERS = ["", "-1", "+1", "01", "1.5", "1e2", "NaN", "٣", str(2**31), str(2**63), "9" * 5000, " 1", "0x1"]


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("path", ["/dzi/a_files/{}/0_0.jpeg", "/dzi/a_files/1/{}_0.jpeg", "/dzi/a_files/1/0_{}.jpeg"])
def test_absurd_numbers_in_an_address_are_refused(path: str, number: str) -> None:
    with pytest.raises(BadRequestError):
        dzi.read_tile_address(path.format(number), b"")


@pytest.mark.parametrize(
    "query",
    [
        b"tile_size=0",
        b"tile_size=15",
        b"tile_size=5000",
        b"tile_size=-256",
        b"tile_size=16&overlap=17",
        b"overlap=300",
        b"quality=0",
        b"quality=101",
        b"plane=-1",
        b"plane=9999999999",
        b"window=1",
    ],
)
def test_absurd_choices_are_refused(query: bytes) -> None:
    with pytest.raises(BadRequestError):
        dzi.read_choices(query)


@pytest.mark.parametrize("suffix", ["gif", "", "JPEG", "jpeg.png", "jp2"])
def test_an_unknown_format_is_refused(suffix: str) -> None:
    with pytest.raises(BadRequestError):
        dzi.read_tile_address(f"/dzi/a_files/1/0_0.{suffix}", b"")


@given(st.text(max_size=80), st.binary(max_size=60))
def test_any_address_is_read_or_refused(rest: str, query: bytes) -> None:
    try:
        address = dzi.read_tile_address(f"/dzi/{rest}", query)
    except (BadRequestError, ImageNotFoundError):
        return
    assert address is None or isinstance(address, TileAddress)


@pytest.mark.parametrize(
    "place", [(13, 0, 0), (12, 10, 0), (12, 0, 13), (0, 1, 0), (2**31 - 1, 0, 0), (12, 2**31 - 1, 0)]
)
def test_a_tile_that_is_not_there_is_out_of_range(place: tuple[int, int, int]) -> None:
    with pytest.raises(TileOutOfRangeError):
        dzi.tile_request(TileAddress("slide", *place, "image/jpeg", Choices()), SLIDE)


def test_a_plane_that_is_not_there_is_out_of_range() -> None:
    with pytest.raises(TileOutOfRangeError):
        dzi.tile_request(TileAddress("study", 0, 0, 0, "image/jpeg", Choices(tile=TileChoices(plane=5))), STUDY)


def test_an_address_that_names_another_version_is_refused() -> None:
    now, before = (Choices(tile=TileChoices(version=version_token(v))) for v in ("v1", "v0"))
    dzi.tile_request(TileAddress("slide", 0, 0, 0, "image/jpeg", now), SLIDE)
    with pytest.raises(ImageNotFoundError, match="has changed"):
        dzi.tile_request(TileAddress("slide", 0, 0, 0, "image/jpeg", before), SLIDE)


def test_the_descriptor_is_deep_zooms() -> None:
    root = ET.fromstring(dzi.descriptor(Layout(Size(2220, 2967), 240, 0), "jpeg"))
    space = "{http://schemas.microsoft.com/deepzoom/2008}"
    assert root.tag == f"{space}Image"
    assert root.attrib == {"Format": "jpeg", "Overlap": "0", "TileSize": "240"}
    size = root.find(f"{space}Size")
    assert size is not None
    assert size.attrib == {"Width": "2220", "Height": "2967"}
