"""Writing instances in tests: a source's bytes in, the bytes of a new file out."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from tests.dicom_files import save
from transcode.codecs.jpeg import JPEG
from transcode.codecs.jpegls import JPEG_LS as JPEG_LS_ENCODING
from transcode.codecs.raw import RAW
from transcode.codecs.rle import RLE
from transcode.dicom.changes import changes_for
from transcode.dicom.new_elements import Changes
from transcode.dicom.offset_tables import OffsetTable
from transcode.dicom.reader import InstanceReader
from transcode.dicom.source_facts import source_facts
from transcode.dicom.streams import MemoryFile
from transcode.dicom.writer import InstanceWriter
from transcode.targets import Target

EXPLICIT = Target("explicit", "1.2.840.10008.1.2.1", RAW, is_lossless=True)
DEFLATED = Target("deflated", "1.2.840.10008.1.2.1.99", RAW, is_lossless=True)
RLE_LOSSLESS = Target("rle", "1.2.840.10008.1.2.5", RLE, is_lossless=True)
JPEG_LS = Target("jpegls", "1.2.840.10008.1.2.4.80", JPEG_LS_ENCODING, is_lossless=True)
JPEG_BASELINE = Target("jpeg", "1.2.840.10008.1.2.4.50", JPEG, is_lossless=False, lossy_method="ISO_10918_1")
NEAR_LOSSLESS = Target(
    "near", "1.2.840.10008.1.2.4.81", JPEG_LS_ENCODING, is_lossless=False, lossy_method="ISO_14495_1"
)
UNCHANGED = Changes()


def saved(dataset: Dataset, transfer_syntax: str = ExplicitVRLittleEndian) -> bytes:
    """A file as pydicom writes it."""
    return save(BytesIO(), dataset, transfer_syntax).getvalue()


def reader_of(data: bytes) -> InstanceReader:
    return InstanceReader(MemoryFile("made.dcm", data))


def changes_of(data: bytes, target: Target) -> Changes:
    """What a target changes, when its frames have the source's format."""
    reader = reader_of(data)
    return changes_for(source_facts(reader), target, reader.read_frame(0).format)


def written(
    data: bytes,
    target: Target = EXPLICIT,
    changes: Changes | None = None,
    frames: Sequence[bytes] | None = None,
    table: OffsetTable = OffsetTable.BASIC,
    ratio: float | None = None,
) -> bytes:
    """The source written anew, with its own frames unless others are given."""
    reader = reader_of(data)
    if frames is None:
        frames = [reader.read_frame(index).data for index in range(reader.number_of_frames)]
    out = BytesIO()
    writer = InstanceWriter(
        out, reader, changes_of(data, target) if changes is None else changes, target, len(frames), table
    )
    for frame in frames:
        writer.write_frame(frame)
    writer.finish(ratio)
    return out.getvalue()
