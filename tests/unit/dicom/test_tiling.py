"""Which frame is which tile: full grids, sparse grids, planes."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset

from medtiles.core.errors import UnsupportedFormatError
from medtiles.core.geometry import Size
from medtiles.dicom.tiling import FocalPlane, Tiling, read_tiling
from tests.dicom_files import header_of, item
from transcode.dicom.functional_groups import FunctionalGroups
from transcode.errors import DicomFileError

TILE = Size(10, 10)


def full(**attributes: object) -> Dataset:
    return item(
        TotalPixelMatrixColumns=25, TotalPixelMatrixRows=15, DimensionOrganizationType="TILED_FULL", **attributes
    )


def at(column: int, row: int, depth: float = 0.0, path: str = "") -> Dataset:
    position = item(
        ColumnPositionInTotalImagePixelMatrix=column,
        RowPositionInTotalImagePixelMatrix=row,
        ZOffsetInSlideCoordinateSystem=depth,
    )
    frame = item(PlanePositionSlideSequence=[position])
    if path:
        frame.OpticalPathIdentificationSequence = [item(OpticalPathIdentifier=path)]
    return frame


def sparse(*frames: Dataset, **attributes: object) -> Dataset:
    return item(
        TotalPixelMatrixColumns=25,
        TotalPixelMatrixRows=15,
        DimensionOrganizationType="TILED_SPARSE",
        PerFrameFunctionalGroupsSequence=list(frames),
        **attributes,
    )


def read(dataset: Dataset, frames: int) -> Tiling:
    header = header_of(dataset)
    return read_tiling(header.dataset, [FunctionalGroups(header)], frames, TILE)


def test_a_full_grid_runs_along_rows_then_down_columns() -> None:
    tiling = read(full(), 6)
    assert tiling.grid == Size(3, 2)
    assert [tiling.frame(0, column, row) for row in range(2) for column in range(3)] == list(range(6))


def test_a_full_grid_has_focal_planes_within_optical_paths() -> None:
    dataset = full(
        TotalPixelMatrixFocalPlanes=2,
        NumberOfOpticalPaths=2,
        OpticalPathSequence=[item(OpticalPathIdentifier="a"), item(OpticalPathIdentifier="b")],
        SharedFunctionalGroupsSequence=[item(PixelMeasuresSequence=[item(SpacingBetweenSlices=0.002)])],
    )
    tiling = read(dataset, 24)
    assert tiling.planes == (
        FocalPlane("a", 0.0, 0),
        FocalPlane("a", 2.0, 1),
        FocalPlane("b", 0.0, 0),
        FocalPlane("b", 2.0, 1),
    )
    assert tiling.frame(3, 1, 1) == 3 * 6 + 4


def test_frames_for_several_grids_without_counts_are_focal_planes() -> None:
    assert len(read(full(), 18).planes) == 3


def test_a_grid_without_organisation_is_full() -> None:
    assert read(item(TotalPixelMatrixColumns=25, TotalPixelMatrixRows=15), 6).frame(0, 2, 1) == 5


def test_a_picture_without_total_matrix_is_one_tile() -> None:
    assert read(Dataset(), 1).size == TILE


def test_a_sparse_grid_has_holes() -> None:
    tiling = read(sparse(at(21, 11), at(1, 1)), 2)
    assert tiling.frame(0, 2, 1) == 0
    assert tiling.frame(0, 0, 0) == 1
    assert tiling.frame(0, 1, 0) is None


def test_planes_of_a_sparse_grid_are_sorted_by_path_and_depth() -> None:
    paths = [item(OpticalPathIdentifier="b"), item(OpticalPathIdentifier="a")]
    tiling = read(sparse(at(1, 1, 4.0, "a"), at(1, 1, 0.0, "a"), at(1, 1, 0.0, "b"), OpticalPathSequence=paths), 3)
    assert tiling.planes == (FocalPlane("b", 0.0), FocalPlane("a", 0.0), FocalPlane("a", 4.0))
    assert [tiling.frame(plane, 0, 0) for plane in range(3)] == [2, 1, 0]


def test_positions_decide_without_a_named_organisation() -> None:
    dataset = sparse(at(11, 1))
    del dataset.DimensionOrganizationType
    assert read(dataset, 1).frame(0, 1, 0) == 0


def test_frames_of_a_concatenation_are_counted_through_its_parts() -> None:
    parts = [header_of(sparse(at(1, 1), at(11, 1))), header_of(sparse(at(21, 1)))]
    tiling = read_tiling(parts[0].dataset, [FunctionalGroups(part) for part in parts], 3, TILE)
    assert [tiling.frame(0, column, 0) for column in range(3)] == [0, 1, 2]


@pytest.mark.parametrize("place", [(0, 1), (1, 0), (26, 1), (1, 16), (-5, 1), (2**31 - 1, 1)])
def test_frames_outside_the_matrix_are_refused_by_number(place: tuple[int, int]) -> None:
    with pytest.raises(DicomFileError, match=r"frame 2 lies at .*outside its total pixel matrix"):
        read(sparse(at(1, 1), at(*place)), 2)


def test_frames_off_the_grid_are_refused_by_number() -> None:
    with pytest.raises(UnsupportedFormatError, match="frame 1 lies at 6, 1, off the grid"):
        read(sparse(at(6, 1)), 1)


def test_a_missing_position_is_told() -> None:
    with pytest.raises(DicomFileError, match="PlanePositionSlideSequence of frame 2 is missing"):
        read(sparse(at(1, 1), item()), 2)


def test_an_absurd_matrix_is_refused_by_keyword() -> None:
    dataset = item(TotalPixelMatrixColumns=2**32 - 1, TotalPixelMatrixRows=2**32 - 1)
    with pytest.raises(DicomFileError, match="TotalPixelMatrixColumns x TotalPixelMatrixRows"):
        read(dataset, 1)
