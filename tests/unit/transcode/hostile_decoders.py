"""Decoders that misbehave, for the tests of isolation: children import them by name."""

from __future__ import annotations

import os
import time

import numpy as np

from transcode.errors import CorruptFrameError, UnsupportedPixelsError
from transcode.frames import PixelFormat, Samples
from transcode.samples.fitting import Shape


def first_byte(data: bytes, pixels: PixelFormat, shape: Shape, reduction: int) -> Samples:
    """A picture of the first byte, reduced or not."""
    return np.full(shape, data[0] + reduction, pixels.dtype)


def own_pid(data: bytes, pixels: PixelFormat, shape: Shape, reduction: int) -> Samples:
    return np.full(shape, os.getpid(), pixels.dtype)


def runs_in_circles(data: bytes, pixels: PixelFormat, shape: Shape, reduction: int) -> Samples:
    while True:
        pass


def waits(data: bytes, pixels: PixelFormat, shape: Shape, reduction: int) -> Samples:
    time.sleep(600)
    return np.zeros(shape, pixels.dtype)


def crashes(data: bytes, pixels: PixelFormat, shape: Shape, reduction: int) -> Samples:
    os.abort()


def leaves(data: bytes, pixels: PixelFormat, shape: Shape, reduction: int) -> Samples:
    os._exit(3)


def takes_memory(data: bytes, pixels: PixelFormat, shape: Shape, reduction: int) -> Samples:
    return np.ones(1 << 34, np.uint8)


def refuses(data: bytes, pixels: PixelFormat, shape: Shape, reduction: int) -> Samples:
    message = "samples of seven colours"
    raise UnsupportedPixelsError(message)


def complains(data: bytes, pixels: PixelFormat, shape: Shape, reduction: int) -> Samples:
    message = "a marker is missing"
    raise CorruptFrameError(message)


def fails(data: bytes, pixels: PixelFormat, shape: Shape, reduction: int) -> Samples:
    message = "nobody expected this"
    raise KeyError(message)


def gives_another_shape(data: bytes, pixels: PixelFormat, shape: Shape, reduction: int) -> Samples:
    return np.zeros((1, 1, 1), pixels.dtype)


def prints(data: bytes, pixels: PixelFormat, shape: Shape, reduction: int) -> Samples:
    os.write(1, b"a library that talks\n" * 100)
    return np.zeros(shape, pixels.dtype)


def writes_a_file(data: bytes, pixels: PixelFormat, shape: Shape, reduction: int) -> Samples:
    with open(data.decode(), "wb") as file:  # noqa: PTH123 - as native code does it
        file.write(b"x")
    return np.zeros(shape, pixels.dtype)
