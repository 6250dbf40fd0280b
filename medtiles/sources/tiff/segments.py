"""Where the tiles or strips of a page lie: two arrays that are read when the first tile is wanted, and kept."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from medtiles.core.errors import DamagedImageError
from medtiles.sources.tiff.ifd import Entry
from transcode.files import RandomAccess


class SegmentTable:
    """Offsets and lengths of tiles, as the file has them: 8 bytes a tile, 16 at most. Safe to use from threads."""

    __slots__ = ("_count", "_file", "_lengths", "_lock", "_offsets", "_order", "_sources")

    def __init__(self, file: RandomAccess, order: str, offsets: Entry, lengths: Entry | None, count: int) -> None:
        self._file = file
        self._order = order
        self._sources = (offsets, lengths)
        self._count = count
        self._offsets: NDArray[np.generic] | None = None
        self._lengths: NDArray[np.generic] | None = None
        self._lock = threading.Lock()

    @property
    def count(self) -> int:
        """Tiles or strips in all."""
        return self._count

    @property
    def nbytes(self) -> int:
        """What the two arrays take in the file."""
        return sum(entry.length for entry in self._sources if entry is not None)

    def place(self, index: int) -> tuple[int, int]:
        """Offset and length of a tile; a length of -1 when the file does not tell it.

        :raises DamagedImageError: the tags hold no whole numbers
        :raises TruncatedFileError: the file ends within the arrays
        """
        if self._offsets is None:
            self._load()
        offset: int = self._offsets.item(index)  # type: ignore[union-attr]  # it has been read
        return offset, -1 if self._lengths is None else self._lengths.item(index)

    def _load(self) -> None:
        with self._lock:
            if self._offsets is None:
                offsets, lengths = self._sources
                self._lengths = None if lengths is None else self._numbers(lengths)
                self._offsets = self._numbers(offsets)

    def _numbers(self, entry: Entry | None) -> NDArray[np.generic]:
        dtype = None if entry is None else entry.dtype(self._order)
        if entry is None or dtype is None or dtype.kind != "u":
            message = f"{self._file.name}: the places of tiles are no whole numbers"
            raise DamagedImageError(message)
        return np.frombuffer(self._file.read(entry.offset, self._count * dtype.itemsize), dtype)
