"""A frame ready to travel as refinements: cut where a resolution is complete. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from medtiles.core.errors import BadRequestError
from medtiles.core.frames import TravelFrame
from medtiles.core.geometry import Size
from medtiles.core.view import Refinement


def refinements(travel: TravelFrame, offset: int = 0, until_reduction: int = 0) -> Iterator[Refinement]:
    """The bytes from an offset on, one piece for each resolution that they complete, as far as a reduction.

    A frame that cannot be cut there comes whole. Nothing comes when the bytes before the offset are enough.

    :raises BadRequestError: the offset lies beyond the frame
    """
    total = len(travel.frame.data)
    if not 0 <= offset <= total:
        message = f"offset {offset}: the frame has {total} bytes"
        raise BadRequestError(message)
    return _cut(travel, offset, until_reduction)


def bytes_for(travel: TravelFrame, reduction: int) -> int:
    """How many bytes complete a reduction; all of them where the frame cannot be cut there."""
    ends = [each.end for each in travel.resolutions if each.reduction <= reduction]
    is_whole = not ends or ends[0] == travel.resolutions[-1].end
    return len(travel.frame.data) if is_whole else ends[0]


def _cut(travel: TravelFrame, offset: int, until_reduction: int) -> Iterator[Refinement]:
    frame, stop = travel.frame, bytes_for(travel, until_reduction)
    total = len(frame.data)
    marks = [(each.end, each.reduction, Size(each.width, each.height)) for each in travel.resolutions[:-1]]
    for end, reduction, size in [*marks, (total, 0, Size(frame.width, frame.height))]:
        if offset < end <= stop:
            yield Refinement(frame.data[offset:end], offset, reduction, size, end == total, frame.encoding.media_type)
            offset = end
