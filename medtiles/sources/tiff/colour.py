"""Decoded samples → the samples that are served: RGB or one channel, without alpha (TIFF 6.0 sections 16, 18, 21)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from medtiles.core.errors import UnsupportedFormatError
from medtiles.sources.tiff.page import Colours, Page
from medtiles.sources.tiff.tags import Photometric
from transcode.frames import PixelArray, PixelFormat, Samples

_READABLE = frozenset(
    {Photometric.MIN_IS_WHITE, Photometric.MIN_IS_BLACK, Photometric.RGB, Photometric.PALETTE, Photometric.CMYK,
     Photometric.YCBCR}
)  # fmt: skip
_ASSOCIATED_ALPHA = 1
_UNSPECIFIED = 0
_NEEDED = {Photometric.RGB: 3, Photometric.YCBCR: 3, Photometric.CMYK: 4}


def require_readable(page: Page) -> None:
    """Refuse a page whose samples mean what is not understood.

    :raises UnsupportedFormatError: naming the photometric interpretation
    """
    needed = _NEEDED.get(page.photometric, 1)  # type: ignore[call-overload]
    pixels = page.pixels()
    is_odd = page.photometric in {Photometric.CMYK, Photometric.YCBCR} and (pixels.is_float or pixels.signed)
    if page.photometric not in _READABLE or page.samples_per_pixel < needed or is_odd:
        message = (
            f"page {page.index} has photometric interpretation {page.photometric} "
            f"with {page.samples_per_pixel} samples of {page.bits} bits, which is not read"
        )
        raise UnsupportedFormatError(message)


def served(page: Page, samples: Samples, channel: int, is_rgb: bool) -> PixelArray:
    """What is shown of decoded samples: the channel asked for, or RGB.

    ``is_rgb`` says that a codec has already made RGB of YCbCr.
    """
    pixels = page.pixels()
    if not pixels.is_colour:
        return PixelArray(samples[..., channel : channel + 1], pixels)
    if page.photometric == Photometric.CMYK:
        colours = _rgb_of_cmyk(samples, pixels)
    elif page.photometric == Photometric.YCBCR and not is_rgb:
        colours = _rgb_of_ycbcr(samples, page.colours, pixels)
    else:
        colours = samples[..., :3]
    alpha = _alpha(page, samples)
    if alpha is not None:
        colours = _over_white(colours, alpha, pixels, is_premultiplied=_ASSOCIATED_ALPHA in page.extra_samples)
    return PixelArray(colours, pixels)


def _top(pixels: PixelFormat) -> float:
    return 1.0 if pixels.is_float else float((1 << (pixels.bits_stored - pixels.signed)) - 1)


def _whole(values: NDArray[np.float64], pixels: PixelFormat) -> Samples:
    if pixels.is_float:
        return values.astype(pixels.dtype)
    return np.clip(np.rint(values), 0, _top(pixels)).astype(pixels.dtype)


def _rgb_of_cmyk(samples: Samples, pixels: PixelFormat) -> Samples:
    top = _top(pixels)
    inks = top - samples[..., :4].astype(np.float64)
    return _whole(inks[..., :3] * inks[..., 3:] / top, pixels)


def _rgb_of_ycbcr(samples: Samples, colours: Colours, pixels: PixelFormat) -> Samples:
    """Section 21 of TIFF 6.0: codes to full-range values by ReferenceBlackWhite, then by the coefficients to RGB."""
    black, white = np.array(colours.reference[::2]), np.array(colours.reference[1::2])
    top = _top(pixels)
    ranges = np.array([top, (top - 1) // 2 or 1, (top - 1) // 2 or 1])
    span = np.where(white == black, 1.0, white - black)
    values = (samples[..., :3].astype(np.float64) - black) * ranges / span
    red_weight, green_weight, blue_weight = colours.coefficients
    luma = values[..., 0]
    red = values[..., 2] * (2 - 2 * red_weight) + luma
    blue = values[..., 1] * (2 - 2 * blue_weight) + luma
    green = (luma - blue_weight * blue - red_weight * red) / (green_weight or 1.0)
    return _whole(np.stack([red, green, blue], axis=2), pixels)


def _alpha(page: Page, samples: Samples) -> Samples | None:
    """The first extra sample that is an alpha channel."""
    first = _NEEDED.get(page.photometric, 1)  # type: ignore[call-overload]
    for place, extra in enumerate(page.extra_samples, start=first):
        if extra != _UNSPECIFIED and place < samples.shape[2]:
            return samples[..., place : place + 1]
    return None


def _over_white(colours: Samples, alpha: Samples, pixels: PixelFormat, *, is_premultiplied: bool) -> Samples:
    top = _top(pixels)
    if bool((alpha == top).all()):
        return colours
    cover = np.clip(alpha.astype(np.float64) / top, 0, 1)
    light = colours.astype(np.float64) * (1 if is_premultiplied else cover) + top * (1 - cover)
    return _whole(light, pixels)
