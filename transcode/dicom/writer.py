"""InstanceWriter: one DICOM file around frames that are encoded anew, all else as it is in the source.

Theory of operation. The output is written once, from front to end: preamble and File Meta Information, the source's
elements before the Pixel Data with the changes merged in, then frame after frame, then the elements behind. What is
known only later (offset tables, the compression ratio) gets room of a fixed size and is filled in place. Values are
copied from the source file a piece at a time, so memory grows neither with frames nor with private blobs.
"""

from __future__ import annotations

from typing import BinaryIO

from transcode.dicom.attributes import naming
from transcode.dicom.data_set import DataSet, data_set_of
from transcode.dicom.file_header import DEFLATED_LITTLE_ENDIAN, NATIVE_TRANSFER_SYNTAXES, FileHeader
from transcode.dicom.file_meta import file_meta, preamble
from transcode.dicom.merging import Part, merged
from transcode.dicom.new_elements import Changes
from transcode.dicom.offset_tables import OffsetTable, fitting_table
from transcode.dicom.pixel_data import EncapsulatedValue, NativeValue, PixelDataValue
from transcode.dicom.pixel_data_form import PixelDataForm, left_out, pixel_data_form
from transcode.dicom.reader import InstanceReader
from transcode.dicom.sinks import DeflatedSink, PlainSink
from transcode.dicom.source_facts import LOSSY_IMAGE_COMPRESSION_RATIO, SOP_INSTANCE_UID, uid_of
from transcode.errors import DicomFileError
from transcode.targets import Target


class InstanceWriter:
    """Writes one instance. For one thread; owns neither the output nor the source."""

    def __init__(  # noqa: PLR0913 - the one place where all that makes a file comes together
        self,
        out: BinaryIO,
        source: InstanceReader | FileHeader,
        changes: Changes,
        target: Target,
        frames: int,
        offset_table: OffsetTable = OffsetTable.BASIC,
        *,
        data_set: DataSet | None = None,
    ) -> None:
        """Write everything before the Pixel Data.

        :param out: empty, and such that can be sought and written
        :param frames: how many will be written: Number of Frames
        :param data_set: of the source, when it has been walked before
        :raises DicomFileError: not as many frames as the header says; a source without Pixel Data or SOP UIDs, or
            that is not made of elements to its end
        :raises UnsupportedEncodingError: nothing is written in this transfer syntax
        :raises UnsupportedPixelsError: floating point samples in an encapsulated transfer syntax
        :raises TruncatedFileError, FileChangedError: see RandomAccess
        """
        header = source.file_header if isinstance(source, InstanceReader) else source
        self._out, self._header, self._changes, self._frames = out, header, changes, frames
        form = pixel_data_form(header, changes, target.transfer_syntax)
        if frames != form.frames:
            message = f"{header.body.name}: {frames} frames are to be written, Number of Frames is {form.frames}"
            raise DicomFileError(message)
        self._data_set = data_set or data_set_of(header)
        first, warning = preamble(header)
        self._found = [each for each in (warning, left_out(header)) if each]
        self._written = 0
        self._encoded_bytes = 0
        self._ratio_position = 0
        out.write(first)
        out.write(file_meta(header, *self._uids(), target.transfer_syntax))
        self._sink = DeflatedSink(out) if target.transfer_syntax == DEFLATED_LITTLE_ENDIAN else PlainSink(out)
        self._parts = merged(self._data_set, changes.elements, form.tag)
        for part in self._parts:
            if part.tag == form.tag:
                break
            self._write_part(part)
        self._value = self._begun(form, target, offset_table)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What people should know: of the changes, and of what was found while writing."""
        return (*self._changes.warnings, *self._found)

    @property
    def encoded_bytes(self) -> int:
        """Of the frames that have been written, without item headers and pads."""
        return self._encoded_bytes

    def write_frame(self, data: bytes) -> None:
        """Add the next frame: its codestream, or its samples as `InstanceReader.read_frame` gives native ones.

        :raises DicomFileError: more frames than were announced, or of a size that cannot be
        """
        if self._written >= self._frames:
            message = f"{self._header.body.name}: more frames are written than the {self._frames} announced"
            raise DicomFileError(message)
        with naming(self._header.body.name):
            self._value.write_frame(data)
        self._written += 1
        self._encoded_bytes += len(data)

    def finish(self, ratio: float | None = None) -> None:
        """Write what lies behind the Pixel Data, and fill what was left open.

        :param ratio: bytes of the decoded frames to bytes of the encoded ones; for a lossy step only
        :raises DicomFileError: fewer frames than were announced
        :raises ValueError: a lossy step without a ratio, or another one with one
        """
        if self._written != self._frames:
            message = f"{self._header.body.name}: {self._written} frames are written, {self._frames} were announced"
            raise DicomFileError(message)
        if (ratio is None) != (self._changes.ratio is None):
            message = "a lossy step has a compression ratio, and only a lossy step has one"
            raise ValueError(message)
        self._value.close()
        for part in self._parts:
            self._write_part(part)
        self._sink.close()
        if ratio is not None and self._changes.ratio is not None:
            self._out.seek(self._ratio_position + self._changes.ratio.offset)
            self._out.write(self._changes.ratio.written(ratio))
            self._out.seek(0, 2)

    def _write_part(self, part: Part) -> None:
        for piece in part.pieces:
            self._sink.write(piece)
        if part.is_new and part.tag == LOSSY_IMAGE_COMPRESSION_RATIO:
            new = self._changes.elements[part.tag]
            self._ratio_position = self._out.tell() - (len(new.value) if new is not None else 0)

    def _uids(self) -> tuple[str, str]:
        """SOP Class and SOP Instance UID of the output."""
        new = self._changes.elements.get(SOP_INSTANCE_UID)
        with naming(self._header.body.name):
            sop_class, sop_instance = (uid_of(self._header, keyword) for keyword in ("SOPClassUID", "SOPInstanceUID"))
        return sop_class, sop_instance if new is None else new.value.decode("ascii").rstrip("\0")

    def _begun(self, form: PixelDataForm, target: Target, wanted: OffsetTable) -> PixelDataValue:
        """The element of the frames, its header and the room for its tables written."""
        if target.transfer_syntax in NATIVE_TRANSFER_SYNTAXES:
            return NativeValue(self._sink, form)
        table = fitting_table(wanted, form.frames, form.samples * form.bits // 8)
        if table is not wanted:
            self._found.append(
                "an Extended Offset Table is written, which old readers do not know: a basic one might not reach"
            )
        return EncapsulatedValue(self._out, form.frames, table)
