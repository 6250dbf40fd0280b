"""Which web origins may read answers (the Fetch standard's CORS protocol). Pure.

Only origins on the list; never with credentials. Without a list browsers keep other origins' pages out by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable

from medtiles.protocols.replies import Headers, Reply

_EXPOSED = (
    b"etag, content-range, accept-ranges, link, retry-after, "
    b"x-medtiles-shape, x-medtiles-dtype, x-medtiles-photometric, x-medtiles-reduction, "
    b"jpip-tid, jpip-cnew, jpip-qid, jpip-fsiz, jpip-roff, jpip-rsiz, jpip-comps, jpip-stream, jpip-context, "
    b"jpip-layers, jpip-quality, jpip-type, jpip-handled"
)
_ALLOWED = b"accept, authorization, content-type, if-none-match, if-range, range"
_METHODS = b"GET, HEAD, OPTIONS"
_SECONDS = b"7200"


class Cors:
    """An allow-list of origins."""

    def __init__(self, origins: Iterable[str]) -> None:
        """Origins such as https://viewer.example.org; "*" is any."""
        self._origins = frozenset(origin.rstrip("/").encode("ascii", "replace") for origin in origins)
        self._is_open = b"*" in self._origins

    def headers(self, origin: bytes | None) -> Headers:
        """What every answer to a request from this origin says besides."""
        if not self._origins:
            return []
        if self._is_open:
            return [(b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", _EXPOSED)]
        if origin is None or origin not in self._origins:
            return [(b"vary", b"origin")]
        return [
            (b"vary", b"origin"),
            (b"access-control-allow-origin", origin),
            (b"access-control-expose-headers", _EXPOSED),
        ]

    def preflight(self, origin: bytes | None) -> Reply:
        """The answer to OPTIONS; `headers` come besides."""
        lines: Headers = [(b"allow", _METHODS)]
        if self._is_open or (origin is not None and origin in self._origins):
            lines += [
                (b"access-control-allow-methods", _METHODS),
                (b"access-control-allow-headers", _ALLOWED),
                (b"access-control-max-age", _SECONDS),
            ]
        return Reply(204, lines)
