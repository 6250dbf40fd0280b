"""The Image Pixel Module (PS3.3 C.7.6.3) as checked values, and as a PixelFormat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from transcode.dicom.attributes import integer, text
from transcode.errors import DicomFileError, UnsupportedPixelsError
from transcode.frames import PixelFormat

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

MAX_FRAME_BYTES = 1 << 31
"""The largest decoded frame that is read at all."""

_SAMPLES = {
    "MONOCHROME1": 1,
    "MONOCHROME2": 1,
    "PALETTE COLOR": 1,
    "RGB": 3,
    "YBR_FULL": 3,
    "YBR_FULL_422": 3,
    "YBR_PARTIAL_422": 3,
    "YBR_PARTIAL_420": 3,
    "YBR_ICT": 3,
    "YBR_RCT": 3,
    "XYB": 3,
}
_RETIRED = {"HSV", "ARGB", "CMYK"}
_FLOAT_BITS = {"FloatPixelData": 32, "DoubleFloatPixelData": 64}


@dataclass(frozen=True, slots=True)
class ImagePixel:
    """How samples lie in a file."""

    rows: int
    columns: int
    frames: int
    """Number of Frames as the header says; the data may hold fewer."""
    format: PixelFormat
    """Of one frame once it is read: whole bytes for each sample, unused bits cleared."""
    bits_allocated: int
    """As stored: 1 where samples are packed eight to a byte."""
    high_bit: int
    is_planar: bool
    """Planar Configuration 1: all of the first sample, then all of the second. Of native frames only."""

    @property
    def frame_bits(self) -> int:
        """Of one native frame, as stored. YBR_FULL_422 has two samples a pixel (C.7.6.3.1.2)."""
        samples = 2 if self.format.photometric == "YBR_FULL_422" else self.format.samples_per_pixel
        return self.rows * self.columns * samples * self.bits_allocated


def image_pixel(dataset: Dataset, keyword: str = "PixelData") -> ImagePixel:
    """Read the Image Pixel Module.

    :param keyword: the pixel data attribute that the file has
    :raises DicomFileError: an attribute is missing, out of its range, or contradicts another; its keyword is named
    :raises UnsupportedPixelsError: a retired colour space, or a sample size that no reader has
    """
    rows = integer(dataset, "Rows", 1, 65535)
    columns = integer(dataset, "Columns", 1, 65535)
    samples = integer(dataset, "SamplesPerPixel", 1, 4, default=1)
    allocated = _FLOAT_BITS.get(keyword) or integer(dataset, "BitsAllocated", 1, 64)
    if allocated not in (1, 8, 16, 32, 64):
        message = f"BitsAllocated is {allocated}: only 1, 8, 16, 32 and 64 are read"
        raise UnsupportedPixelsError(message)
    is_float = keyword in _FLOAT_BITS
    stored = allocated if is_float else integer(dataset, "BitsStored", 1, allocated, default=allocated)
    _check_size(rows, columns, samples, allocated)
    return ImagePixel(
        rows=rows,
        columns=columns,
        frames=integer(dataset, "NumberOfFrames", 0, 2**31 - 1, default=1) or 1,
        format=PixelFormat(
            samples_per_pixel=samples,
            bits_allocated=max(8, allocated),
            bits_stored=stored,
            signed=not is_float and integer(dataset, "PixelRepresentation", 0, 1, default=0) == 1,
            photometric=_photometric(dataset, samples),
            is_float=is_float,
        ),
        bits_allocated=allocated,
        high_bit=_high_bit(dataset, stored, allocated),
        is_planar=samples > 1 and integer(dataset, "PlanarConfiguration", 0, 1, default=0) == 1,
    )


def _high_bit(dataset: Dataset, stored: int, allocated: int) -> int:
    """High Bit, which shall be Bits Stored - 1 (C.7.6.3); older files shift the sample up, overlays in the low bits."""
    high_bit = integer(dataset, "HighBit", 0, 255, default=stored - 1)
    return high_bit if stored - 1 <= high_bit < allocated else stored - 1


def _photometric(dataset: Dataset, samples: int) -> str:
    photometric = text(dataset, "PhotometricInterpretation").upper()
    if not photometric and samples == 1:
        return "MONOCHROME2"
    if photometric in _RETIRED:
        message = f"PhotometricInterpretation {photometric} is retired and not read"
        raise UnsupportedPixelsError(message)
    if photometric not in _SAMPLES:
        message = f"PhotometricInterpretation {photometric[:16]!r} is unknown"
        raise DicomFileError(message)
    if _SAMPLES[photometric] != samples:
        message = f"SamplesPerPixel is {samples}, but {photometric} has {_SAMPLES[photometric]}"
        raise DicomFileError(message)
    return photometric


def _check_size(rows: int, columns: int, samples: int, allocated: int) -> None:
    size = rows * columns * samples * max(8, allocated) // 8
    if size > MAX_FRAME_BYTES:
        message = f"Rows x Columns: a frame of {columns} x {rows} x {samples} samples would take {size} bytes"
        raise DicomFileError(message)
