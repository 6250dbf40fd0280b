"""Offset tables of encapsulated Pixel Data that are written before what they tell of (PS3.5 A.4, PS3.3 C.7.6.3.1.8).

Their sizes are known from the number of frames, so room is left for them, and filled while frames are written: a
thousand entries at a time, so that memory does not grow with the frames.
"""

from __future__ import annotations

import struct
from enum import StrEnum
from typing import BinaryIO

from transcode.errors import DicomFileError

BASIC_LIMIT = 0xFFFFFFFF
"""The largest offset that a Basic Offset Table can tell."""
_BATCH = 1024


class OffsetTable(StrEnum):
    """How frames of the output are found."""

    BASIC = "basic"
    EXTENDED = "extended"
    """64 bits wide. Its VR, OV, is younger than some readers: SimpleITK 2.5.7 opens no file that has one."""
    EMPTY = "empty"


def fitting_table(wanted: OffsetTable, frames: int, frame_bytes: int) -> OffsetTable:
    """The table to write: extended in place of a basic one that might not reach the last frame.

    How long encoded frames get is not known before, so they are taken to be no longer than decoded ones by an eighth.

    :param frame_bytes: of one decoded frame
    """
    most = frames * (frame_bytes + frame_bytes // 8 + 1024)
    return OffsetTable.EXTENDED if wanted is OffsetTable.BASIC and most > BASIC_LIMIT else wanted


class TableRoom:
    """Room in a file for one number a frame, filled in the order of the frames."""

    def __init__(self, out: BinaryIO, start: int, frames: int, letter: str) -> None:
        """Of `frames` numbers that begin at byte `start`; they must be filled with zeros by now.

        :param letter: of `struct`: L for 32 bits, Q for 64
        """
        self._out = out
        self._position = start
        self._frames = frames
        self._letter = letter
        self._pending: list[int] = []

    def add(self, number: int) -> None:
        """Note the number of the next frame.

        :raises DicomFileError: it does not fit in a Basic Offset Table
        """
        if self._letter == "L" and number > BASIC_LIMIT:
            message = "a frame lies beyond what a Basic Offset Table can tell; ask for an extended or an empty one"
            raise DicomFileError(message)
        self._pending.append(number)
        if len(self._pending) >= _BATCH:
            self.fill()

    def fill(self) -> None:
        """Write what has been noted, and go back to the end of the file."""
        data = struct.pack(f"<{len(self._pending)}{self._letter}", *self._pending)
        self._pending.clear()
        self._out.seek(self._position)
        self._out.write(data)
        self._position = self._out.tell()
        self._out.seek(0, 2)
