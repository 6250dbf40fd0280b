"""JPEG 2000 (ISO/IEC 15444-1), through OpenJPEG."""

from __future__ import annotations

from typing import ClassVar

from transcode.decoders.jpeg2000_family import WaveletCodec
from transcode.frames import Encoding

JPEG_2000 = Encoding(
    name="jpeg2000",
    media_type="image/j2c",
    suffix="j2c",
    transfer_syntaxes=(
        "1.2.840.10008.1.2.4.90",
        "1.2.840.10008.1.2.4.91",
        "1.2.840.10008.1.2.4.92",
        "1.2.840.10008.1.2.4.93",
    ),
    aliases=("image/jp2", "image/jpx"),
)


class Jpeg2000Codec(WaveletCodec):
    """Reads JPEG 2000, with any reduction."""

    encoding: ClassVar[Encoding] = JPEG_2000
