"""OpenJPEG as imagecodecs and Pillow have it. Meant to run in a child process: see `transcode.isolation`."""

from __future__ import annotations

import inspect
import io
from functools import cache

import imagecodecs
import numpy as np

from transcode.errors import CorruptFrameError, UnsupportedPixelsError
from transcode.fitting import Shape, fit
from transcode.frames import PixelFormat, Samples
from transcode.shrinking import shrunk


@cache
def _skips_resolutions() -> bool:
    """Whether this imagecodecs can leave resolutions out: the last one for Python 3.11 cannot."""
    return "skipres" in inspect.signature(imagecodecs.jpeg2k_decode).parameters


def decode_by_openjpeg(data: bytes, pixels: PixelFormat, shape: Shape, reduction: int) -> Samples:
    """Decode a codestream with components of one size; values beyond the range are clamped.

    :raises CorruptFrameError: it does not decode, or not to this shape
    """
    if reduction and not _skips_resolutions():
        return _reduced_otherwise(data, pixels, shape, reduction)
    try:
        decoded = imagecodecs.jpeg2k_decode(data, **({"skipres": reduction} if reduction else {}))
    except (RuntimeError, ValueError) as error:
        message = f"JPEG 2000: {error}"
        raise CorruptFrameError(message) from error
    return fit(decoded, pixels, shape)


def _reduced_otherwise(data: bytes, pixels: PixelFormat, shape: Shape, reduction: int) -> Samples:
    """By Pillow where it gives all bits; else the whole picture is decoded and averaged."""
    if pixels.bits_allocated == 8 and not pixels.signed and pixels.samples_per_pixel in {1, 3}:
        return decode_to_bytes(data, pixels, shape, reduction)
    rows, columns, samples = shape
    try:
        decoded = imagecodecs.jpeg2k_decode(data)
    except (RuntimeError, ValueError) as error:
        message = f"JPEG 2000: {error}"
        raise CorruptFrameError(message) from error
    whole = fit(decoded, pixels, (decoded.shape[0], decoded.shape[1], samples))
    return fit(shrunk(whole, reduction, is_palette=False), pixels, (rows, columns, samples))


def decode_to_bytes(data: bytes, pixels: PixelFormat, shape: Shape, reduction: int) -> Samples:
    """Decode 8-bit grey or colour by Pillow; subsampled chrominance is upsampled and turned into RGB.

    :raises CorruptFrameError: it does not decode, or not to this shape
    :raises UnsupportedPixelsError: not 8-bit grey or three components
    """
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - costs memory, and few need it

    if pixels.bits_allocated != 8 or pixels.signed or shape[2] not in {1, 3}:
        message = f"JPEG 2000 with components of different sizes, of {pixels}"
        raise UnsupportedPixelsError(message)
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG2000",)) as image:
            image.reduce = reduction  # type: ignore[method-assign,assignment] - so says Pillow's documentation
            image.load()
            decoded = np.asarray(image)
    except (OSError, ValueError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        message = f"JPEG 2000: {error}"
        raise CorruptFrameError(message) from error
    return fit(decoded, pixels, shape)
