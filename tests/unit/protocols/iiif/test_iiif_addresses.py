"""Addresses of the IIIF Image API, word by word, as the standard says (Image API 3.0 and 2.1, 4)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtiles.core.errors import (
    BadRequestError,
    ImageNotFoundError,
    MedTilesError,
    TileOutOfRangeError,
    ViewTooLargeError,
)
from medtiles.core.geometry import Region, Size
from medtiles.core.limits import Limits
from medtiles.core.view import Finish, Tones, turned_size
from medtiles.protocols.http.iiif.addresses import (
    Picture,
    PictureAddress,
    identifier_of,
    picture_of,
    region_of,
    rotation_of,
    size_of,
)
from medtiles.protocols.http.iiif.versions import V2, V3, Version
from tests.unit.protocols.fake_tiles import SLIDE, STUDY

IMAGE = Size(300, 200)
LIMITS = Limits(view_pixels=1_000_000, view_side=2000)


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("full", (0, 0, 300, 200)),
        ("square", (50, 0, 200, 200)),
        ("0,0,300,200", (0, 0, 300, 200)),
        ("125,15,120,140", (125, 15, 120, 140)),
        ("200,150,200,200", (200, 150, 100, 50)),
        ("pct:0,0,100,100", (0, 0, 300, 200)),
        ("pct:41.6,7.5,40,70", (125, 15, 120, 140)),
        ("pct:41.6,7.5,66.6,100", (125, 15, 175, 185)),
        ("pct:99.9,0,0.2,100", (300, 0, 0, 0)),
    ],
)
def test_regions(text: str, region: tuple[int, int, int, int]) -> None:
    if not region[2]:
        with pytest.raises(BadRequestError, match="must cover a part of the image"):
            region_of(text, IMAGE)
        return
    assert region_of(text, IMAGE) == Region(*region)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "FULL",
        "0,0,0,200",
        "0,0,300,0",
        "300,0,10,10",
        "0,200,1,1",
        "-1,0,10,10",
        "1,2,3",
        "1,2,3,4,5",
        "1,2,3,x",
        "1.5,0,10,10",
        "pct:1,2,3",
        "pct:-1,0,10,10",
        "pct:100,0,10,10",
        "pct:0,0,nan,10",
        "pct:0,0,1e3,10",
        "pct:inf,0,1,1",
        "2147483648,0,1,1",
        "0,0,9999999999999999999,1",
        "pct:",
        "square,",
    ],
)
def test_regions_that_are_none(text: str) -> None:
    with pytest.raises(BadRequestError, match="region"):
        region_of(text, IMAGE)


@pytest.mark.parametrize(
    ("version", "text", "size"),
    [
        (V3, "max", (300, 200)),
        (V3, "^max", (1224, 816)),
        (V3, "150,", (150, 100)),
        (V3, "^360,", (360, 240)),
        (V3, ",150", (225, 150)),
        (V3, "^,240", (360, 240)),
        (V3, "pct:50", (150, 100)),
        (V3, "pct:22.5", (68, 45)),
        (V3, "^pct:120", (360, 240)),
        (V3, "225,100", (225, 100)),
        (V3, "^360,360", (360, 360)),
        (V3, "!225,100", (150, 100)),
        (V3, "^!360,360", (360, 240)),
        (V3, "1,1", (1, 1)),
        (V3, "pct:0.1", (1, 1)),
        (V2, "full", (300, 200)),
        (V2, "max", (300, 200)),
        (V2, "150,", (150, 100)),
        (V2, "600,", (600, 400)),
        (V2, "pct:120", (360, 240)),
        (V2, "!600,600", (600, 400)),
        (V2, "225,100", (225, 100)),
    ],
)
def test_sizes(version: Version, text: str, size: tuple[int, int]) -> None:
    assert size_of(text, IMAGE, version, LIMITS) == Size(*size)


@pytest.mark.parametrize(
    ("version", "text"),
    [
        *((V3, text) for text in ("301,", ",201", "301,200", "300,201", "pct:101", "!301,201", "full", "^full")),
        *((V2, text) for text in ("^max", "^150,", "^!10,10")),
        *(
            (version, text)
            for version in (V2, V3)
            for text in (
                "",
                "0,",
                ",0",
                "0,0",
                "-1,",
                ",",
                "pct:0",
                "pct:-5",
                "pct:nan",
                "pct:1e2",
                "!0,5",
                "!5,",
                "1.5,",
                "abc",
                "12",
                "1,2,3",
                "2147483648,",
                "99999999999999999999,1",
                "MAX",
                " 1,",
            )
        ),
    ],
)
def test_sizes_that_are_none(version: Version, text: str) -> None:
    with pytest.raises(BadRequestError):
        size_of(text, IMAGE, version, LIMITS)


@pytest.mark.parametrize(
    ("version", "text"),
    [(V3, "^2001,"), (V3, "^1000,1001"), (V3, "^pct:1000"), (V2, "2001,"), (V2, "2000,2000"), (V2, "pct:99999")],
)
def test_larger_than_the_limits_is_refused(version: Version, text: str) -> None:
    with pytest.raises(ViewTooLargeError, match="at most 2000 pixels a side and 1000000 in all"):
        size_of(text, IMAGE, version, LIMITS)


@pytest.mark.parametrize("version", [V2, V3])
@pytest.mark.parametrize("image", [Size(100_000, 50_000), Size(1_000_000, 3), Size(2001, 1), Size(1001, 1000)])
def test_max_falls_to_the_limits_and_never_fails(version: Version, image: Size) -> None:
    size = size_of("max", image, version, LIMITS)
    assert max(size.width, size.height) <= 2000
    assert size.area <= 1_000_000
    assert max(size.width / 2000, size.area / 1_000_000) > 0.99, "as large as they allow"
    assert size.height == max(1, round(size.width * image.height / image.width)) or size.height > 1


@given(st.integers(1, 200_000), st.integers(1, 200_000), st.floats(0, 359.99), st.sampled_from([LIMITS, Limits()]))
def test_max_falls_so_far_that_it_can_be_turned(width: int, height: int, degrees: float, limits: Limits) -> None:
    for text in ("max", "^max"):
        size = size_of(text, Size(width, height), V3, limits, degrees)
        turned = turned_size(size, degrees)
        assert max(turned.width, turned.height) <= limits.view_side
        assert turned.area <= limits.view_pixels


def test_a_thin_picture_that_grows_when_it_is_turned_is_refused() -> None:
    assert size_of("2000,2", Size(3000, 3), V3, LIMITS, 90) == Size(2000, 2)
    with pytest.raises(ViewTooLargeError):
        size_of("2000,2", Size(3000, 3), V3, LIMITS, 45)


@given(st.integers(1, 100_000), st.integers(1, 100_000), st.integers(0, 12))
def test_a_width_alone_halves_as_pyramids_are_halved(width: int, height: int, halvings: int) -> None:
    half = Size(-(-width >> halvings), -(-height >> halvings))
    size = size_of(f"{half.width},", Size(width, height), V2, Limits(view_pixels=2**62, view_side=2**31))
    steps = [step for step in range(13) if -(-width >> step) == half.width]
    assert size.height in {-(-height >> step) for step in steps}


@pytest.mark.parametrize(
    ("text", "turn"),
    [
        ("0", (False, 0)),
        ("360", (False, 0)),
        ("90", (False, 90)),
        ("!0", (True, 0)),
        ("!180", (True, 180)),
        ("22.5", (False, 22.5)),
        ("359.999", (False, 359.999)),
    ],
)
def test_rotations(text: str, turn: tuple[bool, float]) -> None:
    assert rotation_of(text) == turn


@pytest.mark.parametrize("text", ["", "!", "-1", "360.1", "361", "nan", "inf", "1e2", "!!90", "90!", "90,", "٩٠"])
def test_rotations_that_are_none(text: str) -> None:
    with pytest.raises(BadRequestError, match="rotation"):
        rotation_of(text)


def picture(words: str, version: Version = V3, identifier: str = "slide") -> Picture:
    region, size, rotation, last = words.split("/")
    quality, _, suffix = last.rpartition(".")
    address = PictureAddress(version, identifier_of(identifier), region, size, rotation, quality, suffix)
    return picture_of(address, STUDY if identifier.startswith("study") else SLIDE, LIMITS)


@pytest.mark.parametrize(
    ("words", "canonical"),
    [
        ("full/300,/360/color.jpg", "full/300,401/0/default.jpg"),
        ("0,0,2220,2967/150,/0/default.jpg", "full/150,200/0/default.jpg"),
        ("pct:50,50,50,50/!100,100/!0/gray.png", "1110,1484,1110,1483/75,100/!0/gray.png"),
        ("square/max/22.50/bitonal.webp", "0,373,2220,2220/max/22.5/bitonal.webp"),
        ("0,0,480,480/240,/0/default.jpg", "0,0,480,480/240,240/0/default.jpg"),
        ("0,0,10,10/^20,/0/default.jpg", "0,0,10,10/^20,20/0/default.jpg"),
    ],
)
def test_one_picture_has_one_canonical_address(words: str, canonical: str) -> None:
    found = picture(words)
    assert found.canonical(SLIDE, LIMITS) == f"3/slide/{canonical}"
    assert (picture(canonical).view, picture(canonical).finish) == (found.view, found.finish)


@pytest.mark.parametrize(
    ("words", "canonical"),
    [
        ("full/300,/0/default.jpg", "full/300,/0/default.jpg"),
        ("0,0,300,200/full/0/color.png", "0,0,300,200/full/0/default.png"),
        ("0,0,300,200/150,90/90/default.jpg", "0,0,300,200/150,90/90/default.jpg"),
    ],
)
def test_canonical_addresses_of_version_2(words: str, canonical: str) -> None:
    assert picture(words, V2).canonical(SLIDE, LIMITS) == f"2/slide/{canonical}"


def test_what_changes_nothing_asks_for_the_stored_tile() -> None:
    assert picture("240,480,240,240/max/0/default.jpg").finish is None
    assert picture("240,480,240,240/240,240/!90/bitonal.png").finish == Finish(
        is_mirrored=True, degrees=90, tones=Tones.BITONAL
    )


@pytest.mark.parametrize(
    "last", ["default.gif", "default.pdf", "default.", "default", "grey.jpg", "native.jpg", ".jpg", "COLOR.jpg"]
)
def test_qualities_and_formats_that_there_are_not(last: str) -> None:
    with pytest.raises(BadRequestError, match=r"quality|format"):
        picture(f"full/100,/0/{last}")


def test_planes_have_ids_of_their_own() -> None:
    assert picture("full/max/0/default.jpg", identifier="study;p4").view.plane == 4
    assert str(identifier_of("study;p4")) == "study;p4"
    assert str(identifier_of("study;p0")) == "study"
    with pytest.raises(TileOutOfRangeError):
        picture("full/max/0/default.jpg", identifier="study;p5")
    with pytest.raises(BadRequestError, match="a plane is wanted"):
        identifier_of("study;4")
    with pytest.raises(ImageNotFoundError):
        identifier_of("../etc;p1")


@given(st.text(alphabet="0123456789,.^!:pctmaxfulsqre-", max_size=24), st.sampled_from([V2, V3]))
def test_whatever_stands_there_is_read_or_refused(text: str, version: Version) -> None:
    for read in (
        lambda: region_of(text, IMAGE),
        lambda: size_of(text, IMAGE, version, LIMITS),
        lambda: rotation_of(text),
    ):
        try:
            found = read()
        except MedTilesError:
            continue
        if isinstance(found, Size):
            assert 1 <= found.width <= 2000
            assert 1 <= found.height <= 2000
        elif isinstance(found, Region):
            assert found.is_within(IMAGE)
