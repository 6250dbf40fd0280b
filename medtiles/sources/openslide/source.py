"""An open slide as OpenSlide gives it: RGB pixels of any region of any level, over the slide's background colour."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np
import openslide
from PIL import Image

from medtiles.core.display import PLAIN, Display
from medtiles.core.errors import DamagedImageError, ImageNotFoundError
from medtiles.core.geometry import Region, Size
from medtiles.core.privacy import public_properties
from medtiles.core.pyramid import Associated, ImageInfo, Level, TileKey
from medtiles.sources.openslide.handles import SharedSlide, told
from transcode.files import version_of
from transcode.frames import RGB8, Frame, PixelArray

T = TypeVar("T")

_TILE_SIDE = 512
"""Of levels that are stored in strips, or in tiles too small or too large to be worth a request."""
_LEAST_SIDE, _MOST_SIDE = 128, 1024
_MM_PER_MICROMETRE = 0.001


class OpenSlideSource:
    """An open slide. Safe to use from several threads."""

    def __init__(self, path: Path, slide: SharedSlide) -> None:
        """Ask OpenSlide for all there is to know.

        :raises OpenSlideError: OpenSlide fails
        """
        self._path = path
        self._slide = slide
        # The lease ends with a look at the files: a version of others than those that were opened is not kept.
        with slide.lease() as handle:
            self._info = _described(path, handle)

    @property
    def info(self) -> ImageInfo:
        """What the slide is."""
        return self._info

    def read_tile(self, key: TileKey) -> Frame:
        """The pixels of a tile, cut at the edges of the level.

        :raises TileOutOfRangeError: no such tile
        :raises DamagedImageError: naming level, column and row
        :raises FileChangedError: a file has changed, or the source is closed
        """
        level = self._info.require(key)
        region = level.tile_region(key.column, key.row)
        place = f"level {key.level}, column {key.column}, row {key.row}"
        return self._read(place, key.level, region)

    def read_region(self, level: int, region: Region, plane: int) -> PixelArray:
        """The pixels of a region that lies within a level.

        :raises TileOutOfRangeError: no such level, plane or region
        :raises DamagedImageError, FileChangedError: as for tiles
        """
        self._info.require(TileKey(level, 0, 0, plane))
        if not region.is_within(self._info.levels[level].size):
            message = f"region {region} leaves level {level}"
            raise ValueError(message)
        return self._read(f"level {level}, region {region.x},{region.y}", level, region)

    def read_associated(self, name: str) -> Frame:
        """A picture that comes with the slide.

        :raises ImageNotFoundError: no such picture
        :raises DamagedImageError, FileChangedError: as for tiles
        """
        if name not in {associated.name for associated in self._info.associated}:
            message = f"{self._path.name} has no picture {name!r}"
            raise ImageNotFoundError(message)
        return self._over_background(self._ask(name, lambda handle: handle.associated_images[name]))

    def display(self, plane: int) -> Display:
        """As it is stored.

        :raises TileOutOfRangeError: no such plane
        """
        self._info.require_plane(plane)
        return PLAIN

    def close(self) -> None:
        """Let go of the slide; reads under way come to their end first."""
        self._slide.close()

    def _read(self, place: str, level: int, region: Region) -> PixelArray:
        downsample = self._info.levels[level].downsample
        # OpenSlide counts from full resolution in whole pixels: up to half of one is lost on its lower levels.
        origin = (round(region.x * downsample), round(region.y * downsample))
        size = (region.width, region.height)
        return self._over_background(self._ask(place, lambda handle: handle.read_region(origin, level, size)))

    def _ask(self, place: str, question: Callable[[openslide.OpenSlide], T]) -> T:
        """The answer of the shared handle; when that fails, perhaps for another's fault, of one of our own."""
        try:
            with self._slide.lease() as handle:
                return question(handle)
        except openslide.OpenSlideError:
            pass
        try:
            with self._slide.private() as handle:
                return question(handle)
        except openslide.OpenSlideError as error:
            message = f"{self._path.name}, {place}: {told(self._path, error)}"
            raise DamagedImageError(message) from error

    def _over_background(self, picture: Image.Image) -> PixelArray:
        """RGB of a picture with transparent parts. Most have none, and are only copied."""
        if picture.getchannel("A").getextrema() == (255, 255):
            opaque = picture.convert("RGB")
        else:
            opaque = Image.new("RGB", picture.size, self._info.background)
            opaque.paste(picture, None, picture)
        return PixelArray(np.asarray(opaque), RGB8)


def _described(path: Path, slide: openslide.OpenSlide) -> ImageInfo:
    properties = dict(slide.properties)
    spacing = [_number(properties, name) for name in (openslide.PROPERTY_NAME_MPP_X, openslide.PROPERTY_NAME_MPP_Y)]
    across, down = spacing[0] or spacing[1], spacing[1] or spacing[0]
    levels = tuple(
        Level(Size(*size), _tile_size(properties, index), downsample)
        for index, (size, downsample) in enumerate(zip(slide.level_dimensions, slide.level_downsamples, strict=True))
    )
    return ImageInfo(
        name=path.name,
        kind="slide",
        format=properties[openslide.PROPERTY_NAME_VENDOR],
        levels=levels,
        pixels=RGB8,
        version=version_of([path]),
        spacing_mm=(across * _MM_PER_MICROMETRE, down * _MM_PER_MICROMETRE) if across and down else None,
        objective_power=_number(properties, openslide.PROPERTY_NAME_OBJECTIVE_POWER),
        background=_background(properties),
        bounds=_bounds(properties, levels[0].size),
        associated=_associated(properties, slide),
        # A picture of no pixels costs nothing and carries the profile as it is stored.
        icc_profile=slide.read_region((0, 0), 0, (0, 0)).info.get("icc_profile"),
        properties=public_properties(properties),
    )


def _number(properties: Mapping[str, str], name: str) -> float | None:
    try:
        value = float(properties.get(name, ""))
    except ValueError:
        return None
    return value if value > 0 and math.isfinite(value) else None


def _tile_size(properties: Mapping[str, str], level: int) -> Size:
    """The stored tiles' size, so that each is decoded once; of levels in strips or odd tiles, one that is usable."""
    sides = [_number(properties, f"openslide.level[{level}].tile-{side}") for side in ("width", "height")]
    width, height = (int(side or 0) for side in sides)
    is_usable = all(_LEAST_SIDE <= side <= _MOST_SIDE for side in (width, height))
    return Size(width, height) if is_usable else Size(_TILE_SIDE, _TILE_SIDE)


def _background(properties: Mapping[str, str]) -> tuple[int, int, int]:
    text = properties.get(openslide.PROPERTY_NAME_BACKGROUND_COLOR, "")
    try:
        red, green, blue = bytes.fromhex(text)
    except ValueError:
        return 255, 255, 255
    return red, green, blue


def _bounds(properties: Mapping[str, str], size: Size) -> Region | None:
    names = ("x", "y", "width", "height")
    values = [properties.get(f"openslide.bounds-{name}", "") for name in names]
    if not all(value.isdecimal() for value in values):
        return None
    x, y, width, height = (int(value) for value in values)
    region = Region(x, y, width, height).cut_to(size)
    return region if region.width and region.height else None


def _associated(properties: Mapping[str, str], slide: openslide.OpenSlide) -> tuple[Associated, ...]:
    """Names and sizes; a size comes from the properties, so that no picture is decoded for it."""
    found = []
    for name in slide.associated_images:
        sides = [_number(properties, f"openslide.associated.{name}.{side}") for side in ("width", "height")]
        size = [int(side) for side in sides if side] if all(sides) else slide.associated_images[name].size
        found.append(Associated(name, Size(*size)))
    return tuple(found)
