"""Which part of a picture is shown, mirrored or not, and how large: `viewport` (PS3.18 8.3.5.1.3) and others. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from medtiles.core.errors import BadRequestError
from medtiles.core.geometry import Region, Size
from medtiles.protocols import parameters

_MOST_VALUES = 6


@dataclass(frozen=True, slots=True)
class Viewport:
    """A part of a picture, at a size."""

    region: Region
    size: Size
    """Of the answer: as large as fits the viewport with the region's proportions."""
    is_mirrored: bool = False
    """Left and right change places."""
    is_upside_down: bool = False


def whole_picture(picture: Size, most_side: int | None = None) -> Viewport:
    """All of a picture, as it is or no larger than that on either side."""
    region = Region(0, 0, picture.width, picture.height)
    longest = max(picture.width, picture.height)
    if most_side is None or longest <= most_side:
        return Viewport(region, picture)
    return Viewport(region, fitted(picture, Size(most_side, most_side)))


def read_viewport(text: str, picture: Size, *, is_thumbnail: bool = False) -> Viewport:
    """`vw,vh` or `vw,vh,sx,sy,sw,sh`; of the last four any may be empty, and negative sizes mirror.

    :raises BadRequestError: it is not that, or the region leaves the picture
    """
    values = text.split(",", _MOST_VALUES)
    if len(values) not in {2, _MOST_VALUES} or (is_thumbnail and len(values) > 2):
        message = "viewport must be two whole numbers, or for what is no thumbnail six numbers, with commas between"
        raise BadRequestError(message)
    box = Size(*(parameters.whole(each, "viewport", 1) for each in values[:2]))
    if len(values) == 2:
        region = Region(0, 0, picture.width, picture.height)
        return Viewport(region, fitted(region.size, box))
    x, y, width, height = (parameters.decimal(each, "viewport") if each else None for each in values[2:])
    left, right = _span(x, width, picture.width)
    top, bottom = _span(y, height, picture.height)
    region = Region(left, top, right - left, bottom - top)
    if not region.is_within(picture):
        message = f"viewport {text[:64]!a} leaves the picture of {picture.width} x {picture.height} pixels, or is empty"
        raise BadRequestError(message)
    return Viewport(region, fitted(region.size, box), (width or 0) < 0, (height or 0) < 0)


def normalised_region(text: str, picture: Size) -> Region:
    """`xmin,ymin,xmax,ymax` as parts of the whole, from 0 to 1 (PS3.18 9.4.1.2.3 Source Image Region).

    :raises BadRequestError: it is not that, or empty
    """
    parts = text.split(",", 4)
    if len(parts) != 4:
        message = "region must be four numbers from 0 to 1 with commas between"
        raise BadRequestError(message)
    left, top, right, bottom = (parameters.decimal(part, "region") for part in parts)
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        message = "region must be xmin,ymin,xmax,ymax from 0 to 1, the first two less than the others"
        raise BadRequestError(message)
    x, x_end = _pixels(left, right, picture.width)
    y, y_end = _pixels(top, bottom, picture.height)
    return Region(x, y, x_end - x, y_end - y)


def fitted(size: Size, box: Size) -> Size:
    """The largest size of the same proportions within a box; larger than it was where the box is."""
    if size.width * box.height >= size.height * box.width:
        return Size(box.width, max(1, round(size.height * box.width / size.width)))
    return Size(max(1, round(size.width * box.height / size.height)), box.height)


def _span(start: float | None, length: float | None, side: int) -> tuple[int, int]:
    """Pixels from where to where; an absent start is the first, an absent length goes to the end."""
    first = abs(start or 0)
    last = side if length is None else first + abs(length)
    return round(first), max(round(last), round(first) + (last > first))


def _pixels(low: float, high: float, side: int) -> tuple[int, int]:
    first = min(side - 1, round(low * side))
    return first, max(first + 1, min(side, round(high * side)))
