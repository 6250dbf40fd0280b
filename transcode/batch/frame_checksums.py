"""Check sums of stored frames: a later reader sees that nothing has changed, in the whole or up to a resolution.

CRC-32 as in zlib, gzip and PNG (ISO 3309), of the codestream without the pad byte of its fragment.
"""

from __future__ import annotations

import zlib

from transcode.codecs import HTJ2K, JPEG_2000
from transcode.codestream import resolution_ends
from transcode.errors import CorruptFrameError
from transcode.frames import EncodedFrame


def frame_checksums(frame: EncodedFrame) -> tuple[int, ...]:
    """The check sum of all the bytes; then, of JPEG 2000 and HTJ2K, of the prefix that completes each resolution.

    Resolutions come coarsest first, and the last of them is the codestream to its end marker. A codestream whose order
    of packets tells no resolutions apart has that one alone; one in boxes (PS3.5 forbids them, files have them) none.
    """
    whole = zlib.crc32(frame.data)
    if frame.encoding not in {HTJ2K, JPEG_2000}:
        return (whole,)
    try:
        ends = resolution_ends(frame.data)
    except CorruptFrameError:
        return (whole,)
    sums, start, running = [whole], 0, 0
    view = memoryview(frame.data)
    for end in ends:
        running = zlib.crc32(view[start : end.end_offset], running)
        start = end.end_offset
        sums.append(running)
    return tuple(sums)
