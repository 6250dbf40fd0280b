"""What a viewer looks at, and where that will be in a moment. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from medtiles.core.errors import BadRequestError
from medtiles.core.geometry import Region
from medtiles.core.pyramid import ImageInfo

_FASTEST = 1e9
"""Of any movement, a second: beyond it there is nothing to predict."""
_MOST_DOUBLINGS = 8.0
_SMALLEST = 1e-6


@dataclass(frozen=True, slots=True)
class Motion:
    """How a viewport moves, each second."""

    x: float = 0.0
    """Pixels of level 0 to the right."""
    y: float = 0.0
    """Pixels of level 0 downwards."""
    planes: float = 0.0
    """Towards higher numbers."""
    zoom: float = 0.0
    """Doublings."""

    @property
    def is_rest(self) -> bool:
        """Whether nothing moves."""
        return not (self.x or self.y or self.planes or self.zoom)


@dataclass(frozen=True, slots=True)
class Look:
    """What a client looks at."""

    number: int
    """The client's own."""
    image: str
    region: Region
    """In pixels of level 0; parts of it may lie beyond the image."""
    zoom: float
    """Pixels of the screen for each pixel of level 0."""
    plane: int = 0
    motion: Motion = Motion()


@dataclass(frozen=True, slots=True)
class Sight:
    """A rectangle of level 0 with fractions of pixels, how large it is shown, and its plane."""

    left: float
    top: float
    right: float
    bottom: float
    zoom: float
    plane: int


def require_look(look: Look, info: ImageInfo) -> None:
    """Refuse what cannot be looked at.

    :raises BadRequestError: numbers that are none, an empty region, a zoom that no screen has
    :raises TileOutOfRangeError: no such plane
    """
    motion = look.motion
    if not all(map(math.isfinite, (look.zoom, motion.x, motion.y, motion.planes, motion.zoom))):
        message = "zoom and motion must be finite numbers"
        raise BadRequestError(message)
    if not _SMALLEST <= look.zoom <= 1 / _SMALLEST:
        message = f"zoom {look.zoom:g}: it must be from {_SMALLEST:g} to {1 / _SMALLEST:g}"
        raise BadRequestError(message)
    if look.region.width < 1 or look.region.height < 1:
        message = f"the region is {look.region.width} pixels wide and {look.region.height} high: it shows nothing"
        raise BadRequestError(message)
    info.require_plane(look.plane)


def sight_of(look: Look) -> Sight:
    """What is looked at now."""
    region = look.region
    return Sight(region.x, region.y, region.right, region.bottom, look.zoom, look.plane)


def predicted(look: Look, seconds: float, planes: int) -> Sight:
    """What will be looked at when the movement goes on; at most one region away, within so many planes."""
    region, motion = look.region, look.motion
    growth = 2.0 ** -_within(motion.zoom * seconds, _MOST_DOUBLINGS)
    x = region.x + region.width / 2 + _within(motion.x * seconds, region.width)
    y = region.y + region.height / 2 + _within(motion.y * seconds, region.height)
    across, down = region.width * growth / 2, region.height * growth / 2
    plane = min(max(0, look.plane + round(_within(motion.planes * seconds, _FASTEST))), planes - 1)
    return Sight(x - across, y - down, x + across, y + down, look.zoom / growth, plane)


def _within(value: float, most: float) -> float:
    return max(-most, min(most, value))
