"""The fast way of tiles: from an address to a reply, past the router.

For an address it remembers the engine's request and the entity tag. What is remembered is used only while the image's
version is the one it was made for, so a replaced file is never served by an old memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from medtiles.core.limits import Limits
from medtiles.core.pyramid import ImageInfo
from medtiles.core.view import Request
from medtiles.protocols import kept, replies
from medtiles.protocols.async_tiles import AsyncTiles, Receive
from medtiles.protocols.replies import Reply
from medtiles.protocols.versions import caching
from transcode.frames import EncodedFrame

_REMEMBERED = 1024
"""Addresses whose meaning is kept, 1 kB each: more than tiles that the engine keeps."""
_LONGEST = 512


class Choices(Protocol):
    """What the query string of a tile chooses."""

    @property
    def version(self) -> str | None:
        """The version of the image that it names."""


class TileAddress(Protocol):
    """What the address of a tile says."""

    @property
    def image(self) -> str:
        """The image's id."""

    @property
    def choices(self) -> Choices:
        """What the query string chooses."""


class TileProtocol(Protocol):
    """A module whose tiles go the fast way. Its functions are pure."""

    @property
    def PREFIXES(self) -> tuple[str, ...]:  # noqa: N802 - a module's constant
        """What the paths of its tiles begin with: a slash, a word, a slash; or whole paths of one word."""

    @property
    def NAME(self) -> str:  # noqa: N802
        """Of the route, in metrics and logs."""

    @property
    def IS_NAMED_BY_PATH(self) -> bool:  # noqa: N802
        """Whether its addresses may name an image by the path of its file, too."""

    def read_tile_address(self, path: str, query_string: bytes) -> Any:  # noqa: ANN401 - each has its own TileAddress
        """What the address of a tile says; None when it is not one."""

    def tile_request(self, address: Any, info: ImageInfo, limits: Limits) -> Request:  # noqa: ANN401
        """What to ask the engine for."""

    def tile_headers(self, address: Any, info: ImageInfo, limits: Limits) -> replies.Headers:  # noqa: ANN401
        """What the answer says beside what every picture's says."""


class _Remembered:
    """What is known of an address. `headers` are the last answer's and `head` is their text: the next is alike."""

    __slots__ = ("cache", "etag", "head", "headers", "image", "length", "more", "name", "request", "version")

    def __init__(self, name: str, request: Request, info: ImageInfo, cache: str, more: replies.Headers) -> None:
        self.name = name
        self.image = request.image
        self.version = info.version
        self.request = request
        self.etag = replies.request_tag(info, request)
        self.cache = cache
        self.more = more
        self.length = -1
        self.headers: replies.Headers = []
        self.head = b""

    def fill(self, frame: EncodedFrame, shared: replies.Headers) -> None:
        """Make the header for this picture."""
        self.length = len(frame.data)
        self.headers = [*replies.picture_headers(frame, self.etag, self.cache), *self.more, *shared]
        self.head = b"".join(b"%s: %s\r\n" % line for line in self.headers) + b"\r\n"


class AtHand(NamedTuple):
    """A tile that can be sent at once."""

    route: str
    headers: replies.Headers
    head: bytes
    """The header's text, with the empty line."""
    body: bytes


class TileWay:
    """Replies to the addresses of tiles. Used on one event loop."""

    def __init__(
        self, tiles: AsyncTiles, protocols: Sequence[TileProtocol], max_age: int, shared: replies.Headers
    ) -> None:
        """`shared`: what every answer to a request without an origin says besides."""
        self._shared = shared
        self._tiles = tiles
        self._known_info = tiles.tiles.known_info
        self._answer = tiles.tiles.answer
        self._by_prefix = {prefix: protocol for protocol in protocols for prefix in protocol.PREFIXES}
        self._max_age = max_age
        self._remembered: dict[tuple[str, bytes], _Remembered] = {}

    def protocol_of(self, path: str) -> TileProtocol | None:
        """Whose tiles the path may name."""
        path = kept.split(path).path
        return self._by_prefix.get(path[: path.find("/", 1) + 1] or path)

    def at_hand(self, path: str, query_string: bytes) -> AtHand | None:
        """A tile that the engine holds, at an address known from before."""
        known = self._remembered.get((path, query_string))
        if known is None:
            return None
        info = self._known_info(known.image)
        if info is None or info.version != known.version:
            return None
        frame = self._answer(known.request)
        if frame is None:
            return None
        if known.length != len(frame.data):
            known.fill(frame, self._shared)
        return AtHand(known.name, known.headers, known.head, frame.data)

    async def reply(
        self, protocol: TileProtocol, path: str, query_string: bytes, headers: Mapping[bytes, bytes], receive: Receive
    ) -> Reply | None:
        """The tile; 304 when the client has it, before anything is made; None when the path names no tile."""
        known = await self._known(protocol, path, query_string)
        if known is None:
            return None
        if_none_match = headers.get(b"if-none-match")
        if if_none_match is not None and replies.matches(if_none_match, known.etag):
            return replies.not_modified(known.etag, known.cache)
        frame = await self._tiles.picture(known.request, known.version, receive)
        return Reply(200, [*replies.picture_headers(frame, known.etag, known.cache), *known.more], frame.data)

    async def _known(self, protocol: TileProtocol, path: str, query_string: bytes) -> _Remembered | None:
        """What the address asks of the image as it is now; None when it names no tile."""
        known = self._remembered.get((path, query_string))
        if known is not None and (await self._tiles.info(known.image)).version == known.version:
            return known
        name, plain = kept.split(path)
        address = protocol.read_tile_address(plain, query_string)
        if address is None:
            return None
        name = name or getattr(address.choices, "kept", "")
        if name:
            address = kept.chosen(address, await self._tiles.call(self._tiles.tiles.kept_rendering, name))
        if protocol.IS_NAMED_BY_PATH:
            address = address._replace(image=await self._tiles.image_named(address.image))
        info = await self._tiles.info(address.image)
        cache = caching(address.choices.version, self._max_age)
        request = protocol.tile_request(address, info, self._tiles.limits)
        more = protocol.tile_headers(address, info, self._tiles.limits)
        known = _Remembered(protocol.NAME, request, info, cache, more)
        self._remember(path, query_string, known)
        return known

    def _remember(self, path: str, query_string: bytes, known: _Remembered) -> None:
        if len(path) + len(query_string) > _LONGEST:
            return
        self._remembered.pop((path, query_string), None)
        if len(self._remembered) >= _REMEMBERED:
            del self._remembered[next(iter(self._remembered))]
        self._remembered[path, query_string] = known
