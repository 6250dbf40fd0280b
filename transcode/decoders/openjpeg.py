"""OpenJPEG as imagecodecs and Pillow have it. Meant to run in a child process: see `transcode.isolation`."""

from __future__ import annotations

import inspect
import io
from functools import cache
from typing import Any, cast

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from transcode.codestream import parse
from transcode.errors import CorruptFrameError, UnsupportedPixelsError
from transcode.frames import PixelFormat, Samples
from transcode.samples.fitting import Shape, fit
from transcode.samples.shrinking import shrunk


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
    return fit(_decoded(data, reduction), pixels, shape)


def decode_by_pillow(data: bytes, pixels: PixelFormat, shape: Shape, reduction: int) -> Samples:
    """Decode 8-bit grey or colour; subsampled chrominance is upsampled and turned into RGB.

    :raises CorruptFrameError: it does not decode, or not to this shape
    :raises UnsupportedPixelsError: not 8-bit grey or three components
    """
    from PIL import Image  # noqa: PLC0415 - costs memory, and few need it
    from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile  # noqa: PLC0415

    if not _is_for_pillow(data, pixels):
        message = f"JPEG 2000 with components of different sizes, of {pixels}"
        raise UnsupportedPixelsError(message)
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG2000",)) as image:
            cast("Jpeg2KImageFile", image).reduce = reduction
            image.load()
            decoded = np.asarray(image)
    except (OSError, ValueError, SyntaxError, RuntimeError, Image.DecompressionBombError) as error:
        message = f"JPEG 2000: {error}"
        raise CorruptFrameError(message) from error
    return fit(decoded, pixels, shape)


def _decoded(data: bytes, reduction: int) -> NDArray[Any]:
    skipping: dict[str, Any] = {"skipres": reduction} if reduction else {}
    try:
        return imagecodecs.jpeg2k_decode(data, **skipping)
    except (RuntimeError, ValueError) as error:
        message = f"JPEG 2000: {error}"
        raise CorruptFrameError(message) from error


def _reduced_otherwise(data: bytes, pixels: PixelFormat, shape: Shape, reduction: int) -> Samples:
    """By Pillow where it gives all bits; else the whole picture is decoded and averaged."""
    if _is_for_pillow(data, pixels):
        try:
            return decode_by_pillow(data, pixels, shape, reduction)
        except CorruptFrameError:
            pass  # Pillow refuses some reductions of whole pictures
    decoded = _decoded(data, 0)
    whole = fit(decoded, pixels, (decoded.shape[0], decoded.shape[1], shape[2]))
    return fit(shrunk(whole, reduction, is_palette=False), pixels, shape)


def _is_for_pillow(data: bytes, pixels: PixelFormat) -> bool:
    """Whether Pillow gives these samples without scaling them to its own 8 bits."""
    components = parse(data).siz.components
    is_byte = all(component.depth == 8 and not component.signed for component in components)
    return is_byte and len(components) in {1, 3} and pixels.bits_allocated == 8 and not pixels.signed
