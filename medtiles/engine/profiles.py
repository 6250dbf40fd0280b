"""ICC profiles (ISO 15076-1) applied: samples become sRGB. Transforms are built once and kept."""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

from medtiles.core.errors import DamagedImageError
from transcode.frames import GREY8, RGB8, PixelArray

_MODES = {GREY8: "L", RGB8: "RGB"}


def is_transformable(pixels: PixelArray) -> bool:
    """Whether samples are such as a transform takes: 8 bits, grey or RGB."""
    return pixels.format in _MODES


def to_srgb(pixels: PixelArray, profile: bytes) -> PixelArray:
    """Samples of 8 bits as sRGB, by relative colorimetric intent; grey comes out as RGB.

    :raises DamagedImageError: the profile is broken, or of another kind than the samples
    """
    mode = _MODES[pixels.format]
    samples = pixels.samples
    picture = Image.fromarray(samples[..., 0] if mode == "L" else samples)
    made = ImageCms.applyTransform(picture, _transform(profile, mode))
    return PixelArray(np.asarray(made), RGB8)


@lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform:
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        srgb = ImageCms.createProfile("sRGB")
        return ImageCms.buildTransform(own, srgb, mode, "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC)
    except (ImageCms.PyCMSError, OSError) as error:
        message = f"the image's ICC profile cannot be applied: {error}"
        raise DamagedImageError(message) from error
