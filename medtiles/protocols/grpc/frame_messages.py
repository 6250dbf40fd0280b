"""Frames as they travel as messages, and back. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from medtiles.api.v1 import dicom_frames_pb2 as pb
from medtiles.core.errors import BadRequestError, TileOutOfRangeError
from medtiles.core.frames import AS_STORED, FrameRequest, ResolutionBytes, TravelFrame
from medtiles.core.geometry import Size
from medtiles.core.series_order import Order, SeriesOrder
from medtiles.core.studies import Instance, Scope
from medtiles.core.view import Refinement
from medtiles.protocols.grpc import messages, study_messages
from medtiles.protocols.grpc.messages import Encodings

CHUNK = 1024 * 1024
"""Bytes of one message of a stream."""
MOST_FRAMES = 16384
"""Frames of one series that are streamed."""
MOST_PREFETCHED = 1024
_MOST_ACCEPTED = 64
_MOST_STEP = 1 << 20
_MOST_REDUCTION = 32
_ORDERS = {
    pb.SERIES_ORDER_UNSPECIFIED: Order.SEQUENTIAL,
    pb.SERIES_ORDER_SEQUENTIAL: Order.SEQUENTIAL,
    pb.SERIES_ORDER_INTERLEAVED: Order.INTERLEAVED,
    pb.SERIES_ORDER_CENTRE_OUT: Order.CENTRE_OUT,
    pb.SERIES_ORDER_NEAREST: Order.NEAREST,
}
_NUMBERS = {order: number for number, order in _ORDERS.items()}


def address(instance: Instance, number: int) -> pb.FrameAddress:
    """Where a frame is, and of which version.

    :raises TileOutOfRangeError, BadRequestError: what no message can hold
    """
    scope = study_messages.scope(Scope(instance.study, instance.series, instance.uid))
    try:
        return pb.FrameAddress(instance=scope, number=number, version=instance.version)
    except ValueError as error:
        message = f"frame {number}: no instance has so many"
        raise TileOutOfRangeError(message) from error


def rendition(request: FrameRequest) -> pb.TravelRendition:
    """How a request wants its frame.

    :raises BadRequestError: what no message can hold
    """
    try:
        return pb.TravelRendition(
            accept=request.accept or ("",), quality=request.quality, leaves_choice=request.leaves_choice
        )
    except ValueError as error:
        message = "a transfer syntax is no text, or the quality no number from 1 to 100"
        raise BadRequestError(message) from error


def frame_request(instance: Instance, number: int, how: pb.TravelRendition) -> FrameRequest:
    """The request of a message.

    :raises BadRequestError: too much accepted, or a quality that is none
    """
    if len(how.accept) > _MOST_ACCEPTED:
        message = f"{len(how.accept)} transfer syntaxes are accepted; name at most {_MOST_ACCEPTED}"
        raise BadRequestError(message)
    quality = how.quality if how.HasField("quality") else None
    if quality is not None and not 1 <= quality <= 100:
        message = f"quality {quality}: it must be from 1 to 100"
        raise BadRequestError(message)
    return FrameRequest(instance, number, tuple(how.accept) or (AS_STORED,), quality, how.leaves_choice)


def reduction_of(name: str, value: int) -> int:
    """A number of halvings.

    :raises BadRequestError: it is none
    """
    if not 0 <= value <= _MOST_REDUCTION:
        message = f"{name} {value}: it must be from 0 to {_MOST_REDUCTION}"
        raise BadRequestError(message)
    return value


def travel(frame: TravelFrame, version: str) -> pb.TravelFrame:
    """Everything about a frame but its bytes."""
    message = pb.TravelFrame(
        transfer_syntax=frame.transfer_syntax,
        is_stored=frame.is_stored,
        resolutions=[
            pb.ResolutionEnd(reduction=each.reduction, size=messages.size(Size(each.width, each.height)), end=each.end)
            for each in frame.resolutions
        ],
        total_bytes=len(frame.frame.data),
        etag=frame.etag,
        version=version,
    )
    messages.describe_frame(message.frame, frame.frame)
    return message


def travel_of(message: pb.TravelFrame, data: bytes, encodings: Encodings) -> TravelFrame:
    """The frame of a message, with its bytes."""
    return TravelFrame(
        messages.encoded_frame_of(message.frame, encodings, data),
        message.transfer_syntax,
        message.is_stored,
        tuple(
            ResolutionBytes(each.reduction, each.size.width, each.size.height, each.end) for each in message.resolutions
        ),
        message.etag,
    )


def pieces(refinement: Refinement) -> Iterator[pb.StreamFrameResponse]:
    """The bytes of a refinement in chunks."""
    data = refinement.data
    for start in range(0, max(1, len(data)), CHUNK):
        is_complete = start + CHUNK >= len(data)
        yield pb.StreamFrameResponse(
            data=data[start : start + CHUNK],
            offset=refinement.offset + start,
            reduction=refinement.reduction,
            is_complete=is_complete,
            is_last=refinement.is_last and is_complete,
        )


def order_of(message: pb.StreamSeriesRequest) -> SeriesOrder:
    """The order that a message asks for.

    :raises BadRequestError: a step that is none, or an order that nobody knows
    """
    if message.order not in _ORDERS or not 0 <= message.step <= _MOST_STEP:
        problem = f"order {message.order}, step {message.step}: there is no such order"
        raise BadRequestError(problem)
    return SeriesOrder(_ORDERS[message.order], message.step or 4, message.index, message.direction)


def put_order(message: pb.StreamSeriesRequest, order: SeriesOrder) -> None:
    """Make a message ask for an order.

    :raises BadRequestError: what no message can hold
    """
    try:
        message.order = _NUMBERS[order.order]
        message.step, message.index, message.direction = order.step, order.index, order.direction
    except ValueError as error:
        problem = f"order {order}: no series has so many frames"
        raise BadRequestError(problem) from error
