"""TIFF 6.0 of one picture, deflated, without loss: for programs rather than browsers."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from typing import Any, ClassVar

import numpy as np

from transcode.codec import EncodeOptions
from transcode.decoders.pillow_pictures import PillowCodec
from transcode.errors import CorruptFrameError, UnsupportedPixelsError
from transcode.frames import EncodedFrame, Encoding, PixelArray, PixelFormat, Samples
from transcode.samples.fitting import Shape, fit, reduced_shape

TIFF = Encoding(name="tiff", media_type="image/tiff", suffix="tif", lossless=True)
_DEEP = 16
_HELD = {(1, "MONOCHROME2"), (3, "RGB")}
_BROKEN = (ValueError, TypeError, KeyError, IndexError, AttributeError, RuntimeError, OSError, zlib.error, struct.error)
"""What tifffile raises on damage."""


class TiffCodec(PillowCodec):
    """Pixels to TIFF and back. Servers write it; sources read tiled TIFF by themselves.

    8 bits by Pillow, 16 bits by tifffile.
    """

    encoding: ClassVar[Encoding] = TIFF
    pillow_format: ClassVar[str] = "TIFF"
    default_quality: ClassVar[int | None] = None
    save_options: ClassVar[dict[str, Any]] = {"compression": "tiff_adobe_deflate"}
    most_pixels_a_side: ClassVar[int] = 2**31 - 1

    def holds(self, pixels: PixelFormat) -> bool:
        """Grey, RGB or RGBA of 8 stored bits; unsigned grey or RGB of 16."""
        return super().holds(pixels) or _is_deep(pixels)

    def encode(self, pixels: PixelArray, options: EncodeOptions) -> EncodedFrame:
        """See `Encoder.encode`."""
        if not _is_deep(pixels.format):
            return super().encode(pixels, options)
        from tifffile import imwrite  # noqa: PLC0415 - costs memory, and few ask for it

        if max(pixels.width, pixels.height) > self.most_pixels_a_side:
            message = f"TIFF cannot hold {pixels.width} x {pixels.height} pixels"
            raise UnsupportedPixelsError(message)
        samples = pixels.samples
        file = io.BytesIO()
        imwrite(
            file,
            np.ascontiguousarray(samples[..., 0] if samples.shape[2] == 1 else samples),
            photometric="minisblack" if samples.shape[2] == 1 else "rgb",
            compression="deflate",
            predictor=True,
            metadata=None,
            iccprofile=options.icc_profile,
        )
        return EncodedFrame(file.getvalue(), TIFF, pixels.format, pixels.width, pixels.height)

    def decode(self, frame: EncodedFrame, reduction: int = 0) -> PixelArray:
        """See `Codec.decode`."""
        if not _is_deep(frame.format):
            return super().decode(frame, reduction)
        shape = reduced_shape(frame, reduction, self.max_reduction)
        return PixelArray(fit(_deep(frame.data, shape), frame.format, shape), frame.format)

    def _decoded(self, data: bytes, shape: Shape) -> Samples:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of damage, and says it once more by an error
            return super()._decoded(data, shape)


def _is_deep(pixels: PixelFormat) -> bool:
    is_unsigned = not pixels.signed and not pixels.is_float
    return pixels.bits_allocated == _DEEP and is_unsigned and (pixels.samples_per_pixel, pixels.photometric) in _HELD


def _deep(data: bytes, shape: Shape) -> Samples:
    from tifffile import TiffFile  # noqa: PLC0415 - as above

    try:
        with TiffFile(io.BytesIO(data)) as file:
            page = file.pages.first
            if (page.imagelength, page.imagewidth, page.samplesperpixel) != shape or page.dtype != np.uint16:
                message = f"the TIFF has {page.shape} samples of {page.dtype}, not {shape} of 16 bits"
                raise CorruptFrameError(message)
            return np.asarray(page.asarray()).reshape(shape)
    except _BROKEN as error:
        message = f"TIFF: {error}"
        raise CorruptFrameError(message) from error
