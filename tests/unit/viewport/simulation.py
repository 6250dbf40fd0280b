"""A server's scheduler, a line and a client, on a clock that a test owns."""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from medtiles.core.geometry import Region, Size
from medtiles.core.pyramid import ImageInfo, Level, Plane, TileKey
from medtiles.viewport.cuts import Cut
from medtiles.viewport.looks import Look, Motion
from medtiles.viewport.scheduler import Asking, Piece, Progress, Scheduler
from transcode.codecs.htj2k import HTJ2K
from transcode.codecs.jpeg import JPEG
from transcode.frames import GREY8, RGB8, EncodedFrame, PixelFormat

TOKEN = "as stored"
REST = Motion()
GREY16 = PixelFormat(1, 16, 16)


def slide(width: int = 8192, height: int = 6144, levels: int = 5, media_type: str = "image/jpeg") -> ImageInfo:
    made = tuple(
        Level(Size(width, height).reduced(index), Size(256, 256), float(1 << index), media_type)
        for index in range(levels)
    )
    return ImageInfo("a slide", "slide", "test", made, RGB8, version="v1")


def series(planes: int = 40, side: int = 1024) -> ImageInfo:
    level = Level(Size(side, side), Size(side, side), 1.0, "image/jphc")
    return ImageInfo("a series", "radiology", "test", (level,), GREY16, tuple(Plane(z=z) for z in range(planes)), "v1")


def look(number: int, region: tuple[int, int, int, int], zoom: float, plane: int = 0, motion: Motion = REST) -> Look:
    return Look(number, "image", Region(*region), zoom, plane, motion)


def tile_of(info: ImageInfo, key: TileKey, mean: int = 20_000) -> Cut:
    """The same bytes for the same key, of a length that differs from key to key."""
    chance = random.Random(repr(key))
    data = chance.randbytes(chance.randint(mean // 2, mean * 3 // 2))
    level = info.levels[key.level]
    if level.media_type == "image/jphc":
        frame = EncodedFrame(data, HTJ2K, GREY8, level.tile_size.width, level.tile_size.height)
        return Cut(frame, tuple((reduction, max(1, len(data) >> 2 * reduction)) for reduction in range(5, -1, -1)))
    return Cut(EncodedFrame(data, JPEG, RGB8, 256, 256), ((0, len(data)),))


@dataclass
class Simulation:
    """Everything that happens between a server and a client."""

    info: ImageInfo
    line_rate: float = 1e6
    """Bytes a second."""
    delay: float = 0.02
    """Seconds, each way."""
    fetching: float = 0.002
    """Seconds that the engine takes for a tile."""
    tile: Callable[[ImageInfo, TileKey], Cut] = tile_of
    acknowledges: bool = True
    now: float = 0.0
    sent: list[tuple[float, Piece]] = field(default_factory=list)
    arrived: list[tuple[float, Piece]] = field(default_factory=list)
    progress: list[tuple[float, Progress]] = field(default_factory=list)
    told: list[Piece | Progress | Asking] = field(default_factory=list)
    """All that the server sent, in order."""
    heard: list[tuple[float, Look]] = field(default_factory=list)
    most_under_way: int = 0

    def __post_init__(self) -> None:
        self.scheduler = Scheduler(self.now)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._fetches: set[TileKey] = set()
        self._line_free = 0.0
        self._came = 0
        self._timer = math.inf

    def at(self, time: float, do: Callable[[], None]) -> None:
        heapq.heappush(self._events, (time, next(self._order), do))

    def look(self, time: float, what: Look) -> None:
        """The client looks; the server hears of it after the delay."""

        def hear() -> None:
            self.heard.append((self.now, what))
            self.scheduler.look(what, self.info, TOKEN)

        self.at(time + self.delay, hear)

    def run(self, until: float) -> None:
        """Let everything happen that happens until then."""
        while True:
            self._turn()
            if not self._events or self._events[0][0] > until:
                self.now = max(self.now, until)
                return
            self.now, _, do = heapq.heappop(self._events)
            do()

    def _turn(self) -> None:
        while True:
            turn = self.scheduler.turn(self.now)
            self._fetches -= set(turn.withdraw)
            for key in turn.fetch:
                self._fetches.add(key)
                self.at(self.now + self.fetching, partial(self._fetched, key))
            if turn.send is not None:
                self.told.append(turn.send)
                self._send(turn.send)
            elif not turn.fetch and not turn.withdraw:
                self._sleep(turn.wait)
                return

    def _sleep(self, seconds: float) -> None:
        again = self.now + max(seconds, 1e-6)
        if self.now < self._timer <= again:
            return
        self._timer = again
        if again < math.inf:
            self.at(again, lambda: None)

    def _fetched(self, key: TileKey) -> None:
        if key in self._fetches:
            self._fetches.discard(key)
            self.scheduler.arrived(key, self.tile(self.info, key))

    def _send(self, message: Piece | Progress | Asking) -> None:
        if not isinstance(message, Piece):
            if isinstance(message, Progress):
                self.progress.append((self.now, message))
            self.at(max(self.now, self._line_free) + self.delay, self._acknowledge)
        else:
            self._send_piece(message)

    def _send_piece(self, piece: Piece) -> None:
        self.sent.append((self.now, piece))
        self.most_under_way = max(self.most_under_way, self.scheduler.under_way)
        self._line_free = max(self.now, self._line_free) + len(piece.data) / self.line_rate
        self.at(self._line_free + self.delay, lambda: self._arrive(piece))

    def _arrive(self, piece: Piece) -> None:
        self.arrived.append((self.now, piece))
        self._came += len(piece.data)
        if piece.wants_receipt:
            self._acknowledge()

    def _acknowledge(self) -> None:
        came, seconds = self._came, self.now + 1000.0
        if self.acknowledges:
            self.at(self.now + self.delay, lambda: self.scheduler.receive(came, seconds, self.now))

    # -- what a test asks ---------------------------------------------------------------------------------------

    def bytes_sent_twice(self) -> int:
        seen: dict[TileKey, set[tuple[int, int]]] = {}
        twice = 0
        for _, piece in self.sent:
            start, end = piece.offset, piece.offset + len(piece.data)
            parts = seen.setdefault(piece.key, set())
            twice += sum(max(0, min(end, stop) - max(start, begin)) for begin, stop in parts)
            parts.add((start, end))
        return twice

    def joined(self, key: TileKey) -> bytes:
        pieces = sorted((piece for _, piece in self.sent if piece.key == key), key=lambda piece: piece.offset)
        return b"".join(piece.data for piece in pieces)

    def complete(self) -> list[TileKey]:
        return [piece.key for _, piece in self.sent if piece.is_complete]
