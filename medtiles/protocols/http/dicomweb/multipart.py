"""Bodies of several parts (RFC 2387), laid out before a byte of their content is read. Pure.

The boundary is a function of what the parts are, so that the same answer has the same bytes each time: clients that
fetch it by ranges put pieces of several answers together. Header lines are spelt as DICOMweb clients look for them,
`Content-Type:` first; one of them takes any other spelling for uncompressed pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import accumulate

from transcode.errors import FileChangedError


@dataclass(frozen=True, slots=True)
class Part:
    """What is known of a part before it is read."""

    media_type: str
    """With its parameters: `image/jphc; transfer-syntax=1.2.840.10008.1.2.4.202`."""
    length: int
    """Of its content, in bytes."""
    identity: str
    """Another one when its content is another: an entity tag, a version."""
    location: str = ""
    """Content-Location; empty: it has none."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A body: before the content of each part goes its head, in the end the tail."""

    parts: tuple[Part, ...]
    boundary: str
    heads: tuple[bytes, ...]
    tail: bytes

    @property
    def length(self) -> int:
        """Content-Length."""
        return sum(map(len, self.heads)) + sum(part.length for part in self.parts) + len(self.tail)

    @property
    def media_type(self) -> str:
        """Content-Type of the whole."""
        root = self.parts[0].media_type.partition(";")[0] if self.parts else "application/octet-stream"
        return f'multipart/related; type="{root}"; boundary={self.boundary}'

    @property
    def starts(self) -> tuple[int, ...]:
        """Where the content of each part begins in the body."""
        before = accumulate((part.length for part in self.parts), initial=0)
        heads = accumulate(map(len, self.heads))
        return tuple(head + content for head, content in zip(heads, before, strict=False))

    def joined(self, contents: Sequence[bytes]) -> bytes:
        """The whole body."""
        pieces = (piece for head, content in zip(self.heads, contents, strict=True) for piece in (head, content))
        return b"".join((*pieces, self.tail))

    def pieces(self, contents: Iterable[Iterable[bytes]]) -> Iterator[bytes]:
        """The body piece by piece; a content is not opened before its turn.

        :raises FileChangedError: a content is not as long as its part said
        """
        for head, part, content in zip(self.heads, self.parts, contents, strict=True):
            yield head
            left = part.length
            for piece in content:
                left -= len(piece)
                if left < 0:
                    break
                yield piece
            if left:
                message = "a part is not as long as it was when the answer began"
                raise FileChangedError(message)
        yield self.tail


def lay_out(parts: Sequence[Part]) -> Layout:
    """The layout of a body of these parts.

    :raises ValueError: a line break in what would become a header line
    """
    boundary = _boundary(parts)
    heads = tuple(_head(part, boundary, is_first=index == 0) for index, part in enumerate(parts))
    tail = f"\r\n--{boundary}--\r\n" if parts else f"--{boundary}--\r\n"
    return Layout(tuple(parts), boundary, heads, tail.encode("ascii"))


def _boundary(parts: Sequence[Part]) -> str:
    digest = blake2b(digest_size=16)
    for part in parts:
        digest.update(repr((part.media_type, part.length, part.identity, part.location)).encode("utf-8"))
    return digest.hexdigest()


def _head(part: Part, boundary: str, *, is_first: bool) -> bytes:
    lines = [f"--{boundary}", f"Content-Type: {part.media_type}"]
    if part.location:
        lines.append(f"Content-Location: {part.location}")
    if not all(line.isprintable() for line in lines):
        message = "a header line of a part must not have control characters in it"
        raise ValueError(message)
    return ("" if is_first else "\r\n").encode() + "\r\n".join([*lines, "", ""]).encode("ascii")
