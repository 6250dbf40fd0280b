"""What a query string says of a rendering, and the one text of each rendering."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtiles.core.channels import channels_of
from medtiles.core.errors import BadRequestError, MedTilesError
from medtiles.core.pyramid import Channel, Plane
from medtiles.core.rendering import (
    Blend,
    Bound,
    ChannelRendering,
    Composite,
    IccUse,
    Projection,
    Rendering,
    SampleRange,
    Spread,
    Unit,
    ValueRange,
)
from medtiles.protocols.parameters import read_query
from medtiles.protocols.rendering_query import rendering_text, rendering_wish
from tests.unit.protocols.fake_tiles import SLIDE, STUDY

FLUORESCENCE = replace(
    STUDY,
    planes=tuple(Plane(f"c{index}", index) for index in range(4)),
    channels=(Channel("DAPI"), Channel("FITC"), Channel("Cy3"), Channel("Cy3")),
)


def read(query: str) -> Rendering | None:
    wish = rendering_wish(read_query(query.encode()))
    return None if wish is None else wish.of(FLUORESCENCE)


def test_channels_by_name_and_index_with_ranges_colours_and_gamma() -> None:
    found = read(
        "channels=dapi:p1-p99.8:0000FF,2:300-12000:00FF00:g1.2,1:5%25-95%25:magma:i,0:-100--20"
        "&blend=screen&z=3&t=0&project=max"
    )

    assert found == Rendering(
        composite=Composite(
            (
                ChannelRendering(0, ValueRange(Bound(1, Unit.PERCENTILE), Bound(99.8, Unit.PERCENTILE)), (0, 0, 255)),
                ChannelRendering(2, ValueRange(Bound(300), Bound(12000)), (0, 255, 0), gamma=1.2),
                ChannelRendering(
                    1,
                    ValueRange(Bound(5, Unit.PERCENT), Bound(95, Unit.PERCENT)),
                    colour_map="magma",
                    is_inverted=True,
                ),
                ChannelRendering(0, ValueRange(Bound(-100), Bound(-20))),
            ),
            Blend.SCREEN,
            3,
            0,
            Projection.MAX,
        )
    )


def test_one_picture_s_adjustments() -> None:
    found = read(
        "range=0:200,10:180,-5:255&spread=equalize&kernel=0,-1,0;-1,5,-1;0,-1,0&light=315,45"
        "&twist=0.3,0.6,0.1&log=1&gamma=0.8&invert=1&map=viridis&contrast=1.4&icc=srgb&bits=16"
    )

    assert found == Rendering(
        ranges=(SampleRange(0, 0, 200), SampleRange(1, 10, 180), SampleRange(2, -5, 255)),
        spread=Spread.EQUALIZE,
        kernel=((0, -1, 0), (-1, 5, -1), (0, -1, 0)),
        shading=(315, 45),
        twist=((0.3, 0.6, 0.1),),
        gamma=0.8,
        is_log=True,
        is_inverted=True,
        colour_map="viridis",
        contrast=1.4,
        icc=IccUse.SRGB,
        bits=16,
    )


@pytest.mark.parametrize("query", ["", "quality=80", "t=1732622222", "gamma=1&contrast=1", "invert=0&bits=8", "map="])
def test_what_changes_nothing_is_no_rendering(query: str) -> None:
    assert read(query) is None


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("channels=", "channels"),
        ("channels=9", "no such channel"),
        ("channels=Cy3", "several channels"),
        ("channels=nope", "0 DAPI"),
        ("channels=0:5-", "a range such as"),
        ("channels=0:12", "a range such as"),
        ("channels=0:GG0000", "a range such as"),
        ("channels=0:p101-p102", "percentile"),
        ("channels=0:g0", "gamma"),
        ("channels=:5-6", "without a name"),
        ("channels=" + ",".join("0" * 17), "from 1 to 16"),
        ("channels=0&blend=xor", "blend"),
        ("channels=0&z=-1", "z"),
        ("blend=add", "only with channels"),
        ("gamma=0", "gamma"),
        ("gamma=nan", "gamma"),
        ("gamma=1e9", "gamma"),
        ("contrast=-1", "contrast"),
        ("range=5:5", "range"),
        ("range=5", "range"),
        ("kernel=1,2;3", "lengths"),
        ("kernel=1,2,3,4", "3 of 3"),
        ("kernel=" + ";".join([",".join("1" * 9)] * 9), "kernel"),
        ("twist=1,0;0,1", "one row"),
        ("light=45", "light"),
        ("light=0,91", "height"),
        ("invert=yes", "invert"),
        ("map=../etc", "map"),
        ("icc=adobe", "icc"),
        ("bits=12", "bits"),
        ("spread=all", "spread"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(query: str, words: str) -> None:
    with pytest.raises(BadRequestError, match=words):
        read(query)


NUMBERS = st.floats(-9999, 9999).map(lambda value: round(value, 6) + 0.0)
BOUNDS = st.one_of(
    st.builds(Bound, NUMBERS),
    st.builds(Bound, NUMBERS, st.just(Unit.PERCENT)),
    st.builds(Bound, st.floats(0, 100).map(lambda value: round(value, 4)), st.just(Unit.PERCENTILE)),
)
GAMMAS = st.floats(0.01, 100).map(lambda value: round(value, 3))
CHANNELS = st.builds(
    ChannelRendering,
    st.integers(0, 3),
    st.builds(ValueRange, BOUNDS, BOUNDS),
    st.one_of(st.none(), st.tuples(*[st.integers(0, 255)] * 3)),
    st.sampled_from(["", "viridis", "hot"]),
    GAMMAS,
    st.booleans(),
)
COMPOSITES = st.builds(
    Composite,
    st.lists(CHANNELS, min_size=1, max_size=5).map(tuple),
    st.sampled_from(Blend),
    st.one_of(st.none(), st.integers(0, 99)),
    st.one_of(st.none(), st.integers(0, 99)),
    st.one_of(st.none(), st.sampled_from(Projection)),
)
ROWS = st.tuples(NUMBERS, NUMBERS, NUMBERS)
RENDERINGS = st.builds(
    Rendering,
    st.one_of(st.none(), COMPOSITES),
    st.sampled_from([(), (SampleRange(None, -3.5, 7),), (SampleRange(0, 0, 1), SampleRange(1, 2, 3))]),
    st.sampled_from(Spread),
    st.one_of(st.just(()), st.tuples(ROWS, ROWS, ROWS)),
    st.one_of(st.none(), st.tuples(st.integers(0, 359).map(float), st.integers(0, 90).map(float))),
    st.one_of(st.just(()), st.tuples(ROWS), st.tuples(ROWS, ROWS, ROWS)),
    GAMMAS,
    st.booleans(),
    st.booleans(),
    st.sampled_from(["", "magma"]),
    st.floats(0, 1000).map(lambda value: round(value, 3)),
    st.sampled_from(IccUse),
    st.sampled_from([8, 16]),
)  # fmt: skip


@given(RENDERINGS)
def test_the_text_of_a_rendering_says_all_of_it(rendering: Rendering) -> None:
    text = rendering_text(rendering)

    found = read(text.replace("%", "%25"))

    assert (found or Rendering()) == rendering


WORDS = (
    "channels",
    "blend",
    "z",
    "t",
    "project",
    "range",
    "spread",
    "kernel",
    "light",
    "twist",
    "log",
    "gamma",
    "bits",
)
PAIRS = st.tuples(st.sampled_from(WORDS), st.text("0123456789abcdefgimprxz.,:;-%", max_size=24))


@given(st.lists(PAIRS, max_size=6, unique_by=lambda pair: pair[0]))
def test_any_query_string_is_understood_or_refused(pairs: list[tuple[str, str]]) -> None:
    query = "&".join(f"{name}={value.replace('%', '%25')}" for name, value in pairs)
    try:
        found = read(query)
    except MedTilesError:
        return
    assert found is None or read(rendering_text(found).replace("%", "%25")) == found


def test_channels_of_a_colour_image_are_its_samples() -> None:
    assert [channel.name for channel in channels_of(SLIDE)] == ["Red", "Green", "Blue"]
    wish = rendering_wish(read_query(b"channels=green"))
    assert wish is not None
    found = wish.of(SLIDE)
    assert found is not None
    assert found.composite is not None
    assert found.composite.channels[0].channel == 1
