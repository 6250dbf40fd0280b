"""Messages in, `Tiles`, messages out: the verbs that give pixels."""

from __future__ import annotations

from collections.abc import Iterator
from operator import itemgetter

import grpc

from medtiles.api.v1 import tiles_pb2 as pb
from medtiles.api.v1.tiles_pb2_grpc import TileServiceServicer
from medtiles.core.errors import BadRequestError, ViewTooLargeError
from medtiles.core.pyramid import ImageInfo, TileKey
from medtiles.core.view import Refinement, View
from medtiles.protocols.grpc import messages
from medtiles.protocols.grpc.asked import asked_tile
from medtiles.protocols.grpc.batches import Outcome
from medtiles.protocols.grpc.calls import Edge, stream, unary
from medtiles.protocols.grpc.pictures import Pictures
from medtiles.protocols.grpc.renditions import rendition_of
from medtiles.protocols.grpc.results import Results
from transcode.frames import PixelArray

CHUNK = 1024 * 1024
"""Bytes of one chunk of a stream."""
_MOST_REDUCTION = 32


class TileServicer(TileServiceServicer):
    """medtiles.api.v1.TileService."""

    def __init__(self, pictures: Pictures) -> None:
        self._pictures = pictures
        self._tiles = pictures.tiles
        self.edge: Edge = pictures.edge

    @unary
    def GetTile(self, request: pb.GetTileRequest, context: grpc.ServicerContext) -> pb.GetTileResponse:  # noqa: N802
        """One tile."""
        asked = asked_tile(request)
        info = self._pictures.info(asked.request.image, asked.version)
        etag = asked.rendition.entity_tag(info.version, asked.key)
        if asked.if_none_match == etag:
            info.require(asked.key)
            return pb.GetTileResponse(etag=etag, is_not_modified=True, version=info.version)
        frame = self._pictures.picture(info, asked.request, context)
        response = pb.GetTileResponse(etag=etag, version=info.version)
        messages.put_frame(response.frame, frame)
        return response

    @unary
    def GetTiles(self, request: pb.GetTilesRequest, context: grpc.ServicerContext) -> pb.GetTilesResponse:  # noqa: N802
        """Some tiles in one answer."""
        results, outcomes = self._outcomes(request, messages.MOST_TILES, context)
        response = pb.GetTilesResponse(version=results.version)
        for index, outcome in sorted(filter(None, outcomes), key=itemgetter(0)):
            results.put(response.results.add(), index, outcome)
        return response

    @stream
    def StreamTiles(  # noqa: N802
        self, request: pb.StreamTilesRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.StreamTilesResponse]:
        """Many tiles, each as soon as it is ready."""
        results, outcomes = self._outcomes(request, messages.MOST_STREAMED, context)
        yield from results.packed(outcomes)

    @unary
    def GetRegion(  # noqa: N802
        self, request: pb.GetRegionRequest, context: grpc.ServicerContext
    ) -> pb.GetRegionResponse:
        """A region in one answer."""
        view = messages.view_of(request)
        rendition = rendition_of(request.rendition)
        info = self._pictures.info(request.image, request.version)
        if request.as_samples:
            _require_small(info, view)
            pixels = self._samples(request.image, info, view)
            described = messages.samples(pixels, messages.packed_samples(pixels).tobytes())
            return pb.GetRegionResponse(samples=described, version=info.version)
        frame = self._pictures.picture(info, rendition.request(request.image, view), context)
        response = pb.GetRegionResponse(version=info.version)
        messages.put_frame(response.frame, frame)
        return response

    @stream
    def ReadRegion(  # noqa: N802
        self, request: pb.ReadRegionRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.ReadRegionResponse]:
        """A region or a tile in chunks."""
        what = messages.tile_key_of(request.tile) if request.HasField("tile") else messages.view_of(request)
        rendition = rendition_of(request.rendition)
        info = self._pictures.info(request.image, request.version)
        if request.as_samples:
            pixels = self._samples(request.image, info, what)
            data = messages.packed_samples(pixels)
            first = pb.ReadRegionResponse(samples=messages.samples(pixels))
        else:
            frame = self._pictures.picture(info, rendition.request(request.image, what), context)
            data = memoryview(frame.data)
            first = pb.ReadRegionResponse()
            messages.describe_frame(first.frame, frame)
        first.total_bytes, first.version = len(data), info.version
        yield first
        for start in range(0, len(data), CHUNK):
            yield pb.ReadRegionResponse(chunk=bytes(data[start : start + CHUNK]))

    @stream
    def StreamRefinements(  # noqa: N802
        self,
        request: pb.StreamRefinementsRequest,
        context: grpc.ServicerContext,  # noqa: ARG002 - the port of gRPC
    ) -> Iterator[pb.StreamRefinementsResponse]:
        """A stored codestream, cut where a resolution is complete."""
        if not 0 <= request.until_reduction <= _MOST_REDUCTION:
            message = f"until_reduction {request.until_reduction}: it must be from 0 to {_MOST_REDUCTION}"
            raise BadRequestError(message)
        info = self._pictures.info(request.image, request.version)
        for refinement in self._tiles.refinements(request.image, messages.tile_key_of(request.key), request.offset):
            self._pictures.require_unchanged(request.image, info)
            yield from _pieces(refinement, info.version)
            if refinement.reduction <= request.until_reduction:
                return

    def _samples(self, image: str, info: ImageInfo, what: View | TileKey) -> PixelArray:
        pixels = self._tiles.samples(image, what)
        self._pictures.require_unchanged(image, info)
        return pixels

    def _outcomes(
        self, request: pb.GetTilesRequest | pb.StreamTilesRequest, most: int, context: grpc.ServicerContext
    ) -> tuple[Results, Iterator[tuple[int, Outcome] | None]]:
        """What becomes of each tile that a request names, and how it is told."""
        if len(request.keys) > most:
            message = f"{len(request.keys)} tiles: this call takes at most {most}"
            raise BadRequestError(message)
        rendition = rendition_of(request.rendition)
        info = self._pictures.info(request.image, request.version)
        wanted = (rendition.request(request.image, messages.tile_key_of(key)) for key in request.keys)
        return Results(request.keys, rendition, info.version), self._pictures.outcomes(
            request.image, info, wanted, context
        )


def _require_small(info: ImageInfo, view: View) -> None:
    """Refuse, before any work, samples that a client would not take in one message.

    :raises ViewTooLargeError: they are too many
    """
    size = messages.sample_bytes(view.size, info.pixels)
    if size > messages.MOST_SAMPLE_BYTES:
        most = messages.MOST_SAMPLE_BYTES
        message = f"these samples have {size} bytes; GetRegion gives at most {most}, ReadRegion gives more"
        raise ViewTooLargeError(message)


def _pieces(refinement: Refinement, version: str) -> Iterator[pb.StreamRefinementsResponse]:
    """The bytes of a refinement in chunks."""
    data = refinement.data
    for start in range(0, max(1, len(data)), CHUNK):
        is_complete = start + CHUNK >= len(data)
        yield pb.StreamRefinementsResponse(
            data=data[start : start + CHUNK],
            offset=refinement.offset + start,
            reduction=refinement.reduction,
            is_complete=is_complete,
            is_last=refinement.is_last and is_complete,
            size=messages.size(refinement.size),
            media_type=refinement.media_type,
            version=version,
        )
