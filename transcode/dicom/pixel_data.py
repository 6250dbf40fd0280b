"""The value of Pixel Data as it is written: frames in fragments, or samples side by side."""

from __future__ import annotations

from typing import BinaryIO, Protocol

import numpy as np

from transcode.dicom.conversion import element_header, item_header
from transcode.dicom.element_places import ITEM, PIXEL_DATA, SEQUENCE_END, UNDEFINED_LENGTH
from transcode.dicom.offset_tables import OffsetTable, TableRoom
from transcode.dicom.pixel_data_form import PixelDataForm
from transcode.dicom.sinks import Sink
from transcode.errors import DicomFileError, UnsupportedPixelsError

_OFFSETS, _LENGTHS = 0x7FE00001, 0x7FE00002
_LONGEST = UNDEFINED_LENGTH - 1


class PixelDataValue(Protocol):
    """Writes the element of the pixel data, frame by frame."""

    def write_frame(self, data: bytes) -> None:
        """Add a frame."""

    def close(self) -> None:
        """End the element."""


class EncapsulatedValue:
    """Frames of one fragment each behind a Basic Offset Table (PS3.5 A.4), after an extended one, or without."""

    def __init__(self, out: BinaryIO, frames: int, table: OffsetTable) -> None:
        self._out = out
        self._offset = 0
        self._rooms: list[TableRoom] = []
        """Of offsets, then of lengths."""
        if table is OffsetTable.EXTENDED:
            for tag in (_OFFSETS, _LENGTHS):
                out.write(element_header(tag, "OV", 8 * frames))
                self._add_room(frames, "Q")
        out.write(element_header(PIXEL_DATA, "OB", UNDEFINED_LENGTH))
        if table is OffsetTable.BASIC:
            if 4 * frames > _LONGEST:
                message = f"{frames} frames are more than a Basic Offset Table has room for"
                raise DicomFileError(message)
            out.write(item_header(ITEM, 4 * frames))
            self._add_room(frames, "L")
        else:
            out.write(item_header(ITEM, 0))

    def _add_room(self, frames: int, letter: str) -> None:
        start = self._out.tell()
        size = frames * (8 if letter == "Q" else 4)
        while size > 0:
            size -= self._out.write(bytes(min(size, 1 << 20)))
        self._rooms.append(TableRoom(self._out, start, frames, letter))

    def write_frame(self, data: bytes) -> None:
        """One frame as one fragment, padded with a zero to an even length (PS3.5 A.4).

        The Extended Offset Table Lengths tell of it without the pad, so that streams of odd length can be had back.

        :raises DicomFileError: the frame is empty or too long for a fragment, or lies too far for its table
        """
        if not 0 < len(data) < _LONGEST:
            message = f"a frame of {len(data)} bytes cannot be a fragment"
            raise DicomFileError(message)
        for room, number in zip(self._rooms, (self._offset, len(data)), strict=False):
            room.add(number)
        pad = len(data) % 2
        self._out.write(item_header(ITEM, len(data) + pad))
        self._out.write(data)
        self._out.write(bytes(pad))
        self._offset += 8 + len(data) + pad

    def close(self) -> None:
        """Fill the tables and write the delimiter."""
        for room in self._rooms:
            room.fill()
        self._out.write(item_header(SEQUENCE_END, 0))


class NativeValue:
    """Samples side by side; those of one bit eight to the byte, also across frames (PS3.5 8.1.1)."""

    def __init__(self, sink: Sink, form: PixelDataForm) -> None:
        """Write the element's header.

        :raises UnsupportedPixelsError: the value would be longer than the element's length can tell
        """
        self._sink = sink
        self._is_packed = form.bits == 1
        self._frame_bytes = form.samples if self._is_packed else form.samples * form.bits // 8
        self._left_over = np.empty(0, np.uint8)
        length = -(-form.frames * form.samples * form.bits // 8)
        self._pad = length % 2
        if length + self._pad > _LONGEST:
            message = f"{length} bytes are too many for native Pixel Data; an encapsulated encoding holds them"
            raise UnsupportedPixelsError(message)
        sink.write(element_header(form.tag, form.vr, length + self._pad))

    def write_frame(self, data: bytes) -> None:
        """The samples of one frame, interleaved, little endian; one-bit samples a byte each, 0 or 1.

        :raises DicomFileError: not as many bytes as the header says
        """
        if len(data) != self._frame_bytes:
            message = f"a frame of {len(data)} bytes where the header says {self._frame_bytes}"
            raise DicomFileError(message)
        if self._is_packed:
            samples = np.concatenate([self._left_over, np.frombuffer(data, np.uint8)])
            whole = len(samples) // 8 * 8
            self._left_over = samples[whole:]
            data = np.packbits(samples[:whole], bitorder="little").tobytes()
        self._sink.write(data)

    def close(self) -> None:
        """Write the bits of the last, partial byte, and the pad."""
        self._sink.write(np.packbits(self._left_over, bitorder="little").tobytes() + bytes(self._pad))
