"""Which array of a MATLAB file is the picture, and what its samples become. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from medtiles.core.errors import UnsupportedFormatError
from medtiles.core.geometry import Region, Size
from transcode.frames import PixelFormat

CLASSES = {
    "logical": "u1",
    "uint8": "u1",
    "int8": "i1",
    "uint16": "u2",
    "int16": "i2",
    "uint32": "u4",
    "int32": "i4",
    "uint64": "f4",
    "int64": "f4",
    "single": "f4",
    "double": "f4",
}
"""MATLAB's numeric classes, and the type that their values are served in."""
MOST_SIDE = 1 << 20
MOST_BANDS = 1 << 16
_RGB_CLASSES = frozenset({"uint8", "uint16"})


@dataclass(frozen=True, slots=True)
class Variable:
    """A numeric array of rows, columns and perhaps bands."""

    name: str
    matlab_class: str
    shape: tuple[int, ...]
    """As MATLAB has it."""

    @property
    def is_picture(self) -> bool:
        """Whether it has two or three axes, and the first two are no vector."""
        is_flat = len(self.shape) in {2, 3} and min(self.shape) >= 1
        is_sane = is_flat and max(self.shape[:2]) <= MOST_SIDE and self.shape[-1] <= MOST_SIDE
        return self.matlab_class in CLASSES and is_sane and min(self.shape[:2]) >= 2 and self.third <= MOST_BANDS

    @property
    def is_logical(self) -> bool:
        """Whether its values are true or false, which have no averages."""
        return self.matlab_class == "logical"

    @property
    def third(self) -> int:
        """The third axis; 1 where there is none."""
        return self.shape[2] if len(self.shape) == 3 else 1

    @property
    def is_rgb(self) -> bool:
        """Whether the third axis is red, green and blue."""
        return self.third == 3 and self.matlab_class in _RGB_CLASSES

    @property
    def bands(self) -> int:
        """Planes of the image."""
        return 1 if self.is_rgb else self.third

    @property
    def size(self) -> Size:
        """Columns and rows."""
        return Size(self.shape[1], self.shape[0])

    @property
    def pixels(self) -> PixelFormat:
        """Of the samples that are served."""
        kind = np.dtype(CLASSES[self.matlab_class])
        bits = kind.itemsize * 8
        photometric = "RGB" if self.is_rgb else "MONOCHROME2"
        return PixelFormat(3 if self.is_rgb else 1, bits, bits, kind.kind == "i", photometric, kind.kind == "f")

    def samples(self, values: NDArray[Any]) -> NDArray[Any]:
        """Stored values, (rows, columns, samples), in the type that is served."""
        with np.errstate(over="ignore", invalid="ignore"):  # what no float32 holds becomes infinite
            if values.dtype.kind == "c":
                values = np.abs(values)
            return np.ascontiguousarray(values, dtype=self.pixels.dtype)


class Values(Protocol):
    """The values of the variable in an open file. Every method may be called from several threads at once."""

    variable: Variable

    def read(self, region: Region, band: int) -> NDArray[Any]:
        """Rows, columns, samples of a region of one band, or of all three of RGB.

        :raises DamagedImageError: the file is broken there
        :raises FileChangedError: the file has changed, or has been closed
        """

    def close(self) -> None:
        """Let go of the file."""


def largest(variables: Iterable[Variable], file: str) -> Variable:
    """The largest that can be a picture; of equals the first.

    :raises UnsupportedFormatError: none can
    """
    pictures = [variable for variable in variables if variable.is_picture]
    if not pictures:
        message = f"{file} holds no numeric array of rows and columns, or of rows, columns and bands"
        raise UnsupportedFormatError(message)
    return max(pictures, key=lambda variable: variable.size.area * variable.third)
