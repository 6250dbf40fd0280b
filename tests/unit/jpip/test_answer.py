"""Requests answered in sessions and without: what comes is the picture, and nothing comes twice."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from medtiles.core.errors import BusyError
from medtiles.jpip.answer import Target
from medtiles.jpip.assembly import Assembly
from medtiles.jpip.bins import CodestreamBins, TiledBins
from medtiles.jpip.errors import FieldError, UnknownChannelError, UnsupportedFieldError
from medtiles.jpip.messages import BinClass, EndOfResponse, Message, MessageReader, Reason
from medtiles.jpip.rates import Bucket
from medtiles.jpip.request import read_request
from medtiles.jpip.server import JpipLimits, JpipServer, Response
from medtiles.jpip.session import SessionLimits
from tests.unit.jpip.test_window import decoded
from tests.unit.transcode.codestream.conftest import Picture, htj2k, jpeg2000


class Client:
    """Keeps what it was sent, and refuses to be sent a byte twice."""

    def __init__(self, server: JpipServer) -> None:
        self.server = server
        self.held: dict[tuple[int, int], bytes] = defaultdict(bytes)
        self.complete: set[tuple[int, int]] = set()
        self.headers: dict[str, str] = {}
        self.messages: list[Message] = []
        self.last_bytes = 0

    def ask(self, query: str) -> int:
        """The reason for the end."""
        response = self.server.begin(read_request(query), "image")
        self.headers = response.headers
        response.open()
        reader, reason = MessageReader(), 0
        self.messages, self.last_bytes = [], 0
        for piece in response.pieces():
            self.last_bytes += len(piece)
            for message in reader.feed(piece):
                if isinstance(message, EndOfResponse):
                    reason = message.reason
                else:
                    self._take(message)
        response.close()
        assert not reader.waiting
        return reason

    def _take(self, message: Message) -> None:
        key = message.bin_class & ~1, message.bin_id
        assert message.offset == len(self.held[key])
        assert key not in self.complete
        self.messages.append(message)
        self.held[key] += message.body
        if message.is_last:
            self.complete.add(key)

    @property
    def cid(self) -> str:
        return self.headers["JPIP-cnew"].partition("cid=")[2].partition(",")[0]

    def codestream(self) -> bytes:
        assembly = Assembly(self.held[BinClass.MAIN_HEADER, 0])
        return assembly.codestream(
            lambda tile: self.held[BinClass.TILE_HEADER, tile],
            lambda number: self.held.get((BinClass.PRECINCT, number), b""),
        )


class Time:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def server_of(data: bytes, limits: JpipLimits = JpipLimits(), clock: Time | None = None, count: int = 1) -> JpipServer:
    bins = CodestreamBins.of(data)
    return server_of_target(Target("tid1", count, lambda number: bins), limits, clock)


def server_of_target(target: Target, limits: JpipLimits = JpipLimits(), clock: Time | None = None) -> JpipServer:
    return JpipServer(lambda image, part: target, limits, clock or Time())


@pytest.fixture(scope="module")
def layered(colours: Picture) -> bytes:
    return jpeg2000(
        colours,
        tile_size=(128, 128),
        precinct_size=(64, 32),
        codeblock_size=(16, 16),
        quality_layers=[30, 8, 0],
        num_resolutions=4,
    )


@pytest.fixture(scope="module")
def fast(colours: Picture) -> bytes:
    return htj2k(colours, reversible=True, planar=False, tile=(128, 100))


@pytest.mark.parametrize("name", ["layered", "fast"])
@pytest.mark.parametrize("step", [7, 4000, 20_000])
def test_limited_answers_go_on_where_they_ended(name: str, step: int, request: pytest.FixtureRequest) -> None:
    data = request.getfixturevalue(name)
    client = Client(server_of(data))
    assert client.ask("fsiz=421,300&cnew=http&len=0&type=jpp-stream") == Reason.BYTE_LIMIT
    assert client.last_bytes == 3
    rounds, most = 0, step if step > 100 else 60_000
    reason: int = Reason.BYTE_LIMIT
    if step < 100:  # not one header fits
        assert client.ask(f"cid={client.cid}&fsiz=421,300&len={step}") == Reason.BYTE_LIMIT
        assert client.last_bytes <= step + 3
        return
    cid = client.cid
    while reason == Reason.BYTE_LIMIT:
        reason = client.ask(f"cid={cid}&fsiz=421,300&len={most}")
        assert client.last_bytes <= most + 3
        rounds += 1
    assert reason == Reason.IMAGE_DONE
    assert rounds > 3
    assert np.array_equal(decoded(client.codestream()), decoded(data))
    assert client.ask(f"cid={cid}&fsiz=421,300&len={most}") == Reason.IMAGE_DONE
    assert client.last_bytes == 3


def test_a_pan_sends_only_what_is_new(layered: bytes) -> None:
    client = Client(server_of(layered))
    assert client.ask("fsiz=106,75&cnew=http") == Reason.WINDOW_DONE
    cid, original = client.cid, decoded(layered)
    for x, y in ((0, 0), (40, 20), (200, 100), (40, 20)):
        assert client.ask(f"cid={cid}&fsiz=421,300&roff={x},{y}&rsiz=100,90") == Reason.WINDOW_DONE
        part = np.s_[y : y + 90, x : x + 100]
        assert np.array_equal(decoded(client.codestream())[part], original[part])
    assert client.last_bytes == 3


def test_without_a_session_the_model_says_what_is_there(layered: bytes) -> None:
    server = server_of(layered)
    client = Client(server)
    client.ask("fsiz=421,300&roff=0,0&rsiz=100,90")
    whole = client.last_bytes
    letters = {BinClass.MAIN_HEADER: "Hm", BinClass.TILE_HEADER: "H", BinClass.PRECINCT: "P", BinClass.METADATA: "M"}
    model = ",".join(
        letters[BinClass(kind)] + ("" if kind == BinClass.MAIN_HEADER else str(number)) for kind, number in client.held
    )
    assert client.ask(f"fsiz=421,300&roff=0,0&rsiz=100,90&model={model}") == Reason.WINDOW_DONE
    assert client.last_bytes == 3
    another = Client(server)
    another.ask(f"fsiz=421,300&roff=0,0&rsiz=100,90&tid=other&model={model}")
    assert another.last_bytes == whole
    assert another.headers["JPIP-tid"] == "tid1"


def test_coarse_comes_first_and_then_what_is_nearest(layered: bytes) -> None:
    client = Client(server_of(layered))
    client.ask("fsiz=421,300&layers=1")
    assert [message.bin_class for message in client.messages[:3]] == [8, 6, 2]
    coarse = client.codestream()
    server = server_of(layered)
    parts = []
    for length in (2_000, 8_000, 30_000):
        early = Client(server)
        early.ask(f"fsiz=421,300&len={length}")
        parts.append(float(np.abs(decoded(early.codestream()).astype(int) - decoded(layered)).mean()))
    assert parts == sorted(parts, reverse=True)
    assert np.abs(decoded(coarse).astype(int) - decoded(layered)).mean() > 0


def test_layers_quality_and_components(layered: bytes) -> None:
    client = Client(server_of(layered))
    assert client.ask("fsiz=421,300&quality=30") == Reason.QUALITY_LIMIT
    assert (client.headers["JPIP-quality"], client.headers["JPIP-layers"]) == ("30", "1")
    one = Client(server_of(layered))
    one.ask("fsiz=421,300&comps=0,9")
    assert one.headers["JPIP-comps"] == "0"
    precincts = [message.bin_id for message in one.messages if message.bin_class == BinClass.PRECINCT]
    tiles = CodestreamBins.of(layered).siz.tile_count
    assert precincts
    assert {number // tiles % 3 for number in precincts} == {0}
    fewer = Client(server_of(layered))
    fewer.ask("fsiz=421,300&layers=9")
    assert fewer.headers["JPIP-layers"] == "3"


def test_the_window_that_is_really_there_is_told(fast: bytes) -> None:
    client = Client(server_of(fast))
    client.ask("fsiz=250,200&qid=7&quality=50")
    assert client.headers["JPIP-fsiz"] == "211,150"
    assert (client.headers["JPIP-qid"], client.headers["JPIP-quality"]) == ("7", "-1")
    exact = Client(server_of(fast))
    exact.ask("fsiz=421,300&type=jpp-stream&tid=tid1")
    assert exact.headers == {}


@pytest.mark.parametrize("name", ["layered", "fast"])
def test_tile_streams_are_tile_parts_as_they_are(name: str, request: pytest.FixtureRequest) -> None:
    data = request.getfixturevalue(name)
    client = Client(server_of(data))
    assert client.ask("fsiz=421,300&type=jpt-stream") == Reason.IMAGE_DONE
    tiles = b"".join(client.held[BinClass.TILE, tile] for tile in range(CodestreamBins.of(data).siz.tile_count))
    again = client.held[BinClass.MAIN_HEADER, 0] + tiles + b"\xff\xd9"
    assert np.array_equal(decoded(again), decoded(data))
    part = Client(server_of(data))
    part.ask("fsiz=421,300&roff=0,0&rsiz=50,50&type=jpt-stream;ttype=ext")
    assert {message.bin_class for message in part.messages} == {8, 6, BinClass.EXTENDED_TILE}
    assert part.last_bytes < client.last_bytes / 4


def test_tiles_that_are_codestreams_make_one_picture(colours: Picture) -> None:
    pieces = {
        row * 4 + column: htj2k(
            np.ascontiguousarray(colours[row * 128 : row * 128 + 128, column * 128 : column * 128 + 128]),
            reversible=True,
            planar=False,
        )
        for row in range(3)
        for column in range(4)
    }
    whole = htj2k(colours, reversible=True, planar=False, tile=(128, 128))
    bins = TiledBins(CodestreamBins.of(whole).main_header().read(0, 1 << 20), pieces.__getitem__)
    for kind in ("jpp-stream", "jpt-stream"):
        target = Target("tid1", 1, lambda number: bins)
        client = Client(server_of_target(target))
        assert client.ask(f"fsiz=421,300&type={kind}") == Reason.IMAGE_DONE
        if kind == "jpp-stream":
            found = client.codestream()
        else:
            tiles = b"".join(client.held[BinClass.TILE, tile] for tile in range(12))
            found = client.held[BinClass.MAIN_HEADER, 0] + tiles + b"\xff\xd9"
        assert np.array_equal(decoded(found), colours)


def test_aligned_answers_end_with_whole_packets(layered: bytes) -> None:
    client = Client(server_of(layered))
    client.ask("fsiz=421,300&align=yes&len=5000")
    bins = CodestreamBins.of(layered)
    for message in client.messages:
        if message.bin_class == BinClass.PRECINCT:
            tile = message.bin_id % bins.siz.tile_count
            precincts = bins.precincts(tile, 3)
            data = next(
                found
                for number in range(precincts.layout.precincts)
                if (found := precincts.precinct(number)).bin_id == message.bin_id
            )
            assert message.offset + len(message.body) in data.ends


def begun(server: JpipServer, query: str) -> Response:
    response = server.begin(read_request(query))
    response.open()
    return response


def test_a_new_request_on_the_channel_ends_the_old_one(layered: bytes) -> None:
    server = server_of(layered)
    client = Client(server)
    client.ask("cnew=http")
    old = begun(server, f"cid={client.cid}&fsiz=421,300")
    pieces = old.pieces()
    next(pieces)
    new = begun(server, f"cid={client.cid}&fsiz=421,300&len=0")
    assert list(pieces)[-1] == bytes((0, Reason.WINDOW_CHANGE, 0))
    old.close()
    new.close()


def test_a_request_that_waits_lets_the_old_one_finish(layered: bytes) -> None:
    server = server_of(layered)
    client = Client(server)
    client.ask("cnew=http")
    old = begun(server, f"cid={client.cid}&fsiz=421,300")
    pieces = old.pieces()
    next(pieces)
    new = begun(server, f"cid={client.cid}&fsiz=421,300&wait=yes")
    assert new.after is not None
    assert not new.after.done()
    assert list(pieces)[-1] == bytes((0, Reason.IMAGE_DONE, 0))
    old.close()
    assert new.after.done()
    assert list(new.pieces()) == [bytes((0, Reason.IMAGE_DONE, 0))]
    new.close()


def test_nobody_waits_for_a_response_that_was_never_sent(layered: bytes) -> None:
    server = server_of(layered)
    client = Client(server)
    client.ask("cnew=http")
    server.begin(read_request(f"cid={client.cid}&fsiz=421,300"))
    new = begun(server, f"cid={client.cid}&fsiz=421,300&wait=yes")
    assert new.after is None or new.after.done()
    new.close()


def test_damage_ends_a_response_and_is_named(layered: bytes) -> None:
    bins = CodestreamBins.of(layered)
    place = bins.codestream.parts_of(11)[0]
    damaged = bytearray(layered)
    damaged[place.offset + place.header_length : place.end] = b"\xff" * (place.length - place.header_length)
    client = Client(server_of(bytes(damaged)))
    assert client.ask("fsiz=421,300&roff=0,0&rsiz=100,100") == Reason.WINDOW_DONE
    whole = Client(server_of(bytes(damaged)))
    response = whole.server.begin(read_request("fsiz=421,300"), "image")
    (end,) = [each for each in MessageReader().feed(b"".join(response.pieces())) if isinstance(each, EndOfResponse)]
    assert end.reason == Reason.NOT_SPECIFIED
    assert b"tile 11" in end.body


def test_sessions_end(layered: bytes) -> None:
    clock = Time()
    limits = JpipLimits(SessionLimits(sessions=2, channels=2, lifetime=100, idle=10))
    server = server_of(layered, limits, clock)
    first, second = Client(server), Client(server)
    first.ask("cnew=http")
    second.ask("cnew=http-udp,http")
    with pytest.raises(BusyError, match="2 sessions"):
        Client(server).ask("cnew=http")
    cid = first.cid
    first.ask(f"cid={cid}&cnew=http")
    assert first.cid != cid
    with pytest.raises(BusyError, match="2 channels"):
        first.ask(f"cid={cid}&cnew=http")
    first.ask(f"cid={cid}&cclose={first.cid if 'JPIP-cnew' in first.headers else '*'}")
    clock.now += 11
    with pytest.raises(UnknownChannelError, match="no channel"):
        second.ask(f"cid={second.cid}&fsiz=9,9")
    assert server.statistics()["jpip_sessions"] == 0
    third = Client(server)
    third.ask("cnew=http")
    cid = third.cid
    response = begun(server, f"cid={cid}&fsiz=421,300")
    pieces = response.pieces()
    next(pieces)
    clock.now += 101
    assert list(pieces)[-1] == bytes((0, Reason.SESSION_LIMIT, 0))
    response.close()
    with pytest.raises(UnknownChannelError):
        third.ask(f"cid={cid}")


def test_limits_of_an_answer(layered: bytes) -> None:
    client = Client(server_of(layered, JpipLimits(request_bytes=3000)))
    assert client.ask("fsiz=421,300") == Reason.RESPONSE_LIMIT
    assert 2000 < client.last_bytes <= 3003
    server = server_of(layered, JpipLimits(requests=1))
    response = server.begin(read_request("fsiz=421,300"), "image")
    response.open()
    with pytest.raises(BusyError, match="under way"):
        server.begin(read_request("fsiz=421,300"), "image")
    response.close()
    assert Client(server).ask("fsiz=421,300") == Reason.IMAGE_DONE


def test_what_makes_no_sense_is_named(layered: bytes) -> None:
    server = server_of(layered)
    with pytest.raises(UnsupportedFieldError, match="type"):
        server.begin(read_request("type=image/png"), "image")
    with pytest.raises(FieldError, match="target"):
        server.begin(read_request("fsiz=1,1"))
    with pytest.raises(FieldError, match="context"):
        server.begin(read_request("context=mj2t<0>"), "image")
    with pytest.raises(FieldError, match="model"):
        server.begin(read_request("model=X1"), "image")
    assert server.statistics()["jpip_under_way"] == 0


def test_needs_are_all_that_is_sent(layered: bytes) -> None:
    client = Client(server_of(layered))
    client.ask("fsiz=421,300&need=Hm,H0,P0")
    assert {(message.bin_class, message.bin_id) for message in client.messages} == {(6, 0), (2, 0), (0, 0)}


def test_needs_are_of_the_codestreams_that_are_asked_for(layered: bytes) -> None:
    bins = CodestreamBins.of(layered)
    client = Client(server_of_target(Target("tid1", 4, lambda number: bins)))
    client.ask("stream=3&fsiz=421,300&need=Hm")
    assert [(message.codestream, message.bin_class) for message in client.messages] == [(3, BinClass.MAIN_HEADER)]


def test_codestreams_that_are_not_there_are_told_whatever_is_named(layered: bytes) -> None:
    bins = CodestreamBins.of(layered)
    client = Client(server_of_target(Target("tid1", 4, lambda number: bins)))
    client.ask("len=0&stream=" + ",".join(f"{first}-99999999" for first in range(2, 4000)))
    assert client.headers["JPIP-stream"] == "2-3"
    client.ask("len=0&stream=1-3")
    assert "JPIP-stream" not in client.headers


def test_a_rate_is_kept() -> None:
    bucket, now, waited = Bucket(1000.0), 0.0, 0.0
    for _ in range(100):
        delay = bucket.take(100, now)
        waited += delay
        now += delay
    assert 9.8 <= now <= 10.0
    assert Bucket(0.0).take(1 << 40, 0.0) == 0


@pytest.mark.parametrize("asked", ["model=M0,Hm&len=3", "model=M0&align=yes&len=40"])
def test_a_limit_that_lets_nothing_through_is_answered_with_one_that_does(layered: bytes, asked: str) -> None:
    client = Client(server_of(layered))
    assert client.ask(f"fsiz=300,200&{asked}") == Reason.BYTE_LIMIT
    assert not client.messages
    enough = client.headers["JPIP-len"]
    more = asked.replace(asked.rpartition("=")[2], enough)
    assert client.ask(f"fsiz=300,200&{more}") == Reason.BYTE_LIMIT
    assert len(client.messages) == 1
    assert "JPIP-len" not in client.headers


def test_no_limit_is_told_where_nothing_is_to_be_sent(layered: bytes) -> None:
    client = Client(server_of(layered))
    client.ask("fsiz=300,200&model=M0,Hm&len=0")
    assert "JPIP-len" not in client.headers
    client.ask("fsiz=300,200&model=M*,Hm,H*,P*&len=3")
    assert "JPIP-len" not in client.headers


def test_models_are_kept_of_the_codestreams_that_the_client_names(layered: bytes) -> None:
    client = Client(server_of(layered, count=4))
    client.ask("fsiz=300,200&stream=0&cnew=http")
    sent = client.last_bytes
    cid = client.cid
    client.ask(f"cid={cid}&fsiz=300,200&stream=0&mset=0-1")
    assert client.last_bytes < 10
    assert "JPIP-mset" not in client.headers
    other = Client(client.server)
    other.ask(f"cid={cid}&fsiz=300,200&stream=2&mset=1,3-9")
    assert other.headers["JPIP-mset"] == "1-3"
    again = Client(client.server)
    again.ask(f"cid={cid}&fsiz=300,200&stream=0")
    assert again.last_bytes >= sent - 20  # all but what is no codestream's


def test_regions_have_no_names(layered: bytes) -> None:
    client = Client(server_of(layered))
    assert client.ask("fsiz=300,200&roi=tumour") == Reason.IMAGE_DONE or client.messages
    assert client.headers["JPIP-roi"] == "roi=no-roi"
