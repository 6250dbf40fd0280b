"""A new file around codestreams that are copied bit for bit: one fragment a frame, the offset table asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from transcode.dicom.changes import changes_for
from transcode.dicom.data_set import data_set_of
from transcode.dicom.file_header import NATIVE_TRANSFER_SYNTAXES
from transcode.dicom.new_elements import Changes
from transcode.dicom.offset_tables import OffsetTable
from transcode.dicom.reader import InstanceReader
from transcode.dicom.source_facts import source_facts
from transcode.dicom.writer import InstanceWriter
from transcode.errors import UnsupportedEncodingError
from transcode.targets import Target


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """What became of an instance."""

    changes: Changes
    """Of its header."""
    warnings: tuple[str, ...]
    """For people."""


def rewrap(
    out: BinaryIO,
    source: InstanceReader,
    offset_table: OffsetTable = OffsetTable.BASIC,
    target: Target | None = None,
) -> Rewrapped:
    """Write the instance with its own frames, as they are; nothing is lost, so it stays the same instance.

    A pad behind the end of a codestream is not part of it, and is made anew.

    :param target: whose transfer syntax the codestreams get, which they must keep; None: the one that they have
    :raises UnsupportedEncodingError: its frames are not encapsulated
    :raises DicomFileError, TruncatedFileError, FileChangedError: see `InstanceReader` and `InstanceWriter`
    """
    if source.transfer_syntax in NATIVE_TRANSFER_SYNTAXES:
        message = f"{source.file_header.body.name}: its frames are not encapsulated"
        raise UnsupportedEncodingError(message)
    data_set = data_set_of(source.file_header)
    place = target or Target(source.encoding.name, source.transfer_syntax, source.encoding, is_lossless=True)
    changes = changes_for(source_facts(source, data_set), place, None)
    frames = source.number_of_frames
    writer = InstanceWriter(out, source, changes, place, frames, offset_table, data_set=data_set)
    for index in range(frames):
        writer.write_frame(source.read_frame(index).data)
    writer.finish()
    return Rewrapped(changes, writer.warnings)
