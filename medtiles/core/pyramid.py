"""What an image is: levels, tiles and planes. Level 0 is full resolution; numbers grow as images shrink."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

from medtiles.core.errors import TileOutOfRangeError
from medtiles.core.geometry import Region, Size
from transcode.errors import FileChangedError
from transcode.frames import PixelFormat

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class TileKey:
    """The address of one tile."""

    level: int
    column: int
    row: int
    plane: int = 0


@dataclass(frozen=True)
class Level:
    """One level of the pyramid: a grid of tiles."""

    size: Size
    tile_size: Size
    """Of every tile but those at the right and lower edge, which cover what is left."""
    downsample: float = 1.0
    """Full-resolution pixels per pixel of this level."""
    media_type: str | None = None
    """What all its tiles are stored as, when the source hands them out untouched; None: samples, or several kinds."""

    @cached_property
    def grid(self) -> Size:
        """Columns and rows of tiles."""
        return self.size.grid(self.tile_size)

    def tile_region(self, column: int, row: int) -> Region:
        """What a tile covers on this level, cut at the edges of the image."""
        x, y = column * self.tile_size.width, row * self.tile_size.height
        return Region(
            x, y, min(self.tile_size.width, self.size.width - x), min(self.tile_size.height, self.size.height - y)
        )


@dataclass(frozen=True, slots=True)
class Plane:
    """One of the pictures that lie behind one another: a slice, focal plane, channel or time point."""

    name: str = ""
    """For people: a channel's fluorophore, a slice's number."""
    channel: int = 0
    z: int = 0
    t: int = 0
    position_mm: float | None = None
    """Along the normal of the slices, or the depth of a focal plane."""
    sop_instance_uid: str = ""
    frame_number: int = 0
    """DICOM's own address of the plane, counted from 1; 0 where it has none, or one for each level."""


@dataclass(frozen=True, slots=True)
class Channel:
    """What a file tells of a channel."""

    name: str = ""
    fluorophore: str = ""
    emission_nm: float | None = None
    """Wavelength that is looked at, in nanometres."""
    excitation_nm: float | None = None
    """Wavelength of the light that is sent, in nanometres."""
    colour: tuple[int, int, int] | None = None
    """Red, green and blue of 0 to 255, to show it in."""


@dataclass(frozen=True, slots=True)
class Associated:
    """A picture that comes with an image: label, macro, thumbnail."""

    name: str
    size: Size


@dataclass(frozen=True, slots=True)
class DicomIdentity:
    """The DICOM identifiers of an image; empty where the file has none."""

    study_uid: str = ""
    series_uid: str = ""
    sop_instance_uids: tuple[str, ...] = ()
    sop_class_uid: str = ""
    frame_of_reference_uid: str = ""
    modality: str = ""
    transfer_syntaxes: tuple[str, ...] = ()
    """As stored, one for each instance or fewer when they are alike."""


@dataclass(frozen=True)
class ImageInfo:
    """Everything about an image but its pixels."""

    name: str
    """For people: the file's name or the series' description."""
    kind: str
    """slide, radiology or picture."""
    format: str
    """What opened it: aperio, tiff, dicom-wsi and so on."""
    levels: tuple[Level, ...]
    pixels: PixelFormat
    """Of decoded samples."""
    planes: tuple[Plane, ...] = (Plane(),)
    version: str = ""
    """Changes when the file changes; part of every ETag."""
    spacing_mm: tuple[float, float] | None = None
    """Millimetres per full-resolution pixel, (x, y)."""
    slice_spacing_mm: float | None = None
    """Between neighbouring planes, when they are evenly spaced."""
    objective_power: float | None = None
    background: tuple[int, int, int] = (255, 255, 255)
    """Shown where the image has no pixels; red, green, blue of 0 to 255."""
    bounds: Region | None = None
    """The part of level 0 that holds tissue, when the file says so."""
    associated: tuple[Associated, ...] = ()
    icc_profile: bytes | None = field(default=None, repr=False)
    dicom: DicomIdentity | None = None
    channels: tuple[Channel, ...] = ()
    """By the index of their planes; empty where the file tells nothing. See `core.channels.channels_of`."""
    properties: Mapping[str, str] = field(default_factory=lambda: _NOTHING, repr=False)
    """The vendor's own properties, or the DICOM attributes worth showing; never a patient's name."""

    @property
    def size(self) -> Size:
        """Of level 0."""
        return self.levels[0].size

    @cached_property
    def reductions(self) -> tuple[int | None, ...]:
        """For each level: how many halvings it is away from level 0; None when it is not so within a pixel."""
        return tuple(self._halvings(level) for level in self.levels)

    @cached_property
    def scales(self) -> tuple[tuple[float, float], ...]:
        """For each level: full-resolution pixels per pixel, (x, y); powers of two are exact."""
        return tuple(
            (self.size.width / level.size.width, self.size.height / level.size.height)
            if reduction is None
            else (float(1 << reduction), float(1 << reduction))
            for level, reduction in zip(self.levels, self.reductions, strict=True)
        )

    def _halvings(self, level: Level) -> int | None:
        reduction = max(0, round(math.log2(level.downsample)))
        exact = self.size.reduced(reduction)
        is_near = abs(exact.width - level.size.width) <= 1 and abs(exact.height - level.size.height) <= 1
        return reduction if is_near else None

    def require(self, key: TileKey) -> Level:
        """The level of a tile that exists.

        :raises TileOutOfRangeError: naming what is out of range
        """
        if not 0 <= key.level < len(self.levels):
            message = f"level {key.level}: the image has levels 0 to {len(self.levels) - 1}"
            raise TileOutOfRangeError(message)
        if key.plane:  # there is always a first one
            self.require_plane(key.plane)
        level = self.levels[key.level]
        grid = level.grid
        if not (0 <= key.column < grid.width and 0 <= key.row < grid.height):
            message = f"tile {key.column}, {key.row}: level {key.level} has {grid.width} columns and {grid.height} rows"
            raise TileOutOfRangeError(message)
        return level

    def require_version(self, version: str) -> None:
        """Refuse when what was asked for is another version of the image.

        :raises FileChangedError: it is
        """
        if self.version != version:
            message = "the image was replaced while it was read; ask again"
            raise FileChangedError(message)

    def require_plane(self, plane: int) -> Plane:
        """A plane that exists.

        :raises TileOutOfRangeError: the image has no such plane
        """
        if not 0 <= plane < len(self.planes):
            message = f"plane {plane}: the image has planes 0 to {len(self.planes) - 1}"
            raise TileOutOfRangeError(message)
        return self.planes[plane]
