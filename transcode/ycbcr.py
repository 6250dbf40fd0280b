"""Luminance and chrominance of a JPEG as they are stored: decoded, but neither enlarged to one size nor made RGB."""

from __future__ import annotations

import ctypes
import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transcode.frames import RGB8, EncodedFrame, PixelArray
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

    def decode(self, data: bytes, size: tuple[int, int], reduction: int) -> YCbCr | None:
        if not self._handle or self._library.tjDecompressHeader3(self._handle, data, len(data), *self._places):
            return None
        has_width, has_height, subsampling, colours = (each.value for each in self._said)
        factors = _FACTORS.get(subsampling)
        if factors is None or (has_width, has_height, colours) != (*size, _YCBCR):
            return None
        width, height = (-(-side >> reduction) for side in size)
        columns, rows = -(-width // factors[0]), -(-height // factors[1])
        across, down = columns * factors[0], rows * factors[1]
        part, whole = rows * columns, down * across
        samples = np.empty(whole + 2 * part, np.uint8)
        start = samples.ctypes.data
        parts = (ctypes.c_void_p * 3)(start, start + whole, start + whole + part)
        source = (self._handle, data, len(data))
        if self._library.tjDecompressToYUVPlanes(*source, parts, width, None, height, STOP_ON_WARNING):
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


def decode_ycbcr(frame: EncodedFrame, reduction: int = 0) -> YCbCr | None:
    """The samples of a JPEG of luminance and chrominance, 8 bits each.

    :param reduction: how often it is halved in the transform, at most 3 times; sizes are rounded up

    :return: None where there is no library, and for all that is unusual: other colours, other subsampling than 4:4:4,
        4:2:2 and 4:2:0, another size than the frame says, the least damage. Who wants to know why asks the codec.
    Safe to call from several threads.
    """
    found = library()
    if found is None or not frame.format.photometric.startswith("YBR_FULL"):
        return None
    decoder: _Decoder | None = getattr(_thread, "decoder", None)
    if decoder is None:
        decoder = _thread.decoder = _Decoder(found)
    decoded = decoder.decode(frame.data, (frame.width, frame.height), reduction)
    if decoded is None:
        del _thread.decoder  # after some errors one of libjpeg-turbo 3.0 refuses whatever follows
    return decoded


def halved(pixels: YCbCr) -> YCbCr:
    """Each two by two samples averaged; sizes are rounded up. Of 4:2:0."""
    luma = _even(_means_of_four(pixels.luma))
    return YCbCr(-(-pixels.width // 2), -(-pixels.height // 2), luma, _means_of_four(_even(pixels.chroma)), (2, 2))


def as_rgb(pixels: YCbCr) -> PixelArray:
    """As RGB; each sample of chrominance is taken for all that it stands for."""
    from PIL import Image  # noqa: PLC0415 - a server of stored tiles does without

    chroma = pixels.chroma.repeat(pixels.factors[1], axis=1).repeat(pixels.factors[0], axis=2)
    planes = [Image.fromarray(plane[: pixels.height, : pixels.width]) for plane in (pixels.luma, *chroma)]
    return PixelArray(np.asarray(Image.merge("YCbCr", planes).convert("RGB")), RGB8)


def as_ycbcr(pixels: PixelArray) -> YCbCr:
    """RGB of 8 bits as luminance and 4:2:0 chrominance."""
    from PIL import Image  # noqa: PLC0415

    luma, *chroma = (np.asarray(plane) for plane in Image.fromarray(pixels.samples).convert("YCbCr").split())
    return YCbCr(pixels.width, pixels.height, _even(luma), _means_of_four(_even(np.stack(chroma))), (2, 2))


def _even(samples: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """With the last row and column once more, where their number is odd."""
    rows, columns = samples.shape[-2] % 2, samples.shape[-1] % 2
    if not rows and not columns:
        return samples
    return np.pad(samples, [(0, 0)] * (samples.ndim - 2) + [(0, rows), (0, columns)], mode="edge")


def _means_of_four(samples: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Of each two by two; rows and columns must be even. Two neighbours are taken as one number, for speed."""
    pairs = np.ascontiguousarray(samples).view(np.uint16)
    sums = (pairs & 0xFF) + (pairs >> 8)
    sums = sums[..., ::2, :] + sums[..., 1::2, :]
    sums += 2
    sums >>= 2
    return sums.astype(np.uint8)
