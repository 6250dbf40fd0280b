"""Samples as they lie in memory: little endian, interleaved, rows from the top (PS3.5 8.1)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from transcode.codec import EncodeOptions
from transcode.frames import EncodedFrame, Encoding, PixelArray, PixelFormat
from transcode.samples.fitting import reduced_shape
from transcode.samples.plain import samples_from_bytes

RAW = Encoding(
    name="raw",
    media_type="application/octet-stream",
    suffix="raw",
    transfer_syntaxes=("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99"),
    lossless=True,
)


class RawCodec:
    """Bytes to samples and back. Samples of one stored bit may lie eight to the byte."""

    encoding: ClassVar[Encoding] = RAW
    max_reduction: ClassVar[int] = 0

    def decode(self, frame: EncodedFrame, reduction: int = 0) -> PixelArray:
        """See `Codec.decode`."""
        shape = reduced_shape(frame, reduction, self.max_reduction)
        return PixelArray(samples_from_bytes(frame.data, frame.format, shape), frame.format)

    def holds(self, pixels: PixelFormat) -> bool:
        """Any samples at all."""
        return pixels.bits_allocated in {8, 16, 32, 64}

    def encode(self, pixels: PixelArray, options: EncodeOptions) -> EncodedFrame:  # noqa: ARG002 - nothing to choose
        """See `Encoder.encode`."""
        little_endian = pixels.samples.astype(pixels.format.dtype.newbyteorder("<"), copy=False)
        data = np.ascontiguousarray(little_endian).tobytes()
        return EncodedFrame(data, RAW, pixels.format, pixels.width, pixels.height)
