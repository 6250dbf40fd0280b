"""Channels: fluorescence, spectral bands, optical paths, or the samples of a colour; and the values of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medtiles.core.errors import BadRequestError, TileOutOfRangeError
from medtiles.core.pyramid import Channel, ImageInfo

_SAMPLES = (
    Channel("Red", colour=(255, 0, 0)),
    Channel("Green", colour=(0, 255, 0)),
    Channel("Blue", colour=(0, 0, 255)),
)
_SOME_COLOURS = (
    (0, 0, 255),
    (0, 255, 0),
    (255, 0, 0),
    (255, 255, 0),
    (255, 0, 255),
    (0, 255, 255),
    (255, 128, 0),
    (255, 255, 255),
)
"""For channels without one of their own, in their order."""


@dataclass(frozen=True, slots=True, eq=False)
class ChannelStatistics:
    """The stored values of a whole image in one channel, from a small picture of it."""

    minimum: float
    maximum: float
    quantiles: NDArray[np.float64]
    """Values at evenly spaced parts of all values, from the least to the greatest."""
    counts: tuple[int, ...]
    """A histogram: bins of equal width from minimum to maximum."""

    def percentile(self, percent: float) -> float:
        """The value below which so many percent of all lie."""
        return float(np.interp(percent / 100, np.linspace(0, 1, len(self.quantiles)), self.quantiles))


@dataclass(frozen=True, slots=True, eq=False)
class ChannelReport:
    """All that there is to know of a channel."""

    channel: Channel
    """Its name and colour filled in."""
    bits: int
    """That carry a value."""
    domain: tuple[float, float]
    """The least and the greatest value that there can be; of floating point, that there is."""
    statistics: ChannelStatistics


def channels_of(info: ImageInfo) -> tuple[Channel, ...]:
    """The channels of an image, each with a name and a colour: what files do not tell is filled in."""
    if info.pixels.is_colour:
        return _SAMPLES
    count = 1 + max(plane.channel for plane in info.planes)
    is_stack = len(info.planes) > count
    names = {  # of a stack without the words for slice and time
        plane.channel: plane.name.partition(", ")[0] if is_stack else plane.name for plane in reversed(info.planes)
    }
    names = names if count > 1 else {}
    return tuple(_named(info.channels, names, index, count) for index in range(count))


def _named(told: Sequence[Channel], names: dict[int, str], index: int, count: int) -> Channel:
    channel = told[index] if index < len(told) else Channel()
    name = channel.name or names.get(index, "") or f"Channel {index}"
    usual = _SOME_COLOURS[index % len(_SOME_COLOURS)] if count > 1 else (255, 255, 255)
    return Channel(name, channel.fluorophore, channel.emission_nm, channel.excitation_nm, channel.colour or usual)


def channel_index(info: ImageInfo, word: str) -> int:
    """The channel that a word names: its name in any case, or its index.

    :raises BadRequestError: no such channel, or several of that name
    """
    channels = channels_of(info)
    named = [index for index, channel in enumerate(channels) if channel.name.casefold() == word.casefold()]
    if len(named) == 1:
        return named[0]
    if word in map(str, range(len(channels))) and not named:
        return int(word)
    problem = "several channels have this name: take an index" if named else "there is no such channel"
    known = ", ".join(f"{index} {channel.name}" for index, channel in enumerate(channels[:16]))
    message = f"channel {word[:40]!a}: {problem}; of {known}"
    raise BadRequestError(message)


def planes_of(info: ImageInfo, channel: int, z: int | None, t: int) -> tuple[int, ...]:
    """The planes of a channel at a time point: the one at z, or all in the order of z.

    :raises TileOutOfRangeError: there is none
    """
    wanted = 0 if info.pixels.is_colour else channel
    found = [
        (plane.z, index)
        for index, plane in enumerate(info.planes)
        if plane.channel == wanted and plane.t == t and (z is None or plane.z == z)
    ]
    if not found:
        place = f"t {t}" if z is None else f"z {z}, t {t}"
        message = f"channel {channel}: the image has no plane of it at {place}"
        raise TileOutOfRangeError(message)
    return tuple(index for _, index in sorted(found))
