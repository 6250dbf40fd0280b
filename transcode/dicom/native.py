"""Unencoded frames: where they lie, by arithmetic, and their samples in one order: interleaved, little endian.

PS3.5 8.1 and Annex D pack frames without a gap, so a frame of 1-bit samples may begin in the middle of a byte. Samples
come out in whole bytes with their unused bits cleared (or filled with the sign): the low Bits Stored bits that end at
High Bit are the value; what lies beside them (overlays of old files, PS3.5 8.1.1) is dropped.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from transcode.dicom.frame_index import Span
from transcode.errors import DicomFileError, TruncatedFileError

if TYPE_CHECKING:
    from transcode.dicom.file_header import PixelDataElement
    from transcode.dicom.pixel_format import ImagePixel
    from transcode.files import RandomAccess

Array = NDArray[np.generic]


class NativeFrames:
    """The frames of an instance whose Pixel Data is not encapsulated. Safe to call from several threads."""

    def __init__(self, file: RandomAccess, place: PixelDataElement, pixels: ImagePixel, *, is_little: bool) -> None:
        """Only arithmetic; nothing is read.

        :param place: a value of defined length
        """
        self._file = file
        self._start = place.offset
        self._length = place.length
        self._pixels = pixels
        self._is_little = is_little
        is_word = place.vr in ("OW", "") and pixels.bits_allocated <= 8
        self._has_swapped_words = is_word and not is_little
        """Big endian OW: the bytes of each 16-bit word are swapped, also where samples are smaller (PS3.5 7.3)."""
        self._is_plain = (
            is_little
            and sys.byteorder == "little"
            and not pixels.is_planar
            and not pixels.format.is_float
            and pixels.format.photometric != "YBR_FULL_422"
            and pixels.high_bit == pixels.format.bits_stored - 1
        )
        """Whether samples without anything in their unused bits are already what `read` gives."""

    @property
    def count(self) -> int:
        """Whole frames that the value has room for."""
        return self._length * 8 // self._pixels.frame_bits

    def read(self, index: int) -> bytes:
        """The samples of one frame, interleaved, little endian, unused bits cleared.

        :raises DicomFileError: the Pixel Data is shorter than Number of Frames promises
        :raises TruncatedFileError: the file ends within the frame
        """
        bits = self._pixels.frame_bits
        first, last = index * bits, (index + 1) * bits
        self._require(index)
        data = self._read_bytes(first // 8, -(-last // 8), index)
        if self._pixels.bits_allocated == 1:
            packed = np.frombuffer(data, np.uint8)
            return np.unpackbits(packed, bitorder="little")[first % 8 : first % 8 + bits].tobytes()
        return self._ordered(data)

    def read_with_words(self, index: int) -> tuple[bytes, Array | None]:
        """What `read` and `read_words` give, read once; no words where nothing lies beside the values.

        :raises DicomFileError, TruncatedFileError: see `read`
        """
        size = self._pixels.frame_bits // 8
        self._require(index)
        data = self._read_bytes(index * size, (index + 1) * size, index)
        if self._is_plain and _is_clean(np.frombuffer(data, self._pixels.format.dtype), self._pixels):
            return data, None
        return self._ordered(data), self._words(data)

    def place(self, index: int) -> Span | None:
        """Where a frame lies, when it lies as `read` gives it."""
        pixels = self._pixels
        is_full = pixels.bits_allocated == pixels.format.bits_stored > 1
        is_plain = is_full and not pixels.is_planar and pixels.format.photometric != "YBR_FULL_422"
        is_ordered = not self._has_swapped_words and (self._is_little or pixels.bits_allocated == 8)
        size = pixels.frame_bits // 8
        return Span(self._start + index * size, size) if is_plain and is_ordered else None

    def read_words(self, index: int) -> Array:
        """The samples of one frame as they lie, all bits of them, unsigned; for samples of whole bytes.

        :raises DicomFileError, TruncatedFileError: see `read`
        """
        size = self._pixels.frame_bits // 8
        self._require(index)
        return self._words(self._read_bytes(index * size, (index + 1) * size, index))

    def _words(self, data: bytes) -> Array:
        width = self._pixels.bits_allocated // 8
        words: Array = np.frombuffer(data, f"{'<' if self._is_little else '>'}u{width}")
        return words.astype(words.dtype.newbyteorder("="), copy=False)

    def _require(self, index: int) -> None:
        if (index + 1) * self._pixels.frame_bits > self._length * 8:
            message = f"{self._file.name}: no frame {index + 1} of {self._pixels.frames}, Pixel Data holds {self.count}"
            raise DicomFileError(message)

    def _read_bytes(self, first: int, last: int, index: int) -> bytes:
        if self._start + last > self._file.size:
            message = f"{self._file.name} ends within frame {index + 1} of {self._pixels.frames}"
            raise TruncatedFileError(message)
        if not self._has_swapped_words:
            return self._file.read(self._start + first, last - first)
        even_first, even_last = first & ~1, min(last + (last & 1), self._file.size - self._start)
        words = self._file.read(self._start + even_first, even_last - even_first)
        words += b"\0" * (len(words) & 1)
        swapped = np.frombuffer(words, np.uint16).byteswap().tobytes()
        return swapped[first - even_first : last - even_first]

    def _ordered(self, data: bytes) -> bytes:
        pixels = self._pixels
        unused = pixels.bits_allocated - pixels.format.bits_stored
        needs_swap = not self._is_little and pixels.bits_allocated > 8
        is_422 = pixels.format.photometric == "YBR_FULL_422"
        if not (unused or needs_swap or pixels.is_planar or is_422):
            return data
        if self._is_plain and pixels.bits_allocated > 1 and _is_clean(np.frombuffer(data, pixels.format.dtype), pixels):
            return data
        samples: Array = np.frombuffer(data, pixels.format.dtype.newbyteorder("<" if self._is_little else ">"))
        if is_422:
            samples = _upsampled(samples)
        elif pixels.is_planar:
            samples = samples.reshape(pixels.format.samples_per_pixel, -1).T
        samples = samples.astype(pixels.format.dtype.newbyteorder("<"), order="C")
        if unused and not pixels.format.is_float:
            samples = _cleared(samples, pixels)
        return samples.tobytes()


def _is_clean(samples: Array, pixels: ImagePixel) -> bool:
    """Whether all samples, whose low bits are their value, are numbers of Bits Stored: nothing lies above them."""
    stored = pixels.format.bits_stored
    if pixels.format.signed:
        half = 1 << (stored - 1)
        return -half <= int(samples.min()) and int(samples.max()) < half
    return int(samples.max()) < 1 << stored


def _cleared(samples: Array, pixels: ImagePixel) -> Array:
    """The bits from High Bit downward, moved to the bottom; the sign spreads upward where there is one."""
    allocated = pixels.bits_allocated
    raised = np.left_shift(samples, allocated - 1 - pixels.high_bit)
    cleared: Array = np.right_shift(raised, allocated - pixels.format.bits_stored)
    return cleared


def _upsampled(samples: Array) -> Array:
    """YBR_FULL_422, Y1 Y2 Cb Cr, as YBR_FULL: each pair of pixels shares its colour (C.7.6.3.1.2)."""
    pairs = samples.reshape(-1, 4)
    return pairs[:, [0, 2, 3, 1, 2, 3]].reshape(-1)
