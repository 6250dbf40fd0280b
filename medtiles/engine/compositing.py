"""Channels → one picture: each its range of values, gamma and colour, then put together. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce

import numpy as np
from numpy.typing import NDArray

from medtiles.core.channels import ChannelStatistics
from medtiles.core.rendering import Blend, Bound, ChannelRendering, Colour, Projection, Unit
from medtiles.engine.colour_maps import coloured
from medtiles.engine.tones import Shades
from transcode.frames import RGB8, PixelArray, PixelFormat, Samples

Intensity = NDArray[np.float32]
"""(rows, columns), of 0 to 1."""

_MOST_TABLE_BITS = 16


@dataclass(frozen=True, slots=True)
class Layer:
    """One channel, and all that it takes to show it."""

    rendering: ChannelRendering
    colour: Colour
    pixels: PixelFormat
    """Of one sample."""
    statistics: ChannelStatistics | None
    """Needed where a bound is a percentile, or samples are floating point."""

    def bound(self, bound: Bound) -> float:
        """A bound as a stored value."""
        if bound.unit is Unit.RAW:
            return bound.value
        if bound.unit is Unit.PERCENTILE and self.statistics is not None:
            return self.statistics.percentile(bound.value)
        low, high = domain(self.pixels, self.statistics)
        return low + (high - low) * bound.value / 100


def domain(pixels: PixelFormat, statistics: ChannelStatistics | None) -> tuple[float, float]:
    """The least and the greatest value that samples can have; of floating point, that the image has."""
    if pixels.is_float:
        return (0.0, 1.0) if statistics is None else (statistics.minimum, statistics.maximum)
    low = -(1 << (pixels.bits_stored - 1)) if pixels.signed else 0
    return float(low), float(low + (1 << pixels.bits_stored) - 1)


def needs_statistics(rendering: ChannelRendering, pixels: PixelFormat) -> bool:
    """Whether a channel's range depends on the values of the whole image."""
    units = {rendering.values.low.unit, rendering.values.high.unit}
    return Unit.PERCENTILE in units or (pixels.is_float and Unit.PERCENT in units)


def composite(planes: Sequence[Samples], layers: Sequence[Layer], blend: Blend) -> Shades:
    """One picture of several channels.

    :param planes: stored values, (rows, columns), one for each layer
    :returns: (rows, columns, 3) of 0 to 1
    """
    if _is_sum(layers, blend):
        return np.stack([np.minimum(total, 1) for total in _sums(planes, layers)], axis=2)
    return reduce(_BLENDS[blend], [_coloured(plane, layer) for plane, layer in zip(planes, layers, strict=True)])


def composite_bytes(planes: Sequence[Samples], layers: Sequence[Layer], blend: Blend) -> PixelArray | None:
    """The same in 8 bits at once, where that is quicker; None where it is not."""
    if not _is_sum(layers, blend):
        return None
    samples = np.empty((*planes[0].shape, 3), np.uint8)
    for sample, total in enumerate(_sums(planes, layers, 255, 0.5)):
        np.minimum(total, 255, out=total)
        samples[..., sample] = total
    return PixelArray(samples, RGB8)


def _is_sum(layers: Sequence[Layer], blend: Blend) -> bool:
    return blend is Blend.ADD and not any(layer.rendering.colour_map for layer in layers)


def _sums(planes: Sequence[Samples], layers: Sequence[Layer], most: float = 1, start: float = 0) -> Iterator[Intensity]:
    """Intensities times colours, not cut: of red, of green, of blue. `most` is full brightness.

    One after the other in plain loops: a product of matrices is no quicker, and keeps a second processor busy.
    """
    intensities = [_intensities(plane, layer) for plane, layer in zip(planes, layers, strict=True)]
    part = np.empty(planes[0].shape, np.float32)
    for sample in range(3):
        total = np.full(planes[0].shape, start, np.float32)
        for layer, intensity in zip(layers, intensities, strict=True):
            if layer.colour[sample]:
                total += np.multiply(intensity, np.float32(layer.colour[sample] * most / 255), out=part)
        yield total


def _add(below: Shades, above: Shades) -> Shades:
    return np.asarray(np.minimum(below + above, 1), np.float32)


def _screen(below: Shades, above: Shades) -> Shades:
    return np.asarray(1 - (1 - below) * (1 - above), np.float32)


_BLENDS: dict[Blend, Callable[[Shades, Shades], Shades]] = {
    Blend.ADD: _add,
    Blend.MAX: np.maximum,
    Blend.SCREEN: _screen,
    Blend.MULTIPLY: np.multiply,
}


def _coloured(plane: Samples, layer: Layer) -> Shades:
    values = _intensities(plane, layer)
    if layer.rendering.colour_map:
        return coloured(values, layer.rendering.colour_map)
    return np.asarray(values[..., np.newaxis] * (np.array(layer.colour, np.float32) / 255), np.float32)


def _intensities(plane: Samples, layer: Layer) -> Intensity:
    """Values of 0 to 1."""
    bits = layer.pixels.bits_allocated
    if layer.pixels.is_float or bits > _MOST_TABLE_BITS:
        return _intensity(plane, layer)
    return np.asarray(np.take(_table(layer), plane.view(f"u{bits // 8}"), mode="clip"), np.float32)


@lru_cache(maxsize=64)
def _table(layer: Layer) -> Intensity:
    bits = layer.pixels.bits_allocated
    every = np.arange(1 << bits, dtype=np.uint32).astype(f"u{bits // 8}").view(layer.pixels.dtype)
    return _intensity(every, layer)


def _intensity(values: Samples, layer: Layer) -> Intensity:
    low, high = layer.bound(layer.rendering.values.low), layer.bound(layer.rendering.values.high)
    width = high - low
    if abs(width) < 1e-9:  # all that reach it are bright
        shown = np.greater_equal(values, low).astype(np.float64)
    else:
        shown = np.clip((values.astype(np.float64) - low) / width, 0, 1)
    shown = np.nan_to_num(shown)
    if layer.rendering.gamma != 1:
        shown = shown**layer.rendering.gamma
    return np.asarray(1 - shown if layer.rendering.is_inverted else shown, np.float32)


def projected(planes: Sequence[Samples], projection: Projection) -> Samples:
    """Focal planes as one, in the samples' own type; means are rounded where that is of whole numbers."""
    if projection is Projection.MAX:
        return reduce(np.maximum, planes)
    if projection is Projection.MIN:
        return reduce(np.minimum, planes)
    total = np.zeros(planes[0].shape, np.float64)
    for plane in planes:
        total += plane.astype(np.float64)
    total /= len(planes)
    dtype = planes[0].dtype
    return total.astype(dtype) if dtype.kind == "f" else np.rint(total).astype(dtype)
