"""The facts of one DICOM file that say which image it belongs to. Read from the head of the file alone."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import FileDataset

WHOLE_SLIDE_STORAGE = "1.2.840.10008.5.1.4.1.1.77.1.6"
_TAGS: list[Any] = [
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "Modality",
    "SeriesNumber",
    "InstanceNumber",
    "SeriesDescription",
    "StudyDescription",
    "StudyDate",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "SamplesPerPixel",
    "BitsAllocated",
    "BitsStored",
    "PixelRepresentation",
    "PhotometricInterpretation",
    "ImageType",
    "FrameOfReferenceUID",
    "ContainerIdentifier",
    "TotalPixelMatrixColumns",
    "TotalPixelMatrixRows",
    "ConcatenationUID",
    "InConcatenationNumber",
]


@dataclass(frozen=True, slots=True)
class DicomHead:
    """Facts of one instance, without its path and without anything about the patient. JSON by `to_json`."""

    sop_class_uid: str = ""
    sop_instance_uid: str = ""
    study_uid: str = ""
    series_uid: str = ""
    modality: str = ""
    series_number: int | None = None
    instance_number: int | None = None
    series_description: str = ""
    study_description: str = ""
    study_date: str = ""
    """YYYYMMDD."""
    transfer_syntax: str = ""
    rows: int = 0
    """0 when the file holds no picture."""
    columns: int = 0
    frames: int = 1
    pixel_key: str = ""
    """Equal for instances whose samples have the same format."""
    image_type: tuple[str, ...] = ()
    frame_of_reference_uid: str = ""
    container_key: str = ""
    """A digest of the Container Identifier (a slide's label may name a patient); empty when there is none."""
    matrix_columns: int = 0
    """Total Pixel Matrix Columns: the width of a tiled picture; 0 when it is not tiled."""
    matrix_rows: int = 0
    concatenation_uid: str = ""
    in_concatenation: int = 0

    @property
    def has_picture(self) -> bool:
        """Whether the file holds pixels that can be shown."""
        return self.rows > 0 and self.columns > 0

    @property
    def is_slide(self) -> bool:
        """Whether it is part of a whole-slide image: tiles of a total pixel matrix."""
        return self.has_picture and (
            self.matrix_columns > 0 and self.matrix_rows > 0 or self.sop_class_uid == WHOLE_SLIDE_STORAGE
        )

    def to_json(self) -> dict[str, Any]:
        """As plain values for `json.dumps`."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> DicomHead:
        """The inverse of `to_json`; unknown keys are left out."""
        known = {field.name for field in fields(cls)}
        picked = {name: value for name, value in values.items() if name in known}
        picked["image_type"] = tuple(picked.get("image_type", ()))
        return cls(**picked)


def read_head(path: Path) -> DicomHead | None:
    """The facts of a file; None when it is not DICOM, or too broken to tell. Never raises on bad bytes."""
    try:
        dataset = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=_TAGS)
    except Exception:
        return None
    return _head_of(dataset)


def _head_of(dataset: FileDataset) -> DicomHead:
    def text(keyword: str) -> str:
        return str(dataset.get(keyword) or "")

    def number(keyword: str) -> int:
        return int(dataset.get(keyword) or 0)

    container = text("ContainerIdentifier")
    return DicomHead(
        sop_class_uid=text("SOPClassUID"),
        sop_instance_uid=text("SOPInstanceUID"),
        study_uid=text("StudyInstanceUID"),
        series_uid=text("SeriesInstanceUID"),
        modality=text("Modality"),
        series_number=number("SeriesNumber"),
        instance_number=number("InstanceNumber"),
        series_description=text("SeriesDescription"),
        study_description=text("StudyDescription"),
        study_date=text("StudyDate"),
        transfer_syntax=str(dataset.file_meta.get("TransferSyntaxUID", "")),
        rows=number("Rows"),
        columns=number("Columns"),
        frames=max(1, number("NumberOfFrames")),
        pixel_key="-".join(
            str(dataset.get(keyword, ""))
            for keyword in (
                "SamplesPerPixel",
                "BitsAllocated",
                "BitsStored",
                "PixelRepresentation",
                "PhotometricInterpretation",
            )
        ),
        image_type=tuple(str(value) for value in dataset.get("ImageType") or ()),
        frame_of_reference_uid=text("FrameOfReferenceUID"),
        container_key=hashlib.blake2b(container.encode(), digest_size=8).hexdigest() if container else "",
        matrix_columns=number("TotalPixelMatrixColumns"),
        matrix_rows=number("TotalPixelMatrixRows"),
        concatenation_uid=text("ConcatenationUID"),
        in_concatenation=number("InConcatenationNumber"),
    )
