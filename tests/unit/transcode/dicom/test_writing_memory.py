"""Memory while instances are written: flat, however many frames there are and however large private blobs are."""

from __future__ import annotations

import struct
import tracemalloc
from contextlib import closing
from pathlib import Path

import pytest

from tests.dicom_files import gradient, image
from tests.dicom_writing import EXPLICIT, JPEG_LS, UNCHANGED, saved
from transcode.dicom.compare import differences
from transcode.dicom.file_header import read_header
from transcode.dicom.offset_tables import OffsetTable
from transcode.dicom.reader import InstanceReader
from transcode.dicom.writer import InstanceWriter
from transcode.files import StableFile
from transcode.targets import Target

pytestmark = pytest.mark.slow

SIDE = 512
BLOB = 64 << 20


def sparse(path: Path, frames: int, blob: int = 0) -> StableFile:
    """A 16-bit instance of zeros, which takes no room on the disk, with a private blob before its Pixel Data."""
    dataset = image(gradient(1, 1, 1, "u2"), NumberOfFrames=frames)
    dataset.Rows = dataset.Columns = SIDE
    source = saved(dataset)
    head = source[: source.index(b"\xe0\x7f\x10\0OW")]
    size = frames * SIDE * SIDE * 2
    with path.open("wb") as file:
        file.write(head)
        file.write(b"\x11\x70\x10\0LO\x04\0BLOB" + b"\x11\x70\x01\x10OB\0\0" + struct.pack("<L", blob))
        file.seek(blob, 1)
        file.write(b"\xe0\x7f\x10\0OW\0\0" + struct.pack("<L", size))
        file.truncate(file.tell() + size)
    return StableFile(path)


def peak_of_writing(file: StableFile, out: Path, target: Target, table: OffsetTable = OffsetTable.BASIC) -> int:
    """The most bytes that were allocated at once while the whole instance was written."""
    reader = InstanceReader(file)
    codestream = b"x" * 999
    tracemalloc.start()
    try:
        with out.open("w+b") as stream:
            writer = InstanceWriter(stream, reader, UNCHANGED, target, reader.number_of_frames, table)
            for index in range(reader.number_of_frames):
                frame = reader.read_frame(index).data
                writer.write_frame(codestream if target is JPEG_LS else frame)
            writer.finish()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("table", OffsetTable)
def test_five_hundred_frames_take_no_more_than_ten(tmp_path: Path, table: OffsetTable) -> None:
    with closing(sparse(tmp_path / "few", 10)) as few, closing(sparse(tmp_path / "many", 500)) as many:
        peak = peak_of_writing(few, tmp_path / "out", JPEG_LS, table)
        assert peak_of_writing(many, tmp_path / "out", JPEG_LS, table) < peak + (128 << 10)
    with closing(StableFile(tmp_path / "out")) as out:
        assert InstanceReader(out).read_frame(499).data.rstrip(b"\0") == b"x" * 999


def test_a_private_blob_passes_in_pieces(tmp_path: Path) -> None:
    with closing(sparse(tmp_path / "blob", 1, BLOB)) as file:
        assert peak_of_writing(file, tmp_path / "out", EXPLICIT) < 8 << 20
        with closing(StableFile(tmp_path / "out")) as out:
            tracemalloc.start()
            try:
                assert list(differences(read_header(file), read_header(out))) == []
                assert tracemalloc.get_traced_memory()[1] < 8 << 20
            finally:
                tracemalloc.stop()
