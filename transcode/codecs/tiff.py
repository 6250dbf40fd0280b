"""TIFF 6.0 of one picture, deflated, without loss: for programs rather than browsers."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

from transcode.decoders.pillow_pictures import PillowCodec
from transcode.frames import Encoding, Samples
from transcode.samples.fitting import Shape

TIFF = Encoding(name="tiff", media_type="image/tiff", suffix="tif", lossless=True)


class TiffCodec(PillowCodec):
    """Pixels to TIFF and back. Servers write it; sources read tiled TIFF by themselves."""

    encoding: ClassVar[Encoding] = TIFF
    pillow_format: ClassVar[str] = "TIFF"
    default_quality: ClassVar[int | None] = None
    save_options: ClassVar[dict[str, Any]] = {"compression": "tiff_adobe_deflate"}
    most_pixels_a_side: ClassVar[int] = 2**31 - 1

    def _decoded(self, data: bytes, shape: Shape) -> Samples:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of damage, and says it once more by an error
            return super()._decoded(data, shape)
