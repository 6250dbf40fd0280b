"""How far a decoded frame is from its source: peak signal-to-noise ratio, structural similarity, largest error.

All three are of all samples: colours are compared in red, green and blue, one channel as heavy as another, because
a fault of the colours alone leaves luminance as it was. The peak is that of the true bit depth, 2 ** Bits Stored - 1.
Structural similarity is that of Wang, Bovik, Sheikh and Simoncelli (IEEE Transactions on Image Processing 13-4, 2004):
a Gaussian window of 11 x 11 with sigma 1.5, K1 0.01, K2 0.03, where the window lies wholly inside; the mean over the
picture and its channels, at full size (the reduction that the authors suggest for viewers at a distance is left out,
which is the stricter way). scikit-image says the same with `gaussian_weights=True, use_sample_covariance=False`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transcode.batch.model import Quality
from transcode.batch.structural_similarity import mean_similarity
from transcode.colour import to_rgb
from transcode.errors import UnsupportedPixelsError
from transcode.frames import PixelArray

_STRIP_SAMPLES = 1 << 15
"""As many as stay in a processor's cache while they are worked on."""


def measure(source: PixelArray, written: PixelArray) -> Quality:
    """All three figures of one frame.

    :raises UnsupportedPixelsError: the two differ in size or format, or are palette indices or floating samples, of
        which none of the three says anything, or are of 64 bits
    """
    one, other = comparable(source, written)
    mean_square, largest = _errors(one, other)
    return Quality(_decibels(mean_square, _peak(one)), _similarity(one, other) if largest else 1.0, largest)


def psnr(source: PixelArray, written: PixelArray) -> float:
    """The peak signal-to-noise ratio in dB; infinite when they are equal.

    :raises UnsupportedPixelsError: see `measure`
    """
    one, other = comparable(source, written)
    return _decibels(_errors(one, other)[0], _peak(one))


def ssim(source: PixelArray, written: PixelArray) -> float:
    """The structural similarity, 1 when they are equal.

    :raises UnsupportedPixelsError: see `measure`
    """
    one, other = comparable(source, written)
    return _similarity(one, other)


def largest_error(source: PixelArray, written: PixelArray) -> int:
    """The largest difference between two samples.

    :raises UnsupportedPixelsError: see `measure`
    """
    one, other = comparable(source, written)
    return _errors(one, other)[1]


def worst(frames: Iterable[Quality]) -> Quality | None:
    """The lowest ratio, the lowest similarity and the largest error of some frames; None of none."""
    found = tuple(frames)
    if not found:
        return None
    return Quality(
        min(quality.psnr_db for quality in found),
        min(quality.ssim for quality in found),
        max(quality.max_error for quality in found),
    )


def document_of(quality: Quality) -> dict[str, float | int | None]:
    """The figures for JSON, which has no infinity: the PSNR of equal frames is null."""
    psnr_db = quality.psnr_db if math.isfinite(quality.psnr_db) else None
    return {"psnr_db": psnr_db, "ssim": quality.ssim, "max_error": quality.max_error}


def comparable(source: PixelArray, written: PixelArray) -> tuple[PixelArray, PixelArray]:
    """The two in one format, colours as RGB.

    :raises UnsupportedPixelsError: see `measure`
    """
    one, other = to_rgb(source), to_rgb(written)
    if one.samples.shape != other.samples.shape or one.format != other.format:
        message = (
            f"{other.width} x {other.height} pixels of {other.format} cannot be compared "
            f"with {one.width} x {one.height} of {one.format}"
        )
        raise UnsupportedPixelsError(message)
    if one.format.is_float or one.format.bits_allocated > 32 or one.format.photometric == "PALETTE COLOR":
        message = f"no measure of quality for {one.format}"
        raise UnsupportedPixelsError(message)
    return one, other


def _peak(pixels: PixelArray) -> int:
    return (1 << pixels.format.bits_stored) - 1


def _similarity(one: PixelArray, other: PixelArray) -> float:
    """Signed samples are counted from the lowest, so that the same picture gets the same figure without a sign."""
    lowest = -(1 << (one.format.bits_stored - 1)) if one.format.signed else 0
    return mean_similarity(one.samples, other.samples, lowest, _peak(one))


def _decibels(mean_square: float, peak: int) -> float:
    return 10 * math.log10(peak**2 / mean_square) if mean_square else math.inf


def _errors(one: PixelArray, other: PixelArray) -> tuple[float, int]:
    """The mean of the squared differences, and the largest difference."""
    total, largest = 0.0, 0.0
    for left, right in _strips(one, other):
        apart = left.astype(np.float64) - right.astype(np.float64)
        largest = max(largest, float(apart.max()), -float(apart.min()))
        apart *= apart  # not by np.dot, whose threads would get in one another's way in a batch
        total += float(apart.sum())
    return total / one.samples.size, int(largest)


def _strips(one: PixelArray, other: PixelArray) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """The samples of both, a few rows at a time, in one dimension."""
    rows = max(1, _STRIP_SAMPLES // max(1, one.width * one.format.samples_per_pixel))
    for start in range(0, one.height, rows):
        yield one.samples[start : start + rows].reshape(-1), other.samples[start : start + rows].reshape(-1)
