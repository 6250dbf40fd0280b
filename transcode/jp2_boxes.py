"""The codestream inside a file of the JPEG 2000 family (ISO/IEC 15444-1 Annex I)."""

from __future__ import annotations

from transcode.errors import CorruptFrameError

_SOC = b"\xff\x4f\xff\x51"
_SIGNATURE = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
_MOST_BOXES = 1000


def codestream_within(data: bytes) -> bytes:
    """The contiguous codestream of a JP2, JPX or JPH file; the same object when the data is a bare codestream.

    :raises CorruptFrameError: neither, or boxes that do not lie within the data
    """
    if data[:4] == _SOC:
        return data
    if data[:12] != _SIGNATURE:
        message = "neither a JPEG 2000 codestream nor a file of that family"
        raise CorruptFrameError(message)
    position = 0
    for _ in range(_MOST_BOXES):
        if position + 8 > len(data):
            break
        start, end = _box(data, position)
        if data[position + 4 : position + 8] == b"jp2c":
            return data[start:end]
        position = end
    message = "a file of the JPEG 2000 family without a contiguous codestream"
    raise CorruptFrameError(message)


def _box(data: bytes, position: int) -> tuple[int, int]:
    """Where the contents of a box begin and end (I.4)."""
    length, start = int.from_bytes(data[position : position + 4]), position + 8
    if length == 1:
        length, start = int.from_bytes(data[position + 8 : position + 16]), position + 16
    end = len(data) if length == 0 else position + length
    if not start <= end <= len(data):
        message = f"the box at byte {position} has {length} bytes, {len(data) - position} are left"
        raise CorruptFrameError(message)
    return start, end
