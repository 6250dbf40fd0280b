"""How a query string asks for a rendering, in any protocol's address. Pure.

    channels=DAPI:p1-p99.8:0000FF,2:300-12000:00FF00:g1.2,3:viridis:i
    blend=add|max|screen|multiply   z=3   t=0   project=max|min|mean
    range=200:12000   range=0:200,0:180,0:255   spread=stretch|equalize
    kernel=0,-1,0;-1,5,-1;0,-1,0   light=315,45   twist=0.3,0.6,0.1   log=1   gamma=0.8   invert=1   map=magma
    contrast=1.4   icc=leave|srgb|embed   bits=8|16

A channel is its name or index; behind it, in any order, its range (stored values, percent of what the bits can hold
such as `5%`, or percentiles of the whole image such as `p99.8`), its colour or colour map, `g` with a gamma, and `i`
to invert.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from enum import Enum
from typing import NamedTuple, TypeVar

from medtiles.core.channels import channel_index
from medtiles.core.errors import BadRequestError
from medtiles.core.pyramid import ImageInfo
from medtiles.core.rendering import (
    KERNEL_SIDES,
    MOST_CHANNELS,
    NOTHING,
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
from medtiles.protocols import parameters
from medtiles.protocols.parameters import Query

_NUMBER = r"-?[0-9]{1,10}(?:\.[0-9]{1,9})?"
_BOUND = rf"(?:{_NUMBER}%?|p[0-9]{{1,3}}(?:\.[0-9]{{1,6}})?)"
_RANGE = re.compile(rf"({_BOUND})-({_BOUND})", re.ASCII)
_COLOUR = re.compile(r"[0-9A-Fa-f]{6}", re.ASCII)
_GAMMA = re.compile(r"g([0-9]{1,3}(?:\.[0-9]{1,6})?)", re.ASCII)
_MAP = re.compile(r"[a-z]{2,16}", re.ASCII)
_GAMMAS = (0.01, 100.0)
_MOST_SAMPLES = 4
_TWIST = (3, 16)
"""Most rows and columns."""
_MOST_CONTRAST = 1000.0
_Choice = TypeVar("_Choice", bound=Enum)
_OF_CHANNELS = ("blend", "project")
_OF_VALUES = ("range", "spread", "kernel", "light", "twist", "log", "gamma", "invert", "map", "contrast", "icc", "bits")
_NAMES = frozenset(("channels", *_OF_CHANNELS, *_OF_VALUES))
"""Parameters that make a rendering."""
PARAMETERS = _NAMES | {"z", "t"}
"""All of them; these two only say more of channels."""


class RenderingWish(NamedTuple):
    """A rendering as it is written: its channels are names until the image is known."""

    rendering: Rendering
    words: tuple[str, ...] = ()

    def of(self, info: ImageInfo) -> Rendering | None:
        """The rendering of an image; None when it changes nothing.

        :raises BadRequestError: the image has no such channel
        """
        wanted = self.rendering.composite
        if wanted is None:
            return None if self.rendering == NOTHING else self.rendering
        indexes = [channel_index(info, word) for word in self.words]
        channels = tuple(replace(each, channel=index) for each, index in zip(wanted.channels, indexes, strict=True))
        return replace(self.rendering, composite=replace(wanted, channels=channels))


def rendering_wish(query: Query) -> RenderingWish | None:
    """What a query string asks for; None when it asks for no rendering.

    :raises BadRequestError: a parameter makes no sense, naming it
    """
    if _NAMES.isdisjoint(query):
        return None
    words, composite = _composite(query)
    light = _light(query.get("light"))
    rendering = Rendering(
        composite=composite,
        ranges=_ranges(query.get("range")),
        spread=_choice(query, "spread", Spread, Spread.NONE),
        kernel=_kernel(query.get("kernel")),
        shading=light,
        twist=_twist(query.get("twist")),
        gamma=_between(query, "gamma", *_GAMMAS),
        is_log=_switch(query, "log"),
        is_inverted=_switch(query, "invert"),
        colour_map=_map(query),
        contrast=_between(query, "contrast", 0.0, _MOST_CONTRAST),
        icc=_choice(query, "icc", IccUse, IccUse.LEAVE),
        bits=_bits(query),
    )
    return RenderingWish(rendering, words)


def _composite(query: Query) -> tuple[tuple[str, ...], Composite | None]:
    text = query.get("channels")
    if text is None:
        for name in _OF_CHANNELS:
            if name in query:
                message = f"{name}: only with channels="
                raise BadRequestError(message)
        return (), None
    parts = text.split(",", MOST_CHANNELS)
    if not text or len(parts) > MOST_CHANNELS:
        message = f"channels: from 1 to {MOST_CHANNELS} with commas between"
        raise BadRequestError(message)
    read = [_channel(part, index) for index, part in enumerate(parts)]
    composite = Composite(
        tuple(channel for _, channel in read),
        _choice(query, "blend", Blend, Blend.ADD),
        parameters.optional_whole(query, "z", 0, parameters.MOST),
        parameters.optional_whole(query, "t", 0, parameters.MOST),
        _choice(query, "project", Projection, Projection.MAX) if "project" in query else None,
    )
    return tuple(word for word, _ in read), composite


def _channel(text: str, index: int) -> tuple[str, ChannelRendering]:
    word, *rest = text.split(":", 8)
    if not word:
        message = "channels: a channel without a name"
        raise BadRequestError(message)
    found = ChannelRendering(index)
    for part in rest:
        found = _with_part(found, part, word)
    return word, found


def _with_part(found: ChannelRendering, part: str, word: str) -> ChannelRendering:
    if part == "i":
        return replace(found, is_inverted=True)
    if (ends := _RANGE.fullmatch(part)) is not None:
        return replace(found, values=ValueRange(_bound(ends[1]), _bound(ends[2])))
    if _COLOUR.fullmatch(part) is not None:
        return replace(found, colour=(int(part[:2], 16), int(part[2:4], 16), int(part[4:], 16)))
    if (gamma := _GAMMA.fullmatch(part)) is not None:
        return replace(found, gamma=_within(float(gamma[1]), f"the gamma of channel {word[:40]!a}", *_GAMMAS))
    if _MAP.fullmatch(part) is not None:
        return replace(found, colour_map=part)
    wanted = "a range such as 300-12000, 5%-95% or p1-p99.8, a colour such as 00FF00, a colour map, g1.2 or i"
    message = f"channel {word[:40]!a}: {part[:40]!a} is none of these: {wanted}"
    raise BadRequestError(message)


def _bound(text: str) -> Bound:
    if text.startswith("p"):
        return Bound(_within(float(text[1:]), "a percentile", 0, 100), Unit.PERCENTILE)
    if text.endswith("%"):
        return Bound(float(text[:-1]), Unit.PERCENT)
    return Bound(float(text))


def _within(value: float, name: str, least: float, most: float) -> float:
    if not least <= value <= most:
        message = f"{name} is {value:g}: it must be from {least:g} to {most:g}"
        raise BadRequestError(message)
    return value


def _between(query: Query, name: str, least: float, most: float) -> float:
    """A number; 1 where there is none."""
    text = query.get(name)
    return 1.0 if text is None else _within(parameters.decimal(text, name), name, least, most)


def _choice(query: Query, name: str, kind: type[_Choice], usual: _Choice) -> _Choice:
    text = query.get(name)
    if text is None:
        return usual
    for each in kind:
        if each.value == text:
            return each
    message = f"{name} is {text[:40]!a}: it must be one of {', '.join(str(each.value) for each in kind)}"
    raise BadRequestError(message)


def _switch(query: Query, name: str) -> bool:
    text = query.get(name)
    if text not in {None, "0", "1"}:
        message = f"{name} is {str(text)[:40]!a}: it must be 0 or 1"
        raise BadRequestError(message)
    return text == "1"


def _map(query: Query) -> str:
    text = query.get("map", "")
    if text and _MAP.fullmatch(text) is None:
        message = f"map is {text[:40]!a}: it must be the name of a colour map"
        raise BadRequestError(message)
    return text


def _bits(query: Query) -> int:
    text = query.get("bits", "8")
    if text not in {"8", "16"}:
        message = f"bits is {text[:40]!a}: it must be 8 or 16"
        raise BadRequestError(message)
    return int(text)


def _ranges(text: str | None) -> tuple[SampleRange, ...]:
    """`low:high` of all samples, or one of each with commas between."""
    if text is None:
        return ()
    parts = text.split(",", _MOST_SAMPLES)
    found = []
    for sample, part in enumerate(parts[:_MOST_SAMPLES]):
        low, _, high = part.partition(":")
        ends = parameters.decimal(low, "range"), parameters.decimal(high, "range")
        if ends[0] >= ends[1]:
            message = f"range is {part[:40]!a}: the second value must be more than the first"
            raise BadRequestError(message)
        found.append(SampleRange(None if len(parts) == 1 else sample, *ends))
    return tuple(found)


def _matrix(text: str, name: str) -> tuple[tuple[float, ...], ...]:
    """Rows with semicolons between, numbers with commas between; all rows as long as the first."""
    rows = tuple(
        tuple(parameters.decimal(number, name) for number in row.split(","))
        for row in text.split(";", KERNEL_SIDES[-1])
    )
    if any(len(row) != len(rows[0]) for row in rows):
        message = f"{name}: rows of different lengths"
        raise BadRequestError(message)
    return rows


def _kernel(text: str | None) -> tuple[tuple[float, ...], ...]:
    if text is None:
        return ()
    rows = _matrix(text, "kernel")
    if len(rows) not in KERNEL_SIDES or len(rows[0]) != len(rows):
        message = f"kernel: {len(rows)} rows of {len(rows[0])}; it must be 3 of 3, 5 of 5 or 7 of 7"
        raise BadRequestError(message)
    return rows


def _twist(text: str | None) -> tuple[tuple[float, ...], ...]:
    if text is None:
        return ()
    rows = _matrix(text, "twist")
    if len(rows) not in {1, _TWIST[0]} or len(rows[0]) > _TWIST[1]:
        message = f"twist: {len(rows)} rows of {len(rows[0])}; one row makes grey, three make colour"
        raise BadRequestError(message)
    return rows


def _light(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    azimuth, comma, height = text.partition(",")
    if not comma:
        message = "light: a direction and a height in degrees with a comma between"
        raise BadRequestError(message)
    return (
        _within(parameters.decimal(azimuth, "light"), "the light's direction", -360, 360),
        _within(parameters.decimal(height, "light"), "the light's height", 0, 90),
    )


# -- and back -----------------------------------------------------------------------------------------------------


def rendering_text(rendering: Rendering) -> str:
    """The query string of a rendering, one for each: what `rendering_wish` reads, without `%`."""
    parts = [f"{name}={text}" for name, write in _WRITERS for text in write(rendering)]
    return "&".join(parts)


def _number(value: float) -> str:
    """Without an exponent, which addresses do not have."""
    text = f"{value:.9f}".rstrip("0").rstrip(".")
    return text if text not in {"-0", ""} else "0"


def _bound_text(bound: Bound) -> str:
    number = _number(bound.value)
    return {Unit.RAW: number, Unit.PERCENT: f"{number}%", Unit.PERCENTILE: f"p{number}"}[bound.unit]


def _channel_text(channel: ChannelRendering) -> str:
    words = [str(channel.channel), f"{_bound_text(channel.values.low)}-{_bound_text(channel.values.high)}"]
    if channel.colour is not None:
        words.append("".join(f"{part:02X}" for part in channel.colour))
    if channel.colour_map:
        words.append(channel.colour_map)
    if channel.gamma != 1:
        words.append(f"g{_number(channel.gamma)}")
    if channel.is_inverted:
        words.append("i")
    return ":".join(words)


def _composite_texts(name: str) -> Callable[[Rendering], Iterable[str]]:
    def write(rendering: Rendering) -> Iterable[str]:
        wanted = rendering.composite
        if wanted is None:
            return
        if name == "channels":
            yield ",".join(map(_channel_text, wanted.channels))
        elif name == "blend" and wanted.blend is not Blend.ADD:
            yield wanted.blend.value
        elif name == "z" and wanted.z is not None:
            yield str(wanted.z)
        elif name == "t" and wanted.t is not None:
            yield str(wanted.t)
        elif name == "project" and wanted.projection is not None:
            yield wanted.projection.value

    return write


def _range_texts(rendering: Rendering) -> Iterable[str]:
    if rendering.ranges:
        yield ",".join(f"{_number(each.low)}:{_number(each.high)}" for each in rendering.ranges)


def _matrix_text(rows: tuple[tuple[float, ...], ...]) -> str:
    return ";".join(",".join(map(_number, row)) for row in rows)


def _when(is_told: bool, text: str) -> tuple[str, ...]:
    return (text,) if is_told else ()


_WRITERS: tuple[tuple[str, Callable[[Rendering], Iterable[str]]], ...] = (
    *((name, _composite_texts(name)) for name in ("channels", "blend", "z", "t", "project")),
    ("range", _range_texts),
    ("spread", lambda r: _when(r.spread is not Spread.NONE, r.spread.value)),
    ("kernel", lambda r: _when(bool(r.kernel), _matrix_text(r.kernel))),
    ("light", lambda r: () if r.shading is None else (",".join(map(_number, r.shading)),)),
    ("twist", lambda r: _when(bool(r.twist), _matrix_text(r.twist))),
    ("log", lambda r: _when(r.is_log, "1")),
    ("gamma", lambda r: _when(r.gamma != 1, _number(r.gamma))),
    ("invert", lambda r: _when(r.is_inverted, "1")),
    ("map", lambda r: _when(bool(r.colour_map), r.colour_map)),
    ("contrast", lambda r: _when(r.contrast != 1, _number(r.contrast))),
    ("icc", lambda r: _when(r.icc is not IccUse.LEAVE, r.icc.value)),
    ("bits", lambda r: _when(r.bits != 8, str(r.bits))),
)
