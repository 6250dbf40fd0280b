"""Answers that come in several messages, put together again. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TypeVar

from medtiles.api.v1 import frames_pb2, tiles_pb2
from medtiles.core.errors import MedTilesError
from medtiles.core.view import Refinement
from medtiles.protocols.grpc import messages
from medtiles.protocols.grpc.errors import error_of_problem
from transcode.frames import EncodedFrame, PixelArray

_T = TypeVar("_T")


def outcome_of(result: tiles_pb2.TileResult, encodings: messages.Encodings) -> EncodedFrame | Exception:
    """The tile, or the error that the server met with."""
    if result.HasField("frame"):
        return messages.encoded_frame_of(result.frame, encodings)
    error = error_of_problem(result.problem)
    return error if isinstance(error, Exception) else MedTilesError(str(error))


def samples_of(answers: Iterator[tiles_pb2.ReadRegionResponse]) -> PixelArray:
    """The samples that come in chunks.

    :raises MedTilesError: the answer breaks off, or is no samples
    """
    first = next(answers, None)
    if first is None or not first.HasField("samples"):
        message = "the server answered without saying what it sends"
        raise MedTilesError(message)
    data = bytearray(max(0, first.total_bytes))
    end = 0
    for answer in answers:
        start, end = end, end + len(answer.chunk)
        data[start:end] = answer.chunk
    if end != first.total_bytes:
        message = f"the server sent {end} of {first.total_bytes} bytes"
        raise MedTilesError(message)
    return samples_in(first.samples, data)


def samples_in(message: frames_pb2.Samples, data: bytearray) -> PixelArray:
    """The samples of a message; the array lies in `data`, so it may be written to.

    :raises MedTilesError: they are not what it says of them
    """
    try:
        return messages.samples_of(message, data)
    except (ValueError, TypeError) as error:
        problem = f"the server sent samples that contradict what it says of them: {error}"
        raise MedTilesError(problem) from error


def refinements_of(pieces: Iterator[tiles_pb2.StreamRefinementsResponse]) -> Iterator[Refinement]:
    """The refinements that come in pieces.

    :raises MedTilesError: the answer breaks off
    """
    data, offset, is_complete = bytearray(), 0, True
    for piece in pieces:
        if is_complete:
            data, offset = bytearray(), piece.offset
        data += piece.data
        is_complete = piece.is_complete
        if is_complete:
            yield Refinement(
                bytes(data), offset, piece.reduction, messages.size_of(piece.size), piece.is_last, piece.media_type
            )
    if not is_complete:
        message = f"the server stopped in the middle of a refinement, at byte {offset + len(data)}"
        raise MedTilesError(message)


def begun(items: Iterator[_T]) -> Iterator[_T]:
    """The same items, the first fetched at once, so that what fails at once is raised at once."""
    first = tuple(itertools.islice(items, 1))
    return itertools.chain(first, items)
