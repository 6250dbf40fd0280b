"""The facts of one DICOM file that say which image it belongs to. Read from the head of the file alone."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag

from transcode.dicom.attributes import text, texts, value_of
from transcode.dicom.file_header import FileHeader, read_header
from transcode.errors import DicomFileError, TranscodeError
from transcode.files import StableFile

WHOLE_SLIDE_STORAGE = "1.2.840.10008.5.1.4.1.1.77.1.6"
_PIXEL_KEYWORDS = ("SamplesPerPixel", "BitsAllocated", "BitsStored", "PixelRepresentation", "PhotometricInterpretation")
_KEYWORDS = (
    "SpecificCharacterSet",
    "ImageType",
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyDate",
    "Modality",
    "StudyDescription",
    "SeriesDescription",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SeriesNumber",
    "InstanceNumber",
    "FrameOfReferenceUID",
    "ConcatenationUID",
    "InConcatenationNumber",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "ContainerIdentifier",
    "TotalPixelMatrixColumns",
    "TotalPixelMatrixRows",
    *_PIXEL_KEYWORDS,
)
_TAGS: list[BaseTag | int] = [Tag(keyword) for keyword in _KEYWORDS]


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
        is_tiled = self.matrix_columns > 0 and self.matrix_rows > 0
        return self.has_picture and (is_tiled or self.sop_class_uid == WHOLE_SLIDE_STORAGE)

    def to_json(self) -> dict[str, Any]:
        """As plain values for `json.dumps`."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> DicomHead:
        """The inverse of `to_json`; unknown keys are left out."""
        known = {field.name for field in fields(cls)}
        picked = {name: value for name, value in values.items() if name in known}
        picked["image_type"] = tuple(picked.get("image_type", ()))
        return cls(**picked)


def read_head(path: Path) -> DicomHead | None:
    """The facts of a file; None when it is not DICOM, or too broken to tell, or gone. Never raises on bad bytes."""
    try:
        file = StableFile(path)
    except OSError:
        return None
    try:
        return head_of(read_header(file, _TAGS))
    except TranscodeError:
        return None
    finally:
        file.close()


def head_of(header: FileHeader) -> DicomHead:
    """The facts of a parsed header; attributes that cannot be read count as absent."""
    dataset = header.dataset
    container = _text(dataset, "ContainerIdentifier")
    has_pixels = header.pixel_data is not None
    return DicomHead(
        sop_class_uid=_text(dataset, "SOPClassUID") or _text(dataset.file_meta, "MediaStorageSOPClassUID"),
        sop_instance_uid=_text(dataset, "SOPInstanceUID"),
        study_uid=_text(dataset, "StudyInstanceUID"),
        series_uid=_text(dataset, "SeriesInstanceUID"),
        modality=_text(dataset, "Modality"),
        series_number=_number(dataset, "SeriesNumber"),
        instance_number=_number(dataset, "InstanceNumber"),
        series_description=_text(dataset, "SeriesDescription"),
        study_description=_text(dataset, "StudyDescription"),
        study_date=_text(dataset, "StudyDate"),
        transfer_syntax=header.transfer_syntax,
        rows=_count(dataset, "Rows") if has_pixels else 0,
        columns=_count(dataset, "Columns") if has_pixels else 0,
        frames=max(1, _count(dataset, "NumberOfFrames")),
        pixel_key="-".join(_text(dataset, keyword) for keyword in _PIXEL_KEYWORDS),
        image_type=_texts(dataset, "ImageType"),
        frame_of_reference_uid=_text(dataset, "FrameOfReferenceUID"),
        container_key=hashlib.blake2b(container.encode(), digest_size=8).hexdigest() if container else "",
        matrix_columns=_count(dataset, "TotalPixelMatrixColumns"),
        matrix_rows=_count(dataset, "TotalPixelMatrixRows"),
        concatenation_uid=_text(dataset, "ConcatenationUID"),
        in_concatenation=_count(dataset, "InConcatenationNumber"),
    )


def _text(dataset: Dataset, keyword: str) -> str:
    try:
        return text(dataset, keyword)
    except DicomFileError:
        return ""


def _texts(dataset: Dataset, keyword: str) -> tuple[str, ...]:
    try:
        return texts(dataset, keyword)
    except DicomFileError:
        return ()


def _number(dataset: Dataset, keyword: str) -> int | None:
    try:
        value = value_of(dataset, keyword)
    except DicomFileError:
        return None
    return int(value) if isinstance(value, int) else None


def _count(dataset: Dataset, keyword: str) -> int:
    return max(0, _number(dataset, keyword) or 0)
