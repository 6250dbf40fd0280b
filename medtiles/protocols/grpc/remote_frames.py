"""The frames of a far engine."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from typing import Any

import grpc

from medtiles.api.v1 import dicom_frames_pb2 as pb
from medtiles.core.errors import BadRequestError, BusyError, MedTilesError
from medtiles.core.frames import FrameRequest, TravelFrame
from medtiles.core.geometry import Size
from medtiles.core.series_order import FIRST_TO_LAST, SeriesOrder
from medtiles.core.studies import Scope
from medtiles.core.view import Refinement
from medtiles.protocols.grpc import frame_messages as messages
from medtiles.protocols.grpc import streams, study_messages
from medtiles.protocols.grpc.errors import error_of_call, error_of_problem
from medtiles.protocols.grpc.lines import Lines, call, stream
from transcode.codecs import ENCODINGS
from transcode.frames import PixelArray

_CALLS = 1024
"""Frames that may be asked for at a time; more are refused as busy."""
_ENCODINGS = {encoding.name: encoding for encoding in ENCODINGS}
_MOST_OFFSET = 1 << 62


@dataclass(frozen=True, slots=True)
class SeriesPass:
    """How a series is streamed."""

    order: SeriesOrder = FIRST_TO_LAST
    first_reduction: int = 0
    """Every frame comes as far as this before any comes further; 0: each comes whole at once."""
    until_reduction: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class SeriesPiece:
    """Bytes of one frame of a series, or why it cannot be had."""

    index: int
    """Of the frame in the series, counted from 0."""
    instance: str
    """SOP Instance UID."""
    number: int
    """Of the frame within it, counted from 1."""
    travel: TravelFrame
    """What the frame is, without its bytes."""
    refinement: Refinement | None
    problem: Exception | None = None


class RemoteFrames:
    """The Frames of a far engine. Safe to call from several threads; errors are those of `RemoteTiles`."""

    def __init__(self, lines: Lines, timeout: float, stream_timeout: float) -> None:
        """Seconds that one answer may take, and that a stream may take from its first to its last message."""
        self._lines = lines
        self._timeout = timeout
        self._stream_timeout = stream_timeout
        self._under_way: set[Future[TravelFrame]] = set()

    # -- the port -----------------------------------------------------------------------------------------------

    def frame(self, request: FrameRequest) -> TravelFrame:
        """The frame, waited for."""
        return _travel_in(call(self._lines.line.frames.GetFrame, _asked(request), self._timeout))

    def answer(self, request: FrameRequest) -> TravelFrame | None:  # noqa: ARG002 - nothing is kept here
        """Nothing is at hand of a far engine."""
        return None

    def submit(self, request: FrameRequest) -> Future[TravelFrame]:
        """The frame. Cancelling cancels the call, and the far engine withdraws the work.

        :raises BusyError: too many are under way
        """
        if len(self._under_way) >= _CALLS:
            message = f"{_CALLS} frames are waited for already"
            raise BusyError(message)
        waiter: Future[TravelFrame] = Future()
        pending = self._lines.line.frames.GetFrame.future(_asked(request), timeout=self._timeout)
        self._under_way.add(waiter)

        def withdraw(done: Future[TravelFrame]) -> None:
            self._under_way.discard(done)
            if done.cancelled():
                pending.cancel()

        waiter.add_done_callback(withdraw)
        pending.add_done_callback(lambda done: _settle(waiter, done))
        return waiter

    def samples(self, request: FrameRequest, reduction: int = 0) -> PixelArray:
        """The frame's stored samples, halved so many times."""
        message = pb.ReadFrameRequest(
            frame=messages.address(request.instance, request.number),
            reduction=messages.reduction_of("reduction", reduction),
        )
        answers = stream(self._lines.line.frames.ReadFrame, message, self._stream_timeout)
        return streams.samples_of(answers)

    def prefetch(self, requests: Iterator[FrameRequest]) -> None:
        """Have the first of these made ready: as many as one call takes, wanted as the first one is."""
        wanted = list(itertools.islice(requests, messages.MOST_PREFETCHED))
        if wanted:
            message = pb.PrefetchFramesRequest(
                frames=[messages.address(each.instance, each.number) for each in wanted],
                rendition=messages.rendition(wanted[0]),
            )
            call(self._lines.line.frames.PrefetchFrames, message, self._timeout)

    # -- streams ------------------------------------------------------------------------------------------------

    def stream(
        self, request: FrameRequest, offset: int = 0, until_reduction: int = 0, etag: str = ""
    ) -> tuple[TravelFrame, Iterator[Refinement]]:
        """What a frame is, without its bytes, and its refinements from a byte offset on.

        :raises FileChangedError: it is no longer that of the entity tag
        """
        if not 0 <= offset < _MOST_OFFSET:
            problem = f"offset {offset}: no frame is so long"
            raise BadRequestError(problem)
        message = pb.StreamFrameRequest(
            frame=messages.address(request.instance, request.number),
            rendition=messages.rendition(request),
            offset=offset,
            until_reduction=messages.reduction_of("until_reduction", until_reduction),
            etag=etag,
        )
        answers = stream(self._lines.line.frames.StreamFrame, message, self._stream_timeout)
        first = next(answers, None)
        if first is None:
            problem = "the server answered without saying what it sends"
            raise MedTilesError(problem)
        travel = messages.travel_of(first.travel, b"", _ENCODINGS)
        return travel, _refinements(travel, itertools.chain((first,), answers))

    def series(
        self,
        series: Scope,
        like: FrameRequest,
        how: SeriesPass,
        have: Mapping[int, tuple[int, str]],
    ) -> Iterator[SeriesPiece]:
        """The frames of a series in an order, wanted as `like` is; `have`: bytes at hand and entity tag by index."""
        message = pb.StreamSeriesRequest(
            series=study_messages.scope(series),
            rendition=messages.rendition(like),
            first_reduction=messages.reduction_of("first_reduction", how.first_reduction),
            until_reduction=messages.reduction_of("until_reduction", how.until_reduction),
            have=_progress(have),
        )
        messages.put_order(message, how.order)
        answers = stream(self._lines.line.frames.StreamSeries, message, self._stream_timeout)
        return streams.begun(_series_pieces(answers))


def _asked(request: FrameRequest) -> pb.GetFrameRequest:
    return pb.GetFrameRequest(
        frame=messages.address(request.instance, request.number), rendition=messages.rendition(request)
    )


def _progress(have: Mapping[int, tuple[int, str]]) -> Iterable[pb.FrameProgress]:
    try:
        return [pb.FrameProgress(index=index, bytes=size, etag=etag) for index, (size, etag) in have.items()]
    except ValueError as error:
        message = "have: an index or a number of bytes that no series reaches"
        raise BadRequestError(message) from error


def _travel_in(answer: pb.GetFrameResponse) -> TravelFrame:
    return messages.travel_of(answer.travel, answer.data, _ENCODINGS)


def _settle(waiter: Future[TravelFrame], pending: Any) -> None:  # noqa: ANN401 - gRPC's own
    """Hand what became of a call to the one who waits for it."""
    if not waiter.set_running_or_notify_cancel():
        return
    try:
        waiter.set_result(_travel_in(pending.result()))
    except grpc.FutureCancelledError:
        waiter.set_exception(CancelledError("the connection was closed"))
    except grpc.RpcError as error:
        waiter.set_exception(error_of_call(error))
    except Exception as error:  # noqa: BLE001 - it is handed to the one who waits
        waiter.set_exception(error)


def _refinements(travel: TravelFrame, pieces: Iterable[pb.StreamFrameResponse]) -> Iterator[Refinement]:
    """The refinements that come in pieces.

    :raises MedTilesError: the answer breaks off
    """
    joined = _Joined(travel)
    for piece in pieces:
        refinement = joined.add(piece)
        if refinement is not None and refinement.data:
            yield refinement
    if joined.data:
        message = f"the server stopped in the middle of a refinement, at byte {joined.offset + len(joined.data)}"
        raise MedTilesError(message)


class _Joined:
    """Pieces of one frame, joined to refinements."""

    def __init__(self, travel: TravelFrame) -> None:
        self.travel = travel
        self.data = bytearray()
        self.offset = 0
        frame = travel.frame
        self._sizes = {each.reduction: Size(each.width, each.height) for each in travel.resolutions}
        self._sizes.setdefault(0, Size(frame.width, frame.height))

    def add(self, piece: pb.StreamFrameResponse) -> Refinement | None:
        """The refinement, when this piece completes it."""
        if not self.data:
            self.offset = piece.offset
        self.data += piece.data
        if not piece.is_complete:
            return None
        data, self.data = bytes(self.data), bytearray()
        frame = self.travel.frame
        size = self._sizes.get(piece.reduction) or Size(frame.width, frame.height).reduced(piece.reduction)
        return Refinement(data, self.offset, piece.reduction, size, piece.is_last, frame.encoding.media_type)


def _series_pieces(answers: Iterator[pb.StreamSeriesResponse]) -> Iterator[SeriesPiece]:
    known: dict[int, tuple[pb.FrameAddress, _Joined]] = {}
    for answer in answers:
        if answer.index not in known:
            travel = messages.travel_of(answer.piece.travel, b"", _ENCODINGS)
            known[answer.index] = answer.frame, _Joined(travel)
        address, joined = known[answer.index]
        place = answer.index, address.instance.instance, address.number, joined.travel
        if answer.HasField("problem"):
            error = error_of_problem(answer.problem)
            yield SeriesPiece(*place, None, error if isinstance(error, Exception) else MedTilesError(str(error)))
            continue
        refinement = joined.add(answer.piece)
        if refinement is not None:
            yield SeriesPiece(*place, refinement)
