"""Frames without compression (PS3.5 8.1): in a plain data set, or in one that is deflated as a whole (PS3.5 A.5)."""

from __future__ import annotations

from transcode.archive.capacity import COLOURS, INDEXED, Capacity
from transcode.archive.encoder import FrameEncoder
from transcode.codec import EncodeOptions
from transcode.codecs.raw import RAW, RawCodec
from transcode.frames import EncodedFrame, PixelArray, PixelFormat
from transcode.targets import ArchiveOptions, Target

_CAPACITY = Capacity(INDEXED, COLOURS, (2, 64), frozenset({8, 16, 32, 64}), floats=True)
"""Single bits are left out: frames of them need not begin at a whole byte, so they are no frames of bytes."""
_OPTIONS = EncodeOptions()

EXPLICIT = Target("explicit", "1.2.840.10008.1.2.1", RAW, is_lossless=True)
DEFLATED_DATA_SET = Target("deflated", "1.2.840.10008.1.2.1.99", RAW, is_lossless=True)
"""Who writes the file deflates the data set; its frames are plain."""


class RawEncoder(FrameEncoder):
    """Writes samples as they are: little endian, interleaved, rows from the top."""

    def __init__(self, target: Target) -> None:
        super().__init__(target, _CAPACITY)
        self._codec = RawCodec()

    def keeps(self, frame: EncodedFrame) -> bool:
        """See `ArchiveEncoder.keeps`."""
        return frame.encoding is RAW and self.refusal(frame.format, frame.width, frame.height) is None

    def encoded(self, pixels: PixelArray, options: ArchiveOptions) -> tuple[bytes, PixelFormat]:  # noqa: ARG002
        """See `FrameEncoder.encoded`."""
        return self._codec.encode(pixels, _OPTIONS).data, pixels.format
