"""A small archive of DICOM files, made for tests of studies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from tests.dicom_files import CT, gradient, image, item, save

CANARY = "ZZCANARY"
STUDY, SERIES, OTHER_STUDY = "1.2.3", "1.2.3.4", "1.2.9"


def slice_of(number: int, **attributes: Any) -> Dataset:
    """A CT slice of the first study, at its place in space."""
    standard = {
        "SOPClassUID": CT,
        "Modality": "CT",
        "StudyInstanceUID": STUDY,
        "SeriesInstanceUID": SERIES,
        "SOPInstanceUID": f"{SERIES}.{number}",
        "SeriesNumber": 2,
        "InstanceNumber": number,
        "SpecificCharacterSet": "ISO_IR 100",
        "PatientName": f"{CANARY}^Jörg",
        "PatientID": f"{CANARY}-1",
        "PatientBirthDate": "19700102",
        "PatientSex": "M",
        "StudyDate": "20240229",
        "StudyTime": "101112.5",
        "StudyID": "S1",
        "StudyDescription": "Thorax",
        "SeriesDescription": "AX 5 mm",
        "AccessionNumber": "A1",
        "ReferringPhysicianName": "Refer^Red",
        "BodyPartExamined": "CHEST",
        "ImagePositionPatient": [0.0, 0.0, 10.0 - 2.5 * number],
        "ImageOrientationPatient": [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
        "ContentDate": f"2024030{number}",
        "RequestAttributesSequence": [item(ScheduledProcedureStepDescription="CT chest", RequestedProcedureID="R7")],
    }
    wanted = {keyword: value for keyword, value in {**standard, **attributes}.items() if value is not None}
    return image(gradient(1, 4, 6, "u2"), **wanted, NumberOfFrames=None)


def write_archive(folder: Path) -> Path:
    """Two studies: three slices and a report; one MR slice of another patient. Files lie in no order."""
    for number in (3, 1, 2):
        save(folder / f"slice{number}.dcm", slice_of(number))
    save(folder / "report.dcm", report())
    other = {"PatientName": "Roe^Richard", "PatientID": "P2", "StudyDate": "20200101", "Modality": "MR"}
    uids = {"StudyInstanceUID": OTHER_STUDY, "SeriesInstanceUID": "1.2.9.1", "SOPInstanceUID": "1.2.9.1.1"}
    save(folder / "other.dcm", slice_of(1, **other, **uids, StudyDescription="Knee", AccessionNumber="A2"))
    return folder


def report() -> Dataset:
    """An instance without pixels, in a series of its own."""
    made = slice_of(
        1, SOPClassUID="1.2.840.10008.5.1.4.1.1.88.11", SeriesInstanceUID="1.2.3.5", SOPInstanceUID="1.2.3.5.1",
        Modality="SR", SeriesNumber=9, SeriesDescription=None, ImagePositionPatient=None,
        ImageOrientationPatient=None,
    )  # fmt: skip
    for keyword in ("PixelData", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"):
        delattr(made, keyword)
    return made


def bulky() -> Dataset:
    """An instance with values that are told by address, in place, or not at all."""
    made = slice_of(1, SOPInstanceUID="1.2.7.1.1", SeriesInstanceUID="1.2.7.1", StudyInstanceUID="1.2.7")
    made.add_new(0x00281201, "OW", np.arange(1024, dtype="<u2").tobytes())
    made.add_new(0x00281202, "OW", b"\x01\x02\x03\x04")
    block = made.private_block(0x0009, "MEDTILES TEST", create=True)
    block.add_new(0x01, "OB", b"\x05\x06")
    block.add_new(0x02, "LO", "private words")
    made.OpticalPathSequence = [item(OpticalPathIdentifier="1"), item(ICCProfile=b"profile of a path ")]
    made.add_new(0x00189073, "FD", float("nan"))
    made.add_new(0x00181310, "US", [0, 6, 4, 0])
    return made
