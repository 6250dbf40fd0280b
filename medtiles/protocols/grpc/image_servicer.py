"""Messages in, `Tiles`, messages out: the verbs that find and describe images."""

from __future__ import annotations

from hashlib import blake2b

import grpc

from medtiles.api.v1 import images_pb2 as pb
from medtiles.api.v1.images_pb2_grpc import ImageServiceServicer
from medtiles.core.errors import BadRequestError, NotCountedError
from medtiles.core.heat import Heat
from medtiles.core.tiles import ImageQuery
from medtiles.core.view import AssociatedName
from medtiles.protocols.grpc import image_messages, messages
from medtiles.protocols.grpc.calls import Edge, unary
from medtiles.protocols.grpc.pictures import Pictures
from medtiles.protocols.grpc.renditions import rendition_of
from medtiles.protocols.kept import kept_text

_PAGE = 100
_MOST_QUERY = 16384
_USUAL_HOT = 1000
MOST_HOT = 10_000
"""Hot tiles of one answer."""
MOST_LISTED = 1000
"""Images of one page."""


class ImageServicer(ImageServiceServicer):
    """medtiles.api.v1.ImageService."""

    def __init__(self, pictures: Pictures, heat: Heat | None = None) -> None:
        self._pictures = pictures
        self._heat = heat
        self._tiles = pictures.tiles

    @property
    def edge(self) -> Edge:
        """What all calls of the server share."""
        return self._pictures.edge

    @unary
    def ListImages(  # noqa: N802
        self,
        request: pb.ListImagesRequest,
        context: grpc.ServicerContext,  # noqa: ARG002 - the port of gRPC
    ) -> pb.ListImagesResponse:
        """One page of the listing."""
        query = _query(request)
        page = self._tiles.images(query)
        end = query.offset + len(page.images)
        has_more = bool(page.images) and end < page.total
        return pb.ListImagesResponse(
            images=[image_messages.summary(each) for each in page.images],
            next_page_token=_token(request, end) if has_more else "",
            total_size=page.total,
            is_scanning=page.is_scanning,
        )

    @unary
    def GetImage(  # noqa: N802
        self,
        request: pb.GetImageRequest,
        context: grpc.ServicerContext,  # noqa: ARG002
    ) -> pb.GetImageResponse:
        """Everything about an image but its pixels."""
        info = self._pictures.info(request.image)
        if request.known_version and request.known_version == info.version:
            return pb.GetImageResponse(is_unchanged=True)
        return pb.GetImageResponse(image=image_messages.image(request.image, info))

    @unary
    def GetDisplay(  # noqa: N802
        self,
        request: pb.GetDisplayRequest,
        context: grpc.ServicerContext,  # noqa: ARG002
    ) -> pb.GetDisplayResponse:
        """How a plane is shown."""
        self._pictures.info(request.image).require_plane(request.plane)
        return pb.GetDisplayResponse(display=image_messages.display(self._tiles.display(request.image, request.plane)))

    @unary
    def ListChannels(  # noqa: N802
        self,
        request: pb.ListChannelsRequest,
        context: grpc.ServicerContext,  # noqa: ARG002
    ) -> pb.ListChannelsResponse:
        """The channels of an image, and their values."""
        reports = self._tiles.channels(request.image)
        return pb.ListChannelsResponse(channels=map(image_messages.channel_report, reports))

    @unary
    def KeepRendering(  # noqa: N802
        self,
        request: pb.KeepRenderingRequest,
        context: grpc.ServicerContext,  # noqa: ARG002
    ) -> pb.KeepRenderingResponse:
        """Keep a rendering of an image."""
        query = request.query.encode("utf-8")
        if len(query) > _MOST_QUERY:
            message = f"query: {len(query)} bytes, at most {_MOST_QUERY}"
            raise BadRequestError(message)
        text = kept_text(request.query, self._pictures.info(request.image))
        kept = self._tiles.keep_rendering(request.image, text)
        return pb.KeepRenderingResponse(rendering=image_messages.kept_rendering(kept))

    @unary
    def GetRendering(  # noqa: N802
        self,
        request: pb.GetRenderingRequest,
        context: grpc.ServicerContext,  # noqa: ARG002
    ) -> pb.GetRenderingResponse:
        """A rendering that is kept."""
        kept = self._tiles.kept_rendering(request.hash)
        return pb.GetRenderingResponse(rendering=image_messages.kept_rendering(kept))

    @unary
    def ListHotTiles(  # noqa: N802
        self,
        request: pb.ListHotTilesRequest,
        context: grpc.ServicerContext,  # noqa: ARG002
    ) -> pb.ListHotTilesResponse:
        """The tiles that are looked at most."""
        if self._heat is None:
            message = "the server does not count what is looked at: it was started without --hotspots"
            raise NotCountedError(message)
        if not 0 <= request.limit <= MOST_HOT:
            message = f"limit {request.limit}: at most {MOST_HOT}"
            raise BadRequestError(message)
        self._pictures.info(request.image)
        level = request.level if request.HasField("level") else None
        found = self._heat.tiles(request.image, request.limit or _USUAL_HOT, level)
        return image_messages.hot_tiles(found)

    @unary
    def GetAssociatedImage(  # noqa: N802
        self, request: pb.GetAssociatedImageRequest, context: grpc.ServicerContext
    ) -> pb.GetAssociatedImageResponse:
        """A picture that comes with an image."""
        max_side = request.max_side if request.HasField("max_side") else None
        if max_side is not None and max_side < 1:
            message = f"max_side {max_side}: it must be at least 1"
            raise BadRequestError(message)
        rendition = rendition_of(request.rendition)
        info = self._pictures.info(request.image, request.version)
        what = AssociatedName(request.name, max_side)
        etag = rendition.entity_tag(info.version, what)
        if request.if_none_match == etag:
            return pb.GetAssociatedImageResponse(etag=etag, is_not_modified=True, version=info.version)
        frame = self._pictures.picture(info, rendition.request(request.image, what), context)
        response = pb.GetAssociatedImageResponse(etag=etag, version=info.version)
        messages.put_frame(response.frame, frame)
        return response


def _query(request: pb.ListImagesRequest) -> ImageQuery:
    """What to list.

    :raises BadRequestError: a negative number, or a token of another listing
    """
    if request.page_size < 0 or request.skip < 0:
        message = f"page_size {request.page_size}, skip {request.skip}: neither may be negative"
        raise BadRequestError(message)
    offset = request.skip + (_offset(request) if request.page_token else 0)
    limit = min(request.page_size or _PAGE, MOST_LISTED)
    return ImageQuery(request.search, request.kind, request.study_uid, offset, limit, request.path)


def _token(request: pb.ListImagesRequest, offset: int) -> str:
    filters = "\n".join((request.search, request.kind, request.study_uid, request.path))
    return f"{offset:x}-{blake2b(filters.encode(), digest_size=6).hexdigest()}"


def _offset(request: pb.ListImagesRequest) -> int:
    try:
        offset = int(request.page_token[:8].partition("-")[0], 16)
    except ValueError:
        offset = -1
    if offset < 0 or request.page_token != _token(request, offset):
        message = f"page_token {request.page_token[:32]!a} is of no listing with these filters"
        raise BadRequestError(message)
    return offset
