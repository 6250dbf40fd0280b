"""What a policy wants to know of an image, read from its header; of JPEG 2000 and JPEG-LS also from its first frame."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from transcode.codecs import HTJ2K, JPEG_2000, JPEG_LS
from transcode.codestream import parse
from transcode.dicom.attributes import items, text, texts
from transcode.dicom.embedded_overlays import embedded_overlays
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
_WAVELETS = frozenset({*JPEG_2000.transfer_syntaxes, *HTJ2K.transfer_syntaxes})
_LOSSY = frozenset(f"{_SYNTAX}{number}" for number in (50, 51, 111, 112))
"""Of JPEG XL, .111 holds a JPEG, and .112 does not say of a stream whether it lost something: it may have."""
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
        has_embedded_overlay=bool(embedded_overlays(dataset, pixels)),
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
        if reader.transfer_syntax in _WAVELETS:
            return not parse(codestream_within(reader.read_frame(0).data)).is_reversible
        if reader.transfer_syntax in JPEG_LS.transfer_syntaxes:
            return read_near(reader.read_frame(0).data) != 0
    except TranscodeError:
        return True
    return False
