"""JPEG Extended, process 2 and 4: the discrete cosine transform of 8 or 12 bits (ITU-T T.81 4.10)."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from transcode.decoders.deep_jpeg import decode_deep_jpeg
from transcode.frames import EncodedFrame, Encoding, PixelArray
from transcode.samples.fitting import reduced_shape

JPEG_EXTENDED = Encoding(
    name="jpeg-extended",
    media_type="image/x-jpeg-extended",
    suffix="jpeg",
    transfer_syntaxes=("1.2.840.10008.1.2.4.51",),
)
"""Frames of 8 bits in this transfer syntax are plain `JPEG` to every decoder: see `transcode.codecs.encoding_of`."""

_DCT_PROCESSES = frozenset({0, 1, 2})


class JpegExtendedCodec:
    """Reads 12-bit JPEG, and the 8-bit kind too."""

    encoding: ClassVar[Encoding] = JPEG_EXTENDED
    max_reduction: ClassVar[int] = 0

    def decode(self, frame: EncodedFrame, reduction: int = 0) -> PixelArray:
        """See `Codec.decode`. Three components come out as RGB."""
        shape = reduced_shape(frame, reduction, self.max_reduction)
        samples = decode_deep_jpeg(frame, shape, _DCT_PROCESSES, to_rgb=frame.format.photometric != "RGB")
        return PixelArray(samples, replace(frame.format, photometric="RGB") if shape[2] == 3 else frame.format)
