"""What visitors ask for next, learned from a recorded session; and tiles made before they are asked for."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from medtiles.access_log import Answer
from medtiles.core.errors import BusyError
from medtiles.core.geometry import Size
from medtiles.core.pyramid import ImageInfo, Level
from medtiles.core.view import Request
from medtiles.hotspots.asks import read_target, rewritten
from medtiles.hotspots.geometry import Geometry
from medtiles.hotspots.next_tiles import NextTiles, Tile
from medtiles.hotspots.prefetching import Prefetcher
from medtiles.protocols.http import TILES
from tests.unit.hotspots.conftest import WIDE
from transcode.frames import EncodedFrame, Encoding, PixelFormat

RECORDED = json.loads((Path(__file__).parents[2] / "e2e" / "pan_and_zoom.json").read_text())
SIZE, SIDE, CACHE = Size(40_000, 30_000), 256, 150
View = list[Tile]


def views(shift: float = 0.0) -> Iterator[View]:
    """The tiles of each view of the recorded session, moved by a share of the image."""
    for view in RECORDED:
        left, top, width, height = view["region"]
        scale = width * SIZE.width / view["screen"][0]
        level = max(0, int(scale).bit_length() - 1)
        step = SIDE << level
        x0, y0 = ((edge + shift) * side for edge, side in ((left, SIZE.width), (top, SIZE.height)))
        columns = range(max(0, int(x0 // step)), int(min(x0 + width * SIZE.width, SIZE.width - 1) // step) + 1)
        rows = range(max(0, int(y0 // step)), int(min(y0 + height * SIZE.height, SIZE.height - 1) // step) + 1)
        yield [(level, column, row) for row in rows for column in columns]


class Cache:
    """A server's: the tiles that were asked for or made last."""

    def __init__(self) -> None:
        self.tiles: OrderedDict[tuple[str, Tile], None] = OrderedDict()
        self.asked = self.hits = 0

    def put(self, image: str, tile: Tile) -> None:
        self.tiles[image, tile] = None
        self.tiles.move_to_end((image, tile))
        while len(self.tiles) > CACHE:
            self.tiles.popitem(last=False)

    def ask(self, image: str, tile: Tile) -> None:
        self.asked += 1
        self.hits += (image, tile) in self.tiles
        self.put(image, tile)


def hit_ratio(learned: NextTiles | None, image: str, shift: float) -> float:
    """Of one visitor, whose viewer asks for no tile twice."""
    cache, seen = Cache(), set[Tile]()
    for at, view in enumerate(views(shift)):
        fresh = [tile for tile in view if tile not in seen]
        seen.update(fresh)
        for tile in fresh:
            cache.ask(image, tile)
            if learned is not None:
                learned.saw(f"visitor {shift}", image, tile, 1000.0 * shift + at)
        for tile in learned.next(f"visitor {shift}", 12) if learned is not None and fresh else ():
            cache.put(image, tile)
    return cache.hits / cache.asked


def test_a_recorded_session_hits_more_often_with_prefetching() -> None:
    """Without it a first visitor never hits; with it, what others did before tells, here and on another image."""
    assert hit_ratio(None, "abc", 0.02) == 0
    learned = NextTiles()
    first = hit_ratio(learned, "abc", 0.0)
    second = hit_ratio(learned, "abc", 0.01)
    elsewhere = hit_ratio(learned, "other", 0.03)
    assert first > 0.1
    assert second > 0.4
    assert elsewhere > 0.25


def test_who_goes_right_goes_on() -> None:
    learned = NextTiles()
    for visitor in range(3):
        for column in range(12):
            for row in (3, 4):
                learned.saw(f"v{visitor}", f"image {visitor}", (0, column, row + visitor), float(column))
    for column in (20, 21):
        for row in (7, 8):
            learned.saw("new", "never seen", (0, column, row), float(column))
    assert set(learned.next("new", 2)) <= {(0, 22, 7), (0, 22, 8)}
    assert learned.next("nobody", 5) == []


def test_memory_is_bounded() -> None:
    learned = NextTiles()
    for at in range(5000):
        learned.saw(f"v{at}", "abc", (0, at, 0), float(at))
    assert len(learned._visits) <= 1000


@pytest.mark.parametrize(
    "target",
    [
        "/dzi/abc_files/15/7_10.jpeg?v=5&channels=1",
        "/zoomify/abc/TileGroup12/7-7-10.jpg",
        "/iip?FIF=abc&JTL=7,797&QLT=80",
        "/iip?JTL=7,797&FIF=abc",
    ],
)
def test_an_address_beside_another(target: str) -> None:
    for tile in ((0, 8, 11), (2, 1, 3)):
        found = rewritten(target, WIDE, tile)
        assert found is not None
        asked = read_target(found)
        assert asked is not None
        spot = asked.asks[0].place(WIDE)
        assert spot is not None
        assert (asked.image, spot.level, *WIDE.tiles(spot)[0]) == ("abc", *tile)
        assert found.partition("?")[2].count("v=5") == target.count("v=5")
    assert rewritten(target, WIDE, (0, 99, 0)) is None
    assert rewritten("/iiif/3/abc/full/max/0/default.jpg", WIDE, (0, 0, 0)) is None


class Engine:
    """Makes tiles at once, and remembers which."""

    def __init__(self) -> None:
        self.made: list[Request] = []
        self.is_busy = False

    def known_info(self, image: str) -> ImageInfo | None:
        level = Level(WIDE.size, WIDE.tile)
        return ImageInfo("slide", "slide", "tiff", (level,), PixelFormat(3, 8, 8)) if image == "abc" else None

    def answer(self, request: Request) -> EncodedFrame | None:
        return next((FRAME for made in self.made if made == request), None)

    def submit(self, request: Request) -> Future[EncodedFrame]:
        if self.is_busy:
            message = "full"
            raise BusyError(message)
        self.made.append(request)
        done: Future[EncodedFrame] = Future()
        done.set_result(FRAME)
        return done


FRAME = EncodedFrame(b"", Encoding("jpeg", "image/jpeg", "jpeg"), PixelFormat(3, 8, 8), 256, 256)


def look(column: int, time: float) -> Answer:
    return Answer(time, "192.0.2.7", "GET", f"/dzi/abc_files/15/{column}_4.jpeg?quality=80", "HTTP/1.1", 200, 9)


def test_tiles_are_made_before_they_are_asked_for() -> None:
    engine = Engine()
    ahead = Prefetcher(engine, TILES)  # type: ignore[arg-type]
    for column in range(20):
        ahead.take([look(column, float(column))])
    figures = ahead.statistics()
    assert figures["prefetched_tiles"] == len(engine.made) > 10
    assert figures["prefetched_tiles_used"] >= 15
    assert all(request.image == "abc" for request in engine.made)


def test_a_busy_engine_is_left_alone() -> None:
    engine = Engine()
    engine.is_busy = True
    ahead = Prefetcher(engine, TILES)  # type: ignore[arg-type]
    for column in range(10):
        ahead.take([look(column, float(column))])
    assert ahead.statistics() == {"prefetched_tiles": 0, "prefetched_tiles_used": 0}


def test_levels_that_a_geometry_lacks() -> None:
    assert rewritten("/dzi/abc_files/15/7_10.jpeg", Geometry(Size(100, 100)), (5, 0, 0)) is None
