"""Which files make one image."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from medtiles.core.errors import UnsupportedFormatError
from medtiles.dicom import DicomHead, ImageGroup, group
from medtiles.dicom.head_reader import read_head
from medtiles.sources.dicom_radiology import DicomRadiologyFormat
from tests.dicom_files import CT, WHOLE_SLIDE, gradient, image, item, save

SLICE = DicomHead(
    sop_class_uid=CT,
    study_uid="1.1",
    series_uid="1.1.1",
    modality="CT",
    series_number=3,
    series_description="Thorax",
    rows=512,
    columns=512,
    pixel_key="1-16-16-1-MONOCHROME2",
)
TILES = DicomHead(
    sop_class_uid=WHOLE_SLIDE,
    study_uid="2.1",
    series_uid="2.1.1",
    modality="SM",
    series_number=1,
    rows=256,
    columns=256,
    frames=12,
    pixel_key="3-8-8-0-YBR_FULL_422",
    image_type=("ORIGINAL", "PRIMARY", "VOLUME", "NONE"),
    frame_of_reference_uid="2.9",
    container_key="abc",
    matrix_columns=1000,
    matrix_rows=700,
)


def slices(*numbers: int) -> list[tuple[str, DicomHead]]:
    return [
        (f"/x/{number}.dcm", replace(SLICE, sop_instance_uid=f"1.{number}", instance_number=number))
        for number in numbers
    ]


def only(groups: list[ImageGroup]) -> ImageGroup:
    assert len(groups) == 1
    return groups[0]


def test_single_frames_of_one_series_are_planes_of_one_image_in_their_order() -> None:
    image_ = only(group(slices(3, 1, 2)))
    assert image_.kind == "radiology"
    assert image_.members == ("/x/1.dcm", "/x/2.dcm", "/x/3.dcm")
    assert (image_.name, image_.width, image_.planes, image_.modality) == ("Thorax", 512, 3, "CT")


@pytest.mark.parametrize("change", [{"rows": 256}, {"columns": 256}, {"pixel_key": "1-16-12-0-MONOCHROME2"}])
def test_instances_that_differ_in_size_or_format_make_images_of_their_own(change: dict[str, Any]) -> None:
    path, last = slices(3)[0]
    groups = group([*slices(1, 2), (path, replace(last, **change))])
    assert sorted(len(each.members) for each in groups) == [1, 2]
    assert sorted(each.name for each in groups) == ["Thorax (1)", "Thorax (2)"]


def test_each_multi_frame_instance_is_an_image() -> None:
    loops = [(path, replace(head, frames=30)) for path, head in slices(1, 2)]
    assert [each.planes for each in group(loops)] == [30, 30]


def test_parts_of_a_concatenation_are_one_image() -> None:
    parts = [
        (
            f"/x/{number}",
            replace(SLICE, sop_instance_uid=str(number), frames=4, concatenation_uid="9", in_concatenation=number),
        )
        for number in (2, 1)
    ]
    image_ = only(group(parts))
    assert (image_.members, image_.planes) == (("/x/1", "/x/2"), 8)


def test_levels_and_pictures_beside_them_are_one_slide_with_the_largest_first() -> None:
    members = [
        (
            "/label",
            replace(
                TILES,
                sop_instance_uid="4",
                image_type=("ORIGINAL", "PRIMARY", "LABEL", "NONE"),
                frame_of_reference_uid="",
            ),
        ),
        ("/small", replace(TILES, sop_instance_uid="2", matrix_columns=250, matrix_rows=175)),
        ("/large", replace(TILES, sop_instance_uid="1")),
        ("/thumb", replace(TILES, sop_instance_uid="3", image_type=("DERIVED", "PRIMARY", "THUMBNAIL", "RESAMPLED"))),
    ]
    slide = only(group(members))
    assert slide.kind == "slide"
    assert slide.members[:2] == ("/large", "/small")
    assert set(slide.members[2:]) == {"/label", "/thumb"}
    assert (slide.width, slide.height) == (1000, 700)


@pytest.mark.parametrize(
    "change", [{"container_key": "xyz"}, {"frame_of_reference_uid": "2.10"}, {"series_uid": "2.1.2"}]
)
def test_other_containers_frames_of_reference_and_series_are_other_slides(change: dict[str, Any]) -> None:
    groups = group(
        [("/a", replace(TILES, sop_instance_uid="1")), ("/b", replace(TILES, sop_instance_uid="2", **change))]
    )
    assert len(groups) == 2
    assert len({each.key for each in groups}) == 2


def test_a_label_alone_is_a_slide_of_its_own() -> None:
    label = replace(TILES, image_type=("ORIGINAL", "PRIMARY", "LABEL", "NONE"))
    assert only(group([("/label", label)])).kind == "slide"


def test_the_same_instance_in_two_files_counts_once() -> None:
    (path, head), *_ = slices(1)
    assert only(group([(path, head), ("/copy.dcm", head)])).planes == 1


def test_files_without_a_picture_are_left_out() -> None:
    assert group([("/report", replace(SLICE, rows=0, columns=0, modality="SR"))]) == []


def test_keys_stay_when_files_move_and_when_others_come() -> None:
    before = only(group(slices(1, 2))).key
    moved = [(f"/y{path}", head) for path, head in slices(1, 2, 3)]
    assert before in {each.key for each in group([*moved, ("/t", TILES)])}


def test_order_of_files_makes_no_difference() -> None:
    members = [*slices(1, 2, 3), ("/t", TILES)]
    assert group(members) == group(members[::-1])


def test_an_image_without_description_is_named_by_modality_and_number() -> None:
    assert only(group([("/a", replace(SLICE, series_description=" "))])).name == "CT 3"


def test_a_head_survives_json() -> None:
    assert DicomHead.from_json(json.loads(json.dumps(TILES.to_json()))) == TILES


def tiled(**attributes: object) -> Dataset:
    return image(
        gradient(4, 8, 8, samples=3),
        SOPClassUID=WHOLE_SLIDE,
        TotalPixelMatrixColumns=16,
        TotalPixelMatrixRows=15,
        ImageType=["ORIGINAL", "PRIMARY", "VOLUME", "NONE"],
        **attributes,
    )


def test_the_head_of_a_file_holds_its_facts(tmp_path: Path) -> None:
    path = save(tmp_path / "a.dcm", tiled(SeriesDescription="Lung", ContainerIdentifier="SLIDE 7", SeriesNumber=4))
    head = read_head(path)
    assert head is not None
    assert (head.is_slide, head.matrix_columns, head.matrix_rows, head.frames) == (True, 16, 15, 4)
    assert (head.series_description, head.series_number, head.rows) == ("Lung", 4, 8)


def test_nothing_of_the_patient_is_in_a_head(tmp_path: Path) -> None:
    canary = "ZZCANARY"
    dataset = tiled(PatientName=canary, PatientID=canary, ContainerIdentifier=canary, AccessionNumber=canary)
    head = read_head(save(tmp_path / "a.dcm", dataset))
    assert head is not None
    assert canary not in json.dumps(head.to_json())
    assert canary not in repr(group([("/a", head)]))


def test_a_file_without_pixels_has_a_head_but_no_picture(tmp_path: Path) -> None:
    dataset = tiled()
    del dataset.PixelData
    head = read_head(save(tmp_path / "a.dcm", dataset))
    assert head is not None
    assert not head.has_picture


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n" * 40, bytes(500)])
def test_other_files_have_no_head(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "other"
    path.write_bytes(data)
    assert read_head(path) is None


def test_a_missing_file_has_no_head(tmp_path: Path) -> None:
    assert read_head(tmp_path / "gone.dcm") is None


def test_a_directory_of_files_has_a_head_but_no_picture(tmp_path: Path) -> None:
    dataset = item(FileSetID="DISK", DirectoryRecordSequence=[item(DirectoryRecordType="PATIENT")])
    dataset.SOPClassUID = "1.2.840.10008.1.3.10"
    path = save(tmp_path / "DICOMDIR", dataset)
    head = read_head(path)
    assert head is not None
    assert not head.has_picture
    with pytest.raises(UnsupportedFormatError, match="DICOMDIR holds no picture: it is a DICOMDIR"):
        DicomRadiologyFormat().open([path])
