"""Which level, which tiles, and is it stored as such? Pure arithmetic on an image's description."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from medtiles.core.errors import BadRequestError, ViewTooLargeError
from medtiles.core.geometry import Region, Size, ceil_div
from medtiles.core.limits import Limits
from medtiles.core.pyramid import ImageInfo, Level, TileKey
from medtiles.core.view import Finish, View

_NOTHING = 1e-6
_NEARLY = 1 + 1 / 256
"""Pixels wanted for each that there is, up to which a level is fine enough: rounded regions lack half a pixel."""
"""Parts of a pixel that arithmetic in floating point may add or lose."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of one level, not always whole ones."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """In pixels of the level."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """In pixels of the level."""
        return self.bottom - self.top

    def scaled(self, divisor: float) -> Box:
        """The same rectangle where pixels are `divisor` times as large."""
        return Box(self.left / divisor, self.top / divisor, self.right / divisor, self.bottom / divisor)

    @property
    def is_whole(self) -> bool:
        """Whether it lies on pixel borders."""
        return not (self.left % 1 or self.top % 1 or self.right % 1 or self.bottom % 1)

    def maps_to(self, size: Size) -> bool:
        """Whether its pixels are those of a picture of this size, one to one."""
        return self.is_whole and self.width == size.width and self.height == size.height

    @classmethod
    def of(cls, region: Region) -> Box:
        """The rectangle of a region."""
        return cls(region.x, region.y, region.right, region.bottom)


@dataclass(frozen=True, slots=True)
class Plan:
    """How to make a picture: from which part of which level, at what reduction, to what size."""

    level: int
    plane: int
    reduction: int
    """Halvings that are done while decoding."""
    box: Box
    """What is wanted, in pixels of the reduced level."""
    size: Size
    """Of the picture."""


def require_view(info: ImageInfo, view: View, limits: Limits, finish: Finish | None = None) -> None:
    """Refuse what cannot be shown.

    :param finish: what is done to the picture afterwards, by which it may grow
    :raises BadRequestError: the region is empty or leaves the image, or the size is empty
    :raises ViewTooLargeError: more pixels than `limits` allow
    :raises TileOutOfRangeError: no such plane
    """
    info.require_plane(view.plane)
    region, size = view.region, view.size
    if not region.is_within(info.size):
        message = (
            f"region {region.x},{region.y},{region.width},{region.height} is empty or leaves the image, "
            f"which is {info.size.width} x {info.size.height}"
        )
        raise BadRequestError(message)
    if size.width < 1 or size.height < 1:
        message = f"size {size.width},{size.height} is empty"
        raise BadRequestError(message)
    if finish is not None:
        size = finish.size_of(size)
    if max(size.width, size.height) > limits.view_side or size.area > limits.view_pixels:
        message = (
            f"size {size.width},{size.height} is more than the server allows: "
            f"{limits.view_side} a side, {limits.view_pixels} pixels in all"
        )
        raise ViewTooLargeError(message)


def stored_tile(info: ImageInfo, view: View) -> TileKey | None:
    """The tile that covers exactly what the view wants, when there is one."""
    region, size = view.region, view.size
    for index, (level, reduction) in enumerate(zip(info.levels, info.reductions, strict=True)):
        if reduction is None or (region.x | region.y) & ((1 << reduction) - 1):
            continue
        step = 1 << reduction
        if ceil_div(region.width, step) != size.width or ceil_div(region.height, step) != size.height:
            continue
        column, column_rest = divmod(region.x >> reduction, level.tile_size.width)
        row, row_rest = divmod(region.y >> reduction, level.tile_size.height)
        if column_rest or row_rest or column >= level.grid.width or row >= level.grid.height:
            continue
        if level.tile_region(column, row).size == size:
            return TileKey(index, column, row, view.plane)
    return None


def best_level(info: ImageInfo, view: View) -> int:
    """The coarsest level that still has a pixel for (nearly) every pixel wanted; level 0 when none has."""
    best = 0
    box = Box.of(view.region)
    for index, (level, scale) in enumerate(zip(info.levels, info.scales, strict=True)):
        is_enough = _has_pixels(box, info.size, scale, view.size)
        if is_enough and level.downsample >= info.levels[best].downsample:
            best = index
    return best


def _has_pixels(box: Box, picture: Size, scale: tuple[float, float], size: Size) -> bool:
    """Whether a box has a pixel for every pixel wanted, once pixels are `scale` times as large."""
    return _suffices(box.left, box.right, picture.width, scale[0], size.width) and _suffices(
        box.top, box.bottom, picture.height, scale[1], size.height
    )


def _suffices(start: float, end: float, full: int, scale: float, wanted: int) -> bool:
    pixels = (end - start) / scale
    if end > full - 1 and start % scale == 0:  # the last pixel may stand for less than the others
        return math.ceil(pixels - _NOTHING) >= wanted
    return pixels * _NEARLY >= wanted


def plan_view(info: ImageInfo, view: View) -> Plan:
    """How to make the picture that a view wants."""
    if view.size == view.region.size:
        return Plan(0, view.plane, 0, Box.of(view.region), view.size)
    index = best_level(info, view)
    level = info.levels[index]
    x_scale, y_scale = info.scales[index]
    box = Box(
        view.region.x / x_scale, view.region.y / y_scale, view.region.right / x_scale, view.region.bottom / y_scale
    )
    return reduced_plan(level, Plan(index, view.plane, 0, box, view.size))


def _aligned(box: Box, size: Size) -> Box:
    """The box widened by the part of a pixel that a ceil-halved size adds at the edge: pixels map one to one."""
    right, bottom = math.ceil(box.right), math.ceil(box.bottom)
    left, top = math.floor(box.left), math.floor(box.top)
    if left == box.left and right - left == size.width:
        box = Box(box.left, box.top, right, box.bottom)
    if top == box.top and bottom - top == size.height:
        box = Box(box.left, box.top, box.right, bottom)
    return box


def _snapped(box: Box, size: Size, picture: Size) -> Box:
    """The box moved to whole pixels, by half a one at most, where it has as many of them as are wanted.

    Whoever asks for a picture at the scale of a level sees its pixels and not means of neighbours.
    """
    if abs(box.width - size.width) > _NOTHING or abs(box.height - size.height) > _NOTHING:
        return box
    left, top = (
        min(math.floor(start + 0.5), most)
        for start, most in ((box.left, picture.width - size.width), (box.top, picture.height - size.height))
    )
    return box if left < 0 or top < 0 else Box(left, top, left + size.width, top + size.height)


def reduced_plan(level: Level, plan: Plan) -> Plan:
    """The plan with as many halvings moved into decoding as leave a pixel for every pixel wanted.

    A grid of several tiles can be halved only as often as its tiles' sides are even.
    """
    reduction = 0
    while _can_halve(level, reduction) and _has_pixels(
        plan.box, level.size, (2 << reduction, 2 << reduction), plan.size
    ):
        reduction += 1
    box = _aligned(plan.box.scaled(1 << reduction), plan.size)
    if not box.is_whole:
        box = _snapped(box, plan.size, level.size.reduced(reduction))
    return Plan(plan.level, plan.plane, reduction, box, plan.size)


def _can_halve(level: Level, reduction: int) -> bool:
    grid, step = level.grid, 2 << reduction
    is_one = grid.width == 1 and grid.height == 1
    return (is_one or not (level.tile_size.width % step or level.tile_size.height % step)) and max(
        level.size.width, level.size.height
    ) >= step


def cover(box: Box, size: Size, margin: int) -> Region:
    """Whole pixels of a picture of this size that the box touches, with a margin for the resampling filter."""
    left, top = math.floor(box.left) - margin, math.floor(box.top) - margin
    right, bottom = math.ceil(box.right) + margin, math.ceil(box.bottom) + margin
    return Region(left, top, right - left, bottom - top).cut_to(size)


def tiles_under(level: Level, region: Region) -> Iterator[tuple[int, int]]:
    """Columns and rows of the tiles that a region of the level touches, row by row."""
    width, height = level.tile_size.width, level.tile_size.height
    for row in range(region.y // height, ceil_div(region.bottom, height)):
        for column in range(region.x // width, ceil_div(region.right, width)):
            yield column, row


def count_tiles(level: Level, region: Region) -> int:
    """How many tiles a region of the level touches."""
    width, height = level.tile_size.width, level.tile_size.height
    columns = ceil_div(region.right, width) - region.x // width
    return columns * (ceil_div(region.bottom, height) - region.y // height)
