"""The viewport stream over real gRPC: what comes, what does not, who is let go of."""

from __future__ import annotations

import gc
import itertools
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any

import grpc
import pytest

from medtiles.api.v1 import frames_pb2, images_pb2, tiles_pb2
from medtiles.api.v1 import viewport_pb2 as pb
from medtiles.api.v1.viewport_pb2_grpc import ViewportServiceStub
from medtiles.client import Arrival, Client, Motion, Viewport
from medtiles.core.errors import BadRequestError, BusyError, ImageNotFoundError, TileOutOfRangeError, ViewTooLargeError
from medtiles.core.pyramid import TileKey
from medtiles.engine.engine import TileEngine
from medtiles.protocols.grpc.server import GrpcLimits
from tests.contract.tiles_contract import Waves
from tests.unit.protocols.grpc.conftest import Serve, Served
from tests.unit.protocols.grpc.stuck_tiles import StuckTiles, frame
from transcode.errors import CorruptFrameError, FileChangedError

pytestmark = pytest.mark.slow

WHOLE = (0, 0, 1000, 700)
FRAME = TileKey(0, 0, 0)


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    with Client(served.address) as made:
        yield made


def taken(viewport: Viewport) -> list[Arrival]:
    return list(viewport.pieces())


def keys(arrivals: list[Arrival]) -> list[TileKey]:
    return [arrival.key for arrival in arrivals if arrival.key is not None and arrival.is_complete]


def wait_until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def viewers() -> int:
    return sum(thread.name.startswith("viewport-reader") for thread in threading.enumerate())


# ---- what comes


def test_what_is_visible_comes_as_it_is_stored(client: Client) -> None:
    with client.viewport() as viewport:
        viewport.look("slide", WHOLE)
        found = keys(taken(viewport))

        assert {key for key in found if key.level == 0} == {TileKey(0, x, y) for x in range(4) for y in range(3)}
        for key in found:
            assert viewport.assembled(key) == client.tile("slide", key.level, key.column, key.row).data


def test_refinements_joined_are_the_stored_frame(client: Client) -> None:
    with client.viewport() as viewport:
        viewport.look("waves", (0, 0, 512, 400), zoom=0.25, is_display=False)
        arrivals = taken(viewport)

        assert [each.reduction for each in arrivals if each.reduction is not None] == [4, 3, 2, 1, 0]
        assert viewport.assembled(FRAME) == Waves().stored.data


def test_what_the_screen_shows_comes_before_the_rest(client: Client) -> None:
    with client.viewport() as viewport:
        viewport.look("waves", (0, 0, 512, 400), screen=(128, 100), is_display=False)
        arrivals = viewport.pieces()
        before = list(itertools.takewhile(lambda each: not each.is_visible, arrivals))
        part = viewport.frame(FRAME)

        assert part is not None
        assert (before[-1].reduction, part.reduction, part.width, part.height) == (2, 2, 128, 100)
        assert part.data == Waves().stored.data[: len(part.data)]


def test_nothing_comes_twice(client: Client) -> None:
    with client.viewport() as viewport:
        found: list[TileKey] = []
        for region in (WHOLE, (0, 0, 300, 300), (200, 200, 600, 400), WHOLE):
            viewport.look("slide", region)
            found += keys(taken(viewport))

        assert len(found) == len(set(found))


def test_a_held_tile_does_not_come(client: Client) -> None:
    held = [TileKey(0, 1, 1), TileKey(0, 0, 0)]
    with client.viewport() as viewport:
        viewport.look("slide", (900, 600, 50, 50))
        taken(viewport)
        viewport.hold(held)
        viewport.look("slide", WHOLE)

        assert not set(keys(taken(viewport))) & set(held)


def test_held_bytes_do_not_come(client: Client) -> None:
    with client.viewport() as viewport:
        viewport.look("waves", (0, 0, 1, 1), zoom=1e-6, is_display=False, holds_parts=[(FRAME, 0, 5000)])
        got = [each for each in taken(viewport) if each.data]

    assert b"".join(each.data for each in got) == Waves().stored.data[5000:]


def test_a_dropped_tile_comes_again_when_it_is_looked_at(client: Client) -> None:
    with client.viewport() as viewport:
        viewport.look("slide", WHOLE)
        taken(viewport)
        viewport.drop([TileKey(0, 2, 1)])
        assert viewport.assembled(TileKey(0, 2, 1)) == b""
        viewport.look("slide", WHOLE)

        assert keys(taken(viewport)) == [TileKey(0, 2, 1)]
        assert viewport.assembled(TileKey(0, 2, 1)) == client.tile("slide", 0, 2, 1).data


def test_tiles_of_another_rendition_are_other_tiles(client: Client) -> None:
    with client.viewport() as viewport:
        viewport.look("slide", (0, 0, 100, 100))
        taken(viewport)
        viewport.look("slide", (0, 0, 100, 100), accept=("image/png",))

        assert FRAME in keys(taken(viewport))
        assert viewport.assembled(FRAME) == client.tile("slide", 0, 0, 0, accept=("image/png",)).data


def test_planes_ahead_follow_those_that_are_visible(client: Client) -> None:
    """The nearer ones first, but what is made already goes out before what is not."""
    with client.viewport() as viewport:
        viewport.look("scan", (0, 0, 600, 500), motion=Motion(planes=8.0))

        planes = [key.plane for key in keys(taken(viewport))]

    assert set(planes) == {0, 1, 2}
    seen = planes.count(0)
    assert planes[:seen] == [0] * seen
    places = {plane: [at for at, each in enumerate(planes) if each == plane] for plane in (1, 2)}
    assert sum(places[1]) / len(places[1]) < sum(places[2]) / len(places[2])


def test_a_rate_is_kept(client: Client) -> None:
    with client.viewport(byte_rate=40_000) as viewport:
        began = time.monotonic()
        viewport.look("slide", WHOLE)
        size = sum(len(each.data) for each in viewport.pieces())
        took = time.monotonic() - began

    assert size / took <= 40_000 * 1.05 + 2048
    assert viewport.byte_rate == 40_000


def test_a_rate_is_measured(client: Client) -> None:
    with client.viewport() as viewport:
        viewport.look("slide", WHOLE)
        taken(viewport)

        assert viewport.byte_rate > 100_000


# ---- a view that moves


def test_what_is_not_looked_at_any_more_is_withdrawn(serve: Serve) -> None:
    tiles = StuckTiles()
    with Client(serve(tiles).address) as client, client.viewport() as viewport:
        viewport.look("slide", (0, 0, 1000, 1000))
        tiles.wait_for(4)
        viewport.look("slide", (20_000, 20_000, 100, 100))
        tiles.wait_for_withdrawal(4)
        tiles.wait_for(5)[-1].set_result(frame(b"wanted"))

        assert [each.data for each in viewport.pieces() if each.data] == [b"wanted"]


def test_only_the_newest_of_many_looks_is_followed(client: Client) -> None:
    with client.viewport() as viewport:
        for step in range(40):
            viewport.look("slide", (step * 20, 0, 100, 100))
        numbers = [each.number for each in viewport.pieces()]

    assert numbers == sorted(numbers)
    assert numbers[-1] == 40


# ---- errors


@pytest.mark.parametrize(
    ("what", "error"),
    [
        ({"zoom": math.nan}, BadRequestError),
        ({"zoom": -1.0}, BadRequestError),
        ({"zoom": 2.0**63}, BadRequestError),
        ({"screen": (0, 0)}, BadRequestError),
        ({"region": (0, 0, -5, 10)}, BadRequestError),
        ({"image": "nothing"}, ImageNotFoundError),
        ({"plane": 1}, TileOutOfRangeError),
        ({"plane": -1}, TileOutOfRangeError),
        ({"motion": Motion(x=math.inf)}, BadRequestError),
        ({"quality": 1000}, BadRequestError),
        ({"accept": ("a/b",) * 40}, BadRequestError),
        ({"version": "an older one"}, FileChangedError),
    ],
    ids=str,
)
def test_a_look_that_makes_no_sense_is_told_and_the_stream_goes_on(
    client: Client, what: dict[str, Any], error: type[Exception]
) -> None:
    with client.viewport() as viewport:
        viewport.look(**{"image": "slide", "region": WHOLE, **what})
        with pytest.raises(error):
            taken(viewport)
        viewport.look("slide", (0, 0, 100, 100))

        assert FRAME in keys(taken(viewport))


@pytest.mark.parametrize(
    ("what", "error"),
    [
        ({"region": (2**63, 0, 1, 1)}, BadRequestError),
        ({"screen": (2**63, 1)}, ViewTooLargeError),
        ({"plane": 2**63}, TileOutOfRangeError),
        ({"image": "\udc80"}, ImageNotFoundError),
    ],
    ids=ascii,
)
def test_what_no_message_holds_is_refused_at_once(client: Client, what: dict[str, Any], error: type[Exception]) -> None:
    with client.viewport() as viewport, pytest.raises(error):
        viewport.look(**{"image": "slide", "region": WHOLE, **what})


def test_a_rate_that_no_message_holds_is_refused(client: Client) -> None:
    with pytest.raises(BadRequestError):
        client.viewport(byte_rate=2**63)


def test_a_tile_that_cannot_be_had_is_told_and_the_others_come(serve: Serve) -> None:
    tiles = StuckTiles()
    with Client(serve(tiles).address) as client, client.viewport() as viewport:
        viewport.look("slide", (0, 0, 500, 200))
        first, second = tiles.wait_for(2)
        first.set_exception(CorruptFrameError("it is broken"))
        second.set_result(frame(b"well"))
        arrivals = taken(viewport)

    (problem,) = [each for each in arrivals if each.error is not None]
    assert isinstance(problem.error, CorruptFrameError)
    assert problem.key is not None
    assert [each.data for each in arrivals if each.data] == [b"well"]


def test_a_file_that_is_replaced_is_told(serve: Serve) -> None:
    tiles = StuckTiles()
    with Client(serve(tiles).address) as client, client.viewport() as viewport:
        viewport.look("slide", (0, 0, 200, 200))
        (future,) = tiles.wait_for(1)
        tiles.replace_file("slide", "v2")
        future.set_result(frame(b"of the new file"))

        with pytest.raises(FileChangedError):
            taken(viewport)


# ---- plain clients that do not keep the rules


class Plain:
    """A stream in which a test says what it likes."""

    def __init__(self, served: Served) -> None:
        self.said: SimpleQueue[pb.LookRequest | None] = SimpleQueue()
        stub: Any = ViewportServiceStub(served.channel)
        self.answers: Any = stub.Look(iter(self.said.get, None))
        self.size = 0
        """Bytes that have come."""

    def say(self, **fields: Any) -> None:
        self.said.put(pb.LookRequest(**fields))

    def look(self, number: int, image: str = "slide", **fields: Any) -> None:
        region = frames_pb2.Region(width=1000, height=700)
        self.say(viewport=pb.Viewport(number=number, image=image, region=region, zoom=1.0, **fields))

    def _count(self, answer: pb.LookResponse) -> None:
        self.size += len(answer.piece.data)

    def fails(self) -> grpc.StatusCode:
        with pytest.raises(grpc.RpcError) as caught:
            deque(map(self._count, self.answers), 0)
        self.said.put(None)
        code: grpc.StatusCode = caught.value.code()
        return code


@pytest.mark.parametrize(
    "fields",
    [
        {"receipt": pb.Receipt(bytes=10**12)},
        {"receipt": pb.Receipt(bytes=-1)},
        {"receipt": pb.Receipt(seconds=math.nan)},
        {"byte_rate": -1},
        {"byte_rate": 2**63 - 1},
        {"holds": pb.TileList(keys=[tiles_pb2.TileKey()] * 20_000)},
        {"holds": pb.TileList(parts=[pb.TileBytes(start=5, end=1)])},
        {"drops": pb.TileList(keys=[tiles_pb2.TileKey()] * 20_000)},
    ],
    ids=lambda fields: str(fields)[:40],
)
def test_nonsense_ends_the_call(served: Served, fields: dict[str, Any]) -> None:
    plain = Plain(served)
    plain.look(1)
    plain.say(**fields)

    assert plain.fails() is grpc.StatusCode.INVALID_ARGUMENT


def test_numbers_that_do_not_grow_end_the_call(served: Served) -> None:
    plain = Plain(served)
    plain.look(2)
    plain.look(2)

    assert plain.fails() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_million_held_tiles_are_refused(served: Served) -> None:
    plain = Plain(served)
    plain.look(1)
    plain.say(holds=pb.TileList(keys=[tiles_pb2.TileKey(column=index) for index in range(1_000_000)]))

    assert plain.fails() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_who_acknowledges_nothing_is_sent_little_and_let_go_of(serve: Serve, engine: TileEngine) -> None:
    plain = Plain(serve(engine, limits=GrpcLimits(unacknowledged_seconds=0.3)))
    plain.look(1)

    assert plain.fails() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert 0 < plain.size <= 64 * 1024


def test_who_looks_at_nothing_is_let_go_of(serve: Serve, engine: TileEngine) -> None:
    plain = Plain(serve(engine, limits=GrpcLimits(idle_viewport_seconds=0.2)))

    assert plain.fails() is grpc.StatusCode.DEADLINE_EXCEEDED


def test_who_vanishes_leaves_nothing_behind(serve: Serve) -> None:
    tiles = StuckTiles()
    served = serve(tiles)
    before = viewers()
    plain = Plain(served)
    plain.look(1)
    tiles.wait_for(4)

    plain.answers.cancel()

    tiles.wait_for_withdrawal(4)
    wait_until(lambda: viewers() == before)
    plain.said.put(None)


def test_who_says_much_is_read_slowly(served: Served) -> None:
    plain = Plain(served)
    began = time.monotonic()
    for number in range(1, 251):
        plain.look(number, "nothing")
    next(answer for answer in plain.answers if answer.number == 250)

    assert time.monotonic() - began >= 0.3
    plain.answers.cancel()
    plain.said.put(None)


def test_a_client_that_ends_its_side_ends_the_stream(served: Served) -> None:
    plain = Plain(served)
    plain.said.put(None)

    assert list(plain.answers) == []


def test_a_server_that_stops_tells_viewers_to_go_elsewhere(serve: Serve, engine: TileEngine) -> None:
    served = serve(engine)
    plain = Plain(served)
    plain.look(1)
    next(plain.answers)
    served.server.stop(1000)

    assert plain.fails() is grpc.StatusCode.UNAVAILABLE


def test_more_viewers_than_the_limit_are_refused(serve: Serve, engine: TileEngine) -> None:
    served = serve(engine, limits=GrpcLimits(viewports=2))
    plain = [Plain(served) for _ in range(2)]
    for each in plain:
        each.look(1)
        next(each.answers)

    with Client(served.address) as client, client.viewport() as viewport, pytest.raises(BusyError):
        next(iter(viewport))

    for each in plain:
        each.answers.cancel()
        each.said.put(None)


def test_viewers_take_no_threads_of_other_calls(serve: Serve, engine: TileEngine) -> None:
    served = serve(engine, threads=1)
    plain = [Plain(served) for _ in range(10)]
    for each in plain:
        each.look(1)
        next(each.answers)

    assert served.images.GetImage(images_pb2.GetImageRequest(image="slide"), timeout=20).image.name == "a slide"

    for each in plain:
        each.answers.cancel()
        each.said.put(None)


def look_around(address: str, number: int) -> int:
    with Client(address) as client, client.viewport() as viewport:
        viewport.look("slide", (number % 700, number % 500, 200, 200))
        return len(keys(taken(viewport)))


def test_two_hundred_look_at_once(serve: Serve, engine: TileEngine) -> None:
    served = serve(engine)
    before = viewers()

    with ThreadPoolExecutor(200) as pool:
        found = list(pool.map(look_around, [served.address] * 200, range(200)))

    assert min(found) >= 1
    wait_until(lambda: viewers() == before)
    gc.collect()


def test_a_piece_is_described_in_full(served: Served) -> None:
    plain = Plain(served)
    plain.look(1)
    piece = next(answer.piece for answer in plain.answers if answer.HasField("piece"))
    plain.answers.cancel()
    plain.said.put(None)

    assert (piece.frame.media_type, piece.frame.data, piece.total_bytes) == ("image/jpeg", b"", len(piece.data))
    assert piece.version
