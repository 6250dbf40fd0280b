"""What an address of the IIIF Image API says: `{id}/{region}/{size}/{rotation}/{quality}.{format}`. Pure.

Clauses are those of Image API 3.0. An id is an image's id, and behind semicolons which of its planes, and a kept
rendering: `{id};p3;{hash}`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from medtiles.core.errors import BadRequestError, ViewTooLargeError
from medtiles.core.geometry import Region, Size, ceil_div
from medtiles.core.limits import Limits
from medtiles.core.pyramid import ImageInfo
from medtiles.core.view import Finish, Tones, View, turned_size
from medtiles.protocols import formats, parameters
from medtiles.protocols.http.iiif.versions import Version

FORMATS = {suffix: media_type for suffix, media_type in formats.FORMATS.items() if suffix != "jpeg"}
"""The last word of an address to media type."""
QUALITIES = {"default": Tones.ALL, "color": Tones.ALL, "gray": Tones.GREY, "bitonal": Tones.BITONAL}
_KEPT = re.compile(r"[0-9a-f]{24}", re.ASCII)
_DECIMAL = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?", re.ASCII)
_WHOLE_TURN = 360.0
_RIGHT_ANGLE = 90.0
_ROUNDING = 4
"""Pixels that a turned picture may be larger than in proportion."""
_PERCENT = 100.0


@dataclass(frozen=True, slots=True)
class Identifier:
    """What an id names."""

    image: str
    plane: int = 0
    kept: str = ""
    """The hash of a kept rendering."""

    def __str__(self) -> str:
        """As it stands in addresses."""
        plane = f";p{self.plane}" if self.plane else ""
        return f"{self.image}{plane}" + (f";{self.kept}" if self.kept else "")


def identifier_of(text: str) -> Identifier:
    """What an id names.

    :raises ImageNotFoundError: no image can have such an id
    :raises BadRequestError: what stands behind the semicolon names no plane
    """
    image, *more = text.split(";", 3)
    plane, kept = 0, ""
    for word in more:
        if _KEPT.fullmatch(word) is not None and not kept:
            kept = word
        elif word.startswith("p") and not kept:
            plane = parameters.whole(word[1:], "plane")
        else:
            message = f"{text[:80]!a}: behind the semicolon a plane is wanted, such as ;p3, or the hash of a rendering"
            raise BadRequestError(message)
    return Identifier(parameters.image_id(image), plane, kept)


@dataclass(frozen=True, slots=True)
class PictureAddress:
    """The words of an address of a picture."""

    version: Version
    identifier: Identifier
    region: str
    size: str
    rotation: str
    quality: str
    format: str


@dataclass(frozen=True, slots=True)
class Picture:
    """What an address asks for of an image."""

    address: PictureAddress
    view: View
    finish: Finish | None
    media_type: str

    def canonical(self, info: ImageInfo, limits: Limits) -> str:
        """The one address of the same picture (4.7), from the version on."""
        address, region, size = self.address, self.view.region, self.view.size
        whole = Region(0, 0, info.size.width, info.size.height)
        words = [
            str(address.version.number),
            str(address.identifier),
            "full" if region == whole else f"{region.x},{region.y},{region.width},{region.height}",
            _canonical_size(address.version, region.size, size, limits, self.finish.degrees if self.finish else 0.0),
            _canonical_rotation(self.finish),
            "default" if address.quality == "color" else address.quality,
        ]
        return "/".join(words) + f".{address.format}"


def picture_of(address: PictureAddress, info: ImageInfo, limits: Limits) -> Picture:
    """What an address asks for.

    :raises BadRequestError: a word makes no sense, or the region lies outside the image
    :raises ViewTooLargeError: more pixels than the limits allow
    :raises TileOutOfRangeError: no such plane
    """
    info.require_plane(address.identifier.plane)
    region = region_of(address.region, info.size)
    is_mirrored, degrees = rotation_of(address.rotation)
    size = size_of(address.size, region.size, address.version, limits, degrees)
    tones = QUALITIES.get(address.quality)
    if tones is None:
        message = f"quality {address.quality[:16]!a}: it must be one of {', '.join(QUALITIES)}"
        raise BadRequestError(message)
    media_type = FORMATS.get(address.format)
    if media_type is None:
        message = f"format {address.format[:16]!a}: it must be one of {', '.join(FORMATS)}"
        raise BadRequestError(message)
    finish = Finish(is_mirrored, degrees, tones)
    view = View(region, size, address.identifier.plane)
    return Picture(address, view, None if finish == Finish() else finish, media_type)


def region_of(text: str, image: Size) -> Region:
    """The part of an image (4.1), cut to it.

    :raises BadRequestError: it is empty, or lies outside
    """
    if text == "full":
        return Region(0, 0, image.width, image.height)
    if text == "square":
        side = min(image.width, image.height)
        return Region((image.width - side) // 2, (image.height - side) // 2, side, side)
    if text.startswith("pct:"):
        numbers = _decimals(text.removeprefix("pct:"), "region", 4)
        sides = (image.width, image.height) * 2
        x, y, width, height = (round(number * side / _PERCENT) for number, side in zip(numbers, sides, strict=True))
    else:
        x, y, width, height = parameters.wholes(text, "region", 4)
    if width < 1 or height < 1 or x >= image.width or y >= image.height:
        message = f"region {text[:40]}: it must cover a part of the image of {image.width} x {image.height} pixels"
        raise BadRequestError(message)
    return Region(x, y, min(width, image.width - x), min(height, image.height - y))


def size_of(text: str, region: Size, version: Version, limits: Limits, degrees: float = 0.0) -> Size:
    """The size of a picture of a region (4.2).

    :param degrees: by which it is turned afterwards: that may make it larger than the limits allow
    :raises BadRequestError: it makes no sense, or would enlarge without `^`
    :raises ViewTooLargeError: more pixels than the limits allow
    """
    is_enlarging = version.has_caret and text.startswith("^")
    words = text.removeprefix("^") if is_enlarging else text
    may_enlarge = is_enlarging or not version.has_caret
    if words == "max":
        return _largest(region, limits, degrees, may_enlarge=is_enlarging)
    if words == "full" and not version.has_caret:
        size = region
    elif words.startswith("pct:"):
        (percent,) = _decimals(words.removeprefix("pct:"), "size", 1)
        size = _scaled(region, percent / _PERCENT)
    elif words.startswith("!"):
        width, height = parameters.wholes(words[1:], "size", 2, least=1)
        scale = min(width / region.width, height / region.height)
        size = _within(_scaled(region, scale), Size(width, height))
        size = _within(size, _largest(size, limits, degrees, may_enlarge=False))
    else:
        size = _by_sides(words, region)
    if not may_enlarge and (size.width > region.width or size.height > region.height):
        message = f"size {text[:40]}: the region has {region.width} x {region.height} pixels; ^{text[:40]} enlarges it"
        raise BadRequestError(message)
    turned = turned_size(size, degrees)
    if max(turned.width, turned.height) > limits.view_side or turned.area > limits.view_pixels:
        message = f"size {text[:40]}: at most {limits.view_side} pixels a side and {limits.view_pixels} in all"
        raise ViewTooLargeError(message)
    return size


def rotation_of(text: str) -> tuple[bool, float]:
    """Whether to mirror, and how many degrees to turn clockwise (4.3).

    :raises BadRequestError: it is no such thing
    """
    is_mirrored = text.startswith("!")
    (degrees,) = _decimals(text.removeprefix("!"), "rotation", 1)
    if degrees > _WHOLE_TURN:
        message = f"rotation {text[:16]}: it must be from 0 to 360 degrees"
        raise BadRequestError(message)
    return is_mirrored, degrees % _WHOLE_TURN


def _by_sides(words: str, region: Size) -> Size:
    """`w,h`, or one of them, the other following from the region's shape."""
    across, comma, down = words.partition(",")
    if not comma or not (across or down):
        message = f"size {words[:40]!a}: such as max, 800, or ,600 or 800,600 or !800,600 or pct:25 is wanted"
        raise BadRequestError(message)
    width = parameters.whole(across, "width", 1) if across else 0
    height = parameters.whole(down, "height", 1) if down else 0
    if not height:
        return Size(width, _other(region.height, region.width, width))
    return Size(width or _other(region.width, region.height, height), height)


def _other(side: int, given: int, wanted: int) -> int:
    """A side in proportion to the given one; halved as pyramids are, rounded up, where that one is halved so."""
    halvings = max(0, given // wanted).bit_length()
    for step in (1 << halvings >> 1, 1 << halvings):
        if step and ceil_div(given, step) == wanted:
            return ceil_div(side, step)
    return max(1, round(side * wanted / given))


def _largest(region: Size, limits: Limits, degrees: float, *, may_enlarge: bool) -> Size:
    """As large as the limits allow, turned or not."""
    turned = turned_size(region, degrees)
    most, pixels = limits.view_side, limits.view_pixels
    if turned != region and degrees % _RIGHT_ANGLE:
        most, pixels = max(1, most - _ROUNDING), max(1, pixels - _ROUNDING * 2 * most)
    scale = min(most / max(turned.width, turned.height), math.sqrt(pixels / turned.area))
    if scale >= 1 and not may_enlarge:
        return region
    return Size(max(1, int(region.width * scale)), max(1, int(region.height * scale)))


def _scaled(region: Size, scale: float) -> Size:
    if not scale:
        message = "size pct:0 is empty"
        raise BadRequestError(message)
    return region.scaled(scale)


def _within(size: Size, most: Size) -> Size:
    return Size(min(size.width, most.width), min(size.height, most.height))


def _decimals(text: str, name: str, count: int) -> list[float]:
    """So many numbers that are not negative, with commas between.

    :raises BadRequestError: they are not
    """
    parts = text.split(",", count)
    if len(parts) != count or any(_DECIMAL.fullmatch(part) is None for part in parts):
        wanted = "a number such as 22.5" if count == 1 else f"{count} numbers with commas between"
        message = f"{name} {text[:40]!a}: {wanted} must stand there"
        raise BadRequestError(message)
    return [float(part) for part in parts]


def _canonical_size(version: Version, region: Size, size: Size, limits: Limits, degrees: float) -> str:
    if version.has_caret:
        if size == _largest(region, limits, degrees, may_enlarge=False):
            return "max"
        caret = "^" if size.width > region.width or size.height > region.height else ""
        return f"{caret}{size.width},{size.height}"
    if size == region:
        return "full"
    is_in_shape = _other(region.height, region.width, size.width) == size.height
    return f"{size.width}," if is_in_shape else f"{size.width},{size.height}"


def _canonical_rotation(finish: Finish | None) -> str:
    if finish is None:
        return "0"
    return f"{'!' if finish.is_mirrored else ''}{finish.degrees:.9f}".rstrip("0").rstrip(".")
