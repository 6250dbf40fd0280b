"""DICOM files that grow: the header and room for an offset table, then frames; the table is filled in at the end."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from medtiles.export.model import Json
from medtiles.export.sinks.growing_file import GrowingFile
from transcode.dicom.conversion import element_header, item_header
from transcode.dicom.element_places import ITEM, PIXEL_DATA, SEQUENCE_END, UNDEFINED_LENGTH
from transcode.dicom.offset_tables import OffsetTable, fitting_table

_OFFSETS, _LENGTHS = 0x7FE00001, 0x7FE00002


@dataclass(frozen=True)
class Instance:
    """A file that is to be written."""

    path: Path
    header: Callable[[], bytes]
    """All elements before the Pixel Data, with what stands before them."""
    frames: int
    frame_bytes: int
    """Of a decoded frame."""

    @property
    def table(self) -> OffsetTable:
        """How frames are found in it."""
        return fitting_table(OffsetTable.BASIC, self.frames, self.frame_bytes)

    def beginning(self) -> bytes:
        """Everything before the first frame; offset tables are full of zeros."""
        room = bytes(8 * self.frames) if self.table is OffsetTable.EXTENDED else bytes(4 * self.frames)
        data = element_header(PIXEL_DATA, "OB", UNDEFINED_LENGTH)
        if self.table is OffsetTable.EXTENDED:
            tables = (element_header(tag, "OV", len(room)) + room for tag in (_OFFSETS, _LENGTHS))
            return self.header() + b"".join(tables) + data + item_header(ITEM, 0)
        return self.header() + data + item_header(ITEM, len(room)) + room


class DicomSink:
    """The instances of an export, one after the other. Each appears when it is whole."""

    is_ordered: ClassVar[bool] = True

    def __init__(self, instances: Sequence[Instance]) -> None:
        self._instances = instances
        self._number = 0
        """Of the instance that is being written."""
        self._sizes: list[int] = []
        """Of its frames."""
        self._start = 0
        """Where its first frame begins."""
        self._file: GrowingFile | None = None

    def begin(self, done: Sequence[Json]) -> None:
        """See `Sink.begin`."""
        left = list(done)
        while self._number < len(self._instances) and len(left) >= self._instances[self._number].frames:
            left = left[self._instances[self._number].frames :]
            self._number += 1
        if self._number < len(self._instances):
            self._open(left)

    def put(self, place: tuple[int, int, int], data: bytes) -> Json:
        """See `Sink.put`."""
        del place  # they come in the order of the frames
        assert self._file is not None
        pad = len(data) % 2
        self._file.append(item_header(ITEM, len(data) + pad) + data + bytes(pad))
        self._sizes.append(len(data))
        if len(self._sizes) == self._instances[self._number].frames:
            self._end()
            self._number += 1
            if self._number < len(self._instances):
                self._open([])
        return len(data)

    def flush(self) -> None:
        """See `Sink.flush`."""
        if self._file is not None:
            self._file.flush()

    def finish(self) -> None:
        """See `Sink.finish`. The last frame has done so."""

    def close(self) -> None:
        """See `Sink.close`."""
        if self._file is not None:
            self._file.close()

    def _open(self, sizes: list[int]) -> None:
        """Begin an instance, or go on with it behind frames of these sizes."""
        instance = self._instances[self._number]
        instance.path.parent.mkdir(parents=True, exist_ok=True)
        beginning = instance.beginning()
        self._file = GrowingFile(instance.path)
        self._sizes = sizes
        self._start = len(beginning)
        self._file.begin(len(beginning) + sum(8 + size + size % 2 for size in sizes) if sizes else 0)
        if not sizes:
            self._file.append(beginning)

    def _end(self) -> None:
        """Make an instance whole."""
        assert self._file is not None
        instance, file = self._instances[self._number], self._file
        file.append(item_header(SEQUENCE_END, 0))
        offsets = [0]
        for size in self._sizes[:-1]:
            offsets.append(offsets[-1] + 8 + size + size % 2)
        count = len(offsets)
        if instance.table is OffsetTable.EXTENDED:
            tables = [struct.pack(f"<{count}Q", *numbers) for numbers in (offsets, self._sizes)]
            behind = len(element_header(PIXEL_DATA, "OB", 0)) + len(item_header(ITEM, 0))
            last = self._start - behind - 8 * count
            places = [last - len(element_header(_LENGTHS, "OV", 0)) - 8 * count, last]
        else:
            tables, places = [struct.pack(f"<{count}L", *offsets)], [self._start - 4 * count]
        for table, place in zip(tables, places, strict=True):
            os.pwrite(file.number, table, place)
        file.publish()
        self._file = None
