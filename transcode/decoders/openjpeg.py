"""OpenJPEG as imagecodecs, Pillow and pylibjpeg have it. Meant to run in a child process: see `transcode.isolation`."""

from __future__ import annotations

import inspect
import io
from functools import cache
from typing import Any, cast

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from transcode.codestream import Siz, parse
from transcode.errors import CorruptFrameError, UnsupportedPixelsError
from transcode.frames import PixelFormat, Samples
from transcode.samples.fitting import Shape, fit
from transcode.samples.shrinking import shrunk

_COLOURS = 3
_CONVERTED = frozenset({(2, 1), (2, 2)})
"""Subsampling of chrominance that OpenJPEG's own conversion to RGB knows: 4:2:2 and 4:2:0."""


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

    if not _is_for_pillow(parse(data).siz, pixels):
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
    if _is_for_pillow(parse(data).siz, pixels):
        try:
            return decode_by_pillow(data, pixels, shape, reduction)
        except CorruptFrameError:
            pass  # Pillow refuses some reductions of whole pictures
    decoded = _decoded(data, 0)
    whole = fit(decoded, pixels, (decoded.shape[0], decoded.shape[1], shape[2]))
    return fit(shrunk(whole, reduction, is_palette=False), pixels, shape)


def _is_for_pillow(siz: Siz, pixels: PixelFormat) -> bool:
    """Whether Pillow gives these samples without scaling them to its own 8 bits."""
    return has_bytes(siz) and len(siz.components) in {1, _COLOURS} and pixels.bits_allocated == 8 and not pixels.signed


def is_subsampled_colour(siz: Siz) -> bool:
    """Whether luminance of full size comes with two components of chrominance that have fewer samples, as decoders see.

    Pillow turns bytes into RGB however they are subsampled; OpenJPEG's own conversion knows two ways, at any depth.
    """
    sizes = [(component.dx, component.dy) for component in siz.components]
    if len(sizes) != _COLOURS or sizes[0] != (1, 1) or sizes[1:] == [(1, 1), (1, 1)]:
        return False
    return has_bytes(siz) or (sizes[1] == sizes[2] and sizes[1] in _CONVERTED)


def has_bytes(siz: Siz) -> bool:
    """Whether all samples are of 8 bits without sign."""
    return all(component.depth == 8 and not component.signed for component in siz.components)


def decode_by_pylibjpeg(data: bytes, pixels: PixelFormat, shape: Shape, reduction: int) -> Samples:
    """Decode components of different sizes at full size: samples are repeated until each fills the picture.

    Subsampled chrominance is upsampled and turned into RGB.

    :raises CorruptFrameError: it does not decode, or not to this shape
    :raises UnsupportedPixelsError: its components have different depths, or a reduction is wanted
    """
    from openjpeg.utils import decode  # noqa: PLC0415 - costs memory, and few need it

    siz = parse(data).siz
    if reduction or len({(component.depth, component.signed) for component in siz.components}) > 1:
        message = f"JPEG 2000 with components of different sizes and depths, or {reduction} halvings of them"
        raise UnsupportedPixelsError(message)
    try:
        decoded = decode(data, 0, reshape=False)
    except (RuntimeError, ValueError) as error:
        message = f"JPEG 2000: {error}"
        raise CorruptFrameError(message) from error
    first, (height, width, count) = siz.components[0], shape
    size = 1 << (-(-first.depth // 8) - 1).bit_length()
    samples = decoded.view(f"<{'i' if first.signed else 'u'}{size}")
    if (height, width, count) != (siz.height, siz.width, len(siz.components)) or samples.size < height * width * count:
        message = f"the stream holds {siz.width} x {siz.height} pixels, its header promises {width} x {height}"
        raise CorruptFrameError(message)
    picture = samples[: height * width * count].reshape(shape)
    return fit(picture if is_subsampled_colour(siz) else _repeated(picture, siz), pixels, shape)


def _repeated(picture: NDArray[Any], siz: Siz) -> NDArray[Any]:
    """The picture with each sample in all the pixels between it and the next one; the first also in those before it."""
    filled = np.empty_like(picture)
    for number, component in enumerate(siz.components):
        columns = _sample_columns(siz.x0, siz.x1, component.dx)
        rows = _sample_columns(siz.y0, siz.y1, component.dy)
        filled[:, :, number] = picture[rows[:, np.newaxis], columns[np.newaxis, :], number]
    return filled


def _sample_columns(start: int, end: int, step: int) -> NDArray[np.intp]:
    """For each column of the image, or row, the one where its sample lies.

    :raises CorruptFrameError: there is no sample
    """
    first, last = -(-start // step) * step, (end - 1) // step * step
    if first > last:
        message = f"SIZ: no sample of a component subsampled by {step} lies in the image"
        raise CorruptFrameError(message)
    columns = np.arange(start, end, dtype=np.intp) // step * step
    return np.asarray(np.maximum(columns, first) - start)
