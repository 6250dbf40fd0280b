"""DICOM files become images by series; their names say nothing of patients."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from medtiles.catalogue import CatalogueOptions, FileCatalogue
from medtiles.core.geometry import Size
from medtiles.core.pyramid import ImageInfo, Level, Plane
from medtiles.core.source import Source
from medtiles.core.tiles import ImageQuery, ImageSummary
from tests.unit.catalogue.conftest import FakeFormat, FakeSource, MakeCatalogue
from transcode.files import version_of
from transcode.frames import RGB8

CANARY = "ZZCANARY"


class DicomFormat(FakeFormat):
    """Opens any group of DICOM files as a picture of 3 x 4."""

    def __init__(self) -> None:
        super().__init__("dicom-radiology", (".dcm",))
        self.paths: list[tuple[Path, ...]] = []

    def open(self, paths: Sequence[Path]) -> Source:
        self.paths.append(tuple(paths))
        return OpenGroup(paths)


class OpenGroup(FakeSource):
    """The files of a series, as a picture for each."""

    def __init__(self, paths: Sequence[Path]) -> None:
        size = Size(3, 4)
        levels = (Level(size, size),)
        self.info = ImageInfo(
            "series", "radiology", "fake", levels, RGB8, tuple(Plane() for _ in paths), version_of(paths)
        )


def write(path: Path, series: str, number: int, description: str = "AX T1", **more: object) -> None:
    dataset = Dataset()
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = f"{series}.{number}"
    dataset.StudyInstanceUID = "1.2.3"
    dataset.SeriesInstanceUID = series
    dataset.Modality = "CT"
    dataset.SeriesNumber = 1
    dataset.InstanceNumber = number
    dataset.SeriesDescription = description
    dataset.PatientName = f"{CANARY}^Jane"
    dataset.PatientID = f"{CANARY}-1"
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = 4, 3
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 0
    dataset.PixelData = np.zeros((4, 3), np.uint16).tobytes()
    for name, value in more.items():
        setattr(dataset, name, value)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = CTImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    path.parent.mkdir(exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)


@pytest.fixture
def study(root: Path) -> Path:
    """Two series, of three instances and of one, under names that name a patient."""
    for number in (3, 1, 2):
        write(root / CANARY / f"{number}.dcm", "1.2.3.4", number)
    write(root / "other.dcm", "1.2.3.5", 1, "SAG T2")
    return root


def listed(catalogue: FileCatalogue) -> list[ImageSummary]:
    return list(catalogue.images(ImageQuery()).images)


def test_a_series_is_one_image_named_by_its_description(study: Path, catalogue_of: MakeCatalogue) -> None:
    first, second = listed(catalogue_of(study, formats=[DicomFormat()]))
    assert (first.name, first.planes, first.width, first.height) == ("AX T1", 3, 3, 4)
    assert (first.kind, first.modality, first.study_uid, first.series_uid) == ("radiology", "CT", "1.2.3", "1.2.3.4")
    assert (second.name, second.planes) == ("SAG T2", 1)


def test_a_series_is_opened_with_its_files_in_order(study: Path, catalogue_of: MakeCatalogue) -> None:
    dicom = DicomFormat()
    catalogue = catalogue_of(study, formats=[dicom])
    catalogue.open(listed(catalogue)[0].id)
    assert [path.name for path in dicom.paths[0]] == ["1.dcm", "2.dcm", "3.dcm"]


def test_images_of_a_study_are_found_by_its_uid(study: Path, catalogue_of: MakeCatalogue) -> None:
    catalogue = catalogue_of(study, formats=[DicomFormat()])
    assert catalogue.images(ImageQuery(study_uid="1.2.3")).total == 2
    assert catalogue.images(ImageQuery(study_uid="1.2")).total == 0


def test_the_id_of_a_series_does_not_depend_on_its_files_names(
    study: Path, tmp_path: Path, catalogue_of: MakeCatalogue
) -> None:
    before = [image.id for image in listed(catalogue_of(study, formats=[DicomFormat()]))]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for number, path in enumerate(sorted(study.rglob("*.dcm"))):
        path.rename(elsewhere / f"renamed-{number}.dcm")
    assert [image.id for image in listed(catalogue_of(elsewhere, formats=[DicomFormat()]))] == before


def test_a_copy_of_an_instance_counts_once(study: Path, catalogue_of: MakeCatalogue) -> None:
    (study / "copy.dcm").write_bytes((study / CANARY / "1.dcm").read_bytes())
    assert listed(catalogue_of(study, formats=[DicomFormat()]))[0].planes == 3


def test_an_instance_that_comes_later_joins_its_series(study: Path, catalogue_of: MakeCatalogue) -> None:
    catalogue = catalogue_of(study, formats=[DicomFormat()])
    image = listed(catalogue)[0].id
    before = catalogue.version(image)
    write(study / "4.dcm", "1.2.3.4", 4)
    catalogue.rescan()
    assert listed(catalogue)[0].planes == 4
    assert catalogue.open(image).info.version != before


def test_a_dicom_file_without_a_picture_is_left_out(root: Path, catalogue_of: MakeCatalogue) -> None:
    write(root / "report.dcm", "1.2.3.6", 1, Rows=0, Columns=0)
    assert listed(catalogue_of(root, formats=[DicomFormat()])) == []


def test_a_damaged_dicom_file_is_listed_with_its_problem(study: Path, catalogue_of: MakeCatalogue) -> None:
    good = (study / "other.dcm").read_bytes()
    (study / "other.dcm").write_bytes(good[:132] + b"\xff" * 200)
    broken = listed(catalogue_of(study, formats=[DicomFormat()]))[-1]
    assert (broken.name, bool(broken.problem)) == ("other.dcm", True)


def test_patients_are_named_neither_in_listings_nor_in_the_index_of_images(study: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    catalogue = FileCatalogue([study], [DicomFormat()], CatalogueOptions(cache=cache))
    catalogue.rescan()
    catalogue.probe()
    assert catalogue.wait_until_known(10)
    assert CANARY not in str(listed(catalogue))
    catalogue.close()
    assert CANARY.encode() not in b"".join(path.read_bytes() for path in cache.glob("catalogue-*"))


def test_the_index_of_studies_names_patients_and_is_for_its_owner_alone(study: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    catalogue = FileCatalogue([study], [DicomFormat()], CatalogueOptions(cache=cache))
    catalogue.rescan()
    modes = {path.stat().st_mode & 0o777 for path in cache.glob("studies-*")}
    catalogue.close()
    assert modes == {0o600}
    assert CANARY.encode() in b"".join(path.read_bytes() for path in cache.glob("studies-*"))
