"""The size of a JPEG XL picture, read without decoding it (ISO/IEC 18181-1 D.2, 18181-2)."""

from __future__ import annotations

from transcode.errors import CorruptFrameError

_CODESTREAM = b"\xff\x0a"
_CONTAINER = b"\x00\x00\x00\x0cJXL \r\n\x87\n"
_RATIOS = ((1, 1), (6, 5), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
"""Width to height, for the ratio field of 1 to 7."""
_SIZE_BITS = (9, 13, 18, 30)
_HEADER_BYTES = 16
_MOST_BOXES = 1000


def read_jpegxl_size(data: bytes) -> tuple[int, int]:
    """Width and height as stored, before any orientation is applied.

    :raises CorruptFrameError: not JPEG XL, or cut short
    """
    bits = _Bits(_start_of_codestream(data))
    is_small = bits.take(1) == 1
    height = bits.take_side(is_small)
    ratio = bits.take(3)
    if ratio == 0:
        return bits.take_side(is_small), height
    across, down = _RATIOS[ratio - 1]
    return height * across // down, height


class _Bits:
    """Reads from the lowest bit of the first byte on (B.2)."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "little")
        self._left = 8 * len(data)

    def take(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            message = "a JPEG XL stream that ends within its header"
            raise CorruptFrameError(message)
        taken = self._value & ((1 << count) - 1)
        self._value >>= count
        return taken

    def take_side(self, is_small: bool) -> int:
        if is_small:
            return 8 * (self.take(5) + 1)
        return self.take(_SIZE_BITS[self.take(2)]) + 1


def _start_of_codestream(data: bytes) -> bytes:
    if data[:2] == _CODESTREAM:
        return data[2 : 2 + _HEADER_BYTES]
    if data[:12] != _CONTAINER:
        message = "not JPEG XL"
        raise CorruptFrameError(message)
    position = 0
    for _ in range(_MOST_BOXES):
        length, kind = int.from_bytes(data[position : position + 4]), data[position + 4 : position + 8]
        start = position + 8
        if length == 1:
            length, start = int.from_bytes(data[position + 8 : position + 16]), position + 16
        if kind in {b"jxlc", b"jxlp"}:
            start += 4 if kind == b"jxlp" else 0
            if data[start : start + 2] == _CODESTREAM:
                return data[start + 2 : start + 2 + _HEADER_BYTES]
        if length < 8:
            break
        position += length
    message = "a JPEG XL container without a codestream"
    raise CorruptFrameError(message)
