"""Stored JPEG 2000 and HTJ2K codestreams, held against what the header around them says."""

from __future__ import annotations

from transcode.codestream import Codestream, parse
from transcode.errors import CorruptFrameError
from transcode.frames import EncodedFrame


def sound_codestream(frame: EncodedFrame) -> Codestream | None:
    """The structure of a bare codestream that is whole and has the size, depth and sign that the frame states.

    None for all others, JP2 boxes among them: DICOM has codestreams without any (PS3.5 A.4.4).
    """
    try:
        codestream = parse(frame.data)
    except CorruptFrameError:
        return None
    siz, pixels = codestream.siz, frame.format
    found = (siz.width, siz.height, len(siz.components))
    is_stated = found == (frame.width, frame.height, pixels.samples_per_pixel) and all(
        (component.depth, component.signed) == (pixels.bits_stored, pixels.signed) for component in siz.components
    )
    return codestream if is_stated and codestream.has_eoc and not frame.reduction else None
