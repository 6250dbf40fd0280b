"""What goes out over HTTP: replies, entity tags, conditional requests, and problems (RFC 9110, RFC 9457). Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from http import HTTPStatus
from typing import Any

from medtiles import __version__
from medtiles.core.pyramid import ImageInfo
from medtiles.core.view import Request
from transcode.frames import EncodedFrame

Headers = list[tuple[bytes, bytes]]
"""As ASGI has them: names in lower case."""

WHOLE_ANSWER = "medtiles.whole_answer"
"""An ASGI extension of our own server: a function that sends a whole answer at once (`GuardedProtocol.send_whole`)."""

NOSNIFF = (b"x-content-type-options", b"nosniff")
REVALIDATE = "private, no-cache"
"""May be kept by the client, never by a shared cache; asked for again by its entity tag before each use."""
FOREVER = "private, max-age=31536000, immutable"
"""For addresses that name a version of what they stand for."""
NEVER = "no-store"


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer. Also an ASGI application that gives it."""

    status: int
    headers: Headers
    body: bytes = b""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401, ARG002 - ASGI's own types
        """Send it."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else self.body})


def reply(
    body: bytes, media_type: str, etag: bytes = b"", cache: str = REVALIDATE, extra: Iterable[tuple[str, str]] = ()
) -> Reply:
    """A body with status 200."""
    headers = [
        (b"content-type", media_type.encode("ascii")),
        (b"content-length", str(len(body)).encode("ascii")),
        (b"cache-control", cache.encode("ascii")),
        NOSNIFF,
        *((name.lower().encode("ascii"), value.encode("ascii")) for name, value in extra),
    ]
    if etag:
        headers.append((b"etag", etag))
    return Reply(200, headers, body)


def document(body: bytes, media_type: str, asked: Mapping[str, str], cache: str = REVALIDATE) -> Reply:
    """A document that is at hand, or 304 when the client has it. `asked` is the request's header."""
    etag = body_tag(body)
    if matches(asked.get("if-none-match", "").encode("latin-1"), etag):
        return not_modified(etag, cache)
    return reply(body, media_type, etag, cache)


def json_document(
    value: Any,  # noqa: ANN401 - any JSON
    asked: Mapping[str, str],
    cache: str = REVALIDATE,
    media_type: str = "application/json",
) -> Reply:
    """The same for a JSON value."""
    return document(_json(value), media_type, asked, cache)


def picture_headers(frame: EncodedFrame, etag: bytes, cache: str) -> Headers:
    """The header of a picture; the fast way for tiles, whose every microsecond counts."""
    return [
        (b"content-type", frame.encoding.media_type.encode("ascii")),
        (b"content-length", b"%d" % len(frame.data)),
        (b"etag", etag),
        (b"cache-control", cache.encode("ascii")),
        NOSNIFF,
    ]


def redirect(location: str, code: int) -> Reply:
    """Elsewhere."""
    return Reply(code, [(b"location", location.encode("ascii")), (b"content-length", b"0")])


def not_modified(etag: bytes, cache: str = REVALIDATE) -> Reply:
    """304: the client has it already. It repeats what a 200 would say about caching (RFC 9110 15.4.5)."""
    return Reply(304, [(b"etag", etag), (b"cache-control", cache.encode("ascii"))])


def entity_tag(version: str, request: object) -> bytes:
    """A strong entity tag: the same for the same request of the same file, in every process and after every restart.

    `request` is a value whose `repr` says everything that shapes the bytes.
    """
    text = f"{__version__}\n{version}\n{request!r}"
    return f'"{blake2b(text.encode("utf-8", "backslashreplace"), digest_size=12).hexdigest()}"'.encode("ascii")


def request_tag(info: ImageInfo, request: Request) -> bytes:
    """The entity tag of a picture, known before it is made."""
    return entity_tag(info.version, request)


def body_tag(body: bytes) -> bytes:
    """The entity tag of a document that is at hand."""
    return f'"{blake2b(body, digest_size=12).hexdigest()}"'.encode("ascii")


@lru_cache(maxsize=4096)
def version_token(version: str) -> str:
    """A short word for a version of an image, for addresses (`?v=`); it tells nothing of the file."""
    return blake2b(f"{__version__}\n{version}".encode("utf-8", "backslashreplace"), digest_size=6).hexdigest()


def matches(if_none_match: bytes, etag: bytes) -> bool:
    """Whether a client has what the tag stands for, by the weak comparison of If-None-Match (RFC 9110 13.1.2)."""
    if if_none_match == etag or if_none_match.strip() == b"*":
        return True
    return any(part.strip().removeprefix(b"W/") == etag for part in if_none_match.split(b","))


def problem(reason: str, code: int, detail: str, extra: Iterable[tuple[str, str]] = ()) -> Reply:
    """An error as problem+json (RFC 9457)."""
    value = {"type": f"/problems/{reason}", "title": _title(code), "status": code, "detail": detail, "reason": reason}
    made = reply(_json(value), "application/problem+json", cache=NEVER, extra=extra)
    return Reply(code, made.headers, made.body)


def _json(document: Any) -> bytes:  # noqa: ANN401 - any JSON
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode(
        "utf-8", "backslashreplace"
    )


def _title(code: int) -> str:
    if code == 499:
        return "Client Closed Request"
    try:
        return HTTPStatus(code).phrase
    except ValueError:
        return "Error"
