"""Pictures of one version of an image, made in the cheapest way that the engine has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import grpc

from medtiles.core.pyramid import ImageInfo, TileKey
from medtiles.core.tiles import Tiles
from medtiles.core.view import Request
from medtiles.protocols.grpc.batches import Batch, Outcome
from medtiles.protocols.grpc.calls import Edge
from transcode.errors import FileChangedError
from transcode.frames import EncodedFrame


@dataclass(frozen=True)
class Pictures:
    """What the verbs that give pixels stand on. Safe to call from several threads."""

    tiles: Tiles
    edge: Edge

    def info(self, image: str, version: str = "") -> ImageInfo:
        """The image, which must be of this version unless it is empty.

        :raises FileChangedError: it is another version
        """
        info = self.tiles.known_info(image) or self.tiles.info(image)
        if version and version != info.version:
            message = f"the image is of version {info.version} now, no longer {version[:40]!a}: describe it anew"
            raise FileChangedError(message)
        return info

    def require_unchanged(self, image: str, info: ImageInfo) -> None:
        """Refuse pixels that may be of another version than the description which they were asked for with.

        :raises FileChangedError: the file was replaced meanwhile
        """
        now = self.tiles.known_info(image)
        if now is not None:
            now.require_version(info.version)

    def picture(self, info: ImageInfo, request: Request, context: grpc.ServicerContext) -> EncodedFrame:
        """A picture; work for it is withdrawn when the client goes away.

        :raises CancelledError, TimeoutError: it did, or its deadline has passed
        """
        frame = self.cheap(info, request)
        if frame is None:
            frame = self.edge.wait(self.tiles.submit(request), context)
        self.require_unchanged(request.image, info)
        return frame

    def outcomes(
        self, image: str, info: ImageInfo, requests: Iterable[Request], context: grpc.ServicerContext
    ) -> Iterator[tuple[int, Outcome] | None]:
        """Index and picture of each request as they become ready, or why there is none; see `Batch.outcomes`.

        :raises FileChangedError: the file was replaced meanwhile
        """
        find = partial(self.cheap, info)
        batch = Batch(self.tiles, find, context, partial(self.edge.seconds_left, context))
        for outcome in batch.outcomes(requests):
            self.require_unchanged(image, info)
            yield outcome

    def cheap(self, info: ImageInfo, request: Request) -> EncodedFrame | None:
        """The picture, when it is at hand or needs but one read: a hop to a worker would cost more than that."""
        key = request.what
        is_stored = (
            isinstance(key, TileKey)
            and request.quality is None
            and request.windowing is None
            and request.finish is None
            and (info.pixels.bits_allocated == 8 or not request.is_display)
            and 0 <= key.level < len(info.levels)
            and (media_type := info.levels[key.level].media_type) is not None
            and (media_type in request.accept or "*/*" in request.accept)
        )
        return self.tiles.produce(request) if is_stored else self.tiles.answer(request)
