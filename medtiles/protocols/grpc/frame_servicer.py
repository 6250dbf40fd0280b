"""Messages in, `Frames`, messages out: the verbs of DICOM frames as they travel."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import grpc

from medtiles.api.v1 import dicom_frames_pb2 as pb
from medtiles.api.v1.dicom_frames_pb2_grpc import FrameServiceServicer
from medtiles.core.errors import BadRequestError, TileOutOfRangeError
from medtiles.core.frames import FrameRequest, TravelFrame
from medtiles.core.refining import bytes_for, refinements
from medtiles.core.tiles import Tiles
from medtiles.protocols.grpc import frame_messages, messages, study_messages
from medtiles.protocols.grpc.calls import Edge, stream, unary
from medtiles.protocols.grpc.frame_messages import CHUNK
from medtiles.protocols.grpc.named_instances import NamedInstances
from medtiles.protocols.grpc.series_stream import SeriesStream
from transcode.errors import FileChangedError


class FrameServicer(FrameServiceServicer):
    """medtiles.api.v1.FrameService."""

    def __init__(self, tiles: Tiles, edge: Edge) -> None:
        self._frames = tiles.frames
        self._instances = NamedInstances(tiles.studies)
        self._edge = edge

    @property
    def edge(self) -> Edge:
        """What all calls of the server share."""
        return self._edge

    @unary
    def GetFrame(self, request: pb.GetFrameRequest, context: grpc.ServicerContext) -> pb.GetFrameResponse:  # noqa: N802
        """One frame, or a part of its bytes."""
        asked = self._asked(request.frame, request.rendition)
        travel = self._travel(asked, context)
        if request.if_none_match and request.if_none_match == travel.etag:
            return pb.GetFrameResponse(is_not_modified=True)
        first, stop = _part(request, travel)
        data = travel.frame.data
        return pb.GetFrameResponse(
            travel=frame_messages.travel(travel, asked.instance.version),
            data=data if (first, stop) == (0, len(data)) else data[first:stop],
            offset=first,
        )

    @stream
    def StreamFrame(  # noqa: N802
        self, request: pb.StreamFrameRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.StreamFrameResponse]:
        """One frame in pieces."""
        until = frame_messages.reduction_of("until_reduction", request.until_reduction)
        asked = self._asked(request.frame, request.rendition)
        travel = self._travel(asked, context)
        if request.etag and request.etag != travel.etag:
            message = "the frame is another by now: begin anew"
            raise FileChangedError(message)
        described = frame_messages.travel(travel, asked.instance.version)
        is_first = True
        for refinement in refinements(travel, request.offset, until):
            for piece in frame_messages.pieces(refinement):
                if is_first:
                    piece.travel.CopyFrom(described)
                    is_first = False
                yield piece
        if is_first:  # the client has all of it
            yield pb.StreamFrameResponse(travel=described, offset=request.offset, is_complete=True, is_last=not until)

    @stream
    def StreamSeries(  # noqa: N802
        self, request: pb.StreamSeriesRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.StreamSeriesResponse]:
        """All frames of a series."""
        instances = self._instances.all(study_messages.scope_of(request.series))
        wait = partial(self._edge.wait, context=context)
        yield from SeriesStream(request, instances, self._frames, wait).messages()

    @stream
    def ReadFrame(  # noqa: N802
        self,
        request: pb.ReadFrameRequest,
        context: grpc.ServicerContext,  # noqa: ARG002 - the port of gRPC
    ) -> Iterator[pb.ReadFrameResponse]:
        """Samples in chunks."""
        asked = self._asked(request.frame, pb.TravelRendition())
        reduction = frame_messages.reduction_of("reduction", request.reduction)
        pixels = self._frames.samples(asked, reduction)
        data = messages.packed_samples(pixels)
        yield pb.ReadFrameResponse(samples=messages.samples(pixels), total_bytes=len(data))
        for start in range(0, len(data), CHUNK):
            yield pb.ReadFrameResponse(chunk=bytes(data[start : start + CHUNK]))

    @unary
    def PrefetchFrames(  # noqa: N802
        self,
        request: pb.PrefetchFramesRequest,
        context: grpc.ServicerContext,  # noqa: ARG002
    ) -> pb.PrefetchFramesResponse:
        """Note which frames are likely to be asked for next."""
        if len(request.frames) > frame_messages.MOST_PREFETCHED:
            message = f"{len(request.frames)} frames: this call takes at most {frame_messages.MOST_PREFETCHED}"
            raise BadRequestError(message)
        wanted = [self._asked(frame, request.rendition) for frame in request.frames]
        self._frames.prefetch(iter(wanted))
        return pb.PrefetchFramesResponse()

    def _asked(self, frame: pb.FrameAddress, how: pb.TravelRendition) -> FrameRequest:
        instance = self._instances.get(study_messages.scope_of(frame.instance), frame.version)
        return frame_messages.frame_request(instance, frame.number, how)

    def _travel(self, asked: FrameRequest, context: grpc.ServicerContext) -> TravelFrame:
        """The frame; work for it is withdrawn when the client goes away."""
        found = self._frames.answer(asked)
        return found if found is not None else self._edge.wait(self._frames.submit(asked), context)


def _part(request: pb.GetFrameRequest, travel: TravelFrame) -> tuple[int, int]:
    """From which byte to which.

    :raises BadRequestError: a reduction or a length that is none
    :raises TileOutOfRangeError: the range begins beyond the end
    """
    total = len(travel.frame.data)
    part = request.WhichOneof("part")
    if part == "reduction":
        return 0, bytes_for(travel, frame_messages.reduction_of("reduction", request.reduction))
    if part is None:
        return 0, total
    first, length = request.range.first, request.range.length
    if first < 0 or length < 0:
        message = f"range from {first}, {length} bytes: neither may be negative"
        raise BadRequestError(message)
    if first >= total:
        message = f"range from {first}: the frame has {total} bytes"
        raise TileOutOfRangeError(message)
    return first, min(total, first + length) if length else total
