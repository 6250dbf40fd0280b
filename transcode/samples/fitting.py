"""Decoded samples held against what the frame's header promised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from transcode.errors import CorruptFrameError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from transcode.frames import EncodedFrame, PixelFormat, Samples

Shape = tuple[int, int, int]
"""Rows, columns, samples per pixel."""


def reduced_shape(frame: EncodedFrame, reduction: int, most: int) -> Shape:
    """The shape that a frame decodes to: each side is ceil(side / 2 ** reduction).

    :param most: the most halvings that the codec can do
    :raises CorruptFrameError: the frame has no pixels
    :raises ValueError: fewer than no halvings, or more than the codec can do
    """
    if not 0 <= reduction <= most:
        message = f"{frame.encoding.name} decodes with 0 to {most} halvings, not {reduction}"
        raise ValueError(message)
    if frame.width < 1 or frame.height < 1 or frame.format.samples_per_pixel < 1:
        message = f"a frame of {frame.width} x {frame.height} pixels of {frame.format.samples_per_pixel} samples"
        raise CorruptFrameError(message)
    step = 1 << reduction
    return -(-frame.height // step), -(-frame.width // step), frame.format.samples_per_pixel


def fit(decoded: NDArray[Any], pixels: PixelFormat, shape: Shape) -> Samples:
    """The samples in the shape and the type of their format; values do not change.

    A codestream may store a narrower sample than the format allocates, and many encoders write the two's complement
    of signed samples as if it were unsigned (PS3.5 8.2): those are widened, and sign-extended from Bits Stored.

    :raises CorruptFrameError: another shape, or samples that the format cannot hold
    """
    if decoded.ndim == 2:
        decoded = decoded[:, :, np.newaxis]
    if decoded.shape != shape:
        message = f"the stream holds {_described(decoded.shape)}, its header promises {_described(shape)}"
        raise CorruptFrameError(message)
    if decoded.dtype == pixels.dtype:
        return np.ascontiguousarray(decoded)
    if pixels.is_float or decoded.dtype.kind not in "iub" or decoded.dtype.itemsize > pixels.dtype.itemsize:
        message = f"the stream holds {decoded.dtype} samples, its header promises {pixels.dtype}"
        raise CorruptFrameError(message)
    if pixels.signed == (decoded.dtype.kind == "i"):
        return np.ascontiguousarray(decoded, dtype=pixels.dtype)
    return _with_sign(decoded, pixels)


def _with_sign(decoded: NDArray[Any], pixels: PixelFormat) -> Samples:
    """Samples of the other signedness, read as two's complement of Bits Stored."""
    wide = decoded.astype(np.int64)
    wide &= (1 << pixels.bits_stored) - 1
    if pixels.signed:
        sign = 1 << (pixels.bits_stored - 1)
        wide ^= sign
        wide -= sign
    return np.ascontiguousarray(wide, dtype=pixels.dtype)


def _described(shape: tuple[int, ...]) -> str:
    rows, columns, *samples = shape
    return f"{columns} x {rows} pixels of {samples[0] if len(samples) == 1 else samples} samples"
