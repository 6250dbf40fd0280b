"""A stored codestream as refinements: cut where a resolution is complete, never decoded."""

from __future__ import annotations

from collections.abc import Iterator

from medtiles.core.errors import BadRequestError
from medtiles.core.geometry import Size
from medtiles.core.view import Refinement
from transcode.codestream import resolution_ends
from transcode.errors import UnsupportedEncodingError
from transcode.frames import EncodedFrame, Frame

_CUTTABLE = frozenset({"image/j2c", "image/jphc"})


def refinements(frame: Frame, offset: int) -> Iterator[Refinement]:
    """The frame's bytes from `offset` on, one piece for each resolution that they complete.

    :raises UnsupportedEncodingError: the frame is not stored as JPEG 2000 or HTJ2K
    :raises BadRequestError: the offset lies beyond the codestream
    """
    if not isinstance(frame, EncodedFrame) or frame.encoding.media_type not in _CUTTABLE:
        stored = frame.encoding.name if isinstance(frame, EncodedFrame) else "samples"
        message = f"only JPEG 2000 and HTJ2K come in refinements; this is stored as {stored}"
        raise UnsupportedEncodingError(message)
    if not 0 <= offset <= len(frame.data):
        message = f"offset {offset}: the codestream has {len(frame.data)} bytes"
        raise BadRequestError(message)
    return _cut(frame, offset)


def _cut(frame: EncodedFrame, offset: int) -> Iterator[Refinement]:
    ends = resolution_ends(frame.data)
    for end in ends:
        is_last = end is ends[-1]
        stop = len(frame.data) if is_last else end.end_offset
        if stop <= offset and not (is_last and offset == 0):
            continue
        size = Size(frame.width, frame.height).reduced(end.reduction)
        yield Refinement(frame.data[offset:stop], offset, end.reduction, size, is_last, frame.encoding.media_type)
        offset = stop
