"""The boxes around a codestream in JP2, JPX and JPH files (ISO/IEC 15444-1 Annex I, 15444-15 Annex D)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from transcode.errors import CorruptFrameError
from transcode.files import RandomAccess

_SOC = b"\xff\x4f\xff\x51"
_SIGNATURE = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
_MOST_BOXES = 1000
_MOST_HEADER = 16 << 20
"""Bytes of the JP2 Header box, which holds the profile and the palette."""
SRGB, GREYSCALE, SYCC = 16, 17, 18
"""EnumCS of the colour spaces that JP2 itself knows (table I.10)."""
_ENUMERATED, _RESTRICTED_ICC, _ANY_ICC = 1, 2, 3
_OPACITY = frozenset({1, 2})

_Read = Callable[[int, int], bytes]


@dataclass(frozen=True, slots=True)
class Boxed:
    """Where the codestream of a file lies, and what the boxes say of its pixels."""

    offset: int = 0
    length: int = 0
    """Of the contiguous codestream, in bytes."""
    brand: str = ""
    """jp2, jpx or jph; empty for a bare codestream."""
    colour_space: int | None = None
    """EnumCS; None where there is none or an ICC profile says it."""
    icc_profile: bytes | None = None
    has_palette: bool = False
    """Whether samples are indices into a palette in the file (pclr)."""
    opacity_channels: tuple[int, ...] = ()
    """Channels that are no colour (cdef)."""
    is_reordered: bool = False
    """Whether colours are not in the order of the components (cdef)."""
    metres_per_sample: tuple[float, float] | None = None
    """x and y of the capture resolution (resc), when the file has one."""


@dataclass(frozen=True, slots=True)
class Box:
    """A box of the top level of a file."""

    kind: str
    """Four letters."""
    offset: int
    """Of its header, in the file."""
    header_length: int
    length: int
    """With its header."""


def top_boxes(file: RandomAccess) -> tuple[Box, ...]:
    """The boxes of a file's top level; none of a bare codestream.

    :raises CorruptFrameError: they do not lie within the file
    """
    if file.read(0, min(file.size, 12)) != _SIGNATURE:
        return ()
    found, offset = [], 0
    for kind, start, end in _boxes(file.read, 0, file.size):
        found.append(Box(kind.decode("latin-1"), offset, start - offset, end - offset))
        offset = end
    return tuple(found)


def codestream_within(data: bytes) -> bytes:
    """The contiguous codestream of a JP2, JPX or JPH file; the same object when the data is a bare codestream.

    :raises CorruptFrameError: neither, or boxes that do not lie within the data
    """
    if data[:4] == _SOC:
        return data
    boxed = unbox(data)
    return data[boxed.offset : boxed.offset + boxed.length]


def unbox(data: bytes | RandomAccess) -> Boxed:
    """Find the codestream, and what the boxes before it say of its pixels. Reads no pixel.

    :raises CorruptFrameError: no file of the family, or boxes that do not lie within it
    :raises TruncatedFileError, FileChangedError: the file became shorter, or another one
    """
    read: _Read = (lambda at, length: data[at : at + length]) if isinstance(data, bytes) else data.read
    size = len(data) if isinstance(data, bytes) else data.size
    head = read(0, min(size, 12))
    if head[:4] == _SOC:
        return Boxed(0, size)
    if head != _SIGNATURE:
        message = "neither a JPEG 2000 codestream nor a file of that family"
        raise CorruptFrameError(message)
    boxed = Boxed()
    for kind, start, end in _boxes(read, 12, size):
        if kind == b"jp2c":
            return replace(boxed, offset=start, length=end - start)
        if kind == b"ftyp":
            boxed = replace(boxed, brand=read(start, min(4, end - start)).decode("latin-1").strip())
        elif kind == b"jp2h" and end - start <= _MOST_HEADER:
            boxed = _header(boxed, read(start, end - start))
    message = "a file of the JPEG 2000 family without a contiguous codestream"
    raise CorruptFrameError(message)


def boxes_within(data: bytes) -> Iterator[tuple[bytes, int, int, int]]:
    """The boxes of bytes: type, where the contents begin and end, and where the box begins.

    :raises CorruptFrameError: they do not lie within the bytes
    """
    at = 0
    for kind, start, end in _boxes(lambda offset, length: data[offset : offset + length], 0, len(data)):
        yield kind, start, end, at
        at = end


def _boxes(read: _Read, position: int, size: int) -> Iterator[tuple[bytes, int, int]]:
    """Each box's type, and where its contents begin and end (I.4)."""
    for _ in range(_MOST_BOXES):
        if position + 8 > size:
            return
        length, kind = struct.unpack(">I4s", read(position, 8))
        start = position + 8
        if length == 1 and position + 16 <= size:
            length, start = int.from_bytes(read(position + 8, 8)), position + 16
        end = size if length == 0 else position + length
        if not start <= end <= size:
            message = f"the box at byte {position} has {length} bytes, {size - position} are left"
            raise CorruptFrameError(message)
        yield kind, start, end
        position = end


def _header(boxed: Boxed, header: bytes) -> Boxed:
    """The JP2 Header box (I.5.3). A sub-box that is too short says nothing."""
    for kind, start, end in _boxes(lambda at, length: header[at : at + length], 0, len(header)):
        body = header[start:end]
        if kind == b"colr" and boxed.colour_space is None and boxed.icc_profile is None:
            boxed = _colour(boxed, body)
        elif kind == b"pclr":
            boxed = replace(boxed, has_palette=True)
        elif kind == b"cdef":
            boxed = _channels(boxed, body)
        elif kind == b"res ":
            boxed = _resolution(boxed, body)
    return boxed


def _colour(boxed: Boxed, body: bytes) -> Boxed:
    """Colour Specification (I.5.3.3); the first that is understood counts."""
    method = body[0] if body else 0
    if method == _ENUMERATED and len(body) >= 7:
        return replace(boxed, colour_space=int.from_bytes(body[3:7]))
    if method in {_RESTRICTED_ICC, _ANY_ICC} and len(body) > 3:
        return replace(boxed, icc_profile=body[3:])
    return boxed


def _channels(boxed: Boxed, body: bytes) -> Boxed:
    """Channel Definition (I.5.3.6): which channels are opacity, and whether colour i is channel i - 1."""
    count = min(int.from_bytes(body[:2]), (len(body) - 2) // 6)
    channels = [struct.unpack_from(">HHH", body, 2 + 6 * number) for number in range(max(0, count))]
    return replace(
        boxed,
        opacity_channels=tuple(channel for channel, kind, _ in channels if kind in _OPACITY),
        is_reordered=any(kind == 0 and colour not in {0, channel + 1} for channel, kind, colour in channels),
    )


def _resolution(boxed: Boxed, body: bytes) -> Boxed:
    """Capture Resolution (I.5.3.7.1), in samples a metre; the default display resolution is nobody's measure."""
    for kind, start, end in _boxes(lambda at, length: body[at : at + length], 0, len(body)):
        if kind == b"resc" and end - start == 10:
            vertical, below, horizontal, beside, power_y, power_x = struct.unpack(">HHHHbb", body[start:end])
            if min(vertical, below, horizontal, beside) > 0:
                x = beside / horizontal * 10.0**-power_x
                y = below / vertical * 10.0**-power_y
                return replace(boxed, metres_per_sample=(x, y))
    return boxed
