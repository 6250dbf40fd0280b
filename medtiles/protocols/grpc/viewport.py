"""The client's side of a conversation about what somebody looks at."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Self

import grpc

from medtiles.api.v1 import frames_pb2
from medtiles.api.v1 import viewport_pb2 as pb
from medtiles.core.display import Windowing
from medtiles.core.errors import BadRequestError
from medtiles.core.geometry import Region, Size
from medtiles.core.pyramid import TileKey
from medtiles.core.view import Request
from medtiles.protocols.grpc import messages, requests
from medtiles.protocols.grpc.assembly import Assembly, Wanted
from medtiles.protocols.grpc.errors import error_of_call, error_of_problem
from medtiles.protocols.grpc.renditions import rendition
from medtiles.viewport.looks import Motion
from transcode.frames import EncodedFrame

_REST = Motion()
_ANY = ("*/*",)


@dataclass(frozen=True, slots=True)
class Arrival:
    """What came: bytes of a tile, why there are none, or how far what is looked at is complete."""

    number: int
    """Of the look that it is for, as `Viewport.look` gave it."""
    image: str = ""
    key: TileKey | None = None
    """Which tile; None: it is about all that is looked at."""
    data: bytes = b""
    offset: int = 0
    """Place of the data within the tile's."""
    reduction: int | None = None
    """The bytes of the tile that are here decode to the picture at this reduction; None: to none that was not."""
    is_complete: bool = False
    """Whether all bytes of the tile are here."""
    error: Exception | None = None
    """Why the tile, or the look, cannot be had."""
    is_visible: bool = False
    """Whether all that is visible is here, at the resolution of the screen."""
    is_all: bool = False
    """Whether so is all that the movement predicts: nothing comes until the next look."""


class Viewport:
    """What somebody looks at. `look`, `hold` and `drop` may be called from any thread, pieces be taken in one.

    What has come is acknowledged as it is taken: who stops taking pieces is sent no more.
    """

    def __init__(self, verb: Any, byte_rate: int = 0) -> None:  # noqa: ANN401 - generated stubs are untyped
        """Begin. Raises BadRequestError for a rate that there is not."""
        self._asked: SimpleQueue[pb.LookRequest | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._number = 0
        self._now = Wanted("", b"")
        self._came = 0
        self._assembly = Assembly()
        self._wanted: dict[int, Wanted] = {}
        """By the number of the look; those that answers may still come for."""
        if byte_rate:
            self.set_rate(byte_rate)
        self._answers = verb(iter(self._asked.get, None))
        self.byte_rate = 0
        """Bytes a second that the server goes by; 0: it does not know yet."""

    def look(  # noqa: PLR0913 - a rectangle, then keywords
        self,
        image: str,
        region: tuple[int, int, int, int],
        *,
        zoom: float | None = None,
        screen: tuple[int, int] | None = None,
        plane: int = 0,
        motion: Motion = _REST,
        accept: Sequence[str] = _ANY,
        quality: int | None = None,
        is_display: bool = True,
        windowing: Windowing | None = None,
        version: str = "",
        holds: Iterable[TileKey] = (),
        holds_parts: Iterable[tuple[TileKey, int, int]] = (),
    ) -> int:
        """Look at x, y, width, height of level 0 from now on; the number of this look.

        :param zoom: pixels of the screen for each pixel of level 0; or else:
        :param screen: width and height that the region is shown at; neither: one for one
        :param holds: tiles that are here already, from an earlier visit: not a byte of them is sent
        :param holds_parts: parts of tiles that are here: key, first byte, and the first byte beyond
        :raises BadRequestError, ImageNotFoundError, TileOutOfRangeError: what no message holds; all else is told by
            an `Arrival`
        """
        like = Request(image, TileKey(0, 0, 0), tuple(accept), quality, is_display, windowing)
        message = pb.Viewport(
            image=requests.image_id(image),
            version=version,
            region=messages.region(Region(*region)),
            plane=requests.plane_index(plane),
            motion=pb.Motion(x=motion.x, y=motion.y, planes=motion.planes, zoom=motion.zoom),
            rendition=rendition(like),
        )
        if screen is not None and zoom is None:
            message.screen.CopyFrom(messages.size(Size(*screen)))
        else:
            message.zoom = 1.0 if zoom is None else zoom
        with self._lock:
            self._number += 1
            message.number = self._number
            self._now = Wanted(image, message.rendition.SerializeToString(deterministic=True))
            self._wanted[self._number] = self._now
            self._asked.put(pb.LookRequest(viewport=message, holds=_held(holds, holds_parts, image, version)))
            return self._number

    def hold(self, keys: Iterable[TileKey], *, image: str = "", version: str = "") -> None:
        """Tell that these tiles are here, in the rendition that is looked at: they are not sent."""
        self._asked.put(pb.LookRequest(holds=_tile_list(keys, image, version)))

    def hold_parts(self, parts: Iterable[tuple[TileKey, int, int]], *, image: str = "", version: str = "") -> None:
        """Tell that parts of tiles are here: key, first byte, and the first byte beyond."""
        self._asked.put(pb.LookRequest(holds=_held((), parts, image, version)))

    def drop(self, keys: Iterable[TileKey], *, image: str = "", version: str = "") -> None:
        """Let go of tiles; they are sent again when they are looked at."""
        keys = tuple(keys)
        self._assembly.drop(image or self._now.image, keys)
        self._asked.put(pb.LookRequest(drops=_tile_list(keys, image, version)))

    def set_rate(self, byte_rate: int) -> None:
        """Be sent so many bytes a second at most; 0: as many as arrive.

        :raises BadRequestError: no such rate
        """
        try:
            self._asked.put(pb.LookRequest(byte_rate=byte_rate))
        except ValueError as error:
            message = f"byte_rate {byte_rate}: no line is so fast"
            raise BadRequestError(message) from error

    def __iter__(self) -> Iterator[Arrival]:
        """All that comes, until the conversation ends.

        Raises the error that the server ended it with.
        """
        try:
            for answer in self._answers:
                arrival = self._taken(answer)
                if answer.WhichOneof("what") is not None:
                    yield arrival
        except grpc.RpcError as error:
            if not self._answers.cancelled():
                raise error_of_call(error) from error

    def pieces(self, until: int | None = None) -> Iterator[Arrival]:
        """What comes until all of a look is here; of the newest when none is named.

        What was sent for another image or rendition before the server knew is left out.

        Raises the error of the look, or that of the conversation.
        """
        number = self._number if until is None else until
        for arrival in self:
            if arrival.error is not None and arrival.key is None and arrival.number >= number:
                raise arrival.error
            if self._wanted.get(arrival.number) == self._now:
                yield arrival
            if arrival.is_all and arrival.number >= number:
                return

    def assembled(self, key: TileKey) -> bytes:
        """The bytes of a tile of what is looked at, from the first to the first that has not come."""
        return self._assembly.prefix(self._now, key)

    def frame(self, key: TileKey) -> EncodedFrame | None:
        """The same as the picture that they decode to, reduced where more is to come; None: to none yet."""
        return self._assembly.frame(self._now, key)

    def close(self) -> None:
        """End the conversation."""
        self._asked.put(None)
        self._answers.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _taken(self, answer: pb.LookResponse) -> Arrival:
        self.byte_rate = answer.byte_rate or self.byte_rate
        for old in [each for each in tuple(self._wanted) if each < answer.number]:
            del self._wanted[old]
        arrival = self._arrival(answer)
        if answer.wants_receipt:
            receipt = pb.Receipt(bytes=self._came, seconds=time.monotonic())
            self._asked.put(pb.LookRequest(receipt=receipt))
        return arrival

    def _arrival(self, answer: pb.LookResponse) -> Arrival:
        wanted = self._wanted.get(answer.number, self._now)
        image = wanted.image
        match answer.WhichOneof("what"):
            case "piece":
                return self._piece(answer.number, wanted, answer.piece)
            case "problem":
                key = messages.tile_key_of(answer.problem.key) if answer.problem.HasField("key") else None
                return Arrival(answer.number, image, key, error=_error(answer.problem.problem))
            case _:
                told = answer.progress
                return Arrival(answer.number, image, is_visible=told.is_visible_complete, is_all=told.is_all)

    def _piece(self, number: int, wanted: Wanted, piece: pb.Piece) -> Arrival:
        key = messages.tile_key_of(piece.key)
        self._came += len(piece.data)
        self._assembly.add(wanted, key, piece)
        reduction = piece.reduction if piece.HasField("reduction") else None
        return Arrival(number, wanted.image, key, piece.data, piece.offset, reduction, piece.is_complete)


def _error(problem: frames_pb2.Problem) -> Exception:
    error = error_of_problem(problem)
    return error if isinstance(error, Exception) else BadRequestError(str(error))


def _held(keys: Iterable[TileKey], parts: Iterable[tuple[TileKey, int, int]], image: str, version: str) -> pb.TileList:
    message = _tile_list(keys, image, version)
    for key, start, end in parts:
        message.parts.add(key=messages.tile_key(key), start=start, end=end)
    return message


def _tile_list(keys: Iterable[TileKey], image: str, version: str) -> pb.TileList:
    """The message of tiles.

    :raises ImageNotFoundError, TileOutOfRangeError: what no message holds
    """
    return pb.TileList(image=requests.image_id(image), version=version, keys=[messages.tile_key(key) for key in keys])
