"""What clients ask for, whatever their protocol: the one currency between protocols and engine."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum

from medtiles.core.display import Windowing
from medtiles.core.geometry import Region, Size
from medtiles.core.pyramid import TileKey
from medtiles.core.rendering import Rendering


@dataclass(frozen=True, slots=True)
class View:
    """A rectangle of the full-resolution image, wanted at a size."""

    region: Region
    """In pixels of level 0, within the image."""
    size: Size
    """Of the answer, in pixels."""
    plane: int = 0


class Tones(Enum):
    """What is left of a picture's colours."""

    ALL = "all"
    GREY = "grey"
    """Luminance by the weights of ITU-R BT.601."""
    BITONAL = "bitonal"
    """Black below half of the luminance, else white."""


@dataclass(frozen=True, slots=True)
class Finish:
    """What is done to a picture once it has its size: mirrored first, then turned, then filled up."""

    is_mirrored: bool = False
    """Left and right exchanged."""
    degrees: float = 0.0
    """Clockwise, from 0 to less than 360. The picture grows so that nothing is cut off."""
    tones: Tones = Tones.ALL
    padded: Size | None = None
    """Filled up to this size at the right and below."""

    def size_of(self, size: Size) -> Size:
        """At most the size that a picture of this size comes to."""
        turned = turned_size(size, self.degrees)
        if self.padded is None:
            return turned
        return Size(max(turned.width, self.padded.width), max(turned.height, self.padded.height))


def turned_size(size: Size, degrees: float) -> Size:
    """What holds a picture that is turned; by other angles than right ones up to a pixel more than it takes."""
    if degrees % 180 == 0:
        return size
    if degrees % 90 == 0:
        return Size(size.height, size.width)
    across, down = abs(math.cos(math.radians(degrees))), abs(math.sin(math.radians(degrees)))
    width, height = size.width * across + size.height * down, size.width * down + size.height * across
    return Size(math.ceil(width) + 1, math.ceil(height) + 1)


@dataclass(frozen=True, slots=True)
class AssociatedName:
    """A picture that comes with the image, wanted whole, or no larger than `max_side` on either side."""

    name: str
    max_side: int | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One picture, and how the client wants it. Also the key of caches and of ETags."""

    image: str
    """The image's id."""
    what: TileKey | View | AssociatedName
    accept: tuple[str, ...]
    """Media types, best first. Stored bytes of an accepted type go out untouched."""
    quality: int | None = None
    """1 to 100; None: stored bytes as they are, or the codec's default."""
    is_display: bool = True
    """True: as people look at it, 8 bits. False: the samples as they are stored, all their bits."""
    windowing: Windowing | None = None
    """In place of the file's own window; only for display."""
    finish: Finish | None = None
    """Of a View; only for display."""
    rendering: Rendering | None = None
    """In place of how the file is shown; of a View, only for display."""
    _hash: int = field(init=False, repr=False, compare=False)
    """Computed once: a request is looked up several times on its way."""

    def __post_init__(self) -> None:
        """Compute the hash."""
        how = (self.accept, self.quality, self.is_display, self.windowing, self.finish, self.rendering)
        key = (self.image, self.what, *how)
        object.__setattr__(self, "_hash", hash(key))

    def __hash__(self) -> int:
        """Of all fields."""
        return self._hash


@dataclass(frozen=True, slots=True)
class Refinement:
    """The bytes that complete one more resolution of a codestream; joined in order they are the stored codestream."""

    data: bytes
    offset: int
    """Of the first byte, within the codestream."""
    reduction: int
    """The reduction that is complete once these bytes have come."""
    size: Size
    """Of the picture at that reduction."""
    is_last: bool
    media_type: str = ""
