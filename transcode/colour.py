"""Luminance and chrominance to red, green and blue (PS3.3 C.7.6.3.1.2)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from transcode.errors import UnsupportedPixelsError
from transcode.frames import PixelArray

_FULL = np.array([[1, 1, 1], [0, -0.344136286, 1.772], [1.402, -0.714136286, 0]], dtype=np.float32)
"""Rows Y, Cb, Cr; columns R, G, B: the inverse of YBR_FULL's equation, with the weights of ITU-R BT.601."""
_PARTIAL = _FULL * np.array([[255 / 219], [255 / 224], [255 / 224]], dtype=np.float32)
"""Y takes 16 to 235 and the differences 16 to 240, instead of all values."""

_YBR_FULL = frozenset({"YBR_FULL", "YBR_FULL_422"})
_YBR_PARTIAL = frozenset({"YBR_PARTIAL_422", "YBR_PARTIAL_420"})


def is_ybr(photometric: str) -> bool:
    """Whether samples that a decoder gave are luminance and chrominance; YBR_RCT and YBR_ICT have been undone by it."""
    return photometric in _YBR_FULL or photometric in _YBR_PARTIAL


def to_rgb(pixels: PixelArray) -> PixelArray:
    """The pixels with luminance and chrominance turned into RGB; the same object when there is nothing to turn.

    :raises UnsupportedPixelsError: YBR samples that are signed, floating or not three a pixel
    """
    photometric = pixels.format.photometric
    if not is_ybr(photometric):
        return pixels
    format_ = pixels.format
    if format_.samples_per_pixel != 3 or format_.signed or format_.is_float:
        message = f"no {photometric} of {format_}"
        raise UnsupportedPixelsError(message)
    half = np.float32(1 << (format_.bits_stored - 1))
    highest = (1 << format_.bits_stored) - 1
    is_partial = photometric in _YBR_PARTIAL
    zero = np.array([half / 8 if is_partial else 0, half, half], dtype=np.float32)
    rgb = (pixels.samples.astype(np.float32) - zero) @ (_PARTIAL if is_partial else _FULL)
    np.rint(rgb, out=rgb)
    np.clip(rgb, 0, highest, out=rgb)
    return PixelArray(rgb.astype(format_.dtype), replace(format_, photometric="RGB"))
