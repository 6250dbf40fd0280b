"""Which frame of a tiled instance is which tile (PS3.3 C.7.6.17.3). TILED_FULL by arithmetic, TILED_SPARSE by position.

TILED_FULL has every tile, in order: along the rows, then down the columns, then through the focal planes, then
through the optical paths (or segments). TILED_SPARSE says for each frame where its upper left pixel lies in the total
pixel matrix, counted from 1, at which depth and in which optical path.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pydicom.dataset import Dataset

from medtiles.core.errors import UnsupportedFormatError
from medtiles.core.geometry import Size
from transcode.dicom.attributes import integer, item, items, number, text
from transcode.dicom.functional_groups import FunctionalGroups, Value
from transcode.errors import DicomFileError

_MOST_TILES = 1 << 26
_MOST_PLANES = 4096
_DEPTH_STEP_UM = 1e-3
_MM_PER_UM = 1e-3
_PLACE = {
    "ColumnPositionInTotalImagePixelMatrix": "PlanePositionSlideSequence",
    "RowPositionInTotalImagePixelMatrix": "PlanePositionSlideSequence",
    "ZOffsetInSlideCoordinateSystem": "PlanePositionSlideSequence",
    "OpticalPathIdentifier": "OpticalPathIdentificationSequence",
    "ReferencedSegmentNumber": "SegmentIdentificationSequence",
}
"""Attributes that tell where a frame lies, and the macros that hold them."""


@dataclass(frozen=True, slots=True)
class FocalPlane:
    """One of the pictures of a slide that lie behind one another."""

    path: str
    """Optical Path Identifier; a segment's number in segmentations; empty when there is but one unnamed."""
    depth_um: float = 0.0
    """Z Offset in the slide coordinate system, micrometres."""
    focus: int = 0
    """Which focal plane of a full grid; what tells them apart when the file does not say how far apart they are."""


@dataclass(frozen=True, slots=True)
class Tiling:
    """The grid of one instance (or of a concatenation), and where its tiles are."""

    size: Size
    """The total pixel matrix."""
    tile_size: Size
    planes: tuple[FocalPlane, ...]
    positions: dict[tuple[int, int, int], int] | None = None
    """Frame of (plane, column, row) in a sparse grid; None: the grid is full and in order."""

    @property
    def grid(self) -> Size:
        """Columns and rows of tiles."""
        return self.size.grid(self.tile_size)

    def frame(self, plane: int, column: int, row: int) -> int | None:
        """The frame of a tile, from 0; None where a sparse grid has a hole."""
        if self.positions is not None:
            return self.positions.get((plane, column, row))
        grid = self.grid
        return (plane * grid.height + row) * grid.width + column


def read_tiling(first: Dataset, groups: Sequence[FunctionalGroups], frames: int, tile_size: Size) -> Tiling:
    """The tiling of an instance, or of the parts of a concatenation in their order.

    :param first: the header of the first part
    :param groups: of each part
    :param frames: in all parts
    :param tile_size: of one frame
    :raises DicomFileError: the total pixel matrix is absurd, or a frame's position lies outside it
    :raises UnsupportedFormatError: tiles that overlap, or stand off the grid
    """
    size = Size(
        integer(first, "TotalPixelMatrixColumns", 1, 2**32 - 1, default=tile_size.width),
        integer(first, "TotalPixelMatrixRows", 1, 2**32 - 1, default=tile_size.height),
    )
    tiling = Tiling(size, tile_size, ())
    if tiling.grid.area > _MOST_TILES:
        message = f"TotalPixelMatrixColumns x TotalPixelMatrixRows: {tiling.grid.area} tiles are too many"
        raise DicomFileError(message)
    if _is_sparse(first, groups[0]):
        return _sparse(first, groups, tiling)
    return replace(tiling, planes=_planes(first, groups[0], frames, tiling.grid))


def _is_sparse(dataset: Dataset, groups: FunctionalGroups) -> bool:
    kind = text(dataset, "DimensionOrganizationType")
    if kind == "TILED_FULL" or not groups.frames:
        return False
    return kind == "TILED_SPARSE" or groups.find(0, "PlanePositionSlideSequence") is not None


def _planes(dataset: Dataset, groups: FunctionalGroups, frames: int, grid: Size) -> tuple[FocalPlane, ...]:
    """Optical paths times focal planes; without counts as many planes as there are frames for."""
    paths = _paths(dataset)
    depths = integer(dataset, "TotalPixelMatrixFocalPlanes", 1, _MOST_PLANES, default=1)
    counted = integer(dataset, "NumberOfOpticalPaths", 1, _MOST_PLANES, default=max(1, len(paths)))
    if len(paths) != counted:
        paths = [str(index + 1) for index in range(counted)]
    if len(paths) * depths == 1 and frames >= 2 * grid.area and frames % grid.area == 0:
        depths = min(_MOST_PLANES, frames // grid.area)
    step = _depth_step_um(groups)
    start = number(item(dataset, "TotalPixelMatrixOriginSequence") or Dataset(), "ZOffsetInSlideCoordinateSystem", 0.0)
    return tuple(FocalPlane(path, start + step * focus, focus) for path in paths for focus in range(depths))


def _paths(dataset: Dataset) -> list[str]:
    if "SegmentSequence" in dataset:
        return [str(integer(each, "SegmentNumber", 0, 65535, default=0)) for each in items(dataset, "SegmentSequence")]
    return [text(each, "OpticalPathIdentifier") for each in items(dataset, "OpticalPathSequence")] or [""]


def _depth_step_um(groups: FunctionalGroups) -> float:
    """Spacing Between Slices is in millimetres, also of slides."""
    measures = groups.find(0, "PixelMeasuresSequence")
    return number(measures, "SpacingBetweenSlices", 0.0) / _MM_PER_UM if measures is not None else 0.0


def _sparse(first: Dataset, parts: Sequence[FunctionalGroups], tiling: Tiling) -> Tiling:
    order = {path: index for index, path in enumerate(_paths(first))}
    found: dict[tuple[str, float, int, int], int] = {}
    rows = (row for groups in parts for row in groups.table(_PLACE))
    for frame, row in enumerate(rows):
        found.setdefault(_place(row, frame, tiling), frame)
    planes = sorted({(path, depth) for path, depth, _, _ in found}, key=lambda each: (order.get(each[0], 0), *each))
    numbers = {plane: number for number, plane in enumerate(planes)}
    return replace(
        tiling,
        planes=tuple(FocalPlane(path, depth) for path, depth in planes) or (FocalPlane(""),),
        positions={(numbers[path, depth], column, row): frame for (path, depth, column, row), frame in found.items()},
    )


def _place(row: Mapping[str, Value], frame: int, tiling: Tiling) -> tuple[str, float, int, int]:
    """Optical path, depth, column and row of a frame."""
    if "ColumnPositionInTotalImagePixelMatrix" not in row or "RowPositionInTotalImagePixelMatrix" not in row:
        message = f"PlanePositionSlideSequence of frame {frame + 1} is missing"
        raise DicomFileError(message)
    x = _number(row, "ColumnPositionInTotalImagePixelMatrix") - 1
    y = _number(row, "RowPositionInTotalImagePixelMatrix") - 1
    if not (0 <= x < tiling.size.width and 0 <= y < tiling.size.height):
        message = f"frame {frame + 1} lies at {x + 1:.0f}, {y + 1:.0f}, outside its total pixel matrix"
        raise DicomFileError(message)
    if x % tiling.tile_size.width or y % tiling.tile_size.height:
        message = f"frame {frame + 1} lies at {x + 1:.0f}, {y + 1:.0f}, off the grid of its tiles"
        raise UnsupportedFormatError(message)
    depth = round(_number(row, "ZOffsetInSlideCoordinateSystem") / _DEPTH_STEP_UM) * _DEPTH_STEP_UM
    return _path_of(row), depth, int(x) // tiling.tile_size.width, int(y) // tiling.tile_size.height


def _path_of(row: Mapping[str, Value]) -> str:
    if "ReferencedSegmentNumber" in row:
        return str(int(_number(row, "ReferencedSegmentNumber")))
    path = row.get("OpticalPathIdentifier", "")
    return path if isinstance(path, str) else ""


def _number(row: Mapping[str, Value], keyword: str) -> float:
    value = row.get(keyword, ())
    return value[0] if isinstance(value, tuple) and value else 0.0
