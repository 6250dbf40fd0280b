"""Slides of made DICOM files: levels, planes, holes, concatenations, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg
from pydicom.dataset import Dataset

from medtiles.core.display import PLAIN
from medtiles.core.errors import DamagedImageError, MedTilesError, UnsupportedFormatError
from medtiles.core.geometry import Size
from medtiles.core.pyramid import TileKey
from medtiles.core.source import Source
from medtiles.sources.dicom_wsi import DicomWsiFormat
from tests.dicom_files import JPEG_BASELINE, WHOLE_SLIDE, encapsulated, gradient, image, item, put, save
from transcode.codecs import builtin
from transcode.errors import CorruptFrameError, DicomFileError, FileChangedError, TranscodeError
from transcode.frames import EncodedFrame, PixelArray

Slide = Callable[..., Source]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Slide]:
    sources: list[Source] = []

    def open_datasets(*datasets: Dataset, syntax: str = "1.2.840.10008.1.2.1") -> Source:
        paths = [save(tmp_path / f"{number}.dcm", dataset, syntax) for number, dataset in enumerate(datasets)]
        sources.append(DicomWsiFormat().open(paths))
        return sources[-1]

    yield open_datasets
    for source in sources:
        source.close()


def tiles(columns: int, rows: int, planes: int = 1, **attributes: Any) -> Dataset:
    """An instance of raw RGB tiles of 8 x 8; each tile has the number of its frame as its value."""
    count = -(-columns // 8) * -(-rows // 8) * planes
    samples = np.broadcast_to(np.arange(count, dtype=np.uint8).reshape(-1, 1, 1, 1), (count, 8, 8, 3)).copy()
    dataset = image(
        samples,
        SOPClassUID=WHOLE_SLIDE,
        SOPInstanceUID=f"1.2.{columns}.{rows}",
        Modality="SM",
        ImageType=["ORIGINAL", "PRIMARY", "VOLUME", "NONE"],
        DimensionOrganizationType="TILED_FULL",
        TotalPixelMatrixColumns=columns,
        TotalPixelMatrixRows=rows,
    )
    put(dataset, attributes)
    return dataset


def value(source: Source, key: TileKey) -> int:
    """The value of a tile: the number of its frame."""
    frame = source.read_tile(key)
    pixels = builtin().decode(frame) if isinstance(frame, EncodedFrame) else frame
    return int(pixels.samples[0, 0, 0])


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


def test_instances_are_levels_from_the_largest(opened: Slide) -> None:
    source = opened(tiles(10, 8), tiles(40, 32), tiles(20, 16))
    assert [level.size for level in source.info.levels] == [Size(40, 32), Size(20, 16), Size(10, 8)]
    assert [level.downsample for level in source.info.levels] == [1.0, 2.0, 4.0]


def test_an_instance_of_another_shape_is_no_level(opened: Slide) -> None:
    assert [level.size for level in opened(tiles(40, 32), tiles(20, 30)).info.levels] == [Size(40, 32)]


def test_tiles_are_addressed_by_column_and_row(opened: Slide) -> None:
    source = opened(tiles(40, 32))
    assert value(source, TileKey(0, 3, 2)) == 2 * 5 + 3


def test_optical_paths_and_focal_planes_are_planes(opened: Slide) -> None:
    paths = [
        item(OpticalPathIdentifier="1", OpticalPathDescription="DAPI"),
        item(OpticalPathIdentifier="2", OpticalPathDescription="FITC"),
    ]
    source = opened(
        tiles(
            16,
            16,
            4,
            TotalPixelMatrixFocalPlanes=2,
            NumberOfOpticalPaths=2,
            OpticalPathSequence=paths,
            SharedFunctionalGroupsSequence=[item(PixelMeasuresSequence=[item(SpacingBetweenSlices=0.003)])],
        )
    )
    assert [(plane.name, plane.channel, plane.z) for plane in source.info.planes] == [
        ("DAPI, 0 µm", 0, 0),
        ("DAPI, 3 µm", 0, 1),
        ("FITC, 0 µm", 1, 0),
        ("FITC, 3 µm", 1, 1),
    ]
    assert [value(source, TileKey(0, 1, 1, plane)) for plane in range(4)] == [3, 7, 11, 15]


def test_focal_planes_in_instances_of_their_own_are_planes_of_one_slide(opened: Slide) -> None:
    def focal(depth: float, offset: int) -> Dataset:
        dataset = tiles(
            16,
            8,
            SOPInstanceUID=f"1.2.{offset}",
            DimensionOrganizationType="TILED_SPARSE",
            PerFrameFunctionalGroupsSequence=[at(1, 1, depth), at(9, 1, depth)],
        )
        dataset.PixelData = bytes(byte + offset for byte in dataset.PixelData)
        return dataset

    source = opened(focal(0.0, 0), focal(5.0, 100))
    assert [plane.position_mm for plane in source.info.planes] == [0.0, 0.005]
    assert [value(source, TileKey(0, 1, 0, plane)) for plane in range(2)] == [1, 101]


def test_focal_planes_of_unknown_distance_are_told_apart(opened: Slide) -> None:
    source = opened(tiles(16, 8, 3, TotalPixelMatrixFocalPlanes=3))
    assert [(plane.name, plane.z, plane.position_mm) for plane in source.info.planes] == [
        ("focal plane 1", 0, None),
        ("focal plane 2", 1, None),
        ("focal plane 3", 2, None),
    ]
    assert [value(source, TileKey(0, 1, 0, plane)) for plane in range(3)] == [1, 3, 5]


def test_a_level_without_depth_shows_its_only_plane(opened: Slide) -> None:
    source = opened(tiles(32, 32, 3, TotalPixelMatrixFocalPlanes=3), tiles(16, 16))
    assert len(source.info.levels) == 2
    assert [value(source, TileKey(1, 1, 0, plane)) for plane in range(3)] == [1, 1, 1]


def test_holes_of_a_sparse_grid_are_background(opened: Slide) -> None:
    dataset = tiles(
        24,
        16,
        DimensionOrganizationType="TILED_SPARSE",
        PerFrameFunctionalGroupsSequence=[at(17, 9), at(1, 1)],
        NumberOfFrames=2,
    )
    source = opened(dataset)
    hole = source.read_tile(TileKey(0, 1, 0))
    assert isinstance(hole, PixelArray)
    assert hole.format == source.info.pixels
    assert np.all(hole.samples == 255)
    assert value(source, TileKey(0, 2, 1)) == 0


def test_background_is_what_the_file_recommends(opened: Slide) -> None:
    black = opened(tiles(8, 8, RecommendedAbsentPixelCIELabValue=[0, 32896, 32896])).info.background
    assert black == (0, 0, 0)


@pytest.mark.parametrize("lab", [[65535, 32896, 32896], [65535, 0, 0]])
def test_white_is_white_also_as_many_write_it(opened: Slide, lab: list[int]) -> None:
    assert opened(tiles(8, 8, RecommendedAbsentPixelCIELabValue=lab)).info.background == (255, 255, 255)


def concatenation(*numbers: int) -> list[Dataset]:
    """Parts of two frames each of a slide of six tiles in a row."""
    parts = []
    for number in numbers:
        dataset = tiles(48, 8, SOPInstanceUID=f"1.2.{number}", ConcatenationUID="1.5")
        put(dataset, {"InConcatenationNumber": number, "ConcatenationFrameOffsetNumber": 2 * number - 2})
        dataset.NumberOfFrames = 2
        dataset.PixelData = dataset.PixelData[(2 * number - 2) * 192 : 2 * number * 192]
        parts.append(dataset)
    return parts


def test_parts_of_a_concatenation_are_one_level(opened: Slide) -> None:
    source = opened(*concatenation(2, 3, 1))
    assert [value(source, TileKey(0, column, 0)) for column in range(6)] == list(range(6))


def test_a_missing_part_of_a_concatenation_is_told_by_frame(opened: Slide) -> None:
    source = opened(*concatenation(1, 3))
    assert value(source, TileKey(0, 5, 0)) == 5
    with pytest.raises(DicomFileError, match="frame 3 is in none of the instances"):
        source.read_tile(TileKey(0, 2, 0))


def test_missing_frames_are_told_by_number(opened: Slide) -> None:
    dataset = tiles(40, 32)
    dataset.PixelData = dataset.PixelData[: 192 * 10]
    source = opened(dataset)
    assert value(source, TileKey(0, 4, 1)) == 9
    with pytest.raises(DicomFileError, match="no frame 11 of 20, Pixel Data holds 10"):
        source.read_tile(TileKey(0, 0, 2))


def jpeg(width: int, height: int) -> bytes:
    return bytes(simplejpeg.encode_jpeg(gradient(1, height, width, samples=3)[0], 90, "RGB"))


def jpeg_slide(*streams: bytes) -> Dataset:
    dataset = tiles(20, 8, PhotometricInterpretation="YBR_FULL_422", Rows=8, Columns=16)
    return encapsulated(dataset, streams)


def test_short_tiles_at_the_edge_have_their_true_size(opened: Slide) -> None:
    source = opened(jpeg_slide(jpeg(16, 8), jpeg(4, 8)), syntax=JPEG_BASELINE)
    frame = source.read_tile(TileKey(0, 1, 0))
    assert (frame.width, frame.height) == (4, 8)
    assert isinstance(frame, EncodedFrame)
    assert builtin().decode(frame).width == 4


def test_a_tile_too_small_for_its_place_is_refused(opened: Slide) -> None:
    source = opened(jpeg_slide(jpeg(16, 8), jpeg(3, 8)), syntax=JPEG_BASELINE)
    with pytest.raises(CorruptFrameError, match="tile 1, 0 has 3 x 8 pixels, its place 4 x 8"):
        source.read_tile(TileKey(0, 1, 0))


def test_pictures_beside_are_told_by_their_usual_names(opened: Slide) -> None:
    def beside(kind: str, columns: int) -> Dataset:
        return tiles(columns, 8, ImageType=["ORIGINAL", "PRIMARY", kind, "NONE"], SOPInstanceUID=f"1.{columns}")

    source = opened(tiles(40, 32), beside("LABEL", 8), beside("OVERVIEW", 20), beside("THUMBNAIL", 10))
    assert [(each.name, each.size) for each in source.info.associated] == [
        ("label", Size(8, 8)),
        ("macro", Size(20, 8)),
        ("thumbnail", Size(10, 8)),
    ]
    macro = source.read_associated("macro")
    assert isinstance(macro, PixelArray)
    assert macro.samples[0, :, 0].tolist() == [0] * 8 + [1] * 8 + [2] * 4
    assert isinstance(source.read_associated("label"), EncodedFrame)


def test_a_label_alone_can_be_looked_at(opened: Slide) -> None:
    source = opened(tiles(16, 8, ImageType=["ORIGINAL", "PRIMARY", "LABEL", "NONE"]))
    assert source.info.size == Size(16, 8)
    assert source.info.associated == ()


def test_spacing_is_turned_to_x_and_y(opened: Slide) -> None:
    measures = item(PixelMeasuresSequence=[item(PixelSpacing=[0.0004, 0.0005])])
    assert opened(tiles(8, 8, SharedFunctionalGroupsSequence=[measures])).info.spacing_mm == (0.0005, 0.0004)


@pytest.mark.parametrize("spacing", [[0, 0], [-1, 1], [0.5], [1e9, 1e9]])
def test_spacing_that_cannot_be_is_unknown(opened: Slide, spacing: list[float]) -> None:
    measures = item(PixelMeasuresSequence=[item(PixelSpacing=spacing)])
    assert opened(tiles(8, 8, SharedFunctionalGroupsSequence=[measures])).info.spacing_mm is None


def test_colour_slides_are_shown_plainly(opened: Slide) -> None:
    assert opened(tiles(8, 8)).display(0) is PLAIN


def test_nothing_of_the_patient_is_in_the_info(opened: Slide) -> None:
    canary = "ZZCANARY"
    source = opened(tiles(8, 8, PatientName=canary, PatientID=canary, ContainerIdentifier=canary))
    assert canary not in repr(source.info) + repr(source.info.properties) + repr(source.info.dicom)


def test_levels_of_different_samples_are_refused(opened: Slide) -> None:
    other = image(gradient(4, 8, 8, "u2"), SOPClassUID=WHOLE_SLIDE, TotalPixelMatrixColumns=16, TotalPixelMatrixRows=16)
    with pytest.raises(UnsupportedFormatError, match="another sample format"):
        opened(tiles(40, 32), other)


@pytest.mark.parametrize(
    "attributes",
    [
        {"TotalPixelMatrixColumns": 2**32 - 1, "TotalPixelMatrixRows": 2**32 - 1},
        {"TotalPixelMatrixColumns": 0},
        {"Rows": 0},
        {"NumberOfOpticalPaths": 2**31},
    ],
)
def test_absurd_headers_are_refused_by_name(opened: Slide, attributes: dict[str, Any]) -> None:
    with pytest.raises(DamagedImageError, match=r"0\.dcm"):
        opened(tiles(40, 32, **attributes))


def test_a_file_replaced_while_open_is_noticed(opened: Slide, tmp_path: Path) -> None:
    source = opened(tiles(40, 32))
    source.read_tile(TileKey(0, 0, 0))
    path = tmp_path / "0.dcm"
    path.write_bytes(path.read_bytes())
    with pytest.raises(FileChangedError):
        source.read_tile(TileKey(0, 1, 0))


def test_damaged_slides_give_tiles_or_our_errors(tmp_path: Path) -> None:
    dataset = tiles(
        24,
        16,
        DimensionOrganizationType="TILED_SPARSE",
        PerFrameFunctionalGroupsSequence=[at(17, 9), at(1, 1, 2.0, "a")],
        OpticalPathSequence=[item(OpticalPathIdentifier="a", ICCProfile=bytes(200))],
        NumberOfFrames=2,
    )
    data = save(tmp_path / "good.dcm", dataset).read_bytes()
    header = data.index(b"\xe0\x7f\x10\x00")
    mutants = [data[:end] for end in range(0, len(data), 61)]
    mutants += [
        data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1 :] for place in range(150, header + 12, 3)
    ]
    for number, mutant in enumerate(mutants):
        path = tmp_path / f"{number}.dcm"
        path.write_bytes(mutant)
        assert outcome(path)


def outcome(path: Path) -> str:
    """What reading a file came to: tiles, or an error with words."""
    try:
        source = DicomWsiFormat().open([path])
    except (MedTilesError, TranscodeError) as error:
        return str(error)
    try:
        source.display(0)
        source.read_tile(TileKey(0, 0, 0))
    except (MedTilesError, TranscodeError) as error:
        return str(error)
    finally:
        source.close()
    return "read"
