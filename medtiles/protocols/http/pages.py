"""The page that lists and shows images: `/` and `/static/...`, read once into memory, compressed if the client can.

Two scripts may compile WebAssembly: the workers that decode, for the radiology viewer and for JPIP. The page itself may
not.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request as HttpRequest
from starlette.routing import Route

from medtiles.core.errors import ImageNotFoundError
from medtiles.protocols import replies
from medtiles.protocols.async_tiles import AsyncTiles
from medtiles.protocols.replies import Reply

STATIC = Path(__file__).parent / "static"
"""Where the build of `medtiles/web` lays its files."""

POLICY = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Content-Security-Policy: nothing from elsewhere, nothing inline, no WebAssembly."""

WORKERS = frozenset({"decodeImageFrameWorker.js", "jpip_decoder.js"})
WORKER_POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'"
"""Of the workers, which have a policy of their own: they fetch codecs from here and compile them."""

_MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".png": "image/png",
    ".txt": "text/plain; charset=utf-8",
}
_NOT_BUILT = (
    b"The viewer's page has not been built. From a source checkout, run: python -m medtiles.web.build\n"
    b"The images are at /images.\n"
)


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file of the page, ready to be sent."""

    body: bytes
    compressed: bytes
    media_type: str
    policy: str = POLICY

    @classmethod
    def read(cls, path: Path) -> StaticFile:
        """Read it, and what the build has compressed of it."""
        body = path.read_bytes()
        packed = path.with_name(f"{path.name}.gz")
        compressed = packed.read_bytes() if packed.is_file() else gzip.compress(body, 9, mtime=0)
        media_type = _MEDIA_TYPES.get(path.suffix, "application/octet-stream")
        return cls(body, compressed, media_type, WORKER_POLICY if path.name in WORKERS else POLICY)

    def reply(self, request: HttpRequest) -> Reply:
        """The file, or 304; gzip when the client says that it can."""
        is_compressed = "gzip" in request.headers.get("accept-encoding", "")
        body = self.compressed if is_compressed else self.body
        made = replies.document(body, self.media_type, request.headers)
        made.headers.extend(_PAGE_HEADERS)
        made.headers.append((b"content-security-policy", self.policy.encode("ascii")))
        if is_compressed:
            made.headers.append((b"content-encoding", b"gzip"))
        return made


_PAGE_HEADERS = [
    (b"vary", b"accept-encoding"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
]


def routes(tiles: AsyncTiles) -> list[Route]:  # noqa: ARG001 - the form that all protocols have
    """The routes of the page."""
    files = {path.name: StaticFile.read(path) for path in sorted(STATIC.glob("*.*")) if path.suffix != ".gz"}

    async def get_page(request: HttpRequest) -> Reply:
        page = files.get("index.html")
        if page is None:
            missing = replies.reply(_NOT_BUILT, "text/plain; charset=utf-8", cache=replies.NEVER)
            return Reply(404, missing.headers, missing.body)
        return page.reply(request)

    async def get_static(request: HttpRequest) -> Reply:
        name = request.path_params["name"]
        if name not in files:
            message = f"no file {name[:40]!a}"
            raise ImageNotFoundError(message)
        return files[name].reply(request)

    async def get_icon(request: HttpRequest) -> Reply:
        request.path_params["name"] = "icon.svg"
        return await get_static(request)

    return [
        Route("/", get_page, name="page"),
        Route("/static/{name}", get_static, name="static"),
        Route("/favicon.ico", get_icon, name="icon"),
    ]
