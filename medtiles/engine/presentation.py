"""Stored samples → the 8 bits that people look at (DICOM PS3.4 N.2): modality, window or VOI LUT, palette, colour."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from medtiles.core.display import PLAIN, Display, Lut, Windowing
from transcode.frames import GREY8, RGB8, PixelArray, PixelFormat, Samples

_AS_THEY_ARE = frozenset({"MONOCHROME2", "RGB", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_420", "YBR_ICT", "YBR_RCT"})
_WHOLE_BYTE = (Windowing(128.0, 256.0), Windowing(127.5, 255.0, "LINEAR_EXACT"))


def is_plain(display: Display, pixels: PixelFormat, windowing: Windowing | None) -> bool:
    """Whether the samples are shown as they are stored, so that stored bytes may be shown untouched."""
    if pixels.bits_allocated != 8 or pixels.bits_stored != 8 or pixels.signed:
        return False
    if pixels.photometric not in _AS_THEY_ARE:
        return False
    if pixels.is_colour or (display is PLAIN and windowing is None):
        return True
    return _is_identity(display, windowing or _first_window(display))


def _is_identity(display: Display, windowing: Windowing | None) -> bool:
    tables = (display.modality_lut, display.voi_lut, display.palette, display.colour, display.padding)
    return (
        all(table is None for table in tables)
        and not display.is_inverted
        and (display.slope, display.intercept) == (1.0, 0.0)
        and (windowing is None or Windowing(windowing.centre, windowing.width, windowing.function) in _WHOLE_BYTE)
    )


def _first_window(display: Display) -> Windowing | None:
    return display.windowings[0] if display.windowings else None


def present(pixels: PixelArray, display: Display, windowing: Windowing | None) -> PixelArray:
    """Samples as people look at them: 8 bits, grey or RGB.

    Colour samples must be RGB already; more than 8 bits of them are scaled by their bits stored.
    """
    if pixels.format.is_colour:
        return _colour(pixels)
    if display.palette is not None:
        return PixelArray(_through_palette(pixels.samples[..., 0], display.palette), RGB8)
    chosen = windowing or (None if display.voi_lut is not None else _first_window(display))
    grey = _grey(pixels, display, chosen)
    if display.colour is None:
        return PixelArray(grey, GREY8)
    tint = np.array(display.colour, np.uint16)
    return PixelArray((grey.astype(np.uint16) * tint // 255).astype(np.uint8), RGB8)


def _colour(pixels: PixelArray) -> PixelArray:
    if pixels.format == RGB8:
        return pixels
    samples = pixels.samples[..., :3]
    if samples.shape[2] < 3:
        samples = np.repeat(samples[..., :1], 3, axis=2)
    if samples.dtype == np.uint8 and pixels.format.bits_stored == 8:
        return PixelArray(np.ascontiguousarray(samples), RGB8)
    top = 1.0 if pixels.format.is_float else float((1 << pixels.format.bits_stored) - 1)
    scaled = np.clip(samples.astype(np.float32) * (255 / top) + 0.5, 0, 255).astype(np.uint8)
    return PixelArray(scaled, RGB8)


def _through_palette(index: Samples, palette: tuple[Lut, Lut, Lut]) -> NDArray[np.uint8]:
    channels = [_look_up(index.astype(np.int64), lut) >> max(0, lut.bits - 8) for lut in palette]
    return np.stack(channels, axis=2).astype(np.uint8)


def _look_up(values: NDArray[np.int64], lut: Lut) -> NDArray[np.uint16]:
    """Table entries; inputs beyond the ends take the end entries (C.11.1.1.1), so no index leaves the table."""
    return np.asarray(lut.values)[np.clip(values - lut.first, 0, len(lut.values) - 1)]


def _grey(pixels: PixelArray, display: Display, windowing: Windowing | None) -> NDArray[np.uint8]:
    samples, pixel_format = pixels.samples, pixels.format
    if pixel_format.is_float or pixel_format.bits_allocated > 16:
        return _shade(samples.astype(np.float64), display, windowing, pixel_format)
    table = _table(display, windowing, pixel_format)
    return np.take(table, samples.view(np.uint16 if pixel_format.bits_allocated == 16 else np.uint8))


@lru_cache(maxsize=64)
def _table(display: Display, windowing: Windowing | None, pixels: PixelFormat) -> NDArray[np.uint8]:
    """The 8-bit value of every sample there can be, indexed by its bits."""
    every = np.arange(1 << pixels.bits_allocated, dtype=np.uint32).astype(f"u{pixels.bits_allocated // 8}")
    return _shade(every.view(pixels.dtype).astype(np.float64), display, windowing, pixels)


def _shade(
    stored: NDArray[np.float64], display: Display, windowing: Windowing | None, pixels: PixelFormat
) -> NDArray[np.uint8]:
    return (shades(stored, display, windowing, pixels) * 255 + 0.5).astype(np.uint8)


def shades(
    stored: NDArray[np.float64], display: Display, windowing: Windowing | None, pixels: PixelFormat
) -> NDArray[np.float64]:
    """Stored grey values as shades from 0 to 1, by what the file or a window says."""
    if display.modality_lut is not None:
        values = _look_up(stored.astype(np.int64), display.modality_lut).astype(np.float64)
    else:
        values = stored * display.slope + display.intercept
    if windowing is None and display.voi_lut is not None:
        lut = display.voi_lut
        shade = _look_up(values.astype(np.int64), lut) / ((1 << lut.bits) - 1)
    else:
        shade = windowed(values, windowing or _first_window(display) or full_range(display, pixels))
    if display.is_inverted:
        shade = 1 - shade
    if display.padding is not None:
        shade = np.where((stored >= display.padding[0]) & (stored <= display.padding[1]), 0.0, shade)
    return np.nan_to_num(shade)


def full_range(display: Display, pixels: PixelFormat) -> Windowing:
    """The window of every value that the samples can have."""
    if pixels.is_float:
        return Windowing(0.5, 1.0, "LINEAR_EXACT")
    low = -(1 << (pixels.bits_stored - 1)) if pixels.signed else 0
    ends = sorted((low + step) * display.slope + display.intercept for step in (0, (1 << pixels.bits_stored) - 1))
    return Windowing((ends[0] + ends[1]) / 2, max(ends[1] - ends[0], 1e-12), "LINEAR_EXACT")


def windowed(values: NDArray[np.float64], windowing: Windowing) -> NDArray[np.float64]:
    """Values from 0 to 1 (C.11.2.1.2.1, C.11.2.1.3)."""
    centre, width = windowing.centre, windowing.width
    if windowing.function == "SIGMOID":
        return np.asarray(1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -700, 700))))
    if windowing.function == "LINEAR":
        if width <= 1:
            return (values > centre - 0.5).astype(np.float64)
        centre, width = centre - 0.5, width - 1
    return np.clip((values - centre) / width + 0.5, 0, 1)
