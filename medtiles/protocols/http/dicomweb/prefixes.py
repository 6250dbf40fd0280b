"""How much of a frame is enough: beginnings of a codestream that are whole pictures of a smaller size. Pure.

Ranges are of the body, so where a resolution is complete depends on what goes before the codestream. One client drops
the last three bytes of a multipart body that it has only a part of (Cornerstone3D, by slicing to -1-2): so many more
must be fetched for the picture to be exact.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from medtiles.core.frames import ResolutionBytes, TravelFrame
from medtiles.protocols.http.dicomweb.multipart import Part, lay_out

DROPPED_BY_CLIENTS = 3


def covering(frame: TravelFrame, width: int, height: int) -> ResolutionBytes | None:
    """The least resolution that fills a box of this size without being enlarged; None: only the whole frame does."""
    for each in frame.resolutions[:-1]:
        if each.width >= width or each.height >= height:
            return each
    return None


def cut_to(frame: TravelFrame, resolution: ResolutionBytes) -> TravelFrame:
    """The beginning of a frame that completes a resolution. The codestream's own header still tells of the whole."""
    kept = tuple(each for each in frame.resolutions if each.reduction >= resolution.reduction)
    data = frame.frame.data[: resolution.end]
    return replace(
        frame,
        frame=replace(frame.frame, data=data),
        is_stored=False,
        resolutions=kept,
        etag=f"{frame.etag} {resolution.end}",
    )


def part_of(frame: TravelFrame, media_type: str) -> Part:
    """A frame as a part of a body."""
    return Part(media_type, len(frame.frame.data), f"{frame.etag} {frame.transfer_syntax}")


def resolutions_document(frame: TravelFrame, number: int, media_type: str) -> dict[str, Any]:
    """Where each resolution is complete, for clients that fetch exactly one: in the codestream, and in both bodies."""
    layout = lay_out([part_of(frame, media_type)])
    start, length = layout.starts[0], len(frame.frame.data)
    return {
        "frame": number,
        "width": frame.frame.width,
        "height": frame.frame.height,
        "transfer_syntax": frame.transfer_syntax,
        "is_stored": frame.is_stored,
        "media_type": media_type,
        "codestream_length": length,
        "single_part_length": length,
        "multipart_length": layout.length,
        "multipart_header_length": start,
        "resolutions": [
            {
                "reduction": each.reduction,
                "width": each.width,
                "height": each.height,
                "codestream_end": each.end,
                "single_part_end": each.end,
                "multipart_end": layout.length
                if each.end >= length
                else min(layout.length, start + each.end + DROPPED_BY_CLIENTS),
            }
            for each in frame.resolutions
        ],
    }
