"""How a client wants pictures: what is read, what is refused, and the entity tags that follow."""

from __future__ import annotations

import math

import pytest

from medtiles.api.v1 import frames_pb2 as pb
from medtiles.api.v1 import rendering_pb2 as pb_rendering
from medtiles.core.display import Windowing
from medtiles.core.errors import BadRequestError
from medtiles.core.geometry import Size
from medtiles.core.pyramid import TileKey
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
from medtiles.core.view import AssociatedName, Finish, Request, Tones
from medtiles.protocols.grpc.renditions import rendition, rendition_of

KEY = TileKey(1, 2, 3)
FULL = Rendering(
    composite=Composite(
        (
            ChannelRendering(0),
            ChannelRendering(3, ValueRange(Bound(5), Bound(9, Unit.PERCENT)), (1, 2, 255), "", 0.5, is_inverted=True),
            ChannelRendering(1, ValueRange(Bound(1, Unit.PERCENTILE), Bound(-4)), colour_map="magma"),
        ),
        Blend.SCREEN,
        0,
        2,
        Projection.MEAN,
    ),
    ranges=(SampleRange(0, -5.5, 8), SampleRange(None, 0, 1)),
    spread=Spread.EQUALIZE,
    kernel=((0, 1, 0), (1, 2, 1), (0, 1, 0)),
    shading=(315, 45),
    twist=((1, 0, -1),),
    gamma=2.2,
    is_log=True,
    is_inverted=True,
    colour_map="viridis",
    contrast=3,
    icc=IccUse.EMBED,
    bits=16,
)


def test_a_client_that_says_nothing_gets_what_is_stored_for_display() -> None:
    assert rendition_of(pb.Rendition()).request("a", KEY) == Request("a", KEY, ("*/*",))


def test_everything_that_is_said_is_read() -> None:
    message = pb.Rendition(
        accept=["image/webp", "image/png"],
        quality=70,
        presentation=pb.PRESENTATION_STORED,
        windowing=pb.Windowing(centre=40.5, width=400, function="SIGMOID", explanation="BONE"),
    )

    request = rendition_of(message).request("a", KEY)

    window = Windowing(40.5, 400.0, "SIGMOID")
    assert request == Request("a", KEY, ("image/webp", "image/png"), 70, is_display=False, windowing=window)


@pytest.mark.parametrize(
    "request_",
    [
        Request("a", KEY, ("image/jpeg",)),
        Request("a", KEY, ("image/png", "*/*"), 1, is_display=False),
        Request("a", KEY, ("image/png",), 100, windowing=Windowing(-0.5, 1e-3, "LINEAR_EXACT")),
        Request("a", KEY, ("image/png",), finish=Finish(is_mirrored=True, degrees=22.5, tones=Tones.BITONAL)),
        Request("a", KEY, ("image/jpeg",), finish=Finish(tones=Tones.GREY, padded=Size(256, 200))),
        Request("a", KEY, ("image/jpeg",), rendering=FULL),
        Request("a", KEY, ("image/jpeg",), rendering=Rendering(contrast=0.0)),
    ],
)
def test_a_request_comes_back(request_: Request) -> None:
    assert rendition_of(rendition(request_)).request("a", KEY) == request_


@pytest.mark.parametrize(
    "message",
    [
        pb_rendering.Rendering(bits=12),
        pb_rendering.Rendering(gamma=-1),
        pb_rendering.Rendering(gamma=math.nan),
        pb_rendering.Rendering(contrast=math.inf),
        pb_rendering.Rendering(composite=pb_rendering.Composite()),
        pb_rendering.Rendering(composite=pb_rendering.Composite(channels=[pb_rendering.ChannelRendering()] * 17)),
        pb_rendering.Rendering(kernel=[pb_rendering.Weights(values=[1, 2])] * 2),
        pb_rendering.Rendering(kernel=[pb_rendering.Weights(values=[1, 2, math.nan])] * 3),
        pb_rendering.Rendering(kernel=[pb_rendering.Weights(values=[1] * 9)] * 9),
        pb_rendering.Rendering(twist=[pb_rendering.Weights(values=[1, 2])] * 2),
        pb_rendering.Rendering(twist=[pb_rendering.Weights(values=[1]), pb_rendering.Weights(values=[1, 2])]),
        pb_rendering.Rendering(light=pb_rendering.Light(azimuth=0, height=100)),
        pb_rendering.Rendering(ranges=[pb_rendering.SampleRange(low=1, high=1)]),
        pb_rendering.Rendering(ranges=[pb_rendering.SampleRange(low=0, high=1)] * 5),
        pb_rendering.Rendering.FromString(b"\x18\x63"),
    ],
    ids=str,
)
def test_a_rendering_that_makes_no_sense_is_refused(message: pb_rendering.Rendering) -> None:
    with pytest.raises(BadRequestError):
        rendition_of(pb.Rendition(rendering=message))


def test_a_finish_that_does_nothing_is_none() -> None:
    nothing = pb.Rendition(accept=["image/jpeg"], finish=pb.Finish(tones=pb.TONES_ALL))
    assert rendition_of(nothing).request("a", KEY).finish is None


@pytest.mark.parametrize(
    "finish",
    [
        *(pb.Finish(degrees=degrees) for degrees in (-1, 360, math.nan, math.inf)),
        pb.Finish(padded=pb.Size(width=0, height=5)),
        pb.Finish(padded=pb.Size(width=5, height=-1)),
        pb.Finish(padded=pb.Size(width=2**31 - 1, height=1)),
        pb.Finish.FromString(b"\x18\x63"),
    ],
    ids=str,
)
def test_a_finish_that_there_is_not_is_refused(finish: pb.Finish) -> None:
    with pytest.raises(BadRequestError, match=r"degrees|padded|tones"):
        rendition_of(pb.Rendition(finish=finish))


@pytest.mark.parametrize("quality", [0, -1, 101, 2**31 - 1])
def test_a_quality_that_there_is_not_is_refused(quality: int) -> None:
    with pytest.raises(BadRequestError, match="quality"):
        rendition_of(pb.Rendition(quality=quality))


@pytest.mark.parametrize(
    ("centre", "width"), [(math.nan, 1), (1, math.nan), (math.inf, 1), (1, -math.inf), (1, 0), (1, -5)]
)
def test_a_window_that_shows_nothing_is_refused(centre: float, width: float) -> None:
    with pytest.raises(BadRequestError, match="window"):
        rendition_of(pb.Rendition(windowing=pb.Windowing(centre=centre, width=width)))


def test_a_window_function_that_there_is_not_is_refused() -> None:
    with pytest.raises(BadRequestError, match="function"):
        rendition_of(pb.Rendition(windowing=pb.Windowing(centre=1, width=1, function="CUBIC")))


def test_a_presentation_that_there_is_not_is_refused() -> None:
    message = pb.Rendition.FromString(b"\x18\x63")

    with pytest.raises(BadRequestError, match="presentation 99"):
        rendition_of(message)


def test_too_many_media_types_are_refused() -> None:
    with pytest.raises(BadRequestError, match="33 media types"):
        rendition_of(pb.Rendition(accept=["image/png"] * 33))


def test_entity_tags_differ_where_pictures_may() -> None:
    plain, better = rendition_of(pb.Rendition()), rendition_of(pb.Rendition(quality=90))

    tags = {
        plain.entity_tag("v1", KEY),
        better.entity_tag("v1", KEY),
        plain.entity_tag("v2", KEY),
        plain.entity_tag("v1", TileKey(1, 2, 3, 1)),
        plain.entity_tag("v1", TileKey(12, 3, 0)),
        plain.entity_tag("v1", AssociatedName("label")),
        plain.entity_tag("v1", AssociatedName("label", 64)),
    }

    assert len(tags) == 7


def test_an_entity_tag_is_the_same_the_next_time() -> None:
    tags = {rendition_of(pb.Rendition(accept=["image/png"])).entity_tag("v1", KEY) for _ in range(2)}

    assert len(tags) == 1
