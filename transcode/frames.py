"""Frames: one rectangle of pixels, encoded or not. Plain values, no IO."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.generic]
"""An array of samples, always (rows, columns, samples per pixel)."""


@cache
def _dtype(kind: str, width: int) -> np.dtype[np.generic]:
    return np.dtype(f"{kind}{width}")


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """What one pixel is made of (DICOM PS3.3 C.7.6.3, Image Pixel Module)."""

    samples_per_pixel: int
    bits_allocated: int
    """8, 16, 32 or 64: the width of one sample in memory. One-bit images are unpacked to 8."""
    bits_stored: int
    """How many of the low bits carry the value."""
    signed: bool = False
    photometric: str = "MONOCHROME2"
    """DICOM Photometric Interpretation of the samples as they are encoded."""
    is_float: bool = False

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """The NumPy type of one sample, in native byte order."""
        return _dtype("f" if self.is_float else "i" if self.signed else "u", self.bits_allocated // 8)

    @property
    def is_colour(self) -> bool:
        """Whether one pixel has more than one sample."""
        return self.samples_per_pixel > 1


GREY8 = PixelFormat(1, 8, 8, photometric="MONOCHROME2")
RGB8 = PixelFormat(3, 8, 8, photometric="RGB")


@dataclass(frozen=True, slots=True, eq=False)
class PixelArray:
    """Decoded samples, (rows, columns, samples per pixel), and what they mean."""

    samples: Samples
    format: PixelFormat

    def __post_init__(self) -> None:
        """Refuse an array whose shape or type contradicts its format.

        :raises ValueError: not three axes, or not the samples or the dtype of the format
        """
        if self.samples.ndim != 3 or self.samples.shape[2] != self.format.samples_per_pixel:
            message = f"samples have shape {self.samples.shape}, the format has {self.format.samples_per_pixel} a pixel"
            raise ValueError(message)
        if self.samples.dtype != self.format.dtype:
            message = f"samples are {self.samples.dtype}, the format says {self.format.dtype}"
            raise ValueError(message)

    @property
    def nbytes(self) -> int:
        """What the samples take in memory."""
        return self.samples.nbytes

    @property
    def width(self) -> int:
        """Columns, in pixels."""
        return int(self.samples.shape[1])

    @property
    def height(self) -> int:
        """Rows, in pixels."""
        return int(self.samples.shape[0])


@dataclass(frozen=True, slots=True)
class Encoding:
    """A byte format for one frame. Written once, in the file of its codec."""

    name: str
    media_type: str
    """What it is called in Accept and Content-Type."""
    suffix: str
    """File name suffix, without the dot."""
    transfer_syntaxes: tuple[str, ...] = ()
    """DICOM Transfer Syntax UIDs whose frames are in this encoding."""
    aliases: tuple[str, ...] = ()
    """Further media types that clients use for it."""
    lossless: bool = False
    """Whether every stream of this encoding gives back exactly what was encoded."""

    def __hash__(self) -> int:
        """Encodings are part of keys that are looked up for each tile; their names tell them apart."""
        return hash(self.name)

    @property
    def media_types(self) -> tuple[str, ...]:
        """All the names a client may accept it by."""
        return (self.media_type, *self.aliases)


@dataclass(frozen=True, slots=True, eq=False)
class EncodedFrame:
    """A frame as bytes."""

    data: bytes
    encoding: Encoding
    format: PixelFormat
    """Of the samples in the stream; a decoder may give RGB for a YBR_* stream."""
    width: int
    """Columns of the picture that these bytes stand for: after `reduction`."""
    height: int
    """Rows of that picture."""
    reduction: int = 0
    """How many of the finest JPEG 2000 resolutions a decoder must leave out."""

    def is_accepted(self, media_types: Sequence[str]) -> bool:
        """Whether a client that accepts these media types takes these bytes as they are."""
        encoding = self.encoding
        return (
            encoding.media_type in media_types
            or "*/*" in media_types
            or any(name in media_types for name in encoding.aliases)
        )


Frame = EncodedFrame | PixelArray
