"""What is done to a picture after it was rendered: mirrored, given a colour profile, encoded. Pure computation."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from functools import cache

import numpy as np

from medtiles.core.errors import UnsupportedFormatError
from medtiles.core.geometry import Region, Size
from medtiles.protocols.http.dicomweb.viewport import Viewport
from transcode.codec import Codecs, EncodeOptions
from transcode.codecs import JPEG, PNG, WEBP, builtin
from transcode.colour import is_ybr, to_rgb
from transcode.frames import GREY8, RGB8, EncodedFrame, PixelArray, Samples
from transcode.recode import recode

_DATE = slice(24, 36)
_A_DATE = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
"""In place of the moment when a profile is made, so that the same picture has the same bytes (ICC.1 7.2.8)."""


@dataclass(frozen=True, slots=True)
class Finish:
    """What is still to be done to a picture of the right size."""

    media_type: str
    quality: int | None = None
    is_mirrored: bool = False
    is_upside_down: bool = False
    profile: bytes | None = None
    """To embed in colour pictures."""
    converts_to_srgb: bool = False
    """Whether colours are of `profile` and are to become those of sRGB."""

    @property
    def is_nothing(self) -> bool:
        """Whether the picture may go out as the engine makes it."""
        return not (self.is_mirrored or self.is_upside_down or self.profile)


def finish_of(media_type: str, quality: int | None, viewport: Viewport, wanted: str, own: bytes | None) -> Finish:
    """What is to be done for `iccprofile` (8.3.5.1.6) and for a viewport. `own` is the image's profile."""
    profile = None if wanted == "no" else (own or srgb())
    converts = wanted == "srgb" and own is not None
    return Finish(media_type, quality, viewport.is_mirrored, viewport.is_upside_down, profile, converts)


def finished(picture: EncodedFrame | PixelArray, finish: Finish) -> EncodedFrame:
    """The picture as it goes out.

    :raises UnsupportedFormatError: the colour profile cannot be used
    """
    pixels = _codecs().decode(picture) if isinstance(picture, EncodedFrame) else picture
    samples = pixels.samples[:: -1 if finish.is_upside_down else 1, :: -1 if finish.is_mirrored else 1]
    profile = finish.profile if pixels.format.is_colour else None
    if profile is not None and finish.converts_to_srgb:
        samples, profile = _as_srgb(np.ascontiguousarray(samples), profile), srgb()
    made = PixelArray(np.ascontiguousarray(samples), pixels.format)
    return recode(made, (finish.media_type,), _codecs(), EncodeOptions(finish.quality, profile))


def plain(pixels: PixelArray) -> PixelArray:
    """Samples of 8 bits as people look at them, where that takes no window and no palette.

    :raises UnsupportedFormatError: it takes one
    """
    form = pixels.format
    if form.bits_allocated != 8 or form.bits_stored != 8 or form.signed or form.photometric == "PALETTE COLOR":
        message = "no image shows this instance, and its frames alone do not say how they look"
        raise UnsupportedFormatError(message)
    if form.is_colour:
        return PixelArray((to_rgb(pixels) if is_ybr(form.photometric) else pixels).samples, RGB8)
    samples = pixels.samples if form.photometric != "MONOCHROME1" else 255 - pixels.samples
    return PixelArray(samples.astype(np.uint8), GREY8)


def part_of_picture(pixels: PixelArray, region: Region, size: Size) -> PixelArray:
    """A part of a picture of 8 bits at a size."""
    from PIL import Image  # noqa: PLC0415 - few need it here

    cut = pixels.samples[region.y : region.bottom, region.x : region.right]
    if cut.shape[:2] == (size.height, size.width):
        return PixelArray(np.ascontiguousarray(cut), pixels.format)
    image = Image.fromarray(cut[..., 0] if cut.shape[2] == 1 else np.ascontiguousarray(cut))
    scaled = np.asarray(image.resize((size.width, size.height), Image.Resampling.HAMMING))
    return PixelArray(scaled.reshape(size.height, size.width, -1), pixels.format)


def _as_srgb(samples: Samples, profile: bytes) -> Samples:
    from PIL import Image, ImageCms  # noqa: PLC0415

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        target = ImageCms.ImageCmsProfile(io.BytesIO(srgb()))
        made = ImageCms.profileToProfile(Image.fromarray(samples), source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError) as error:
        message = "the colour profile of the image cannot be used"
        raise UnsupportedFormatError(message) from error
    return np.asarray(made)


@cache
def srgb() -> bytes:
    """A profile of sRGB, the same bytes in every process."""
    from PIL import ImageCms  # noqa: PLC0415

    made = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    made[_DATE] = _A_DATE
    return bytes(made)


@cache
def _codecs() -> Codecs:
    known = builtin()
    return Codecs([known.of(encoding) for encoding in (JPEG, PNG, WEBP)])
