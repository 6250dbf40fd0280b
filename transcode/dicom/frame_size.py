"""How large an encoded frame really is, read from its own header."""

from __future__ import annotations

import struct

from transcode.errors import CorruptFrameError
from transcode.frames import EncodedFrame
from transcode.jpeg_structure import read_frame_header

_SOI = b"\xff\xd8"
_SOC_SIZ = b"\xff\x4f\xff\x51"


def stored_size(frame: EncodedFrame) -> tuple[int, int]:
    """Width and height that the stream states: of JPEG, JPEG-LS, JPEG 2000 and HTJ2K; of others what the frame states.

    :raises CorruptFrameError: a JPEG stream without a frame header, or a JPEG 2000 stream that ends before its size
    """
    data = frame.data
    if data[:2] == _SOI:
        header = read_frame_header(data)
        return header.width, header.height
    if data[:4] == _SOC_SIZ:
        if len(data) < 24:
            message = "JPEG 2000 stream: ends within its SIZ segment"
            raise CorruptFrameError(message)
        right, bottom, left, top = struct.unpack(">4L", data[8:24])
        return right - left, bottom - top
    return frame.width, frame.height
