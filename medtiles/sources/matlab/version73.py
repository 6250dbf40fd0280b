"""MATLAB files of version 7.3, which are HDF5: only the part that is wanted is read.

MATLAB stores columns first, so an array of rows, columns and bands lies in HDF5 as bands, columns and rows. Links and
storage that lead to other files are not followed.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from medtiles.core.errors import DamagedImageError, UnsupportedFormatError
from medtiles.core.geometry import Region
from medtiles.sources.matlab.arrays import Variable, largest
from transcode.errors import FileChangedError
from transcode.files import version_of

MOST_CHUNK = 1 << 28
"""Bytes that HDF5 unpacks at once; a file with larger chunks is refused."""
_MOST_VARIABLES = 10_000
_BROKEN = (OSError, RuntimeError, ValueError, TypeError, LookupError, AttributeError, OverflowError)
"""What h5py raises on broken files."""


class Version73Values:
    """The largest array of a file."""

    def __init__(self, path: Path) -> None:
        """:raises UnsupportedFormatError: no array is a picture, or it lies in chunks that are too large

        :raises DamagedImageError: the file is broken
        """
        self._path = path
        self._version = version_of([path])
        self._lock = threading.Lock()
        try:
            self._file = h5py.File(path, "r")
        except _BROKEN as error:
            message = f"{path.name} is broken: {error}"
            raise DamagedImageError(message) from error
        try:
            self.variable = largest(_variables(self._file), path.name)
            self._dataset = self._file[self.variable.name]
            chunk = math.prod(self._dataset.chunks or ()) * self._dataset.dtype.itemsize
        except UnsupportedFormatError:
            self._file.close()
            raise
        except _BROKEN as error:
            self._file.close()
            message = f"{path.name} is broken: {error}"
            raise DamagedImageError(message) from error
        if chunk > MOST_CHUNK:
            self._file.close()
            message = (
                f"{path.name}: {self.variable.name} lies in chunks of {chunk} bytes; they are read up to {MOST_CHUNK}"
            )
            raise UnsupportedFormatError(message)

    def read(self, region: Region, band: int) -> NDArray[Any]:
        """See `Values.read`."""
        columns, rows = slice(region.x, region.right), slice(region.y, region.bottom)
        bands = slice(0, 3) if self.variable.is_rgb else slice(band, band + 1)
        place = (bands, columns, rows) if len(self.variable.shape) == 3 else (columns, rows)
        with self._lock:
            if not self._file:
                message = f"{self._path.name} has been closed"
                raise FileChangedError(message)
            try:
                part = self._dataset[place]
            except _BROKEN as error:
                message = f"{self._path.name}: {self.variable.name} is broken at {region}, band {band}: {error}"
                raise DamagedImageError(message) from error
        if version_of([self._path]) != self._version:
            message = f"{self._path.name} has changed since it was opened"
            raise FileChangedError(message)
        values = part["real"] + 1j * part["imag"] if part.dtype.names else part
        return self.variable.samples((values if values.ndim == 3 else values[np.newaxis]).T)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._file.close()


def _variables(file: h5py.File) -> Iterator[Variable]:
    """The numeric arrays at the top of the file that lie in it themselves."""
    for number, name in enumerate(file):
        if number >= _MOST_VARIABLES:
            return
        if not isinstance(file.get(name, getlink=True), h5py.HardLink):
            continue
        item = file[name]
        if isinstance(item, h5py.Dataset) and _is_plain(item):
            kind = item.attrs.get("MATLAB_class", b"")
            kind = kind.decode("latin-1") if isinstance(kind, bytes) else str(kind)
            yield Variable(name, kind, tuple(reversed(item.shape)))


def _is_plain(dataset: h5py.Dataset) -> bool:
    """Whether it holds numbers, real or complex, in this file."""
    is_complex = dataset.dtype.names == ("real", "imag")
    types = [dataset.dtype[name] for name in dataset.dtype.names] if is_complex else [dataset.dtype]
    is_numeric = all(each.kind in "uif" for each in types)
    is_here = not dataset.is_virtual and dataset.external is None
    is_object = any(name in dataset.attrs for name in ("MATLAB_empty", "MATLAB_object_decode", "MATLAB_sparse"))
    return is_numeric and is_here and dataset.shape is not None and (not is_object or _is_logical(dataset))


def _is_logical(dataset: h5py.Dataset) -> bool:
    return dataset.attrs.get("MATLAB_class") == b"logical" and "MATLAB_empty" not in dataset.attrs
