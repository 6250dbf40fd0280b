"""Renderings as messages, and back. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import TypeVar

from medtiles.api.v1 import rendering_pb2 as pb
from medtiles.core.errors import BadRequestError
from medtiles.core.rendering import (
    KERNEL_SIDES,
    MOST_CHANNELS,
    NOTHING,
    USUAL_RANGE,
    Blend,
    Bound,
    ChannelRendering,
    Colour,
    Composite,
    IccUse,
    Projection,
    Rendering,
    SampleRange,
    Spread,
    Unit,
    ValueRange,
)

_UNITS = {Unit.RAW: pb.UNIT_RAW, Unit.PERCENT: pb.UNIT_PERCENT, Unit.PERCENTILE: pb.UNIT_PERCENTILE}
_BLENDS = {
    Blend.ADD: pb.BLEND_ADD,
    Blend.MAX: pb.BLEND_MAX,
    Blend.SCREEN: pb.BLEND_SCREEN,
    Blend.MULTIPLY: pb.BLEND_MULTIPLY,
}
_PROJECTIONS = {
    None: pb.PROJECTION_UNSPECIFIED,
    Projection.MAX: pb.PROJECTION_MAX,
    Projection.MIN: pb.PROJECTION_MIN,
    Projection.MEAN: pb.PROJECTION_MEAN,
}
_SPREADS = {
    Spread.NONE: pb.SPREAD_UNSPECIFIED,
    Spread.STRETCH: pb.SPREAD_STRETCH,
    Spread.EQUALIZE: pb.SPREAD_EQUALIZE,
}
_ICC_USES = {
    IccUse.LEAVE: pb.ICC_USE_UNSPECIFIED,
    IccUse.SRGB: pb.ICC_USE_SRGB,
    IccUse.EMBED: pb.ICC_USE_EMBED,
}
_MOST_RANGES = 4
_TWIST_ROWS = (1, 3)
_MOST_COLUMNS = 16
_GAMMAS = (0.01, 100.0)
_MOST_CONTRAST = 1000.0
_BITS = (8, 16)
_Kind = TypeVar("_Kind", bound="Enum | None")


def rendering(value: Rendering) -> pb.Rendering:
    """The message of a rendering."""
    return pb.Rendering(
        composite=None if value.composite is None else _composite(value.composite),
        ranges=[pb.SampleRange(sample=each.sample, low=each.low, high=each.high) for each in value.ranges],
        spread=_SPREADS[value.spread],
        kernel=[pb.Weights(values=row) for row in value.kernel],
        light=None if value.shading is None else pb.Light(azimuth=value.shading[0], height=value.shading[1]),
        twist=[pb.Weights(values=row) for row in value.twist],
        is_log=value.is_log,
        gamma=value.gamma,
        is_inverted=value.is_inverted,
        colour_map=value.colour_map,
        contrast=value.contrast,
        icc=_ICC_USES[value.icc],
        bits=value.bits,
    )


def rendering_of(message: pb.Rendering) -> Rendering | None:
    """The rendering of a message; None when it changes nothing.

    :raises BadRequestError: a number that makes no sense, naming its field
    """
    light = message.light
    found = Rendering(
        composite=_composite_of(message.composite) if message.HasField("composite") else None,
        ranges=_ranges_of(message.ranges),
        spread=_named(message.spread, _SPREADS, "spread"),
        kernel=_kernel_of(message.kernel),
        shading=(
            (_within(light.azimuth, "light.azimuth", -360, 360), _within(light.height, "light.height", 0, 90))
            if message.HasField("light")
            else None
        ),
        twist=_twist_of(message.twist),
        gamma=_within(message.gamma or 1.0, "gamma", *_GAMMAS),
        is_log=message.is_log,
        is_inverted=message.is_inverted,
        colour_map=message.colour_map,
        contrast=_within(message.contrast, "contrast", 0, _MOST_CONTRAST) if message.HasField("contrast") else 1.0,
        icc=_named(message.icc, _ICC_USES, "icc"),
        bits=message.bits or _BITS[0],
    )
    if found.bits not in _BITS:
        problem = f"bits {found.bits}: it must be 8 or 16"
        raise BadRequestError(problem)
    return None if found == NOTHING else found


def _composite(value: Composite) -> pb.Composite:
    return pb.Composite(
        channels=[_channel(each) for each in value.channels],
        blend=_BLENDS[value.blend],
        z=value.z,
        t=value.t,
        projection=_PROJECTIONS[value.projection],
    )


def _composite_of(message: pb.Composite) -> Composite:
    if not 0 < len(message.channels) <= MOST_CHANNELS:
        problem = f"{len(message.channels)} channels: from 1 to {MOST_CHANNELS} go into one picture"
        raise BadRequestError(problem)
    return Composite(
        tuple(map(_channel_of, message.channels)),
        Blend.ADD if message.blend == pb.BLEND_UNSPECIFIED else _named(message.blend, _BLENDS, "blend"),
        message.z if message.HasField("z") else None,
        message.t if message.HasField("t") else None,
        _named(message.projection, _PROJECTIONS, "projection"),
    )


def _channel(value: ChannelRendering) -> pb.ChannelRendering:
    return pb.ChannelRendering(
        channel=value.channel,
        values=pb.ValueRange(low=_bound(value.values.low), high=_bound(value.values.high)),
        colour=None if value.colour is None else colour(value.colour),
        colour_map=value.colour_map,
        gamma=value.gamma,
        is_inverted=value.is_inverted,
    )


def _channel_of(message: pb.ChannelRendering) -> ChannelRendering:
    values = message.values
    return ChannelRendering(
        message.channel,
        ValueRange(_bound_of(values.low), _bound_of(values.high)) if message.HasField("values") else USUAL_RANGE,
        colour_of(message.colour) if message.HasField("colour") else None,
        message.colour_map,
        _within(message.gamma or 1.0, "gamma", *_GAMMAS),
        message.is_inverted,
    )


def colour(value: Colour) -> pb.Colour:
    """The message of a colour."""
    return pb.Colour(red=value[0], green=value[1], blue=value[2])


def colour_of(message: pb.Colour) -> Colour:
    """The colour of a message.

    :raises BadRequestError: a part is not from 0 to 255
    """
    found = (message.red, message.green, message.blue)
    if not all(0 <= part <= 255 for part in found):
        problem = f"colour {found}: each part must be from 0 to 255"
        raise BadRequestError(problem)
    return found


def _bound(value: Bound) -> pb.Bound:
    return pb.Bound(value=value.value, unit=_UNITS[value.unit])


def _bound_of(message: pb.Bound) -> Bound:
    unit = Unit.RAW if message.unit == pb.UNIT_UNSPECIFIED else _named(message.unit, _UNITS, "unit")
    ends = (0.0, 100.0) if unit is Unit.PERCENTILE else (-1e300, 1e300)
    return Bound(_within(message.value, "a bound", *ends), unit)


def _ranges_of(ranges: Iterable[pb.SampleRange]) -> tuple[SampleRange, ...]:
    found = tuple(SampleRange(each.sample if each.HasField("sample") else None, each.low, each.high) for each in ranges)
    if len(found) > _MOST_RANGES:
        problem = f"{len(found)} ranges: at most {_MOST_RANGES}"
        raise BadRequestError(problem)
    for each in found:
        if not (math.isfinite(each.low) and math.isfinite(each.high) and each.low < each.high):
            problem = f"range {each.low:g} to {each.high:g}: both finite, the second more than the first"
            raise BadRequestError(problem)
    return found


def _matrix_of(rows: Iterable[pb.Weights], name: str, columns: int) -> tuple[tuple[float, ...], ...]:
    found = tuple(tuple(row.values) for row in rows)
    if any(len(row) != len(found[0]) or not 0 < len(row) <= columns for row in found):
        problem = f"{name}: rows must be equally long, of 1 to {columns} weights"
        raise BadRequestError(problem)
    if not all(math.isfinite(weight) for row in found for weight in row):
        problem = f"{name}: weights must be finite"
        raise BadRequestError(problem)
    return found


def _kernel_of(rows: Iterable[pb.Weights]) -> tuple[tuple[float, ...], ...]:
    found = _matrix_of(rows, "kernel", KERNEL_SIDES[-1])
    if found and (len(found) not in KERNEL_SIDES or len(found) != len(found[0])):
        problem = f"kernel: {len(found)} rows of {len(found[0])}; it must be 3 of 3, 5 of 5 or 7 of 7"
        raise BadRequestError(problem)
    return found


def _twist_of(rows: Iterable[pb.Weights]) -> tuple[tuple[float, ...], ...]:
    found = _matrix_of(rows, "twist", _MOST_COLUMNS)
    if found and len(found) not in _TWIST_ROWS:
        problem = f"twist: {len(found)} rows; one makes grey, three make colour"
        raise BadRequestError(problem)
    return found


def _within(value: float, name: str, least: float, most: float) -> float:
    if not least <= value <= most:
        problem = f"{name} is {value:g}: it must be from {least:g} to {most:g}"
        raise BadRequestError(problem)
    return value


def _named(number: int, numbers: Mapping[_Kind, int], name: str) -> _Kind:
    for kind, each in numbers.items():
        if each == number:
            return kind
    problem = f"{name} {number}: there is none of that number"
    raise BadRequestError(problem)
