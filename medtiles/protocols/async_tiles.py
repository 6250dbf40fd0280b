"""Tiles for the event loop: what is at hand is answered at once, all else by one hop to a thread or to the engine."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from medtiles.core.errors import BusyError
from medtiles.core.frames import FrameRequest, TravelFrame
from medtiles.core.heat import Heat
from medtiles.core.limits import Limits
from medtiles.core.pyramid import ImageInfo
from medtiles.core.tiles import ImageQuery, Tiles
from medtiles.core.uploads import Uploads
from medtiles.core.view import Request
from medtiles.protocols.jpip_service import JpipService
from medtiles.protocols.parameters import image_id
from transcode.frames import EncodedFrame

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
"""ASGI's receive."""

_T = TypeVar("_T")
_THREADS = 8
_MOST_CALLS = 256
_FRAMES_AT_ONCE = 4
"""That one request has in work."""


class ClientGoneError(Exception):
    """The client closed its connection before the answer was ready; nobody is left to be told."""


@dataclass(frozen=True, slots=True)
class Beside:
    """What a server offers beside tiles; None: it does not."""

    uploads: Uploads | None = None
    """Where images that clients bring go."""
    jpip: JpipService | None = None
    heat: Heat | None = None
    """Counts of what is looked at."""


class AsyncTiles:
    """What protocols over HTTP stand on. Used on one event loop."""

    def __init__(
        self,
        tiles: Tiles,
        timeout: float = 60.0,
        limits: Limits = Limits(),
        rights: str | None = None,
        beside: Beside = Beside(),
    ) -> None:
        """See GatewayOptions.

        :param timeout: seconds that an answer may take
        """
        self.tiles = tiles
        self.limits = limits
        self.rights = rights
        self.uploads = beside.uploads
        self.jpip = beside.jpip
        self.heat = beside.heat
        self._timeout = timeout
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="http")
        self._calls = 0

    def close(self) -> None:
        """Let go of the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def call(self, function: Callable[..., _T], *arguments: Any) -> _T:  # noqa: ANN401 - the function's own
        """Call a verb of `Tiles` that may wait, in a thread.

        :raises BusyError: too many such calls wait already
        :raises TimeoutError: it takes too long; the thread goes on, its result is dropped
        """
        if self._calls >= _MOST_CALLS:
            message = f"{self._calls} requests wait already"
            raise BusyError(message)
        self._calls += 1
        future = asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)
        future.add_done_callback(self._call_ended)
        return await asyncio.wait_for(asyncio.shield(future), self._timeout)

    async def info(self, image: str) -> ImageInfo:
        """Everything about an image; see `Tiles.info`."""
        known = self.tiles.known_info(image)
        return known if known is not None else await self.call(self.tiles.info, image)

    async def image_named(self, name: str) -> str:
        """The id of an image that is named by it, or by its file's path below a served folder.

        :raises ImageNotFoundError: there is none
        """
        if self.tiles.known_info(name) is not None:
            return name
        page = await self.call(self.tiles.images, ImageQuery(path=name, limit=1))
        return page.images[0].id if page.images else image_id(name)

    async def picture(self, request: Request, version: str, receive: Receive) -> EncodedFrame:
        """A picture of this version of the image; the work is withdrawn when the client goes away.

        :raises ClientGoneError: it did
        :raises TimeoutError: it takes too long
        :raises FileChangedError: the image was replaced meanwhile, so the picture may be of another version
        """
        frame = self.tiles.answer(request)
        if frame is None:
            frame = await self._made(request, receive)
            self.require_unchanged(request.image, version)
        return frame

    def require_unchanged(self, image: str, version: str) -> None:
        """Refuse when the image is known to be another version by now.

        :raises FileChangedError: it is
        """
        info = self.tiles.known_info(image)
        if info is not None:
            info.require_version(version)

    async def frames(
        self, requests: Sequence[FrameRequest], receive: Receive, take: Callable[[TravelFrame], object]
    ) -> None:
        """DICOM frames, each taken in its turn; the work is withdrawn when the client goes away.

        :raises ClientGoneError, TimeoutError: as `picture`; and what `Frames.frame` raises, or `take`
        """
        await self._wanted(self._frames(requests, take), receive)

    async def _frames(self, requests: Sequence[FrameRequest], take: Callable[[TravelFrame], object]) -> None:
        for start in range(0, len(requests), _FRAMES_AT_ONCE):
            for frame in await asyncio.gather(*map(self._frame, requests[start : start + _FRAMES_AT_ONCE])):
                take(frame)

    async def _frame(self, request: FrameRequest) -> TravelFrame:
        """What is at hand does not wait behind what must be decoded."""
        frames = self.tiles.frames
        found = await self.call(frames.answer, request)
        return found if found is not None else await asyncio.wrap_future(frames.submit(request))

    async def _made(self, request: Request, receive: Receive) -> EncodedFrame:
        return await self._wanted(asyncio.wrap_future(self.tiles.submit(request)), receive)

    async def _wanted(self, work: asyncio.Future[_T] | Coroutine[Any, Any, _T], receive: Receive) -> _T:
        """What comes of some work, which is cancelled when the client goes away or it takes too long."""
        future = asyncio.ensure_future(work)
        leaving = asyncio.ensure_future(gone(receive))
        first: set[asyncio.Future[Any]] = {future, leaving}
        try:
            await asyncio.wait(first, timeout=self._timeout, return_when=asyncio.FIRST_COMPLETED)
            if future.done():
                return future.result()
            if leaving.done():
                raise ClientGoneError
            message = f"no picture after {self._timeout:g} seconds"
            raise TimeoutError(message)
        finally:
            leaving.cancel()
            future.cancel()

    def _call_ended(self, future: asyncio.Future[Any]) -> None:
        self._calls -= 1
        with suppress(asyncio.CancelledError):
            future.exception()


async def gone(receive: Receive) -> None:
    """Wait until the client goes away; what it still sends is dropped."""
    while (await receive())["type"] != "http.disconnect":
        pass
