"""The values of a whole image, from one small picture of it: what every part of the image is then shown by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from medtiles.core.channels import ChannelStatistics
from medtiles.core.geometry import ceil_div

SIDE = 512
"""Longest side, in pixels, of the picture that they are taken from."""
_QUANTILES = 2001
_BINS = 256
_LUMINANCE = np.array((0.299, 0.587, 0.114), np.float64)
"""ITU-R BT.601."""


def statistics_of(values: NDArray[np.generic], padding: tuple[int, int] | None = None) -> ChannelStatistics:
    """Of stored values, without those that mean that there is no pixel and those that are no number."""
    known = values.astype(np.float64).ravel()
    known = known[np.isfinite(known)]
    if padding is not None:
        known = known[(known < padding[0]) | (known > padding[1])]
    if not known.size:
        known = np.zeros(1)
    quantiles = np.quantile(known, np.linspace(0, 1, _QUANTILES))
    counts, _ = np.histogram(known, _bins(values.dtype, quantiles[-1] - quantiles[0]), (quantiles[0], quantiles[-1]))
    return ChannelStatistics(float(quantiles[0]), float(quantiles[-1]), quantiles, tuple(map(int, counts)))


def _bins(dtype: np.dtype[np.generic], width: float) -> int:
    """As many bins as let each hold equally many whole numbers, or nearly so."""
    if dtype.kind == "f":
        return _BINS
    values = int(width) + 1
    return ceil_div(values, ceil_div(values, _BINS))


def luminance(samples: NDArray[np.generic]) -> NDArray[np.float64]:
    """Of colours, (..., 3); of grey the values themselves."""
    if samples.shape[-1] < 3:
        return samples[..., 0].astype(np.float64)
    return samples[..., :3].astype(np.float64) @ _LUMINANCE
