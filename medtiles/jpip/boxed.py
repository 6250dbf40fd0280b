"""Metadata-bins and codestreams → a file of the JPEG 2000 family (ISO/IEC 15444-9 A.3.6, 15444-1 Annex I)."""

from __future__ import annotations

import struct
from collections.abc import Callable

from transcode.codestream import Siz, parse
from transcode.errors import CorruptFrameError
from transcode.jp2_boxes import GREYSCALE, SRGB, boxes_within

_HEAD = struct.Struct(">I4s")
_AS_CODESTREAM = 4
_SIGNATURE = b"\r\n\x87\n"
_DIFFERENT_DEPTHS = 255


def boxed(metadata: Callable[[int], bytes | None], codestream: Callable[[int], bytes]) -> bytes:
    """The file whose placeholders are what they stand for.

    :param metadata: a metadata-bin; None: it has not come, and its box is left out
    :param codestream: of a number
    :raises CorruptFrameError: metadata-bin 0 is no sequence of boxes
    """
    root = metadata(0)
    if root is None:
        message = "metadata-bin 0 has not come"
        raise CorruptFrameError(message)
    pieces = []
    for kind, start, end, at in boxes_within(root):
        if kind != b"phld":
            pieces.append(root[at:end])
            continue
        flags, origin, header, number = _placeholder(root[start:end])
        body = codestream(number) if flags & _AS_CODESTREAM else metadata(origin)
        if body is not None:
            pieces.append(_box(header[4:8], body))
    return b"".join(pieces)


def plain_file(codestream: bytes) -> bytes:
    """A codestream that came alone, as the smallest file: JP2, or JPH where its blocks are of high throughput.

    :raises CorruptFrameError: it is none
    """
    found = parse(codestream)
    brand = b"jph " if found.is_htj2k else b"jp2 "
    header = _box(b"ihdr", _image_header(found.siz)) + _depths(found.siz) + _box(b"colr", _colour(found.siz))
    return b"".join(
        (
            _box(b"jP  ", _SIGNATURE),
            _box(b"ftyp", brand + bytes(4) + brand),
            _box(b"jp2h", header),
            _box(b"jp2c", codestream),
        )
    )


def _placeholder(body: bytes) -> tuple[int, int, bytes, int]:
    """Flags, the metadata-bin, the header of the box that it stands for, and the number of the codestream."""
    if len(body) < 20:
        message = f"a placeholder box of {len(body)} bytes"
        raise CorruptFrameError(message)
    flags, origin = struct.unpack_from(">IQ", body)
    length = 16 if int.from_bytes(body[12:16]) == 1 else 8
    header, rest = body[12 : 12 + length], body[12 + length :]
    number = 0
    if flags & _AS_CODESTREAM:
        equivalent = 16 if int.from_bytes(rest[8:12]) == 1 else 8
        number = int.from_bytes(rest[8 + equivalent : 16 + equivalent])
    return flags, origin, header, number


def _box(kind: bytes, body: bytes) -> bytes:
    if len(body) + 8 < 1 << 32:
        return _HEAD.pack(len(body) + 8, kind) + body
    return _HEAD.pack(1, kind) + struct.pack(">Q", len(body) + 16) + body


def _image_header(siz: Siz) -> bytes:
    """Of the image area on the reference grid (I.5.3.1); compression type 7, colours known."""
    depths = {_depth(siz, number) for number in range(len(siz.components))}
    depth = depths.pop() if len(depths) == 1 else _DIFFERENT_DEPTHS
    return struct.pack(">IIHBBBB", siz.y1 - siz.y0, siz.x1 - siz.x0, len(siz.components), depth, 7, 0, 0)


def _depths(siz: Siz) -> bytes:
    """Bits Per Component (I.5.3.2), where they differ."""
    depths = bytes(_depth(siz, number) for number in range(len(siz.components)))
    return _box(b"bpcc", depths) if len(set(depths)) > 1 else b""


def _depth(siz: Siz, number: int) -> int:
    component = siz.components[number]
    return component.depth - 1 | (0x80 if component.signed else 0)


def _colour(siz: Siz) -> bytes:
    return struct.pack(">BBBI", 1, 0, 0, SRGB if len(siz.components) >= 3 else GREYSCALE)
