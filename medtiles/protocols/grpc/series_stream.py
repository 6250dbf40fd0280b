"""A series as messages: every frame first as far as a reduction, later the rest of the same bytes; nothing twice."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future

from medtiles.api.v1 import dicom_frames_pb2 as pb
from medtiles.core.errors import BadRequestError
from medtiles.core.frames import FrameRequest, Frames, TravelFrame
from medtiles.core.refining import refinements
from medtiles.core.studies import Instance
from medtiles.protocols.grpc import frame_messages
from medtiles.protocols.grpc.errors import problem
from medtiles.protocols.grpc.frame_messages import MOST_FRAMES
from medtiles.protocols.grpc.series_frames import FramePlace, Outcome, SeriesFrames, places_of
from medtiles.protocols.status import INTERNAL, describe
from transcode.errors import FileChangedError

_logger = logging.getLogger(__name__)


class SeriesStream:
    """What is sent of a series, and what has been. Used in one thread."""

    def __init__(
        self,
        request: pb.StreamSeriesRequest,
        instances: Sequence[Instance],
        frames: Frames,
        wait: Callable[[Future[TravelFrame]], TravelFrame],
    ) -> None:
        """Read the request.

        :raises BadRequestError: it makes no sense, or the series has too many frames
        """
        self._places = places_of(instances)
        if max(len(self._places), len(request.have)) > MOST_FRAMES:
            message = f"a series of {len(self._places)} frames: this call takes at most {MOST_FRAMES}"
            raise BadRequestError(message)
        self._how = request.rendition
        self._order = frame_messages.order_of(request)
        first = frame_messages.reduction_of("first_reduction", request.first_reduction)
        last = frame_messages.reduction_of("until_reduction", request.until_reduction)
        self._passes = (first, last) if first > last else (last,)
        self._sent = {each.index: (each.bytes, each.etag) for each in request.have}
        self._told: set[int] = set()
        self._over: set[int] = set()
        """Of which nothing more is to be sent."""
        for place in self._places[:1]:
            self._request(place)  # a rendition that makes no sense is refused at once
        self._frames = SeriesFrames(frames, self._request, wait)

    def messages(self) -> Iterator[pb.StreamSeriesResponse]:
        """All messages. The first tells how many frames there are."""
        is_first = True
        for until in self._passes:
            wanted = (self._places[index] for index in self._order.indices(len(self._places)))
            for place, outcome in self._frames.outcomes(each for each in wanted if self._is_open(each.index)):
                for message in self._about(place, outcome, until):
                    if is_first:
                        message.frames = len(self._places)
                        is_first = False
                    yield message

    def _is_open(self, index: int) -> bool:
        """Whether something of a frame may yet be sent."""
        return index not in self._over

    def _request(self, place: FramePlace) -> FrameRequest:
        return frame_messages.frame_request(place.instance, place.number, self._how)

    def _about(self, place: FramePlace, outcome: Outcome, until: int) -> Iterator[pb.StreamSeriesResponse]:
        """What is said of a frame in one pass."""
        if isinstance(outcome, TravelFrame):
            changed = self._is_another(place.index, outcome)
            if changed is None:
                yield from self._pieces(place, outcome, until)
                return
            outcome = changed
        self._over.add(place.index)
        status = describe(outcome)
        if status is INTERNAL:
            _logger.error("frame %s of a series failed", place.index, exc_info=outcome)
        yield self._told_of(place, pb.StreamSeriesResponse(index=place.index, problem=problem(status)))

    def _is_another(self, index: int, travel: TravelFrame) -> Exception | None:
        """Why the rest of a frame is not that of the bytes that were sent before; None when it is."""
        _, etag = self._sent.get(index, (0, ""))
        if not etag or etag == travel.etag:
            return None
        if index in self._told:
            return FileChangedError("the frame was replaced while the series was sent")
        self._sent.pop(index)  # the client's bytes are of another frame: it is given this one from its first
        return None

    def _pieces(self, place: FramePlace, travel: TravelFrame, until: int) -> Iterator[pb.StreamSeriesResponse]:
        had, _ = self._sent.get(place.index, (0, ""))
        offset = min(max(had, 0), len(travel.frame.data))
        for refinement in refinements(travel, offset, until):
            offset = refinement.offset + len(refinement.data)
            for piece in frame_messages.pieces(refinement):
                message = pb.StreamSeriesResponse(index=place.index, piece=piece)
                if place.index not in self._told:
                    message.piece.travel.CopyFrom(frame_messages.travel(travel, place.instance.version))
                yield self._told_of(place, message)
        self._sent[place.index] = (offset, travel.etag)
        if offset == len(travel.frame.data):
            self._over.add(place.index)

    def _told_of(self, place: FramePlace, message: pb.StreamSeriesResponse) -> pb.StreamSeriesResponse:
        """The message, with the frame's address when it is the first about it."""
        if place.index not in self._told:
            self._told.add(place.index)
            message.frame.CopyFrom(frame_messages.address(place.instance, place.number))
        return message
