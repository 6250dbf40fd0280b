"""DICOM files made for tests: small, whole, and as odd as a test wants them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from transcode.dicom.file_header import FileHeader, read_header
from transcode.dicom.streams import MemoryFile

WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"
CT = "1.2.840.10008.5.1.4.1.1.2"
SECONDARY = "1.2.840.10008.5.1.4.1.1.7"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"

Target = TypeVar("Target", Path, BytesIO)


def image(samples: NDArray[Any], **attributes: object) -> Dataset:
    """An instance of frames (frames, rows, columns[, samples]) with an Image Pixel Module that fits them."""
    frames, rows, columns = samples.shape[:3]
    dataset = Dataset()
    dataset.SOPClassUID = SECONDARY
    dataset.SOPInstanceUID = "1.2.3.4"
    dataset.StudyInstanceUID = "1.2.3"
    dataset.SeriesInstanceUID = "1.2.3.1"
    dataset.Modality = "OT"
    dataset.Rows, dataset.Columns = rows, columns
    dataset.NumberOfFrames = frames
    dataset.SamplesPerPixel = samples.shape[3] if samples.ndim == 4 else 1
    dataset.PhotometricInterpretation = "RGB" if samples.ndim == 4 else "MONOCHROME2"
    if samples.ndim == 4:
        dataset.PlanarConfiguration = 0
    bits = samples.dtype.itemsize * 8
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
    dataset.PixelRepresentation = int(samples.dtype.kind == "i")
    put(dataset, attributes)
    dataset.PixelData = samples.astype(samples.dtype.newbyteorder("<")).tobytes()
    if len(dataset.PixelData) % 2:
        dataset.PixelData += b"\0"
    dataset["PixelData"].VR = "OB" if bits == 8 else "OW"
    return dataset


def put(dataset: Dataset, attributes: dict[str, Any]) -> None:
    """Set attributes by keyword; None deletes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for keyword, value in attributes.items():
            if value is None:
                delattr(dataset, keyword)
            else:
                setattr(dataset, keyword, value)


def item(**attributes: object) -> Dataset:
    """An item of a sequence."""
    dataset = Dataset()
    put(dataset, attributes)
    return dataset


def encapsulated(dataset: Dataset, frames: Sequence[bytes], *, has_table: bool = True) -> Dataset:
    """The instance with encoded frames in place of its samples."""
    dataset.PixelData = encapsulate(list(frames), has_bot=has_table)
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.NumberOfFrames = len(frames)
    return dataset


def save(path: Target, dataset: Dataset, transfer_syntax: str = ExplicitVRLittleEndian) -> Target:
    """Write a Part 10 file; warnings of pydicom about odd values are what a test wants."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = UID(transfer_syntax)
    meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID", SECONDARY)
    meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", "1.2.3.4")
    dataset.file_meta = meta
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset.save_as(
            path,
            enforce_file_format=True,
            implicit_vr=transfer_syntax == ImplicitVRLittleEndian,
            little_endian=transfer_syntax != ExplicitVRBigEndian,
        )
    return path


def header_of(dataset: Dataset, transfer_syntax: str = ExplicitVRLittleEndian) -> FileHeader:
    """The header as it is read back from a file."""
    dataset.setdefault("SOPInstanceUID", "1.2.3.4")
    return read_header(MemoryFile("made.dcm", save(BytesIO(), dataset, transfer_syntax).getvalue()))


def gradient(frames: int, rows: int, columns: int, dtype: str = "u1", samples: int = 0) -> NDArray[Any]:
    """Frames that differ from one another in every row and column."""
    shape = (frames, rows, columns, samples) if samples else (frames, rows, columns)
    count = int(np.prod(shape))
    return (np.arange(count) * 7 % 251).astype(dtype).reshape(shape)
