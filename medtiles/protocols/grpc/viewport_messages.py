"""Looks and pieces as messages, and back. Pure."""

from __future__ import annotations

from medtiles.api.v1 import frames_pb2
from medtiles.api.v1 import viewport_pb2 as pb
from medtiles.core.errors import BadRequestError
from medtiles.core.geometry import Region
from medtiles.core.pyramid import TileKey
from medtiles.protocols.grpc import messages
from medtiles.viewport.ledger import MOST_TILES
from medtiles.viewport.looks import Look, Motion
from medtiles.viewport.scheduler import Asking, Piece, Progress


def look_of(message: pb.Viewport) -> Look:
    """What a message looks at.

    :raises BadRequestError: it names no region or no scale
    """
    if not message.HasField("region"):
        error = "the viewport names no region"
        raise BadRequestError(error)
    region = messages.region_of(message.region)
    motion = message.motion
    moves = Motion(motion.x, motion.y, motion.planes, motion.zoom)
    return Look(message.number, message.image, region, _zoom(message, region), message.plane, moves)


def _zoom(message: pb.Viewport, region: Region) -> float:
    match message.WhichOneof("scale"):
        case "zoom":
            return message.zoom
        case "screen" if region.width > 0 and region.height > 0:
            return max(message.screen.width / region.width, message.screen.height / region.height)
        case "screen":
            return 1.0  # the region is refused for itself
    error = "the viewport says neither its zoom nor the size of its screen"
    raise BadRequestError(error)


def keys_of(message: pb.TileList) -> list[TileKey]:
    """The whole tiles of a list.

    :raises BadRequestError: more than are remembered
    """
    if len(message.keys) + len(message.parts) > MOST_TILES:
        error = f"{len(message.keys) + len(message.parts)} tiles: a stream remembers {MOST_TILES}"
        raise BadRequestError(error)
    return [messages.tile_key_of(key) for key in message.keys]


def parts_of(message: pb.TileList) -> list[tuple[TileKey, int, int]]:
    """The parts of tiles of a list: key, first byte, and the first byte beyond."""
    return [(messages.tile_key_of(part.key), part.start, part.end) for part in message.parts]


def piece(found: Piece, version: str, rate: int) -> pb.LookResponse:
    """The message of a piece."""
    response = pb.LookResponse(number=found.number, byte_rate=rate, wants_receipt=found.wants_receipt)
    into = response.piece
    into.key.CopyFrom(messages.tile_key(found.key))
    messages.describe_frame(into.frame, found.tile.frame)
    into.data, into.offset, into.total_bytes = found.data, found.offset, len(found.tile.frame.data)
    into.is_complete, into.version = found.is_complete, version
    if found.reduction is not None:
        into.reduction = found.reduction
    return response


def progress(found: Progress, rate: int) -> pb.LookResponse:
    """The message of how far a look is complete."""
    told = pb.Progress(is_visible_complete=True, is_all=found.is_all)
    return pb.LookResponse(number=found.number, progress=told, byte_rate=rate, wants_receipt=True)


def asking(found: Asking, rate: int) -> pb.LookResponse:
    """The message that wants a receipt and says nothing else."""
    return pb.LookResponse(number=found.number, byte_rate=rate, wants_receipt=True)


def problem(number: int, found: frames_pb2.Problem, key: TileKey | None = None) -> pb.LookResponse:
    """The message of a tile, or of a look, that cannot be had."""
    told = pb.ViewportProblem(key=messages.tile_key(key) if key is not None else None, problem=found)
    return pb.LookResponse(number=number, problem=told)
