"""`viewport` and `region`: which pixels, how large, mirrored or not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtiles.core.errors import BadRequestError
from medtiles.core.geometry import Region, Size
from medtiles.protocols.http.dicomweb.viewport import (
    Viewport,
    fitted,
    normalised_region,
    read_viewport,
    whole_picture,
)

PICTURE = Size(400, 200)
WHOLE = Region(0, 0, 400, 200)

READ = {
    "100,100": Viewport(WHOLE, Size(100, 50)),
    "800,800": Viewport(WHOLE, Size(800, 400)),
    "1,1": Viewport(WHOLE, Size(1, 1)),
    "100,100,,,,": Viewport(WHOLE, Size(100, 50)),
    "100,100,0,0,400,200": Viewport(WHOLE, Size(100, 50)),
    "100,100,200,,,": Viewport(Region(200, 0, 200, 200), Size(100, 100)),
    "50,100,10,20,100,50": Viewport(Region(10, 20, 100, 50), Size(50, 25)),
    "50,50,10.4,19.6,100.2,50": Viewport(Region(10, 20, 101, 50), Size(50, 25)),
    "100,100,0,0,-400,200": Viewport(WHOLE, Size(100, 50), is_mirrored=True),
    "100,100,0,0,400,-200": Viewport(WHOLE, Size(100, 50), is_upside_down=True),
    "100,100,-100,-50,-100,-100": Viewport(Region(100, 50, 100, 100), Size(100, 100), True, True),
    "10,10,0,0,0.2,0.2": Viewport(Region(0, 0, 1, 1), Size(10, 10)),
}
REFUSED = (
    *("", "100", "100,", ",", "0,1", "-1,5", "1,2,3", "1,2,3,4,5", "1,2,3,4,5,6,7", "a,b", "1e3,5", "1.5,2", "NaN,1"),
    *("10,10,0,0,401,200", "10,10,400,,,", "10,10,0,0,0,5", "10,10,1,1,400,1", "10,10,0,0,9999999999,1", "10,10,x,,,"),
    "2147483648,1",
)


@pytest.mark.parametrize(("text", "expected"), READ.items())
def test_what_a_viewport_means(text: str, expected: Viewport) -> None:
    assert read_viewport(text, PICTURE) == expected


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_viewport_is_refused(text: str) -> None:
    with pytest.raises(BadRequestError):
        read_viewport(text, PICTURE)


def test_a_thumbnail_is_of_the_whole() -> None:
    assert read_viewport("10,10", PICTURE, is_thumbnail=True).region == WHOLE
    with pytest.raises(BadRequestError):
        read_viewport("10,10,0,0,5,5", PICTURE, is_thumbnail=True)


def test_without_a_viewport_a_picture_is_as_it_is_or_no_larger_than_it_may_be() -> None:
    assert whole_picture(PICTURE).size == PICTURE
    assert whole_picture(PICTURE, 1000).size == PICTURE
    assert whole_picture(PICTURE, 100).size == Size(100, 50)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0,0,1,1", WHOLE),
        ("0.25,0.5,0.5,1", Region(100, 100, 100, 100)),
        ("0,0,0.000001,0.000001", Region(0, 0, 1, 1)),
        ("0.999999,0.999999,1,1", Region(399, 199, 1, 1)),
    ],
)
def test_what_parts_of_the_whole_are(text: str, expected: Region) -> None:
    assert normalised_region(text, PICTURE) == expected


@pytest.mark.parametrize(
    "text", ["", "0,0,1", "0,0,1,1,1", "0,0,2,1", "-0.1,0,1,1", "0.5,0,0.5,1", "1,0,0,1", "a,0,1,1"]
)
def test_what_is_no_part_of_the_whole_is_refused(text: str) -> None:
    with pytest.raises(BadRequestError):
        normalised_region(text, PICTURE)


SIDES = st.integers(1, 5000)


@given(SIDES, SIDES, SIDES, SIDES)
def test_a_fitted_picture_fills_its_box_one_way_and_never_leaves_it(
    width: int, height: int, wide: int, high: int
) -> None:
    found = fitted(Size(width, height), Size(wide, high))
    assert 1 <= found.width <= wide
    assert 1 <= found.height <= high
    assert found.width == wide or found.height == high


@given(st.text(alphabet="0123456789,.-", max_size=30))
def test_no_viewport_whatever_leaves_the_picture(text: str) -> None:
    try:
        found = read_viewport(text, PICTURE)
    except BadRequestError:
        return
    assert found.region.is_within(PICTURE)
    assert found.size.width >= 1
    assert found.size.height >= 1
