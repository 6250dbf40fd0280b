"""Counts, filters, visits and times, of logs whose contents are known."""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo

import pytest

from medtiles.hotspots import histograms, listing
from medtiles.hotspots.errors import HotspotsError
from medtiles.hotspots.filters import Filters, moment, require_status
from medtiles.hotspots.sessions import Names, sessions_of
from medtiles.hotspots.tally import Tally, fixed
from tests.unit.hotspots.conftest import WIDE, Log, tiles

Count = Callable[..., Tally]


def iip(index: int, level: int = 7, image: str = "a.tif", more: str = "") -> str:
    return f"/fcgi-bin/iipsrv.fcgi?FIF={image}&JTL={level},{index}{more}"


def test_the_log_that_iipanalyze_gets_wrong(log: Log, count: Count) -> None:
    """Tiles of several levels with one index, parameters behind the tile, another image's 404s."""
    lines = [
        *[log.line(iip(10))] * 5,
        *[log.line(iip(10, level=6))] * 3,
        *[log.line(iip(11, more="&QLT=80"))] * 4,
        *[log.line(iip(12))] * 2,
        *[log.line(iip(2, level=5))] * 2,
        *[log.line(iip(10, image="missing/a.tif"), status=404)] * 7,
    ]
    tally = count(lines)
    assert tiles(tally) == {(0, 10, 0): 5, (1, 10, 0): 3, (0, 11, 0): 4, (0, 12, 0): 2, (2, 2, 0): 2}
    assert (tally.lines, tally.left_out, tally.unreadable) == (23, 7, 0)
    only = listing.rows(count(lines, resolutions=(7,)), fixed(WIDE))
    assert [(row["column"], row["count"]) for row in only] == [(10, 5), (11, 4), (12, 2)]


def test_protocols_add_up(log: Log, count: Count) -> None:
    same = [
        "/iip?FIF=abc&JTL=7,797",
        "/dzi/abc_files/15/7_10.jpeg",
        "/zoomify/abc/TileGroup1/7-7-10.jpg",
        "/xyz/abc/7/7/10.png",
    ]
    tally = count([log.line(target) for target in same])
    assert tiles(tally) == {(0, 7, 10): 4}
    assert tally.seen() == {"abc": 4}


@pytest.mark.parametrize(
    ("filters", "left"),
    [
        ({"images": ("a.tif",)}, 7),
        ({"images": ("*.tif",)}, 8),
        ({"images": ("re:^b",)}, 1),
        ({"images": ("tif",)}, 0),
        ({"levels": (0,)}, 7),
        ({"resolutions": (5,)}, 1),
        ({"addresses": ("192.0.2.0/24",)}, 6),
        ({"addresses": ("2001:db8::/32", "10.0.0.9")}, 2),
        ({"agent": "chrome"}, 1),
        ({"referer": "other"}, 1),
        ({"status": ("4xx",)}, 1),
        ({"status": ()}, 9),
        ({"since": moment("2025-10-10T14:00")}, 1),
        ({"until": moment("2025-10-10T16:00", "Europe/Berlin")}, 7),
        ({"bytes": (5000, None)}, 1),
        ({"protocols": ("deep-zoom",)}, 0),
        ({"exclude_bots": True}, 7),
    ],
)
def test_filters_are_fields(log: Log, count: Count, filters: dict[str, object], left: int) -> None:
    lines = [
        log.line(iip(1)),
        log.line(iip(2), agent="Chrome/1"),
        log.line(iip(3), referer="https://other.test/192.0.2.7"),
        log.line(iip(4), address="2001:db8::1"),
        log.line(iip(5, image="b.tif", level=5)),
        log.line(iip(6), address="10.0.0.9", agent="GoogleBot/2.1"),
        log.line(iip(7), time="10/Oct/2025:14:30:00 +0000"),
        log.line(iip(8), size=9000),
        log.line(iip(9), status=404),
    ]
    assert sum(count(lines, **filters).seen().values()) == left


def test_lines_that_cannot_be_read_are_counted(log: Log, count: Count) -> None:
    lines = [log.line(iip(1)), log.line(iip(2))[:60], "\x00\x01\xff rubbish", '{"a": 1}', log.line(iip(3))]
    tally = count(lines)
    assert (tally.lines, tally.unreadable, sum(tally.places.values())) == (5, 3, 2)


def test_visits_and_visitors(log: Log, count: Count) -> None:
    """Two visitors; one of them rests for an hour, over midnight."""
    lines = [
        log.line(iip(1), time="10/Oct/2025:23:30:00 +0000"),
        log.line(iip(2), time="10/Oct/2025:23:50:00 +0000"),
        log.line(iip(3), time="11/Oct/2025:01:10:00 +0000"),
        log.line(iip(1), time="10/Oct/2025:23:31:00 +0000", address="192.0.2.8"),
        log.line(iip(1), time="10/Oct/2025:23:31:10 +0000", address="192.0.2.8", status=304, size=0),
    ]
    tally = count(lines)
    image = tally.images["a.tif"]
    assert (image.visits, len(image.visitors), image.bytes, image.hits, image.answers) == (3, 2, 4000, 1, 5)
    assert dict(tally.ages) == {0: 2, 10: 1, 20 * 60: 1, 100 * 60: 1}
    assert sum(tally.moments.values()) == 5
    sessions = list(sessions_of(tally, Names(is_plain=True)))
    assert [(session.visitor, len(session.steps)) for session in sessions] == [
        ("192.0.2.7", 2),
        ("192.0.2.8", 2),
        ("192.0.2.7", 1),
    ]
    assert sessions[0].steps[0][1:] == (0, 256 + 128, 128)
    hidden = {session.visitor for session in sessions_of(tally, Names(is_plain=False))}
    assert len(hidden) == 2
    assert not any("192" in name for name in hidden)


def test_visits_go_on_from_block_to_block(log: Log) -> None:
    """As many visits however the log is cut."""
    from medtiles.hotspots import formats
    from medtiles.hotspots.scan import scan

    lines = [
        log.line(iip(at), time=f"10/Oct/2025:{at:02}:{minute}:00 +0000") for at in range(20) for minute in (10, 25)
    ]
    for size in (1, 3, 40):
        tally = Tally(fixed(WIDE), Filters(), has_visits=True)
        for at in range(0, len(lines), size):
            block = ("\n".join(lines[at : at + size]) + "\n").encode()
            for scanned in scan(block, formats.PRESETS["combined"], tally.wanted, tally.filters):
                tally.add(scanned)
        assert tally.images["a.tif"].visits == 20


def test_latencies(count: Count) -> None:
    from medtiles.hotspots.formats import by_format_string

    form = by_format_string('%h %t "%r" %>s %D')
    line = '192.0.2.7 [10/Oct/2025:13:55:36 +0000] "GET /dzi/abc_files/15/7_10.jpeg HTTP/1.1" 200 {}'
    tally = count([line.format(1000 * (at + 1)) for at in range(100)], form)
    image = tally.images["abc"]
    for share, wanted in ((0.5, 0.050), (0.95, 0.095), (0.99, 0.099)):
        assert image.latency(share) == pytest.approx(wanted, rel=0.03)


def test_histograms_of_time(log: Log, count: Count) -> None:
    lines = [log.line(iip(1), time=f"10/Oct/2025:{hour:02}:59:59 +0200") for hour in (0, 0, 1, 23)]
    tally = count(lines)
    clock = histograms.by_clock(tally.moments, 1, 24, ZoneInfo("Europe/Berlin"))
    assert sum(clock.counts) == 4
    assert clock.labels[0] == "00:59"
    age = histograms.by_age(tally.ages, 10, 100)
    assert (age.counts[0], sum(age.counts)) == (2, 2)  # the others are later than the range


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: moment("yesterday"),
        lambda: moment("2025-10-10", "Mars/Olympus"),
        lambda: require_status(("20",)),
        lambda: Filters(images=("re:(",)).has_image("a"),
        lambda: Filters(addresses=("300.0.0.1",))._is_from("192.0.2.7"),
        lambda: histograms.by_age({1: 1}, 0),
    ],
)
def test_filters_that_make_no_sense_are_refused(wrong: Callable[[], object]) -> None:
    with pytest.raises(HotspotsError):
        wrong()
