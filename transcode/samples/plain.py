"""Samples out of plain bytes: little endian, interleaved; single bits packed or not (PS3.5 8.1 and 8.2.16)."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from transcode.errors import CorruptFrameError

if TYPE_CHECKING:
    from transcode.frames import PixelFormat, Samples
    from transcode.samples.fitting import Shape


def byte_lengths(pixels: PixelFormat, shape: Shape) -> tuple[int, ...]:
    """How many bytes the samples may take: as allocated, or, of one stored bit, eight samples to the byte."""
    count = prod(shape)
    as_allocated = count * pixels.dtype.itemsize
    return (as_allocated, -(-count // 8)) if pixels.bits_stored == 1 else (as_allocated,)


def samples_from_bytes(data: bytes, pixels: PixelFormat, shape: Shape) -> Samples:
    """The samples; a byte of padding to an even length is allowed.

    :raises CorruptFrameError: too few bytes, or too many
    """
    count = prod(shape)
    for length in byte_lengths(pixels, shape):
        if len(data) in {length, length + length % 2}:
            if length < count:
                return _unpacked(data, pixels, shape)
            samples = np.frombuffer(data, pixels.dtype.newbyteorder("<"), count)
            return samples.astype(pixels.dtype, copy=False).reshape(shape)
    expected = " or ".join(str(length) for length in byte_lengths(pixels, shape))
    message = f"the frame has {len(data)} bytes, its header promises {expected}"
    raise CorruptFrameError(message)


def _unpacked(data: bytes, pixels: PixelFormat, shape: Shape) -> Samples:
    """One sample a bit, the first in the lowest (PS3.5 8.1.1)."""
    bits = np.unpackbits(np.frombuffer(data, np.uint8), count=prod(shape), bitorder="little")
    return bits.astype(pixels.dtype, copy=False).reshape(shape)
