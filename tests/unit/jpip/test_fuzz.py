"""Requests and codestreams made to harm: each is answered, or refused with our error, in bounded bytes and memory."""

from __future__ import annotations

import random
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medtiles.core.errors import MedTilesError
from medtiles.jpip.answer import Target
from medtiles.jpip.bins import CodestreamBins
from medtiles.jpip.messages import EndOfResponse, MessageReader
from medtiles.jpip.request import read_request
from medtiles.jpip.server import JpipLimits, JpipServer
from medtiles.jpip.session import SessionLimits
from tests.unit.jpip.test_answer import Time, server_of, server_of_target
from tests.unit.transcode.codestream.conftest import Picture, htj2k, jpeg2000
from tests.unit.transcode.codestream.test_mutants import mutant
from transcode.errors import TranscodeError

NUMBERS = st.one_of(st.integers(-2, 600), st.sampled_from([2**31, 2**32, 2**63, 10**30, 65535]))
SPANS = st.one_of(
    NUMBERS.map(str),
    st.tuples(NUMBERS, NUMBERS).map(lambda pair: f"{pair[0]}-{pair[1]}"),
    NUMBERS.map(lambda number: f"{number}-"),
)
LISTS = st.lists(SPANS, min_size=1, max_size=6).map(",".join)
BINS = st.tuples(
    st.sampled_from(["", "-", "[0]", "[1-99999999]", "[0;2-]"]),
    st.sampled_from(["Hm", "H", "Ht", "P", "T", "M", "t", "c", "r", "t0c*r", "X"]),
    st.one_of(st.just(""), st.just("*"), SPANS),
    st.one_of(st.just(""), NUMBERS.map(lambda n: f":{n}"), NUMBERS.map(lambda n: f":L{n}")),
).map("".join)
MODELS = st.lists(BINS, min_size=1, max_size=8).map(",".join)
WORDS = st.one_of(
    LISTS, MODELS, st.text(max_size=12), st.sampled_from(["http", "yes", "no", "*", "[*]!!", "jpxl<0-9>"])
)
FIELDS = {
    "fsiz": st.tuples(LISTS, st.sampled_from(["", ",round-up", ",closest", ",round-down", ",other"])).map("".join),
    "roff": LISTS,
    "rsiz": LISTS,
    "comps": LISTS,
    "stream": LISTS,
    "layers": NUMBERS.map(str),
    "quality": NUMBERS.map(str),
    "len": NUMBERS.map(str),
    "model": MODELS,
    "need": MODELS,
    "tpmodel": WORDS,
    "tpneed": WORDS,
    "mset": LISTS,
    "type": st.sampled_from(
        [
            "jpp-stream",
            "jpt-stream",
            "jpp-stream;ptype=ext",
            "image/jpt-stream;ttype=ext",
            "raw",
            "image/j2c",
            "jp2",
            "x",
        ]
    ),
    "metareq": WORDS,
    "context": WORDS,
    "align": WORDS,
    "wait": WORDS,
    "cnew": WORDS,
    "cclose": WORDS,
    "cid": WORDS,
    "tid": st.one_of(WORDS, st.just("tid1")),
    "qid": NUMBERS.map(str),
    "subtarget": LISTS,
}
QUERIES = st.fixed_dictionaries({}, optional=FIELDS).map(
    lambda fields: "&".join(f"{name}={value}" for name, value in fields.items())
)


@pytest.fixture(scope="module")
def server(colours: Picture) -> JpipServer:
    data = jpeg2000(
        colours, tile_size=(128, 128), precinct_size=(64, 32), codeblock_size=(16, 16), quality_layers=[30, 0]
    )
    return server_of(data, JpipLimits(sessions=SessionLimits(sessions=5)))


def answered(server: JpipServer, query: str) -> int:
    """Bytes of a whole answer; a refusal has none."""
    try:
        response = server.begin(read_request(query), "image")
        response.open()
        try:
            body = b"".join(response.pieces())
        finally:
            response.close()
    except (MedTilesError, TranscodeError):
        return 0
    if response.answer.media_type in {"image/jpp-stream", "image/jpt-stream"}:
        *_, end = MessageReader().feed(body)
        assert isinstance(end, EndOfResponse)
    return len(body)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(QUERIES)
def test_any_request_is_answered_or_refused(server: JpipServer, query: str) -> None:
    assert answered(server, query) < 2_000_000
    assert server.statistics()["jpip_under_way"] == 0
    assert server.statistics()["jpip_sessions"] <= 5


@pytest.mark.parametrize(
    "query",
    [
        "model=P0-99999999999,T0-99999999999,H0-99999999999,M0-99999999999",
        "model=[0-99999999999]P0-99999999999:3",
        "model=" + ",".join(f"P{number}-9999999999" for number in range(1000)),
        "need=P0-99999999999:L65535",
        "fsiz=4000000000,4000000000,round-up&roff=0,0&rsiz=4000000000,4000000000",
        "stream=0-99999999999&fsiz=100,100",
        "comps=0-99999999999,1-99999999999&fsiz=100,100",
        "context=jpxl<0-99999999999>&fsiz=100,100",
        "tpmodel=0.0-99999999999.255&type=jpt-stream&fsiz=100,100",
    ],
)
def test_what_would_expand_hugely_takes_no_memory(server: JpipServer, query: str) -> None:
    answered(server, "fsiz=421,300")
    tracemalloc.start()
    try:
        answered(server, query)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", ["one tile", "tiles", "fast"])
def test_damaged_codestreams_end_an_answer_and_nothing_else(colours: Picture, kind: str) -> None:
    data = {
        "one tile": lambda: jpeg2000(colours, precinct_size=(64, 64), quality_layers=[20, 0]),
        "tiles": lambda: jpeg2000(colours, tile_size=(128, 128), progression="PCRL"),
        "fast": lambda: htj2k(colours, reversible=True, planar=False, tile=(128, 128), tlm=True),
    }[kind]()
    dice, refused = random.Random(5), 0
    for _ in range(60):
        damaged = mutant(data, dice)
        try:
            bins = CodestreamBins.of(damaged)
        except TranscodeError:
            refused += 1
            continue
        target = Target("tid1", 1, lambda number, bins=bins: bins)  # type: ignore[misc]
        broken = server_of_target(target, clock=Time())
        for query in ("fsiz=421,300,round-up", "fsiz=100,100&type=jpt-stream", "fsiz=421,300&type=image/j2c"):
            assert answered(broken, query) <= 4 * len(data) + 10_000
    assert 0 < refused < 60
