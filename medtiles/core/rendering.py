"""How a client wants a picture shown, where the file's own way is not enough: channels put together, values and
colours changed. Values only; the engine does it.

The order is fixed: channels put together, or one plane's values brought to 0 to 1; convolution; shading; twist; log
and gamma; inversion; colour map; contrast. Turning and greyness come behind, in `Finish`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

Colour = tuple[int, int, int]
"""Red, green and blue, of 0 to 255."""


class Unit(Enum):
    """What a bound is told in."""

    RAW = "raw"
    """Stored values."""
    PERCENT = "percent"
    """Of the domain: what the bits stored can hold; of floating point, from the least value to the greatest."""
    PERCENTILE = "percentile"
    """Of the values of the whole image, whichever part is shown."""


@dataclass(frozen=True, slots=True)
class Bound:
    """One end of a range of values."""

    value: float
    unit: Unit = Unit.RAW


@dataclass(frozen=True, slots=True)
class ValueRange:
    """The values shown from black to full brightness; values beyond are cut. `low` above `high` inverts."""

    low: Bound
    high: Bound


USUAL_RANGE = ValueRange(Bound(0.1, Unit.PERCENTILE), Bound(99.9, Unit.PERCENTILE))
"""Where nobody names one."""


@dataclass(frozen=True, slots=True)
class ChannelRendering:
    """How one channel is shown."""

    channel: int
    """Index in `channels_of`."""
    values: ValueRange = USUAL_RANGE
    colour: Colour | None = None
    """None: the channel's own; of one channel alone without one, white."""
    colour_map: str = ""
    """In place of a colour."""
    gamma: float = 1.0
    """The exponent of values of 0 to 1."""
    is_inverted: bool = False


class Blend(Enum):
    """How channels come together; values of 0 to 1."""

    ADD = "add"
    """Their sum, cut at 1."""
    MAX = "max"
    SCREEN = "screen"
    """1 - (1 - a)(1 - b): never cut."""
    MULTIPLY = "multiply"


class Projection(Enum):
    """How the focal planes of a channel come together, in stored values."""

    MAX = "max"
    MIN = "min"
    MEAN = "mean"


@dataclass(frozen=True, slots=True)
class Composite:
    """Channels as one picture."""

    channels: tuple[ChannelRendering, ...]
    blend: Blend = Blend.ADD
    z: int | None = None
    """Index of the focal plane or slice; None: that of the view's plane. Not used when projected."""
    t: int | None = None
    """Index of the time point; None: that of the view's plane."""
    projection: Projection | None = None


class Spread(Enum):
    """How values are spread over what can be shown, by the values of the whole image."""

    NONE = "none"
    STRETCH = "stretch"
    """From the 0.1st to the 99.9th percentile; one range for all samples of a colour."""
    EQUALIZE = "equalize"
    """So that all shades come equally often; one curve, of luminance, for all samples of a colour."""


@dataclass(frozen=True, slots=True)
class SampleRange:
    """The range of one sample, or of all."""

    sample: int | None
    """0 is red, or grey; None: all."""
    low: float
    high: float
    """Stored values; more than `low`."""


class IccUse(Enum):
    """What becomes of an image's ICC profile (ISO 15076-1)."""

    LEAVE = "leave"
    """Samples as they are; whoever wants the profile asks for it."""
    SRGB = "srgb"
    """Samples are made sRGB by it."""
    EMBED = "embed"
    """Samples as they are, the profile within the encoded picture."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """How a picture is shown. The default changes nothing."""

    composite: Composite | None = None
    ranges: tuple[SampleRange, ...] = ()
    spread: Spread = Spread.NONE
    kernel: tuple[tuple[float, ...], ...] = ()
    """A convolution of shades of 0 to 1: rows of an odd number of weights, as many rows; used as they are."""
    shading: tuple[float, float] | None = None
    """Light from these degrees, clockwise from above, and so many degrees high. Of colour, the samples are surface
    normals; of grey they are heights."""
    twist: tuple[tuple[float, ...], ...] = ()
    """A row of weights of the samples for each sample that comes out: one row makes grey, three make colour."""
    gamma: float = 1.0
    """The exponent of values of 0 to 1."""
    is_log: bool = False
    """log2(1 + value), before gamma."""
    is_inverted: bool = False
    colour_map: str = ""
    """Of grey, or of the first sample."""
    contrast: float = 1.0
    """Values are multiplied by it, and cut."""
    icc: IccUse = IccUse.LEAVE
    bits: int = 8
    """8, or 16: samples of the picture. 16 and nothing else: the samples as they are stored."""


NOTHING = Rendering()
KERNEL_SIDES = (3, 5, 7)
MOST_CHANNELS = 16
"""That come together in one picture."""
RAMPS = ("hot", "cold", "jet", "red", "green", "blue", "grey")
"""Colour maps of IIP."""
COLOUR_MAPS = (*RAMPS, "cividis", "inferno", "magma", "plasma", "turbo", "viridis")
"""All, by name; behind those of IIP such as are even to the eye."""
