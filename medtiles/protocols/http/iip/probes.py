"""SPECTRA and PFL: the values of an image at a pixel, or along a line, in all its samples and planes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medtiles.core.errors import TileOutOfRangeError, ViewTooLargeError
from medtiles.core.geometry import Region, Size
from medtiles.core.pyramid import ImageInfo
from medtiles.core.view import View
from medtiles.protocols import parameters
from medtiles.protocols.halvings import halved
from medtiles.protocols.tile_views import enlarged_view, served_tile, tile_part
from transcode.frames import PixelArray, PixelFormat

Points = NDArray[np.intp]
"""(n, 2): x and y."""
_MOST_PLANES = 256
_MOST_AREA = 4_000_000
"""Pixels of the rectangle around a line."""


class LineWish(NamedTuple):
    """Values along a line of a level; a point when both ends are one."""

    level: int
    start: tuple[int, int]
    end: tuple[int, int]


class PixelWish(NamedTuple):
    """The values of a pixel of a tile."""

    level: int = 0
    tile: int = 0
    x: int = 0
    y: int = 0


def read_line(argument: str) -> LineWish:
    """`level:x1,y1-x2,y2`, or `level:x,y`.

    :raises BadRequestError: it is none
    """
    level, _, points = argument.partition(":")
    first, dash, last = points.partition("-")
    start = parameters.wholes(first, "PFL", 2)
    end = parameters.wholes(last, "PFL", 2) if dash else start
    return LineWish(parameters.whole(level, "PFL"), (start[0], start[1]), (end[0], end[1]))


def read_pixel(argument: str) -> PixelWish:
    """`level,tile,x,y`.

    :raises BadRequestError: it is none
    """
    return PixelWish(*parameters.wholes(argument, "SPECTRA", 4))


class Probe(NamedTuple):
    """What to read, and where in it the values lie."""

    views: tuple[View, ...]
    """One for each plane."""
    points: Points
    """Within the views."""


def line_probe(wish: LineWish, info: ImageInfo) -> Probe:
    """What to read for a line: each pixel that it runs through, by its longer side.

    :raises TileOutOfRangeError: there is no such level, or the line leaves it
    :raises ViewTooLargeError: too much lies around it, or the image has too many planes
    """
    size, reduction = _level(wish.level, info)
    for x, y in (wish.start, wish.end):
        if x >= size.width or y >= size.height:
            message = f"PFL: {x},{y} lies outside level {wish.level} of {size.width} x {size.height}"
            raise TileOutOfRangeError(message)
    left, top = min(wish.start[0], wish.end[0]), min(wish.start[1], wish.end[1])
    part = Region(left, top, abs(wish.start[0] - wish.end[0]) + 1, abs(wish.start[1] - wish.end[1]) + 1)
    if part.size.area > _MOST_AREA:
        message = (
            f"PFL: {part.width} x {part.height} pixels lie around the line, at most {_MOST_AREA}; take a lower level"
        )
        raise ViewTooLargeError(message)
    count = max(part.width, part.height)
    ends = np.array([wish.start, wish.end], np.float64) - (left, top)
    points = np.rint(np.linspace(ends[0], ends[1], count)).astype(np.intp)
    return Probe(_views(part, reduction, info), points)


def pixel_probe(wish: PixelWish, info: ImageInfo) -> Probe:
    """What to read for a pixel.

    :raises TileOutOfRangeError: there is no such tile, or no such pixel in it
    :raises ViewTooLargeError: the image has too many planes
    """
    size, reduction = _level(wish.level, info)
    tile = served_tile(info)
    row, column = divmod(wish.tile, size.grid(tile).width)
    whole = tile_part(size, tile, (wish.level, column, row))
    if wish.x >= whole.width or wish.y >= whole.height:
        message = f"SPECTRA: {wish.x},{wish.y} lies outside the tile of {whole.width} x {whole.height}"
        raise TileOutOfRangeError(message)
    part = Region(whole.x + wish.x, whole.y + wish.y, 1, 1)
    return Probe(_views(part, reduction, info), np.zeros((1, 2), np.intp))


def _level(number: int, info: ImageInfo) -> tuple[Size, int]:
    levels = halved(info.size, served_tile(info))
    if number >= len(levels):
        message = f"level {number}: the image has levels 0 to {len(levels) - 1}"
        raise TileOutOfRangeError(message)
    return levels[number], len(levels) - 1 - number


def _views(part: Region, reduction: int, info: ImageInfo) -> tuple[View, ...]:
    if len(info.planes) > _MOST_PLANES:
        message = f"the image has {len(info.planes)} planes: at most {_MOST_PLANES} are read at a time"
        raise ViewTooLargeError(message)
    return tuple(enlarged_view(part, reduction, info.size, plane) for plane in range(len(info.planes)))


def values_at(points: Points, pixels: PixelArray) -> list[NDArray[np.generic]]:
    """The stored values of a plane at points, an array for each sample."""
    found = pixels.samples[points[:, 1], points[:, 0]]
    return [found[:, sample] for sample in range(found.shape[1])]


def profile(values: Sequence[NDArray[np.generic]]) -> bytes:
    """The answer to PFL: the stored values by sample or plane, in order."""
    told = {str(index): each.tolist() for index, each in enumerate(values)}
    return json.dumps({"profile": told}).encode("ascii")


def spectra(values: Sequence[NDArray[np.generic]], pixels: PixelFormat) -> bytes:
    """The answer to SPECTRA: values of 0 to 1, where samples are whole numbers."""
    top = 1.0 if pixels.is_float else float((1 << pixels.bits_stored) - 1)
    points = "".join(
        f"<point><wavelength>{index}</wavelength><reflectance>{float(each[0]) / top:.9g}</reflectance></point>\n"
        for index, each in enumerate(values)
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<spectra>\n{points}</spectra>\n'.encode("ascii")
