"""Luminance and chrominance of a JPEG as they are stored: decoded, but neither enlarged to one size nor made RGB."""

from __future__ import annotations

import ctypes
import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transcode.frames import EncodedFrame
from transcode.turbojpeg import STOP_ON_WARNING, library

_YCBCR = 1
_FACTORS = {0: (1, 1), 1: (2, 1), 2: (2, 2)}
"""By the library's numbers for 4:4:4, 4:2:2 and 4:2:0."""


@dataclass(frozen=True, slots=True, eq=False)
class YCbCr:
    """The samples of a picture; what one sample of chrominance stands for is there as a whole, also at the edges."""

    width: int
    height: int
    luma: NDArray[np.uint8]
    """(rows, columns): `height` and `width` rounded up to the factors."""
    chroma: NDArray[np.uint8]
    """Cb and Cr: (2, rows, columns)."""
    factors: tuple[int, int]
    """How many pixels one sample of chrominance stands for, across and down: each 1 or 2."""

    @property
    def nbytes(self) -> int:
        """What they take in memory."""
        return self.luma.nbytes + self.chroma.nbytes


class _Decoder:
    """One instance of the library's decoder; for one thread."""

    def __init__(self, found: ctypes.CDLL) -> None:
        self._library = found
        self._handle = found.tjInitDecompress()
        self._said = [ctypes.c_int() for _ in range(4)]
        self._places = [ctypes.byref(each) for each in self._said]

    def decode(self, data: bytes, width: int, height: int) -> YCbCr | None:
        if not self._handle or self._library.tjDecompressHeader3(self._handle, data, len(data), *self._places):
            return None
        has_width, has_height, subsampling, colours = (each.value for each in self._said)
        factors = _FACTORS.get(subsampling)
        if factors is None or (has_width, has_height, colours) != (width, height, _YCBCR):
            return None
        columns, rows = -(-width // factors[0]), -(-height // factors[1])
        across, down = columns * factors[0], rows * factors[1]
        part, whole = rows * columns, down * across
        samples = np.empty(whole + 2 * part, np.uint8)
        start = samples.ctypes.data
        parts = (ctypes.c_void_p * 3)(start, start + whole, start + whole + part)
        if self._library.tjDecompressToYUVPlanes(self._handle, data, len(data), parts, 0, None, 0, STOP_ON_WARNING):
            return None
        luma, chroma = samples[:whole].reshape(down, across), samples[whole:].reshape(2, rows, columns)
        return YCbCr(width, height, luma, chroma, factors)

    def __del__(self) -> None:
        if self._handle:
            self._library.tjDestroy(self._handle)


_thread = threading.local()


def is_available() -> bool:
    """Whether there is a library to decode so with."""
    return library() is not None


def decode_ycbcr(frame: EncodedFrame) -> YCbCr | None:
    """The samples of a JPEG of luminance and chrominance, 8 bits each.

    None where there is no library, and for all that is unusual: other colours, other subsampling than 4:4:4, 4:2:2 and
    4:2:0, another size than the frame says, the least damage. Who wants to know what is wrong asks the codec.
    Safe to call from several threads.
    """
    found = library()
    if found is None or not frame.format.photometric.startswith("YBR_FULL"):
        return None
    decoder: _Decoder | None = getattr(_thread, "decoder", None)
    if decoder is None:
        decoder = _thread.decoder = _Decoder(found)
    decoded = decoder.decode(frame.data, frame.width, frame.height)
    if decoded is None:
        del _thread.decoder  # after some errors one of libjpeg-turbo 3.0 refuses whatever follows
    return decoded
