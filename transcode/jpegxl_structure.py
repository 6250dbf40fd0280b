"""Size and samples of a JPEG XL picture, read without decoding it (ISO/IEC 18181-1 D.2 and D.3, 18181-2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from transcode.errors import CorruptFrameError

_CODESTREAM = b"\xff\x0a"
_CONTAINER = b"\x00\x00\x00\x0cJXL \r\n\x87\n"
_RATIOS = ((1, 1), (6, 5), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
"""Width to height, for the ratio field of 1 to 7."""
_SIZE_BITS = (9, 13, 18, 30)
_HEADER_BYTES = 16
_MOST_BOXES = 1000


_DEPTHS = (8, 10, 12)
"""Bits of an integer sample for the first three values of their selector."""


@dataclass(frozen=True, slots=True)
class JpegXlHeader:
    """What the headers before the first frame say."""

    width: int
    """As stored, before any orientation is applied."""
    height: int
    bits: int
    """Of a sample; of floating point ones too."""
    is_float: bool
    is_xyb: bool
    """Whether colours are stored as XYB: what lossy encoding of pixels makes of them, and nothing else."""


def read_jpegxl_size(data: bytes) -> tuple[int, int]:
    """Width and height as stored, before any orientation is applied.

    :raises CorruptFrameError: not JPEG XL, or cut short
    """
    return _size(_Bits(_start_of_codestream(data)))


def read_jpegxl_header(data: bytes) -> JpegXlHeader:
    """Size and samples of a single picture.

    :raises CorruptFrameError: not JPEG XL, cut short, or with a preview, an animation or extra channels
    """
    bits = _Bits(_start_of_codestream(data))
    width, height = _size(bits)
    if bits.take(1):
        return JpegXlHeader(width, height, 8, is_float=False, is_xyb=True)
    if bits.take(1):
        _skip_extra_fields(bits)
    is_float = bits.take(1) == 1
    depth = _float_depth(bits) if is_float else _integer_depth(bits)
    bits.take(1)  # modular_16bit_buffers
    if bits.take(2):
        message = "a JPEG XL stream with extra channels"
        raise CorruptFrameError(message)
    return JpegXlHeader(width, height, depth, is_float, is_xyb=bits.take(1) == 1)


def holds_jpeg(data: bytes) -> bool:
    """Whether the stream has what it takes to give back the JPEG that it was made of: a box jbrd (18181-2)."""
    return data[:12] == _CONTAINER and any(kind == b"jbrd" for kind, _ in _boxes(data))


def _size(bits: _Bits) -> tuple[int, int]:
    is_small = bits.take(1) == 1
    height = bits.take_side(is_small)
    ratio = bits.take(3)
    if ratio == 0:
        return bits.take_side(is_small), height
    across, down = _RATIOS[ratio - 1]
    return height * across // down, height


def _skip_extra_fields(bits: _Bits) -> None:
    bits.take(3)  # orientation
    if bits.take(1):
        _size(bits)  # as it is meant to be shown
    if bits.take(1) or bits.take(1):
        message = "a JPEG XL stream with a preview or an animation"
        raise CorruptFrameError(message)


def _integer_depth(bits: _Bits) -> int:
    selector = bits.take(2)
    return _DEPTHS[selector] if selector < 3 else 1 + bits.take(6)


def _float_depth(bits: _Bits) -> int:
    selector = bits.take(2)
    depth = (32, 16, 24)[selector] if selector < 3 else 1 + bits.take(6)
    bits.take(4)  # of the exponent
    return depth


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
    for kind, start in _boxes(data):
        if kind in {b"jxlc", b"jxlp"}:
            begin = start + (4 if kind == b"jxlp" else 0)
            if data[begin : begin + 2] == _CODESTREAM:
                return data[begin + 2 : begin + 2 + _HEADER_BYTES]
    message = "a JPEG XL container without a codestream"
    raise CorruptFrameError(message)


def _boxes(data: bytes) -> Iterator[tuple[bytes, int]]:
    """The kind of each box of a container, and where its body begins."""
    position = 0
    for _ in range(_MOST_BOXES):
        length, kind = int.from_bytes(data[position : position + 4]), data[position + 4 : position + 8]
        start = position + 8
        if length == 1:
            length, start = int.from_bytes(data[position + 8 : position + 16]), position + 16
        if len(kind) < 4:
            return
        yield kind, start
        if length < 8:
            return
        position += length
