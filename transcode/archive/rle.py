"""RLE Lossless: byte planes, each row of them packed by PackBits (PS3.5 8.2.2 and Annex G)."""

from __future__ import annotations

import struct
from itertools import accumulate, chain
from typing import TYPE_CHECKING

import imagecodecs
import numpy as np

from transcode.archive.capacity import COLOURS, INDEXED, Capacity
from transcode.archive.encoder import FrameEncoder
from transcode.codecs.rle import RLE
from transcode.frames import EncodedFrame, PixelArray, PixelFormat
from transcode.targets import ArchiveOptions, Target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from transcode.frames import Samples

RLE_LOSSLESS = Target("rle", "1.2.840.10008.1.2.5", RLE, is_lossless=True)

_HEADER = struct.Struct("<16L")
"""The number of segments, then where each of up to 15 begins (G.5)."""


class RleEncoder(FrameEncoder):
    """Writes RLE."""

    def __init__(self) -> None:
        super().__init__(RLE_LOSSLESS, Capacity(INDEXED, COLOURS))

    def keeps(self, frame: EncodedFrame) -> bool:
        """See `ArchiveEncoder.keeps`."""
        return frame.encoding is RLE and self.refusal(frame.format, frame.width, frame.height) is None

    def encoded(self, pixels: PixelArray, options: ArchiveOptions) -> tuple[bytes, PixelFormat]:  # noqa: ARG002
        """See `FrameEncoder.encoded`."""
        segments = [imagecodecs.packbits_encode(plane, axis=-1) for plane in _planes(pixels.samples)]
        pads = [b"\0" * (len(segment) % 2) for segment in segments]  # to an even length (G.3.1)
        lengths = [len(segment) + len(pad) for segment, pad in zip(segments, pads, strict=True)]
        starts = list(accumulate(lengths[:-1], initial=_HEADER.size))
        header = _HEADER.pack(len(segments), *starts, *[0] * (15 - len(segments)))
        return b"".join((header, *chain.from_iterable(zip(segments, pads, strict=True)))), pixels.format


def _planes(samples: Samples) -> Iterator[NDArray[np.uint8]]:
    """Each byte of each sample as a plane of its own: by sample, the most significant byte first (G.2)."""
    unsigned = samples.view(f"u{samples.itemsize}")
    plane = np.empty(samples.shape[:2], np.uint8)
    for sample in range(samples.shape[2]):
        for shift in range(8 * samples.itemsize - 8, -8, -8):
            np.right_shift(unsigned[:, :, sample], shift, out=plane, casting="unsafe")
            yield plane  # which is filled anew for the next
