"""AVIF (AV1 Image File Format), lossy."""

from __future__ import annotations

from typing import Any, ClassVar

from transcode.decoders.pillow_pictures import PillowCodec
from transcode.frames import Encoding

AVIF = Encoding(name="avif", media_type="image/avif", suffix="avif")


class AvifCodec(PillowCodec):
    """Pixels to AVIF and back."""

    encoding: ClassVar[Encoding] = AVIF
    pillow_format: ClassVar[str] = "AVIF"
    default_quality: ClassVar[int | None] = 65
    """On libavif's scale about as good as 85 on that of libjpeg."""
    save_options: ClassVar[dict[str, Any]] = {"speed": 9, "max_threads": 1, "subsampling": "4:2:0"}
    most_pixels_a_side: ClassVar[int] = 65536
