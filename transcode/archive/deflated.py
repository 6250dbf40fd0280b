"""Deflated Image Frame Compression (PS3.5 8.2.16): each frame through deflate, single bits packed; by libdeflate."""

from __future__ import annotations

import imagecodecs
import numpy as np

from transcode.archive.capacity import COLOURS, INDEXED, Capacity
from transcode.archive.encoder import FrameEncoder
from transcode.codecs.deflated import DEFLATED
from transcode.frames import EncodedFrame, PixelArray, PixelFormat
from transcode.targets import ArchiveOptions, Target

DEFLATED_FRAME = Target("deflated-frame", "1.2.840.10008.1.2.8.1", DEFLATED, is_lossless=True)

_CAPACITY = Capacity(INDEXED, COLOURS, (1, 32), frozenset({8, 16, 32}))
"""Floating point samples lie in elements of their own (PS3.3 C.7.6.24), which are never encapsulated."""
_EFFORT = 6
"""Of 12; the size of zlib's 6, in a third of its time."""


class DeflatedFrameEncoder(FrameEncoder):
    """Writes deflated frames. Samples of one stored bit are packed: Bits Allocated must then say 1."""

    def __init__(self) -> None:
        super().__init__(DEFLATED_FRAME, _CAPACITY)

    def keeps(self, frame: EncodedFrame) -> bool:
        """See `ArchiveEncoder.keeps`."""
        return frame.encoding is DEFLATED and self.refusal(frame.format, frame.width, frame.height) is None

    def encoded(self, pixels: PixelArray, options: ArchiveOptions) -> tuple[bytes, PixelFormat]:  # noqa: ARG002
        """See `FrameEncoder.encoded`."""
        if pixels.format.bits_stored == 1:
            plain = np.packbits(pixels.samples.astype(np.uint8, copy=False), axis=None, bitorder="little")
        else:
            plain = np.ascontiguousarray(pixels.samples, pixels.format.dtype.newbyteorder("<"))
        return bytes(imagecodecs.deflate_encode(plain, _EFFORT, raw=True)), pixels.format
