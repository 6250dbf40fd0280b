"""Images that clients bring: `POST /images`, where the server takes them.

The body is the file itself, its name in `?name=` or in Content-Disposition; or a form (multipart/form-data) with one
file, as browsers and `curl -F` send it. It goes to the disk as it comes, within the limit, and is opened before
anybody else sees it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import unquote

from python_multipart.exceptions import ParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request as HttpRequest
from starlette.routing import Route

from medtiles.core.errors import BadRequestError, ForbiddenError, UploadTooLargeError
from medtiles.core.uploads import Uploads
from medtiles.protocols import bodies, parameters, replies
from medtiles.protocols.async_tiles import AsyncTiles
from medtiles.protocols.origin import origin_of
from medtiles.protocols.replies import Reply

_FORM = b"multipart/form-data"
_PIECE = 1 << 20
"""Bytes that are written at once."""
_MOST_HEADERS = 8192
"""Bytes of a part of a form that are no file."""
_SUFFIXES = {
    "image/tiff": "tif",
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "application/dicom": "dcm",
    "application/x-matlab-data": "mat",
}


def routes(tiles: AsyncTiles) -> list[Route]:
    """The route, where there is a place for uploads."""
    uploads = tiles.uploads
    if uploads is None:
        return []

    async def post_image(request: HttpRequest) -> Reply:
        _require_our_page(request)
        _require_size(request, uploads)
        image = await _received(request, tiles, uploads)
        made = replies.json_document({"id": image, "location": f"/images/{image}"}, {}, replies.NEVER)
        return Reply(201, [*made.headers, (b"location", f"/images/{image}".encode("ascii"))], made.body)

    return [Route("/images", post_image, methods=["POST"], name="upload")]


def _require_our_page(request: HttpRequest) -> None:
    """Programs say no origin. Browsers do, and might be showing a page of somebody else.

    :raises ForbiddenError: it is of another site
    """
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site", "same-origin")
    if (origin is not None and origin != origin_of(request)) or site not in {"same-origin", "none"}:
        message = "images are taken from pages of this server and from programs, not from pages of other sites"
        raise ForbiddenError(message)


def _require_size(request: HttpRequest, uploads: Uploads) -> None:
    """Refuse at once what is announced as too large; what is not is found out while it comes."""
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > uploads.most_bytes + _MOST_HEADERS:
        message = f"{length} bytes are more than the {uploads.most_bytes} that are taken"
        raise UploadTooLargeError(message)


async def _received(request: HttpRequest, tiles: AsyncTiles, uploads: Uploads) -> str:
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    form = _Form(options.get(b"boundary", b"")) if kind == _FORM else None
    upload = None
    try:
        async for piece in _pieces(request, form):
            if upload is None:
                name = form.name if form is not None else _name_of(request)
                upload = await tiles.call(uploads.begin, name)
            await tiles.call(upload.write, piece)
        if upload is None:
            message = "there is no file in the body"
            raise BadRequestError(message)
        whole, upload = upload, None  # from here on it looks after itself
    finally:
        if upload is not None:
            await tiles.call(upload.abandon)
    return await tiles.call(whole.accept)


async def _pieces(request: HttpRequest, form: _Form | None) -> AsyncIterator[bytes]:
    """The bytes of the file, some at a time.

    :raises BadRequestError: the form is none
    :raises ClientGoneError: the connection ends
    :raises TimeoutError: nothing comes any more
    """
    waiting = bytearray()
    async for chunk in bodies.pieces(request):
        waiting += form.feed(chunk) if form is not None else chunk
        if len(waiting) >= _PIECE:
            yield bytes(waiting)
            waiting.clear()
    if form is not None:
        form.end()
    if waiting:
        yield bytes(waiting)


def _name_of(request: HttpRequest) -> str:
    """What a body is called that is a file.

    :raises BadRequestError: the query string makes no sense
    """
    said = parameters.read_query(request.scope["query_string"]).get("name", "")
    disposition = parse_options_header(request.headers.get("content-disposition", ""))[1]
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return said or _file_name(disposition) or f"upload.{_SUFFIXES.get(kind, 'bin')}"


def _file_name(options: dict[bytes, bytes]) -> str:
    """The name in Content-Disposition (RFC 6266), in either of its forms."""
    extended = options.get(b"filename*", b"").decode("latin-1")
    if extended.lower().startswith("utf-8''"):
        return unquote(extended[7:], "utf-8", "replace")
    return options.get(b"filename", b"").decode("utf-8", "replace")


class _Form:
    """Takes the one file out of a form, as its bytes come."""

    def __init__(self, boundary: bytes) -> None:
        """:raises BadRequestError: a form without a boundary"""
        if not boundary:
            message = "multipart/form-data without a boundary"
            raise BadRequestError(message)
        self.name = ""
        """Of the file, when its first byte has come."""
        self._found = bytearray()
        self._other = 0
        self._header, self._value = bytearray(), bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._is_file = self._is_done = False
        self._files = 0
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._headers.clear,
                "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
                "on_header_end": self._header_ended,
                "on_headers_finished": self._part_begun,
                "on_part_data": self._part_data,
                "on_end": self._ended,
            },
        )

    def feed(self, data: bytes) -> bytes:
        """The bytes of the file in these of the form.

        :raises BadRequestError: it is no form, or has several files
        """
        try:
            self._parser.write(data)
        except ParseError as error:
            message = f"the form cannot be read: {error}"
            raise BadRequestError(message) from error
        if len(self._header) + len(self._value) + self._other > _MOST_HEADERS:
            message = f"the form has more than {_MOST_HEADERS} bytes besides its file"
            raise BadRequestError(message)
        found = bytes(self._found)
        self._found.clear()
        return found

    def end(self) -> None:
        """Nothing more comes.

        :raises BadRequestError: the form is cut
        """
        if not self._is_done:
            message = "the form ends before its last boundary"
            raise BadRequestError(message)

    def _header_ended(self) -> None:
        self._headers[bytes(self._header).lower()] = bytes(self._value)
        self._other += len(self._header) + len(self._value)
        self._header.clear()
        self._value.clear()

    def _part_begun(self) -> None:
        options = parse_options_header(self._headers.get(b"content-disposition", b""))[1]
        name = _file_name(options)
        self._is_file = bool(name)
        if name:
            self._files += 1
            self.name = name
        if self._files > 1:
            message = "the form has several files: send one at a time"
            raise BadRequestError(message)

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self._found += memoryview(data)[start:end]
        else:
            self._other += end - start

    def _ended(self) -> None:
        self._is_done = True
