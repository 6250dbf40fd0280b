"""JPEG Lossless, process 14, any predictor, 2 to 16 bits (ITU-T T.81 Annex H)."""

from __future__ import annotations

from typing import ClassVar

from transcode.decoders.deep_jpeg import decode_deep_jpeg
from transcode.frames import EncodedFrame, Encoding, PixelArray
from transcode.samples.fitting import reduced_shape

JPEG_LOSSLESS = Encoding(
    name="jpeg-lossless",
    media_type="image/jll",
    suffix="jpeg",
    transfer_syntaxes=("1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"),
    aliases=("image/x-jll",),
    lossless=True,
)

_LOSSLESS_PROCESS = frozenset({3})


class JpegLosslessCodec:
    """Reads lossless JPEG. Components come as they are stored, whatever the markers say of colours (PS3.5 8.2.1)."""

    encoding: ClassVar[Encoding] = JPEG_LOSSLESS
    max_reduction: ClassVar[int] = 0

    def decode(self, frame: EncodedFrame, reduction: int = 0) -> PixelArray:
        """See `Codec.decode`."""
        shape = reduced_shape(frame, reduction, self.max_reduction)
        return PixelArray(decode_deep_jpeg(frame, shape, _LOSSLESS_PROCESS, to_rgb=False), frame.format)
