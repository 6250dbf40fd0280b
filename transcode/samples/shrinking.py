"""Halvings that a decoder cannot do itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from transcode.frames import Samples


def shrunk(samples: Samples, reduction: int, *, is_palette: bool) -> Samples:
    """Samples with each side halved so many times, rounded up: averaged, or picked where they index a palette.

    The last column and row stand in for what the sides lack to a whole number of blocks.
    """
    if reduction == 0:
        return samples
    step = 1 << reduction
    if is_palette or max(samples.shape[:2]) <= 1:
        return np.ascontiguousarray(samples[::step, ::step])
    rows, columns, count = samples.shape
    step_y, step_x = min(step, _power_of_two_from(rows)), min(step, _power_of_two_from(columns))
    padded = np.pad(samples, ((0, -rows % step_y), (0, -columns % step_x), (0, 0)), mode="edge")
    blocks = padded.reshape(padded.shape[0] // step_y, step_y, padded.shape[1] // step_x, step_x, count)
    means: NDArray[np.float64] = np.mean(blocks.astype(np.float64), axis=(1, 3))
    return np.asarray(means if samples.dtype.kind == "f" else np.rint(means), dtype=samples.dtype)


def _power_of_two_from(side: int) -> int:
    """The smallest power of two that is not less."""
    return 1 << (side - 1).bit_length()
