"""What a policy wants to know of an image, read from its header; of JPEG 2000 and JPEG-LS also from its first frame."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from transcode.codestream import parse
from transcode.dicom.attributes import items, text, texts
from transcode.dicom.file_header import FileHeader, read_header
from transcode.dicom.reader import InstanceReader
from transcode.dicom.recognition import looks_like_dicom
from transcode.errors import TranscodeError
from transcode.files import StableFile
from transcode.jp2_boxes import codestream_within
from transcode.jpeg_structure import read_near
from transcode.policy import Facts

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_HEAD = 132
_SYNTAX = "1.2.840.10008.1.2.4."
_JPEG_2000 = frozenset(f"{_SYNTAX}{number}" for number in (90, 91, 92, 93, 201, 202, 203))
_JPEG_LS = frozenset(f"{_SYNTAX}{number}" for number in (80, 81))
_LOSSY = frozenset(f"{_SYNTAX}{number}" for number in (50, 51, 111, 112))
"""Of JPEG XL, .111 holds a JPEG, and .112 does not say of a stream whether it lost something: it may have."""
_OVERLAYS = range(0x6000, 0x6020, 2)
_DIRECTORY = "1.2.840.10008.1.3.10"


def facts_of(path: Path) -> Facts | str:
    """What is known of the image in a file; or why it is none that could be encoded anew.

    :raises OSError: the file cannot be opened
    """
    file = StableFile(path)
    try:
        if not looks_like_dicom(file.read(0, min(file.size, _HEAD))):
            return "not DICOM"
        return _facts(file)
    except TranscodeError as error:
        return str(error)
    finally:
        file.close()


def _facts(file: StableFile) -> Facts | str:
    header = read_header(file)
    if header.pixel_data is None:
        return _without_pixels(header)
    reader = InstanceReader(file, header)
    dataset, pixels = header.dataset, reader.pixels
    return Facts(
        width=pixels.columns,
        height=pixels.rows,
        frames=pixels.frames,
        pixels=pixels.format,
        bits_allocated=pixels.bits_allocated,
        transfer_syntax=reader.transfer_syntax,
        is_lossy=_is_lossy(reader, dataset),
        modality=text(dataset, "Modality"),
        sop_class=_sop_class(header),
        burned_in=text(dataset, "BurnedInAnnotation").upper(),
        has_embedded_overlay=_has_embedded_overlay(dataset),
    )


def _sop_class(header: FileHeader) -> str:
    return text(header.dataset, "SOPClassUID") or text(header.dataset.file_meta, "MediaStorageSOPClassUID")


def _without_pixels(header: FileHeader) -> str:
    if text(header.dataset.file_meta, "MediaStorageSOPClassUID") == _DIRECTORY:
        return "an index of a file-set, which will not know of the UIDs and transfer syntaxes that change"
    modality = text(header.dataset, "Modality")
    return f"DICOM without Pixel Data{f', {modality}' if modality else ''}"


def directory_entries(path: Path) -> tuple[str, ...] | None:
    """The files that a DICOMDIR lists, with slashes, below its own folder; None when the file is no DICOMDIR.

    :raises TranscodeError: it is damaged
    :raises OSError: the file cannot be opened
    """
    file = StableFile(path)
    try:
        header = read_header(file)
        if text(header.dataset.file_meta, "MediaStorageSOPClassUID") != _DIRECTORY:
            return None
        records = items(header.dataset, "DirectoryRecordSequence")
        return tuple("/".join(names) for record in records if (names := texts(record, "ReferencedFileID")))
    finally:
        file.close()


def _is_lossy(reader: InstanceReader, dataset: Dataset) -> bool:
    """Whether something has been lost: the header says so, or the encoding does, or the first frame does.

    A stream that cannot be read says nothing, so it may have lost something.
    """
    if text(dataset, "LossyImageCompression") == "01" or reader.transfer_syntax in _LOSSY:
        return True
    try:
        if reader.transfer_syntax in _JPEG_2000:
            return not parse(codestream_within(reader.read_frame(0).data)).is_reversible
        if reader.transfer_syntax in _JPEG_LS:
            return read_near(reader.read_frame(0).data) != 0
    except TranscodeError:
        return True
    return False


def _has_embedded_overlay(dataset: Dataset) -> bool:
    """Whether an overlay plane lies in bits of the samples: it has a place there, and no data of its own."""
    for group in _OVERLAYS:
        has_data = (group, 0x3000) in dataset
        if (group, 0x0010) in dataset and not has_data and _overlay_bits(dataset, group) > 1:
            return True
    return False


def _overlay_bits(dataset: Dataset, group: int) -> int:
    """Overlay Bits Allocated (60xx,0100): 1 where the plane has data of its own."""
    if (group, 0x0100) not in dataset:
        return 1
    value = dataset[group, 0x0100].value
    return value if isinstance(value, int) else 1
