"""RemoteTiles: an engine in another process or on another machine, behind the same port as one in this process.

Theory of operation. What was last told of an image is kept with its version, and every later request names that
version, so that the pixels of a replaced file are never taken for those of the description at hand. Pictures are kept
too, for as long as the description is trusted. A call that is cancelled here is cancelled there, its work withdrawn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc

from medtiles.api.v1 import images_pb2, tiles_pb2
from medtiles.core.channels import ChannelReport
from medtiles.core.display import Display
from medtiles.core.errors import BusyError
from medtiles.core.heat import HotTiles
from medtiles.core.pyramid import ImageInfo, TileKey
from medtiles.core.tiles import ImagePage, ImageQuery, KeptRendering
from medtiles.core.view import Refinement, Request, View
from medtiles.protocols.grpc import image_messages, messages, requests, streams
from medtiles.protocols.grpc.described import Descriptions
from medtiles.protocols.grpc.errors import error_of_call
from medtiles.protocols.grpc.frame_cache import FrameCache
from medtiles.protocols.grpc.lines import Lines, call, stream
from medtiles.protocols.grpc.messages import MOST_SAMPLE_BYTES, MOST_TILES, sample_bytes
from medtiles.protocols.grpc.remote_frames import RemoteFrames
from medtiles.protocols.grpc.remote_studies import RemoteStudies
from medtiles.protocols.grpc.renditions import rendition
from medtiles.protocols.grpc.tls import ClientTls
from medtiles.protocols.grpc.viewport import Viewport
from transcode.codecs import ENCODINGS
from transcode.errors import FileChangedError
from transcode.frames import EncodedFrame, PixelArray

_T = TypeVar("_T")
_PAGE = 1000
_KEYS = 4096
"""Tiles that one stream is asked for; more make more streams."""

Outcome = EncodedFrame | Exception
"""A tile, or why there is none."""


@dataclass(frozen=True, slots=True)
class RemoteOptions:
    """How to use a far engine."""

    timeout: float = 60.0
    """Seconds that one answer may take."""
    stream_timeout: float = 600.0
    """Seconds that a stream may take from its first to its last message."""
    connections: int = 4
    """So many processes of a far server can be used; each connection leads to one of them."""
    calls: int = 1024
    """Pictures that may be asked for at a time; more are refused as busy."""
    trusted_for: float = 1.0
    """Seconds for which a description is used without asking whether the file has changed."""
    cache_bytes: int = 32 * 1024 * 1024
    """For pictures; 0: none are kept."""


class RemoteTiles:
    """The Tiles of a far engine. Safe to call from several threads.

    Errors are those that the far engine raised. Besides: BusyError when it cannot be reached, TimeoutError when it does
    not answer in time, CancelledError when a call is ended from outside, MedTilesError when it failed unforeseen.
    """

    def __init__(self, address: str, *, tls: ClientTls | None = None, options: RemoteOptions | None = None) -> None:
        """Reach HOST:PORT when first asked for something.

        :raises ValueError: the files of TLS are no good
        """
        self._options = options or RemoteOptions()
        self._lines = Lines(address, tls, self._options.connections)
        self._descriptions = Descriptions(self._options.trusted_for)
        self._frames = FrameCache(self._options.cache_bytes)
        self._encodings = {encoding.name: encoding for encoding in ENCODINGS}
        self._under_way: set[Future[EncodedFrame]] = set()
        self.frames = RemoteFrames(self._lines, self._options.timeout, self._options.stream_timeout)
        """Frames of DICOM instances as they travel."""
        self.studies = RemoteStudies(self._lines, self._options.timeout, self._options.stream_timeout)
        """The DICOM instances by their UIDs."""

    # -- what there is ------------------------------------------------------------------------------------------

    def images(self, query: ImageQuery) -> ImagePage:
        """List images."""
        found: list[images_pb2.ImageSummary] = []
        while True:
            message = images_pb2.ListImagesRequest(
                page_size=max(1, min(_PAGE, query.limit - len(found))),
                skip=query.offset + len(found),
                search=requests.image_id(query.search),
                kind=requests.image_id(query.kind),
                study_uid=requests.image_id(query.study_uid),
                path=requests.image_id(query.path),
            )
            page = call(self._lines.line.images.ListImages, message, self._options.timeout)
            found += page.images
            if len(found) >= query.limit or not page.next_page_token:
                break
        return ImagePage(tuple(map(image_messages.summary_of, found[: query.limit])), page.total_size, page.is_scanning)

    def info(self, image: str) -> ImageInfo:
        """Everything about an image; asked for again when it was last told a while ago."""
        fresh = self._descriptions.fresh(image)
        if fresh is not None:
            return fresh
        last = self._descriptions.last(image)
        message = images_pb2.GetImageRequest(
            image=requests.image_id(image), known_version=last.version if last is not None else ""
        )
        answer = call(self._lines.line.images.GetImage, message, self._options.timeout)
        info = last if last is not None and answer.is_unchanged else image_messages.info_of(answer.image)
        self._descriptions.put(image, info)
        return info

    def known_info(self, image: str) -> ImageInfo | None:
        """The same without asking, when it was lately told."""
        return self._descriptions.fresh(image)

    def display(self, image: str, plane: int) -> Display:
        """How a plane is shown by default."""
        message = images_pb2.GetDisplayRequest(image=requests.image_id(image), plane=requests.plane_index(plane))
        answer = call(self._lines.line.images.GetDisplay, message, self._options.timeout)
        return image_messages.display_of(answer.display)

    # -- pictures -----------------------------------------------------------------------------------------------

    def channels(self, image: str) -> tuple[ChannelReport, ...]:
        """The channels of an image and the values of each."""
        message = images_pb2.ListChannelsRequest(image=requests.image_id(image))
        answer = call(self._lines.line.images.ListChannels, message, self._options.timeout)
        return tuple(map(image_messages.channel_report_of, answer.channels))

    def hot_tiles(self, image: str, limit: int, level: int | None = None) -> HotTiles:
        """What is looked at most of an image.

        :raises NotCountedError: the server does not count
        """
        message = images_pb2.ListHotTilesRequest(image=requests.image_id(image), limit=limit, level=level)
        return image_messages.hot_tiles_of(call(self._lines.line.images.ListHotTiles, message, self._options.timeout))

    def keep_rendering(self, image: str, text: str) -> KeptRendering:
        """Keep what a protocol says of a rendering of the image as it is now."""
        message = images_pb2.KeepRenderingRequest(image=requests.image_id(image), query=text)
        answer = call(self._lines.line.images.KeepRendering, message, self._options.timeout)
        return image_messages.kept_rendering_of(answer.rendering)

    def kept_rendering(self, name: str) -> KeptRendering:
        """The one of a hash."""
        message = images_pb2.GetRenderingRequest(hash=requests.image_id(name))
        answer = call(self._lines.line.images.GetRendering, message, self._options.timeout)
        return image_messages.kept_rendering_of(answer.rendering)

    def answer(self, request: Request) -> EncodedFrame | None:
        """The picture, when it is kept here and its description is trusted."""
        info = self._descriptions.fresh(request.image)
        return None if info is None else self._frames.get((info.version, request))

    def produce(self, request: Request) -> EncodedFrame:
        """The picture, waited for."""
        found = self.answer(request)
        if found is not None:
            return found

        def ask(version: str) -> EncodedFrame:
            message = requests.picture_request(request, version)
            verb = self._lines.line.picture_verb(message)
            return self._kept(request, call(verb, message, self._options.timeout))

        return self._versioned(request.image, ask)

    def submit(self, request: Request) -> Future[EncodedFrame]:
        """The picture. Cancelling cancels the call, and the far engine withdraws the work.

        :raises BusyError: too many are under way
        """
        waiter: Future[EncodedFrame] = Future()
        found = self.answer(request)
        if found is not None:
            waiter.set_result(found)
            return waiter
        if len(self._under_way) >= self._options.calls:
            message = f"{self._options.calls} pictures are waited for already"
            raise BusyError(message)
        asked = requests.picture_request(request, self._last_version(request.image))
        pending = self._lines.line.picture_verb(asked).future(asked, timeout=self._options.timeout)
        self._under_way.add(waiter)

        def withdraw(done: Future[EncodedFrame]) -> None:
            self._under_way.discard(done)
            if done.cancelled():
                pending.cancel()

        waiter.add_done_callback(withdraw)
        pending.add_done_callback(lambda done: self._settle(waiter, request, done))
        return waiter

    def tiles(self, image: str, keys: Sequence[TileKey], like: Request) -> Iterator[tuple[int, Outcome]]:
        """Index and picture of many tiles in one call, or why there is none; wanted as `like` is, in order."""
        how = rendition(like)
        for start in range(0, len(keys), MOST_TILES):
            message = requests.tiles_request(image, keys[start : start + MOST_TILES], self._last_version(image))
            message.rendition.CopyFrom(how)
            answer = self._watched(image, call, self._lines.line.tiles.GetTiles, message, self._options.timeout)
            for result in answer.results:
                yield start + result.index, streams.outcome_of(result, self._encodings)

    def stream_tiles(self, image: str, keys: Sequence[TileKey], like: Request) -> Iterator[tuple[int, Outcome]]:
        """The same, each tile as soon as it is ready."""
        how = rendition(like)
        for start in range(0, len(keys), _KEYS):
            asked = requests.tiles_request(image, keys[start : start + _KEYS], self._last_version(image))
            message = tiles_pb2.StreamTilesRequest(
                image=asked.image, keys=asked.keys, rendition=how, version=asked.version
            )
            answers = stream(self._lines.line.tiles.StreamTiles, message, self._options.stream_timeout)
            while (answer := self._watched(image, next, answers, None)) is not None:
                for result in answer.results:
                    yield start + result.index, streams.outcome_of(result, self._encodings)

    def samples(self, image: str, what: View | TileKey) -> PixelArray:
        """Samples with all their bits."""
        pixels = self.info(image).pixels

        def ask(version: str) -> PixelArray:
            if isinstance(what, View) and 0 <= sample_bytes(what.size, pixels) <= MOST_SAMPLE_BYTES:
                small = requests.region_samples_request(image, what, version)
                answer = call(self._lines.line.tiles.GetRegion, small, self._options.timeout)
                return streams.samples_in(answer.samples, bytearray(answer.samples.data))
            message = requests.samples_request(image, what, version)
            return streams.samples_of(stream(self._lines.line.tiles.ReadRegion, message, self._options.stream_timeout))

        return self._versioned(image, ask)

    def refinements(self, image: str, key: TileKey, offset: int = 0) -> Iterator[Refinement]:
        """A stored JPEG 2000 or HTJ2K tile, cut at its resolutions, from a byte offset on."""

        def ask(version: str) -> Iterator[Refinement]:
            message = requests.refinements_request(image, key, offset, version)
            pieces = stream(self._lines.line.tiles.StreamRefinements, message, self._options.stream_timeout)
            return streams.begun(streams.refinements_of(pieces))

        return self._versioned(image, ask)

    def viewport(self, byte_rate: int = 0) -> Viewport:
        """A conversation about what somebody looks at, until it is closed.

        :raises BadRequestError: no such rate
        """
        return Viewport(self._lines.line.viewports.Look, byte_rate)

    # -- how ----------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """End the connections; calls under way are cancelled."""
        self._lines.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _last_version(self, image: str) -> str:
        last = self._descriptions.last(image)
        return last.version if last is not None else ""

    def _versioned(self, image: str, ask: Callable[[str], _T]) -> _T:
        """What is asked of the version at hand; once more of the present version when that is another."""
        version = self._last_version(image)
        try:
            return ask(version)
        except FileChangedError:
            self._descriptions.forget(image)
            if not version:
                raise
        return ask(self.info(image).version)

    def _watched(self, image: str, ask: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401 - as `call`
        """What is asked; when the image has changed, its description is forgotten."""
        try:
            return ask(*arguments)
        except FileChangedError:
            self._descriptions.forget(image)
            raise

    def _kept(self, request: Request, answer: Any) -> EncodedFrame:  # noqa: ANN401 - one of three answers, alike
        frame = messages.encoded_frame_of(answer.frame, self._encodings)
        self._frames.put((answer.version, request), frame)
        return frame

    def _settle(self, waiter: Future[EncodedFrame], request: Request, pending: Any) -> None:  # noqa: ANN401 - gRPC's own
        """Hand what became of a call to the one who waits for it."""
        if not waiter.set_running_or_notify_cancel():
            return
        try:
            waiter.set_result(self._kept(request, pending.result()))
        except grpc.FutureCancelledError:
            waiter.set_exception(CancelledError("the connection was closed"))
        except grpc.RpcError as error:
            failure = error_of_call(error)
            if isinstance(failure, FileChangedError):
                self._descriptions.forget(request.image)
            waiter.set_exception(failure)
        except Exception as error:  # noqa: BLE001 - it is handed to the one who waits
            waiter.set_exception(error)
