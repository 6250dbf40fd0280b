"""InstanceWriter: one DICOM file around frames that are encoded anew, all else as it is in the source.

Theory of operation. The output is written once, from front to end: preamble and File Meta Information, the source's
elements before the Pixel Data with the changes merged in, then frame after frame, then the elements behind. What is
known only later (offset tables, the compression ratio) gets room of a fixed size and is filled in place. Values are
copied from the source file a piece at a time, so memory grows neither with frames nor with private blobs.
"""

from __future__ import annotations

from typing import BinaryIO

from transcode.dicom.attributes import integer, naming
from transcode.dicom.data_set import DataSet, data_set_of
from transcode.dicom.elements import PIXEL_DATA
from transcode.dicom.file_header import (
    DEFLATED_LITTLE_ENDIAN,
    EXPLICIT_LITTLE_ENDIAN,
    NATIVE_TRANSFER_SYNTAXES,
    FileHeader,
)
from transcode.dicom.file_meta import file_meta, preamble
from transcode.dicom.merging import Part, merged
from transcode.dicom.new_elements import Changes
from transcode.dicom.offset_tables import OffsetTable, fitting_table
from transcode.dicom.per_frame import UNDEFINED_LENGTH
from transcode.dicom.pixel_data import (
    DeflatedSink,
    EncapsulatedValue,
    NativeValue,
    PixelDataValue,
    PlainSink,
)
from transcode.dicom.pixel_format import image_pixel
from transcode.dicom.reader import InstanceReader
from transcode.dicom.source_facts import LOSSY_IMAGE_COMPRESSION_RATIO, SOP_INSTANCE_UID, uid_of
from transcode.errors import DicomFileError, UnsupportedEncodingError, UnsupportedPixelsError
from transcode.targets import Target

_BITS_ALLOCATED = 0x00280100
_PIXEL_TAGS = {"PixelData": PIXEL_DATA, "FloatPixelData": 0x7FE00008, "DoubleFloatPixelData": 0x7FE00009}
_FLOAT_VRS = {0x7FE00008: ("OF", 32), 0x7FE00009: ("OD", 64)}
_WRITTEN_NATIVE = frozenset({EXPLICIT_LITTLE_ENDIAN, DEFLATED_LITTLE_ENDIAN})


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
        :param frames: how many will be written
        :param data_set: of the source, when it has been walked before
        :raises DicomFileError: the source has no Pixel Data or no SOP UIDs, or is not made of elements to its end
        :raises UnsupportedEncodingError: nothing is written in this transfer syntax
        :raises UnsupportedPixelsError: floating point samples in an encapsulated transfer syntax
        :raises TruncatedFileError, FileChangedError: see RandomAccess
        """
        header = source.file_header if isinstance(source, InstanceReader) else source
        self._out, self._header, self._changes, self._frames = out, header, changes, frames
        self._is_encapsulated = target.transfer_syntax not in NATIVE_TRANSFER_SYNTAXES
        self._pixel_tag = _pixel_tag(header, target, is_encapsulated=self._is_encapsulated)
        self._asked_table = offset_table if self._is_encapsulated else OffsetTable.EMPTY
        self._offset_table = fitting_table(self._asked_table, frames, self._samples() * self._bits() // 8)
        self._data_set = data_set or data_set_of(header)
        first, warning = preamble(header)
        self._found = [warning] if warning else []
        if _excess(header) > 0:
            self._found.append("the source's Pixel Data is longer than its frames; what lies behind them is left out")
        self._written = 0
        self._encoded_bytes = 0
        self._ratio_position = 0
        out.write(first)
        out.write(file_meta(header, *self._uids(), target.transfer_syntax))
        self._sink = DeflatedSink(out) if target.transfer_syntax == DEFLATED_LITTLE_ENDIAN else PlainSink(out)
        self._parts = merged(self._data_set, changes.elements, self._pixel_tag)
        for part in self._parts:
            if part.tag == self._pixel_tag:
                break
            self._write_part(part)
        self._value = self._pixel_data_value()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What people should know: of the changes, and of what was found while writing."""
        found = [*self._changes.warnings, *self._found]
        if self._offset_table is not self._asked_table:
            found.append("an Extended Offset Table is written: the frames may lie beyond the reach of a basic one")
        return tuple(found)

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

    def _pixel_data_value(self) -> PixelDataValue:
        if self._is_encapsulated:
            return EncapsulatedValue(self._out, self._frames, self._offset_table)
        header = (self._pixel_tag, self._native_vr())
        return NativeValue(self._sink, header, self._frames, self._samples(), self._bits())

    def _native_vr(self) -> str:
        """As it is, when native and explicit already; else OW where a sample takes more than a byte (PS3.5 A.2)."""
        place = self._header.pixel_data
        is_kept = (
            place is not None and place.length != UNDEFINED_LENGTH and _BITS_ALLOCATED not in self._changes.elements
        )
        if is_kept and place is not None and place.vr in ("OB", "OW", "OF", "OD"):
            return place.vr
        if self._pixel_tag in _FLOAT_VRS:
            return _FLOAT_VRS[self._pixel_tag][0]
        return "OW" if self._bits() > 8 else "OB"

    def _samples(self) -> int:
        """Of one frame."""
        dataset = self._header.dataset
        with naming(self._header.body.name):
            size = integer(dataset, "Rows", 1, 65535) * integer(dataset, "Columns", 1, 65535)
            return size * integer(dataset, "SamplesPerPixel", 1, 4, default=1)

    def _bits(self) -> int:
        """Bits Allocated of the output."""
        if self._pixel_tag in _FLOAT_VRS:
            return _FLOAT_VRS[self._pixel_tag][1]
        new = self._changes.elements.get(_BITS_ALLOCATED)
        if new is not None:
            return int.from_bytes(new.value, "little")
        with naming(self._header.body.name):
            return integer(self._header.dataset, "BitsAllocated", 1, 64)


def _excess(header: FileHeader) -> int:
    """How many bytes of native Pixel Data lie behind the last frame, beyond the pad."""
    place = header.pixel_data
    if place is None or place.length == UNDEFINED_LENGTH:
        return 0
    with naming(header.body.name):
        pixels = image_pixel(header.dataset, place.keyword)
    length = -(-pixels.frames * pixels.frame_bits // 8)
    return place.length - length - length % 2


def _pixel_tag(header: FileHeader, target: Target, *, is_encapsulated: bool) -> int:
    name = header.body.name
    if header.pixel_data is None:
        message = f"{name} has no Pixel Data, or ends before it"
        raise DicomFileError(message)
    if not is_encapsulated and target.transfer_syntax not in _WRITTEN_NATIVE:
        message = f"{name}: transfer syntax {target.transfer_syntax} is read, not written"
        raise UnsupportedEncodingError(message)
    tag = _PIXEL_TAGS[header.pixel_data.keyword]
    if is_encapsulated and tag != PIXEL_DATA:
        message = f"{name}: {header.pixel_data.keyword} cannot be encapsulated"
        raise UnsupportedPixelsError(message)
    return tag
