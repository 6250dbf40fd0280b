"""Ranges of bytes (RFC 9110 14): which parts of a body a client asks for. Pure.

A header that is no list of ranges, or names more of them than anybody needs, is as good as none: the whole is sent.
Ranges that overlap or touch are made one, so no body is larger than the whole and the headers of its parts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

MOST_RANGES = 16
_MOST_CHARACTERS = 1024
_HEADER = re.compile(r"bytes[ \t]*=[ \t]*(.*)", re.ASCII | re.IGNORECASE | re.DOTALL)
_SPEC = re.compile(r"([0-9]*)-([0-9]*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes of a body, at least one."""

    start: int
    end: int
    """The first byte beyond."""

    def content_range(self, total: int) -> str:
        """The value of Content-Range."""
        return f"bytes {self.start}-{self.end - 1}/{total}"


def read_ranges(header: str, total: int) -> tuple[ByteRange, ...] | None:
    """The ranges that a header asks for, in its order, none of them touching another.

    Empty: the body has none of them, which is status 416. None: the header does not count (14.2).
    """
    match = _HEADER.fullmatch(header.strip())
    if match is None or len(header) > _MOST_CHARACTERS:
        return None
    specs = [each for each in (part.strip(" \t") for part in match[1].split(",")) if each]
    if not specs or len(specs) > MOST_RANGES:
        return None
    found: list[ByteRange] = []
    for spec in specs:
        parts = _SPEC.fullmatch(spec)
        if parts is None or not _is_valid(parts[1], parts[2]):
            return None
        asked = _range(parts[1], parts[2], total)
        if asked is not None:
            found.append(asked)
    return _joined(found)


def _is_valid(first: str, last: str) -> bool:
    """14.1.1: a first position, a last one that does not lie before it, or the length of a suffix."""
    return bool(first or last) and not (first and last and int(last) < int(first))


def _range(first: str, last: str, total: int) -> ByteRange | None:
    """What a range-spec stands for in a body of that length; None: nothing."""
    if not first:
        start, end = max(0, total - int(last)), total
    else:
        start, end = int(first), min(total, int(last) + 1) if last else total
    return ByteRange(start, end) if start < end else None


def _joined(ranges: Sequence[ByteRange]) -> tuple[ByteRange, ...]:
    """Ranges that overlap or touch made one, each at the place of the first of them (15.3.7.2)."""
    found: list[ByteRange] = []
    for each in ranges:
        near = [known for known in found if known.start <= each.end and each.start <= known.end]
        start = min((known.start for known in near), default=each.start)
        end = max((known.end for known in near), default=each.end)
        whole = ByteRange(min(start, each.start), max(end, each.end))
        place = found.index(near[0]) if near else len(found)
        found = [known for known in found if known not in near]
        found.insert(place, whole)
    return tuple(found)


def cut(pieces: Sequence[bytes], part: ByteRange) -> bytes:
    """Bytes of a body that lies in pieces; only the pieces that hold some of them are touched."""
    found: list[memoryview] = []
    before = 0
    for piece in pieces:
        start, end = max(part.start - before, 0), min(part.end - before, len(piece))
        if start < end:
            found.append(memoryview(piece)[start:end])
        before += len(piece)
    return b"".join(found)


def byteranges(pieces: Sequence[bytes], ranges: Sequence[ByteRange], media_type: str, etag: bytes) -> tuple[str, bytes]:
    """Media type and body of several ranges (14.6). The boundary is a function of what is sent."""
    total = sum(map(len, pieces))
    boundary = blake2b(repr((etag, tuple(ranges), media_type)).encode(), digest_size=16).hexdigest()
    body: list[bytes] = []
    for index, each in enumerate(ranges):
        lines = (f"--{boundary}", f"Content-Type: {media_type}", f"Content-Range: {each.content_range(total)}", "", "")
        body += [b"\r\n" if index else b"", "\r\n".join(lines).encode("ascii"), cut(pieces, each)]
    body.append(f"\r\n--{boundary}--\r\n".encode("ascii"))
    return f"multipart/byteranges; boundary={boundary}", b"".join(body)
