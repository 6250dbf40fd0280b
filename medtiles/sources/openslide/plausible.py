"""Hamamatsu slides that promise more pixels than their bytes can hold are refused before OpenSlide sees them.

OpenSlide makes a table of every restart interval of every JPEG before it has read any of them: a header of a few bytes
that lies takes gigabytes of memory and minutes.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

from medtiles.core.errors import DamagedImageError
from transcode.errors import CorruptFrameError, FileChangedError
from transcode.jpeg_structure import read_frame_header

_PIXELS_PER_BYTE = 1024
"""Huffman-coded JPEG takes at least two bits for a block of 64 pixels: 256 pixels a byte."""
_MOST_DIRECTORIES = 1000
_IMAGE_WIDTH, _IMAGE_LENGTH = 256, 257
_JPEG_HEAD = 64 * 1024
_MOST_ENTRIES = 4096
_NDPI = 65420
_CODES = {3: "H", 4: "I"}
"""Of values by their type, which lie at the beginning of their field; all others are as wide as the field."""


class _Layout(NamedTuple):
    """How a TIFF is written: byte order, and struct codes of a directory's length, of a value and of an offset."""

    order: str
    length: str
    value: str
    offset: str

    @property
    def entry_bytes(self) -> int:
        """Of one entry: tag, type, count, value."""
        return 4 + 2 * struct.calcsize(self.order + self.value)


_LAYOUTS = {
    b"II*\0": (_Layout("<", "H", "I", "Q"), _Layout("<", "H", "I", "I")),
    b"MM\0*": (_Layout(">", "H", "I", "I"),),
    b"II+\0": (_Layout("<", "Q", "Q", "Q"),),
    b"MM\0+": (_Layout(">", "Q", "Q", "Q"),),
}
"""By the first bytes. In NDPI, offsets of directories have 8 bytes although all else is classic TIFF."""


def require_plausible(files: Sequence[Path]) -> None:
    """Make sure that each TIFF and JPEG among the files could hold the pixels that it promises.

    :raises DamagedImageError: naming the file and the size
    :raises FileChangedError: a file is gone
    """
    for path in files:
        try:
            with path.open("rb") as file:
                _require(path.name, file)
        except OSError as error:
            message = f"the file {path.name} is gone"
            raise FileChangedError(message) from error


def _require(name: str, file: BinaryIO) -> None:
    length = os.fstat(file.fileno()).st_size
    for width, height in _sizes(file):
        if width * height > _PIXELS_PER_BYTE * length:
            message = f"{name} promises {width} x {height} pixels in {length} bytes"
            raise DamagedImageError(message)


def _sizes(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """Width and height of each picture; none of a file that is neither, or too damaged to tell: OpenSlide says so."""
    head = file.read(_JPEG_HEAD)
    try:
        if head[:2] == b"\xff\xd8":
            header = read_frame_header(head)
            yield header.width, header.height
        elif head[:4] in _LAYOUTS:
            yield from _sizes_of_tiff(file, head[:4])
    except (CorruptFrameError, struct.error, OSError, ValueError):
        return


def _sizes_of_tiff(file: BinaryIO, magic: bytes) -> Iterator[tuple[int, int]]:
    layouts = _LAYOUTS[magic]
    layout = next((each for each in layouts if _is_ndpi(file, each)), layouts[-1])
    for tags in _directories(file, layout):
        yield tags.get(_IMAGE_WIDTH, 0), tags.get(_IMAGE_LENGTH, 0)


def _is_ndpi(file: BinaryIO, layout: _Layout) -> bool:
    try:
        return _NDPI in next(_directories(file, layout), {})
    except (struct.error, OSError, ValueError):
        return False


def _directories(file: BinaryIO, layout: _Layout) -> Iterator[dict[int, int]]:
    """Of each directory of the chain its whole numbers by tag: of lists the first, or where they lie."""
    place = _number(file, struct.calcsize(layout.order + layout.value), layout.order + layout.offset)
    seen: set[int] = set()
    while place and place not in seen and len(seen) < _MOST_DIRECTORIES:
        seen.add(place)
        count = _number(file, place, layout.order + layout.length)
        entries = file.read(layout.entry_bytes * min(count, _MOST_ENTRIES))
        end = file.tell()
        yield dict(_entries(entries, layout))
        place = _number(file, end, layout.order + layout.offset)


def _entries(data: bytes, layout: _Layout) -> Iterator[tuple[int, int]]:
    size = layout.entry_bytes
    for begin in range(0, len(data) - size + 1, size):
        tag, kind = struct.unpack_from(layout.order + "HH", data, begin)
        code = _CODES.get(kind, layout.value)
        place = begin + 4 + struct.calcsize(layout.order + layout.value)
        yield tag, struct.unpack_from(layout.order + code, data, place)[0]


def _number(file: BinaryIO, place: int, code: str) -> int:
    file.seek(place)
    return int(struct.unpack(code, file.read(struct.calcsize(code)))[0])
