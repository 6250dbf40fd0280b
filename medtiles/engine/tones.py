"""Stored samples → shades of 0 to 1, changed as a rendering asks, → samples of 8 or 16 bits. Pure.

What is done to each sample by itself is looked up in a table where there are few enough values; what mixes samples or
neighbours is computed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from medtiles.core.channels import ChannelStatistics
from medtiles.core.display import Display, Windowing
from medtiles.core.errors import BadRequestError
from medtiles.core.rendering import Rendering, Spread
from medtiles.engine.colour_maps import coloured
from medtiles.engine.presentation import shades
from transcode.frames import GREY8, RGB8, PixelArray, PixelFormat

Shades = NDArray[np.float32]
"""(rows, columns, samples), of 0 to 1."""

_STRETCHED = (0.1, 99.9)
_MOST_TABLE_BITS = 16
_RELIEF = 64.0
"""How many pixels high full brightness is, where grey values are heights."""


@dataclass(frozen=True, slots=True)
class Tones:
    """How the samples of one plane become shades."""

    rendering: Rendering
    display: Display
    windowing: Windowing | None
    pixels: PixelFormat
    """Of the samples: one grey value, or RGB."""
    statistics: ChannelStatistics | None
    """Of luminance; needed to spread values."""

    @property
    def is_pointwise(self) -> bool:
        """Whether each sample that comes out depends on one that goes in, or few do on one."""
        return not (self.rendering.kernel or self.rendering.shading or self.rendering.twist)


def toned(pixels: PixelArray, tones: Tones) -> Shades:
    """The shades of a picture, margin and all.

    :raises BadRequestError: the rendering does not fit the samples
    """
    samples, rendering = pixels.samples, tones.rendering
    if tones.is_pointwise and not pixels.format.is_float and pixels.format.bits_allocated <= _MOST_TABLE_BITS:
        return _looked_up(samples, tones)
    shown = np.stack([_shade(samples[..., index], index, tones) for index in range(samples.shape[2])], axis=2)
    return mixed(shown, rendering)


def changed(shown: Shades, rendering: Rendering) -> Shades:
    """What a rendering does to each shade by itself: log, gamma, inversion, colour map, contrast."""
    if rendering.is_log:
        shown = np.log2(1 + shown)
    if rendering.gamma != 1:
        shown = shown**rendering.gamma
    if rendering.is_inverted:
        shown = 1 - shown
    if rendering.colour_map:
        shown = coloured(shown[..., 0], rendering.colour_map)
    if rendering.contrast != 1:
        shown = np.minimum(shown * rendering.contrast, 1)
    return shown.astype(np.float32, copy=False)


def mixed(shown: Shades, rendering: Rendering) -> Shades:
    """All that a rendering does to shades that are there already, such as those of several channels."""
    if rendering.kernel:
        shown = convolved(shown, rendering.kernel)
    if rendering.shading is not None:
        shown = _lit(shown, rendering.shading)
    if rendering.twist:
        shown = _twisted(shown, rendering.twist)
    return changed(shown, rendering)


def quantised(shown: Shades, bits: int) -> PixelArray:
    """Shades as samples of 8 or 16 bits, grey or RGB."""
    most = (1 << bits) - 1
    samples = (shown * most + 0.5).astype(np.uint8 if bits == 8 else np.uint16)
    described = GREY8 if samples.shape[2] == 1 else RGB8
    return PixelArray(samples, replace(described, bits_allocated=bits, bits_stored=bits))


def _looked_up(samples: NDArray[np.generic], tones: Tones) -> Shades:
    unsigned: NDArray[np.unsignedinteger] = samples.view(f"u{tones.pixels.bits_allocated // 8}")
    tables = [_table(tones, index) for index in range(samples.shape[2])]
    if tables[0].shape[1] == 3:
        return np.asarray(tables[0][unsigned[..., 0]], np.float32)
    if len(tables) == 1:
        return np.asarray(np.take(tables[0][:, 0], unsigned), np.float32)
    return np.stack([np.take(table[:, 0], unsigned[..., index]) for index, table in enumerate(tables)], axis=2)


@lru_cache(maxsize=32)
def _table(tones: Tones, sample: int) -> Shades:
    """The shade of each value that there can be, by its bits: (values, 1), or 3 in colours."""
    bits = tones.pixels.bits_allocated
    every = np.arange(1 << bits, dtype=np.uint32).astype(f"u{bits // 8}").view(tones.pixels.dtype)
    return np.ascontiguousarray(changed(_shade(every, sample, tones)[..., np.newaxis], tones.rendering))


def _shade(values: NDArray[np.generic], sample: int, tones: Tones) -> NDArray[np.float32]:
    """One sample of each pixel, of 0 to 1."""
    range_ = _range_of(tones, sample)
    stored = values.astype(np.float64)
    if range_ is not None:
        shown = np.clip((stored - range_[0]) / (range_[1] - range_[0]), 0, 1)
    elif tones.rendering.spread is Spread.EQUALIZE and tones.statistics is not None:
        quantiles = tones.statistics.quantiles
        shown = np.searchsorted(quantiles, stored, side="right") / len(quantiles)
    elif tones.pixels.is_colour:
        top = 1.0 if tones.pixels.is_float else float((1 << tones.pixels.bits_stored) - 1)
        shown = np.clip(stored / top, 0, 1)
    else:
        return np.asarray(shades(stored, tones.display, tones.windowing, tones.pixels), np.float32)
    shown = np.nan_to_num(shown)
    return np.asarray(1 - shown if tones.display.is_inverted and not tones.pixels.is_colour else shown, np.float32)


def _range_of(tones: Tones, sample: int) -> tuple[float, float] | None:
    """The stored values to show a sample from and to, when the rendering says."""
    for named in tones.rendering.ranges:
        if named.sample in {None, sample}:
            return named.low, named.high
    if tones.rendering.spread is not Spread.STRETCH or tones.statistics is None:
        return None
    low, high = map(tones.statistics.percentile, _STRETCHED)
    return low, max(high, low + 1e-9)


def convolved(shown: Shades, kernel: tuple[tuple[float, ...], ...]) -> Shades:
    """Each shade the weighted sum of its neighbours', cut to 0 to 1; beyond the edge the last ones go on."""
    weights = np.array(kernel, np.float32)
    radius = len(kernel) // 2
    padded = np.pad(shown, ((radius, radius), (radius, radius), (0, 0)), mode="edge")
    total: Shades = np.zeros(shown.shape, np.float32)
    for row, column in np.argwhere(weights):
        part = padded[row : row + shown.shape[0], column : column + shown.shape[1]]
        np.add(total, part * float(weights[row, column]), out=total)
    return np.asarray(np.clip(total, 0, 1), np.float32)


def _lit(shown: Shades, light: tuple[float, float]) -> Shades:
    """How bright a surface is under light from a side: 0 where it is turned away."""
    azimuth, height = np.radians(light)
    towards = (np.sin(azimuth) * np.cos(height), -np.cos(azimuth) * np.cos(height), np.sin(height))
    if shown.shape[2] >= 3:
        normals = shown[..., :3] * 2 - 1
        across, down, up = normals[..., 0], -normals[..., 1], normals[..., 2]
    else:
        slopes = np.asarray(np.gradient(_at_least_two(shown[..., 0])), np.float32)
        down, across = -_RELIEF * slopes[:, : shown.shape[0], : shown.shape[1]]
        up = np.ones_like(across)
    length = np.sqrt(across**2 + down**2 + up**2)
    lit = (across * towards[0] + down * towards[1] + up * towards[2]) / np.maximum(length, 1e-6)
    return np.asarray(np.clip(lit, 0, 1)[..., np.newaxis], np.float32)


def _at_least_two(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Slopes need a neighbour."""
    missing = [(0, max(0, 2 - side)) for side in values.shape]
    return np.pad(values, missing, mode="edge")


def _twisted(shown: Shades, twist: tuple[tuple[float, ...], ...]) -> Shades:
    if len(twist[0]) != shown.shape[2]:
        message = f"a colour twist of {len(twist[0])} columns: the picture has {shown.shape[2]} samples"
        raise BadRequestError(message)
    matrix = np.array(twist, np.float32)
    sums = np.zeros((*shown.shape[:2], len(twist)), np.float32)
    for index in range(shown.shape[2]):
        sums += shown[..., index, np.newaxis] * matrix[:, index]
    return np.clip(sums, 0, 1)
