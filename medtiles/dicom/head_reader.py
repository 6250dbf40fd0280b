"""Reads the facts that group DICOM files, from the head of a file alone."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag

from medtiles.dicom.heads import DicomHead
from medtiles.dicom.records import InstanceRecord, record_of, record_tags
from transcode.dicom.attributes import text, texts, value_of
from transcode.dicom.file_header import FileHeader, read_header
from transcode.errors import DicomFileError, TranscodeError
from transcode.files import StableFile

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


def read_head(path: Path) -> DicomHead | None:
    """The facts of a file; None when it is not DICOM, or too broken to tell, or gone. Never raises on bad bytes."""
    found = read_facts(path)
    return None if found is None else found[0]


def read_facts(path: Path) -> tuple[DicomHead, InstanceRecord | None] | None:
    """The same, and what an index of studies keeps of it, by one parse; no record where its UIDs are none."""
    try:
        file = StableFile(path)
    except OSError:
        return None
    try:
        header = read_header(file, [*_TAGS, *record_tags()])
        head = head_of(header)
        return head, _record(header, head, path)
    except TranscodeError:
        return None
    finally:
        file.close()


def _record(header: FileHeader, head: DicomHead, path: Path) -> InstanceRecord | None:
    try:
        return record_of(header, head, path)
    except DicomFileError:
        return None


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
