"""MATLAB files of version 5 to 7: one array is loaded, when a tile of it is first wanted."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medtiles.core.errors import DamagedImageError, UnsupportedFormatError
from medtiles.core.geometry import Region
from medtiles.sources.matlab.arrays import largest
from medtiles.sources.matlab.elements import StoredArray, numeric_arrays, unpacked, values_at
from transcode.errors import FileChangedError
from transcode.files import StableFile

MOST_BYTES = 1 << 30
"""Of the loaded array."""
_HEAD = 4096
"""Bytes that flags, dimensions and name may take of an array."""


class Version5Values:
    """The largest array of a file."""

    def __init__(self, path: Path) -> None:
        """:raises UnsupportedFormatError: no array is a picture, or it is too large to be loaded

        :raises DamagedImageError: the file is broken
        """
        self._lock = threading.Lock()
        self._loaded: NDArray[Any] | None = None
        self._is_closed = False
        self._file = StableFile(path)
        try:
            self._array = _largest(self._file)
        except BaseException:
            self._file.close()
            raise
        self.variable = self._array.variable

    def read(self, region: Region, band: int) -> NDArray[Any]:
        """See `Values.read`."""
        values = self._values()
        first, last = (0, 3) if self.variable.is_rgb else (band, band + 1)
        return self.variable.samples(values[region.y : region.bottom, region.x : region.right, first:last])

    def close(self) -> None:
        """Forget the values and let go of the file; a load under way ends first."""
        with self._lock:
            self._is_closed = True
            self._loaded = None
            self._file.close()

    def _values(self) -> NDArray[Any]:
        with self._lock:
            if self._is_closed:
                message = f"{self._file.name} has been closed"
                raise FileChangedError(message)
            if self._loaded is None:
                self._loaded = self._load()
            self._file.read(0, 1)  # notices another file
            return self._loaded

    def _load(self) -> NDArray[Any]:
        array, variable = self._array, self.variable
        count = variable.size.area * variable.third
        contents = unpacked(self._file, array, _HEAD + count * (16 if array.is_complex else 8))
        real, position = self._part(contents, array.values_offset, count)
        if array.is_complex:
            imaginary, _ = self._part(contents, position, count)
            with np.errstate(over="ignore", invalid="ignore"):
                real = np.hypot(real, imaginary)
        return real.reshape((*variable.shape[:2], variable.third), order="F")

    def _part(self, contents: bytes, position: int, count: int) -> tuple[NDArray[Any], int]:
        found = values_at(contents, self._array.order, position)
        if found is None or found[2] != count * found[0].itemsize:
            message = f"{self._file.name}: the values of {self.variable.name} are not all there"
            raise DamagedImageError(message)
        dtype, start, length = found
        return np.frombuffer(contents, dtype, count, start), start + -(-length // 8) * 8


def _largest(file: StableFile) -> StoredArray:
    arrays = {array.variable: array for array in numeric_arrays(file)}
    array = arrays[largest(arrays, file.name)]
    most = array.variable.size.area * array.variable.third * (16 if array.is_complex else 8)
    if most > MOST_BYTES:
        name = array.variable.name
        message = f"{file.name}: {name} takes up to {most} bytes; arrays are loaded up to {MOST_BYTES}"
        raise UnsupportedFormatError(message)
    return array
