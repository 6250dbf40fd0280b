"""Deflated Image Frame Compression: a frame's plain bytes through deflate (PS3.5 8.2.16, RFC 1951)."""

from __future__ import annotations

import zlib
from typing import ClassVar

import numpy as np

from transcode.codec import EncodeOptions
from transcode.errors import CorruptFrameError
from transcode.frames import EncodedFrame, Encoding, PixelArray, PixelFormat
from transcode.samples.fitting import reduced_shape
from transcode.samples.plain import byte_lengths, samples_from_bytes

DEFLATED = Encoding(
    name="deflated",
    media_type="application/x-deflate",
    suffix="deflate",
    transfer_syntaxes=("1.2.840.10008.1.2.8.1",),
    lossless=True,
)

_WITHOUT_HEADER = -15
"""zlib's way to say: the bare format of RFC 1951, with the largest window."""
_EFFORT = 6


class DeflatedCodec:
    """Inflates no further than the frame's header promises, so that a small frame cannot fill the memory."""

    encoding: ClassVar[Encoding] = DEFLATED
    max_reduction: ClassVar[int] = 0

    def decode(self, frame: EncodedFrame, reduction: int = 0) -> PixelArray:
        """See `Codec.decode`. Samples of one stored bit may be packed, eight to the byte."""
        shape = reduced_shape(frame, reduction, self.max_reduction)
        inflated = _inflated(frame.data, max(byte_lengths(frame.format, shape)) + 2)
        return PixelArray(samples_from_bytes(inflated, frame.format, shape), frame.format)

    def holds(self, pixels: PixelFormat) -> bool:
        """Any samples at all."""
        return pixels.bits_allocated in {8, 16, 32, 64}

    def encode(self, pixels: PixelArray, options: EncodeOptions) -> EncodedFrame:  # noqa: ARG002 - nothing to choose
        """See `Encoder.encode`. Samples of one stored bit are packed, as the standard wants them."""
        if pixels.format.bits_stored == 1:
            plain = np.packbits(pixels.samples.astype(np.uint8, copy=False), axis=None, bitorder="little").tobytes()
        else:
            plain = pixels.samples.astype(pixels.format.dtype.newbyteorder("<"), copy=False).tobytes()
        compressor = zlib.compressobj(_EFFORT, zlib.DEFLATED, _WITHOUT_HEADER)
        data = compressor.compress(plain) + compressor.flush()
        return EncodedFrame(data, DEFLATED, pixels.format, pixels.width, pixels.height)


def _inflated(data: bytes, most: int) -> bytes:
    """At most so many bytes of the inflated data.

    :raises CorruptFrameError: the data is damaged, ends early or goes on for longer
    """
    decompressor = zlib.decompressobj(_WITHOUT_HEADER)
    try:
        inflated = decompressor.decompress(data, most)
    except zlib.error as error:
        message = f"a deflated frame of {len(data)} bytes does not inflate: {error}"
        raise CorruptFrameError(message) from error
    if not decompressor.eof and len(inflated) >= most:
        message = f"a deflated frame of {len(data)} bytes inflates to more than {most}"
        raise CorruptFrameError(message)
    if not decompressor.eof:
        message = f"a deflated frame of {len(data)} bytes ends early, after {len(inflated)} inflated ones"
        raise CorruptFrameError(message)
    return inflated
