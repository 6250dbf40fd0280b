"""Deflated Image Frame Compression (PS3.5 8.2.16): each frame through deflate, single bits packed."""

from __future__ import annotations

from transcode.archive.capacity import COLOURS, INDEXED, Capacity
from transcode.archive.encoder import FrameEncoder
from transcode.codec import EncodeOptions
from transcode.codecs.deflated import DEFLATED, DeflatedCodec
from transcode.frames import EncodedFrame, PixelArray, PixelFormat
from transcode.targets import ArchiveOptions, Target

DEFLATED_FRAME = Target("deflated-frame", "1.2.840.10008.1.2.8.1", DEFLATED, is_lossless=True)

_CAPACITY = Capacity(INDEXED, COLOURS, (1, 32), frozenset({8, 16, 32}))
"""Floating point samples lie in elements of their own (PS3.3 C.7.6.24), which are never encapsulated."""
_OPTIONS = EncodeOptions()


class DeflatedFrameEncoder(FrameEncoder):
    """Writes deflated frames. Samples of one stored bit are packed: Bits Allocated must then say 1."""

    def __init__(self) -> None:
        super().__init__(DEFLATED_FRAME, _CAPACITY)
        self._codec = DeflatedCodec()

    def keeps(self, frame: EncodedFrame) -> bool:
        """See `ArchiveEncoder.keeps`."""
        return frame.encoding is DEFLATED

    def encoded(self, pixels: PixelArray, options: ArchiveOptions) -> tuple[bytes, PixelFormat]:  # noqa: ARG002
        """See `FrameEncoder.encoded`."""
        return self._codec.encode(pixels, _OPTIONS).data, pixels.format
