"""Matrices of a slide as levels and pictures beside them. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from medtiles.core.errors import UnsupportedFormatError
from medtiles.core.geometry import Size
from medtiles.core.pyramid import Level
from medtiles.dicom.matrices import PixelMatrix
from medtiles.dicom.tiling import FocalPlane

_SAME_SHAPE = 0.01
"""How much a level's ratio of sides may differ from that of full resolution, besides rounding to whole pixels."""
_NAMES = {"LABEL": "label", "OVERVIEW": "macro", "THUMBNAIL": "thumbnail"}
_STANDS_IN = ("VOLUME", "THUMBNAIL", "OVERVIEW", "LABEL")
"""What is the image when there is nothing better."""


@dataclass(frozen=True, slots=True)
class StoredLevel:
    """A level and what its planes are stored in."""

    level: Level
    planes: tuple[tuple[PixelMatrix, int], ...]
    """For each plane of the image the matrix, and the number of the plane in it."""


@dataclass(frozen=True, slots=True)
class Slide:
    """A slide's matrices in their roles."""

    levels: tuple[StoredLevel, ...]
    planes: tuple[FocalPlane, ...]
    associated: dict[str, PixelMatrix]


def arrange(matrices: Sequence[PixelMatrix]) -> Slide:
    """Levels from the largest to the smallest, and the pictures beside them.

    A thumbnail is also the last level when its shape fits. A level that lacks an optical path of the largest is left
    out; one that lacks a focal plane shows the nearest (slides often have depth at full resolution only).

    :raises UnsupportedFormatError: levels that differ in their sample format
    """
    kind = next(name for name in _STANDS_IN if any(each.flavour == name for each in matrices))
    volumes = [each for each in matrices if each.flavour == kind]
    by_size: dict[Size, list[PixelMatrix]] = defaultdict(list)
    for matrix in sorted(volumes, key=lambda each: (-each.size.area, each.name)):
        by_size[matrix.size].append(matrix)
    largest, *smaller = by_size.values()
    _require_one_format(volumes)
    planes = _planes(largest)
    stored = [_level(largest, planes, largest[0].size)]
    thumbnails = [[each] for each in matrices if each.flavour == "THUMBNAIL" and kind != "THUMBNAIL"]
    for inside in (*smaller, *sorted(thumbnails, key=lambda each: -each[0].size.area)):
        if _fits(inside[0], stored, planes):
            stored.append(_level(inside, planes, largest[0].size))
    beside = [each for each in matrices if each.flavour in _NAMES and each.flavour != kind]
    return Slide(
        tuple(stored),
        planes,
        {_NAMES[each.flavour]: each for each in sorted(beside, key=lambda each: each.size.area)},
    )


def _require_one_format(volumes: Sequence[PixelMatrix]) -> None:
    first = volumes[0]
    for other in volumes[1:]:
        if other.pixels != first.pixels:
            message = f"{other.name} has another sample format than {first.name}"
            raise UnsupportedFormatError(message)


def _planes(matrices: Sequence[PixelMatrix]) -> tuple[FocalPlane, ...]:
    """All the planes of a level, each once; optical paths in the order in which they come."""
    found = dict.fromkeys(plane for matrix in matrices for plane in matrix.tiling.planes)
    paths = list(dict.fromkeys(plane.path for plane in found))
    return tuple(sorted(found, key=lambda plane: (paths.index(plane.path), plane.depth_um, plane.focus)))


def _fits(matrix: PixelMatrix, stored: Sequence[StoredLevel], planes: Sequence[FocalPlane]) -> bool:
    """Whether a matrix can be the next smaller level."""
    full, last = stored[0].level.size, stored[-1].level.size
    across, down = full.width / matrix.size.width, full.height / matrix.size.height
    rounding = max(across / matrix.size.width, down / matrix.size.height)
    has_paths = {plane.path for plane in planes} <= {plane.path for plane in matrix.tiling.planes}
    return (
        matrix.size.area < last.area
        and abs(across - down) <= _SAME_SHAPE * max(across, down) + rounding
        and matrix.pixels == stored[0].planes[0][0].pixels
        and has_paths
    )


def _level(matrices: Sequence[PixelMatrix], planes: Sequence[FocalPlane], full: Size) -> StoredLevel:
    """A level of matrices of one size; those whose tiles have another size than the first's are left out."""
    first = matrices[0]
    alike = [each for each in matrices if each.tiling.tile_size == first.tiling.tile_size]
    media_types = {each.media_type for each in alike}
    size = first.size
    level = Level(
        size,
        first.tiling.tile_size,
        downsample=1.0 if size == full else (full.width / size.width + full.height / size.height) / 2,
        media_type=media_types.pop() if len(media_types) == 1 else None,
    )
    return StoredLevel(level, tuple(_nearest(alike, plane) for plane in planes))


def _nearest(matrices: Sequence[PixelMatrix], wanted: FocalPlane) -> tuple[PixelMatrix, int]:
    """The plane of the same optical path that is nearest in depth; any when the path is not there."""
    candidates = [
        (
            plane.path != wanted.path,
            abs(plane.depth_um - wanted.depth_um),
            abs(plane.focus - wanted.focus),
            order,
            number,
        )
        for order, matrix in enumerate(matrices)
        for number, plane in enumerate(matrix.tiling.planes)
    ]
    *_, order, number = min(candidates)
    return matrices[order], number
