"""Small pictures of frames with all their bits. Pure computation.

Of HTJ2K that can be cut they are a beginning of it, as a codestream of its own: nothing is decoded. Otherwise stored
samples, halved, are encoded without loss.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from hashlib import blake2b

import numpy as np

from medtiles.core.frames import ResolutionBytes, TravelFrame
from medtiles.core.studies import Instance
from transcode.archive import archive_encoders
from transcode.codec import Codecs
from transcode.codecs import HTJ2K, JPEG_2000, builtin
from transcode.codestream import prefix_codestream, resolution_ends
from transcode.errors import (
    CorruptFrameError,
    UnsupportedEncodingError,
    UnsupportedFeatureError,
    UnsupportedPixelsError,
)
from transcode.frames import EncodedFrame, PixelArray
from transcode.targets import ArchiveOptions

MOST_SIDE = 512
"""Pixels of the longer side of a thumbnail; the shorter step below is half of it."""


def reduction_for(instance: Instance, side: int = MOST_SIDE) -> int:
    """Halvings after which neither side of a frame is longer."""
    longest = max(instance.columns, instance.rows, 1)
    return max(0, (-(-longest // side) - 1).bit_length())


def beginning(frame: TravelFrame, reduction: int) -> TravelFrame | None:
    """The beginning of a codestream as a smaller one; None where it cannot be cut there."""
    end = next((each for each in frame.resolutions if each.reduction == reduction), None)
    if end is None:
        return None
    try:
        data = prefix_codestream(frame.frame.data[: end.end], reduction)
    except UnsupportedFeatureError:
        return None
    small = replace(frame.frame, data=data, width=end.width, height=end.height)
    etag = blake2b(data, digest_size=12).hexdigest()
    return replace(frame, frame=small, is_stored=False, resolutions=_resolutions(small), etag=etag)


def encoded(pixels: PixelArray, transfer_syntax: str) -> TravelFrame:
    """Samples in a lossless transfer syntax, decoded again and compared before anybody sees them.

    :raises UnsupportedEncodingError: it cannot hold them
    :raises CorruptFrameError: what was encoded is not its source
    """
    pixels = _holdable(pixels)
    try:
        frame = archive_encoders().for_transfer_syntax(transfer_syntax).encode(pixels, ArchiveOptions())
    except UnsupportedPixelsError as error:
        raise UnsupportedEncodingError(str(error)) from error
    _verify(frame, pixels)
    etag = blake2b(frame.data, digest_size=12).hexdigest()
    return TravelFrame(frame, transfer_syntax, is_stored=False, resolutions=_resolutions(frame), etag=etag)


def _holdable(pixels: PixelArray) -> PixelArray:
    """Samples within Bits Stored: wavelets overshoot at sharp edges, and what a decoder would clamp is clamped here."""
    form = pixels.format
    if form.photometric == "YBR_FULL_422":
        form = replace(form, photometric="YBR_FULL")
    if form.is_float or form.bits_stored >= form.bits_allocated:
        return PixelArray(pixels.samples, form)
    low = -(1 << (form.bits_stored - 1)) if form.signed else 0
    return PixelArray(np.clip(pixels.samples, low, low + (1 << form.bits_stored) - 1), form)


def _verify(frame: EncodedFrame, source: PixelArray) -> None:
    """By another library where there is one; in this process, as the stream is our own."""
    judge = _codecs().of(JPEG_2000 if frame.encoding is HTJ2K else frame.encoding)
    if not np.array_equal(judge.decode(frame).samples, source.samples):
        message = "a thumbnail does not decode to what it was made of"
        raise CorruptFrameError(message)


def _resolutions(frame: EncodedFrame) -> tuple[ResolutionBytes, ...]:
    if frame.encoding is not HTJ2K:
        return ()
    ends = resolution_ends(frame.data)
    return tuple(ResolutionBytes(each.reduction, *each.size, each.end_offset) for each in ends)


@cache
def _codecs() -> Codecs:
    return builtin()
