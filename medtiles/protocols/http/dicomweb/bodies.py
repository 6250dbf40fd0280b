"""Bodies that may be asked for in parts: what goes out of one, by the conditions and ranges of a request. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from medtiles.protocols import replies
from medtiles.protocols.http.dicomweb.multipart import Layout
from medtiles.protocols.http.dicomweb.ranges import ByteRange, byteranges, cut, read_ranges
from medtiles.protocols.replies import Reply

_VARY = (b"vary", b"accept")
_ACCEPTS = (b"accept-ranges", b"bytes")


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """A whole body, in pieces that are one after the other."""

    pieces: tuple[bytes, ...]
    media_type: str
    etag: bytes
    """Strong: the same for the same bytes, in every process and after every restart."""
    extra: tuple[tuple[str, str], ...] = ()
    """More header lines."""

    @property
    def length(self) -> int:
        """In bytes."""
        return sum(map(len, self.pieces))


def multipart_body(layout: Layout, contents: Sequence[bytes], extra: tuple[tuple[str, str], ...] = ()) -> Body:
    """A body of several parts. Its boundary says what its parts are, so it is the entity tag too."""
    pieces = [piece for pair in zip(layout.heads, contents, strict=True) for piece in pair]
    return Body((*pieces, layout.tail), layout.media_type, f'"{layout.boundary}"'.encode("ascii"), extra)


def answer(body: Body, method: str, asked: Mapping[str, str]) -> Reply:
    """The whole body, parts of it, or a word that the client has it already (RFC 9110 13.2.2).

    `asked` is the request's header. Range counts for GET alone (14.2), and with If-Range only when the client's parts
    are of this very body (13.1.5).
    """
    if replies.matches(asked.get("if-none-match", "").encode("latin-1"), body.etag):
        known = replies.not_modified(body.etag)
        return Reply(known.status, [*known.headers, _VARY])
    if_range = asked.get("if-range")
    has_same = if_range is None or if_range.strip().encode("latin-1") == body.etag
    ranges = read_ranges(asked.get("range", ""), body.length) if method == "GET" and has_same else None
    if ranges is None:
        return _sent(200, body, body.media_type, b"".join(body.pieces))
    if not ranges:
        return _unsatisfiable(body)
    return _partial(body, ranges)


def _partial(body: Body, ranges: tuple[ByteRange, ...]) -> Reply:
    if len(ranges) > 1:
        media_type, data = byteranges(body.pieces, ranges, body.media_type, body.etag)
        return _sent(206, body, media_type, data)
    only = ranges[0]
    where = (b"content-range", only.content_range(body.length).encode("ascii"))
    made = _sent(206, body, body.media_type, cut(body.pieces, only))
    return Reply(made.status, [*made.headers, where], made.body)


def _unsatisfiable(body: Body) -> Reply:
    detail = f"none of the bytes that Range asks for is among the {body.length} that there are"
    where = [("content-range", f"bytes */{body.length}"), ("accept-ranges", "bytes")]
    return replies.problem("RANGE_NOT_SATISFIABLE", 416, detail, where)


def _sent(status: int, body: Body, media_type: str, data: bytes) -> Reply:
    made = replies.reply(data, media_type, body.etag, extra=body.extra)
    return Reply(status, [*made.headers, _ACCEPTS, _VARY], data)
