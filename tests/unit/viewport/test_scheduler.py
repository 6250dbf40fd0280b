"""What is sent, and in which order, on a clock that stands still until the test moves it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medtiles.core.errors import BadRequestError, TileOutOfRangeError, ViewTooLargeError
from medtiles.core.pyramid import ImageInfo, TileKey
from medtiles.viewport.cuts import Weights
from medtiles.viewport.ledger import MOST_TILES
from medtiles.viewport.looks import Look, Motion, sight_of
from medtiles.viewport.pace import Pace
from medtiles.viewport.plan import MOST_AHEAD, last_step, tiles_under
from medtiles.viewport.scheduler import Piece, Scheduler
from tests.unit.viewport.simulation import TOKEN, Simulation, look, series, slide, tile_of

pytestmark = pytest.mark.slow

SLIDE, SERIES = slide(), series()
SCREEN = (1000, 1000, 1200, 900)
ACROSS = Motion(x=2000.0)


def visible(info: ImageInfo, what: Look) -> list[TileKey]:
    """Tiles of the level that has the pixels of the screen."""
    sight = sight_of(what)
    return tiles_under(info, last_step(info, sight.zoom, Weights(info))[0], sight)


def anywhere(info: ImageInfo, what: Look) -> set[TileKey]:
    """Tiles of all levels that are visible, and whatever lies within one screen of them."""
    region = what.region
    around = (region.x - region.width, region.y - region.height, 3 * region.width, 3 * region.height)
    sights = [sight_of(look(0, around, what.zoom, plane)) for plane in range(len(info.planes))]
    return {key for sight in sights for level in range(len(info.levels)) for key in tiles_under(info, level, sight)}


def run(info: ImageInfo, looks: Iterable[tuple[float, Look]], seconds: float = 30.0, **line: float) -> Simulation:
    simulation = Simulation(info, **line)  # type: ignore[arg-type]  # numbers of the line
    for time, what in looks:
        simulation.look(time, what)
    simulation.run(seconds)
    return simulation


def test_all_that_is_visible_comes_complete() -> None:
    what = look(1, SCREEN, 1.0)

    done = run(SLIDE, [(0.0, what)])

    assert set(visible(SLIDE, what)) <= set(done.complete())
    assert all(done.joined(key) == tile_of(SLIDE, key).frame.data for key in done.complete())


def test_coarse_comes_before_fine() -> None:
    done = Simulation(SLIDE, line_rate=2e5)
    done.scheduler.set_rate(150_000, 0.0)
    done.look(0.0, look(1, SCREEN, 1.0))
    done.run(30.0)

    levels = [piece.key.level for _, piece in done.sent]
    assert levels == sorted(levels, reverse=True)
    assert levels[0] > 0


def test_the_middle_comes_first() -> None:
    what = look(1, (0, 0, 1280, 1280), 1.0)
    done = run(SLIDE, [(0.0, what)])

    fine = [piece.key for _, piece in done.sent if piece.key.level == 0]
    assert fine[0] == TileKey(0, 2, 2)


@pytest.mark.parametrize(("rate", "level"), [(20_000, 4), (200_000, 3), (5_000_000, 0)])
def test_the_level_shown_first_is_the_one_that_arrives_in_time(rate: int, level: int) -> None:
    simulation = Simulation(SLIDE, line_rate=1e8)
    simulation.scheduler.set_rate(rate, 0.0)
    simulation.look(0.0, look(1, SCREEN, 1.0))
    simulation.run(60.0)

    assert simulation.sent[0][1].key.level == level


def test_what_is_shown_small_needs_no_fine_level() -> None:
    done = run(SLIDE, [(0.0, look(1, (0, 0, 8192, 6144), 1 / 8))])

    assert min(piece.key.level for _, piece in done.sent) == 3


def test_a_screen_at_rest_is_sent_nothing_that_it_does_not_show() -> None:
    what = look(1, SCREEN, 1.0)
    done = run(SLIDE, [(0.0, what)])

    assert {piece.key for _, piece in done.sent if piece.key.level == 0} == set(visible(SLIDE, what))


def test_the_movement_is_followed_when_all_that_is_visible_is_there() -> None:
    what = look(1, SCREEN, 1.0, motion=ACROSS)
    done = run(SLIDE, [(0.0, what)])

    seen = set(visible(SLIDE, what))
    fine = [piece.key for _, piece in done.sent if piece.key.level == 0]
    first_ahead = next(index for index, key in enumerate(fine) if key not in seen)
    assert set(fine[:first_ahead]) == seen
    assert all(key.column > max(each.column for each in seen) for key in fine[first_ahead:])


def test_what_is_predicted_is_bounded() -> None:
    what = look(1, SCREEN, 1.0, motion=Motion(x=1e300, y=-1e300, zoom=1e300))
    done = run(SLIDE, [(0.0, what)], line_rate=1e8, delay=0.0001)

    assert len({piece.key for _, piece in done.sent} - set(visible(SLIDE, what))) <= MOST_AHEAD + 200


def test_planes_ahead_come_in_the_order_in_which_they_will_be_seen() -> None:
    what = look(1, (0, 0, 1024, 1024), 0.25, plane=20, motion=Motion(planes=-5.0))
    done = run(SERIES, [(0.0, what)])

    firsts = list(dict.fromkeys(piece.key.plane for _, piece in done.sent))
    assert firsts == [20, 19, 18, 17, 16, 15]


def test_resolutions_of_a_frame_are_told_as_they_are_complete() -> None:
    done = run(SERIES, [(0.0, look(1, (0, 0, 1024, 1024), 1.0))], line_rate=1e5)

    told = [piece.reduction for _, piece in done.sent if piece.reduction is not None]
    assert told == [5, 4, 3, 2, 1, 0]


def test_a_frame_is_complete_for_the_screen_before_the_rest_of_it() -> None:
    done = run(SERIES, [(0.0, look(1, (0, 0, 1024, 1024), 0.25))])

    before = itertools.takewhile(lambda each: isinstance(each, Piece), done.told)
    assert [piece.reduction for piece in before if isinstance(piece, Piece)][-1] == 2
    assert done.complete() == [TileKey(0, 0, 0)]


def test_a_frame_goes_on_where_it_was_left() -> None:
    small, large = look(1, (0, 0, 1024, 1024), 0.25), look(2, (0, 0, 1024, 1024), 1.0)
    done = run(SERIES, [(0.0, small), (0.05, large)], line_rate=1e5)

    assert done.bytes_sent_twice() == 0
    assert done.joined(TileKey(0, 0, 0)) == tile_of(SERIES, TileKey(0, 0, 0)).frame.data


def test_nothing_unwanted_is_sent_once_the_server_knows_that_the_view_moved() -> None:
    first, then = look(1, SCREEN, 1.0), look(2, (5000, 4000, 1200, 900), 1.0)
    done = run(SLIDE, [(0.0, first), (0.2, then)], line_rate=2e5)

    heard = done.heard[1][0]
    assert all(piece.number == 2 for time, piece in done.sent if time >= heard)
    fine = {piece.key for time, piece in done.sent if time >= heard and piece.key.level == 0}
    assert fine == set(visible(SLIDE, then))


def test_what_is_fetched_in_vain_is_withdrawn() -> None:
    scheduler = Scheduler(0.0)
    scheduler.look(look(1, SCREEN, 1.0), SLIDE, TOKEN)
    fetched = set(scheduler.turn(0.0).fetch)
    scheduler.look(look(2, (6000, 4000, 300, 300), 1.0), SLIDE, TOKEN)

    turn = scheduler.turn(0.1)

    assert set(turn.withdraw) == fetched - {aim for aim in fetched if aim not in turn.withdraw}
    assert turn.withdraw


def test_a_tile_of_another_image_is_not_that_of_this_one() -> None:
    scheduler = Scheduler(0.0)
    scheduler.look(look(1, SCREEN, 1.0), SLIDE, TOKEN)
    fetched = scheduler.turn(0.0).fetch
    scheduler.look(Look(2, "another", look(1, SCREEN, 1.0).region, 1.0), slide(), TOKEN)

    turn = scheduler.turn(0.1)

    assert set(turn.withdraw) == set(fetched) == set(turn.fetch)


def test_a_held_tile_is_not_sent() -> None:
    what = look(1, SCREEN, 1.0)
    held = visible(SLIDE, what)[:7]
    simulation = Simulation(SLIDE)
    simulation.look(0.0, what)
    simulation.at(simulation.delay, lambda: simulation.scheduler.hold("", "", held, []))
    simulation.run(30.0)

    assert not {piece.key for _, piece in simulation.sent} & set(held)


def test_all_held_needs_nothing() -> None:
    what = look(1, SCREEN, 1.0)
    scheduler = Scheduler(0.0)
    scheduler.look(what, SLIDE, TOKEN)
    scheduler.hold("", "", visible(SLIDE, what), [])

    turn = scheduler.turn(0.0)

    assert (turn.fetch, getattr(turn.send, "is_all", None)) == ((), True)


def test_held_bytes_are_not_sent() -> None:
    key = TileKey(0, 0, 0)
    simulation = Simulation(SERIES)
    simulation.look(0.0, look(1, (0, 0, 1024, 1024), 1.0))
    simulation.at(simulation.delay, lambda: simulation.scheduler.hold("", "", [], [(key, 0, 1000), (key, 3000, 5000)]))
    simulation.run(30.0)

    data = tile_of(SERIES, key).frame.data
    assert simulation.joined(key) == data[1000:3000] + data[5000:]


def test_held_tiles_of_an_older_version_are_none() -> None:
    what = look(1, SCREEN, 1.0)
    scheduler = Scheduler(0.0)
    scheduler.look(what, SLIDE, TOKEN)
    scheduler.hold("", "an older one", visible(SLIDE, what), [])

    assert scheduler.turn(0.0).fetch


def test_dropped_tiles_come_again_when_they_are_looked_at() -> None:
    what = look(1, SCREEN, 1.0)
    dropped = visible(SLIDE, what)[:3]
    simulation = Simulation(SLIDE)
    simulation.look(0.0, what)
    simulation.at(10.0, lambda: simulation.scheduler.drop("", "", dropped))
    simulation.run(20.0)

    again = [piece.key for time, piece in simulation.sent if time >= 10.0 and piece.is_complete and not piece.key.level]
    assert sorted(again, key=repr) == sorted(dropped, key=repr)
    assert [progress.is_all for time, progress in simulation.progress if time >= 10.0][-1]


def test_a_tile_that_fails_holds_up_nothing() -> None:
    scheduler = Scheduler(0.0)
    scheduler.look(look(1, (0, 0, 256, 256), 1.0), slide(levels=1), TOKEN)
    (key,) = scheduler.turn(0.0).fetch
    scheduler.failed(key)

    assert getattr(scheduler.turn(0.1).send, "is_all", None)


def test_a_tile_that_may_be_tried_again_is() -> None:
    scheduler = Scheduler(0.0)
    scheduler.look(look(1, (0, 0, 256, 256), 1.0), slide(levels=1), TOKEN)
    (key,) = scheduler.turn(0.0).fetch
    scheduler.failed(key, 2.0)

    assert (scheduler.turn(1.0).fetch, scheduler.turn(1.0).wait) == ((), 1.0)
    assert scheduler.turn(2.0).fetch == (key,)


def test_a_client_that_never_acknowledges_is_sent_one_window() -> None:
    simulation = Simulation(SLIDE, acknowledges=False)
    simulation.look(0.0, look(1, (0, 0, 4000, 4000), 1.0))
    simulation.run(60.0)

    assert sum(len(piece.data) for _, piece in simulation.sent) <= 64 * 1024


# ---- rates


def heaviest(sent: list[tuple[float, Piece]], seconds: float) -> int:
    """The most bytes that went out within so many seconds, whenever they began."""
    most = size = 0
    first = 0
    for time, piece in sent:
        size += len(piece.data)
        while sent[first][0] <= time - seconds:
            size -= len(sent[first][1].data)
            first += 1
        most = max(most, size)
    return most


@pytest.mark.parametrize("rate", [60_000, 300_000, 2_000_000])
def test_a_rate_that_the_client_sets_is_kept_within_five_percent(rate: int) -> None:
    simulation = Simulation(SLIDE, line_rate=1e8)
    simulation.scheduler.set_rate(rate, 0.0)
    simulation.look(0.0, look(1, (0, 0, 8192, 6144), 1.0))
    simulation.run(10.0)

    last = simulation.sent[-1][0]
    sent = sum(len(piece.data) for _, piece in simulation.sent)
    assert heaviest(simulation.sent, 1.0) <= 1.05 * rate
    assert 0.95 * rate * last <= sent + rate * 0.1 <= 1.05 * rate * last + rate * 0.1


@pytest.mark.parametrize("line_rate", [100_000.0, 1_000_000.0, 12_000_000.0])
@pytest.mark.parametrize("delay", [0.002, 0.04])
def test_a_rate_is_measured_and_the_line_kept_busy(line_rate: float, delay: float) -> None:
    simulation = Simulation(slide(40_000, 40_000, 1), line_rate, delay, 0.0001, partial(tile_of, mean=60_000))
    simulation.look(0.0, look(1, (0, 0, 11000, 11000), 1.0))
    simulation.run(4.0)

    late = sum(len(piece.data) for time, piece in simulation.arrived if time >= 2.0)
    assert simulation.scheduler.rate == pytest.approx(line_rate, rel=0.05)
    assert late >= 0.93 * line_rate * 2.0


def test_little_is_under_way_on_a_slow_line() -> None:
    simulation = run(SLIDE, [(0.0, look(1, (0, 0, 4000, 4000), 1.0))], 20.0, line_rate=100_000.0, delay=0.02)

    assert simulation.most_under_way <= 48 * 1024


def test_a_line_that_becomes_slow_is_found_out_and_used() -> None:
    simulation = Simulation(slide(40_000, 40_000, 1), 2e6, 0.02, 0.0001, partial(tile_of, mean=60_000))
    simulation.look(0.0, look(1, (0, 0, 11000, 11000), 1.0))
    simulation.run(1.0)
    simulation.line_rate = 1e5
    simulation.run(20.0)

    assert simulation.scheduler.rate == pytest.approx(1e5, rel=0.1)
    assert simulation.scheduler.under_way <= 32 * 1024


def test_a_receipt_is_asked_for_when_the_window_has_become_smaller() -> None:
    pace = Pace(0.0)
    pace.send(20_000, 0.0)
    pace.receive(20_000, 1.0, 0.001)
    pace.send(18_000, 0.001)
    assert not pace.must_ask()
    pace.set_rate(1000, 0.001)

    assert pace.must_ask()
    assert not pace.must_ask(), "it has been asked for"


# ---- whatever is looked at

REGIONS = st.tuples(st.integers(-2000, 9000), st.integers(-2000, 7000), st.integers(1, 3000), st.integers(1, 3000))
MOTIONS = st.builds(
    Motion,
    x=st.floats(-1e4, 1e4),
    y=st.floats(-1e4, 1e4),
    planes=st.floats(-50, 50),
    zoom=st.floats(-3, 3),
)
LOOKS = st.lists(
    st.tuples(
        st.floats(0.0, 0.4), REGIONS, st.floats(0.02, 2.0), st.integers(0, 39), st.one_of(st.just(Motion()), MOTIONS)
    ),
    min_size=1,
    max_size=6,
)


def conversation(info: ImageInfo, looks: list[tuple[float, tuple[int, int, int, int], float, int, Motion]], rate: int,
                 line_rate: float) -> Simulation:  # fmt: skip
    simulation = Simulation(info, line_rate)
    simulation.scheduler.set_rate(rate, 0.0)
    time = 0.0
    for number, (pause, region, zoom, plane, motion) in enumerate(looks, 1):
        time += pause
        simulation.look(time, look(number, region, zoom, plane % len(info.planes), motion))
    simulation.run(time + 120.0)
    return simulation


@given(
    LOOKS, st.sampled_from([0, 100_000, 3_000_000]), st.sampled_from([2e5, 1e7]), st.sampled_from(["slide", "series"])
)
@settings(max_examples=60)
def test_whatever_is_looked_at(
    looks: list[tuple[float, tuple[int, int, int, int], float, int, Motion]], rate: int, line_rate: float, kind: str
) -> None:
    info = {"slide": SLIDE, "series": SERIES}[kind]
    done = conversation(info, looks, rate, line_rate)

    assert done.bytes_sent_twice() == 0
    for key in set(done.complete()):
        assert done.joined(key) == tile_of(info, key).frame.data
    heard = [*done.heard, (math.inf, done.heard[-1][1])]
    for (start, what), (end, _) in itertools.pairwise(heard):
        sent = [piece for time, piece in done.sent if start <= time < end]
        assert {piece.number for piece in sent} <= {what.number}
        if not what.motion.zoom:
            assert {piece.key for piece in sent} <= anywhere(info, what)
    assert done.progress[-1][1].is_all
    last = heard[-1][1]
    assert set(visible(info, last)) <= set(done.complete()) or last.zoom < 1
    visible_before_ahead(info, done)


def visible_before_ahead(info: ImageInfo, done: Simulation) -> None:
    """No tile is sent that is not visible while one that is lacks bytes for the screen."""
    had: dict[TileKey, int] = {}
    looks = {what.number: what for _, what in done.heard}
    for _, piece in done.sent:
        what = looks[piece.number]
        sight = sight_of(what)
        levels = range(len(info.levels))
        if piece.key not in {key for level in levels for key in tiles_under(info, level, sight)}:
            for key in visible(info, what):
                tile = tile_of(info, key)
                weights = Weights(info)
                weights.learn(key, tile)
                assert had.get(key, 0) >= tile.end_of(last_step(info, sight.zoom, weights)[1]), (piece, key)
        had[piece.key] = had.get(piece.key, 0) + len(piece.data)


# ---- hostile


@pytest.mark.parametrize(
    "what",
    [
        look(1, (0, 0, 0, 10), 1.0),
        look(1, (0, 0, 10, -5), 1.0),
        look(1, SCREEN, math.nan),
        look(1, SCREEN, math.inf),
        look(1, SCREEN, 0.0),
        look(1, SCREEN, -1.0),
        look(1, SCREEN, 2.0**63),
        look(1, SCREEN, 5e-324),
        look(1, SCREEN, 1.0, motion=Motion(x=math.nan)),
        look(1, SCREEN, 1.0, motion=Motion(planes=math.inf)),
        look(1, SCREEN, 1.0, motion=Motion(zoom=-math.inf)),
    ],
)
def test_a_look_that_makes_no_sense_is_refused(what: Look) -> None:
    with pytest.raises(BadRequestError):
        Scheduler(0.0).look(what, SLIDE, TOKEN)


@pytest.mark.parametrize("plane", [-1, 40, 2**31 - 1])
def test_a_plane_that_is_not_there_is_refused(plane: int) -> None:
    with pytest.raises(TileOutOfRangeError):
        Scheduler(0.0).look(look(1, SCREEN, 1.0, plane), SERIES, TOKEN)


def test_too_many_tiles_are_refused_without_counting_them() -> None:
    with pytest.raises(ViewTooLargeError):
        Scheduler(0.0).look(look(1, (0, 0, 2**31 - 1, 2**31 - 1), 1.0), slide(2**24, 2**24, 1), TOKEN)


def test_a_look_beyond_the_image_needs_nothing() -> None:
    scheduler = Scheduler(0.0)
    scheduler.look(look(1, (-(2**31), 2**31 - 1, 5, 5), 1.0), SLIDE, TOKEN)

    assert getattr(scheduler.turn(0.0).send, "is_all", None)


def test_what_is_remembered_is_bounded() -> None:
    scheduler = Scheduler(0.0)
    scheduler.look(look(1, SCREEN, 1.0), SLIDE, TOKEN)
    for row in range(100):
        scheduler.hold("", "", [TileKey(0, column, row) for column in range(1000)], [])

    assert scheduler.remembered == MOST_TILES


def test_tiles_cannot_be_held_before_anything_is_looked_at() -> None:
    with pytest.raises(BadRequestError):
        Scheduler(0.0).hold("", "", [TileKey(0, 0, 0)], [])


@pytest.mark.parametrize(("came", "seconds"), [(1, 0.0), (-1, 0.0), (2**63, 0.0), (0, math.nan), (0, -1.0)])
def test_a_receipt_of_what_was_not_sent_is_refused(came: int, seconds: float) -> None:
    with pytest.raises(BadRequestError):
        Scheduler(0.0).receive(came, seconds, 1.0)


@pytest.mark.parametrize("rate", [-1, 2**63])
def test_a_rate_that_there_is_not_is_refused(rate: int) -> None:
    with pytest.raises(BadRequestError):
        Scheduler(0.0).set_rate(rate, 0.0)


@pytest.mark.parametrize(("start", "end"), [(-1, 5), (5, 5), (6, 5), (0, 2**63)])
def test_a_part_that_is_none_is_refused(start: int, end: int) -> None:
    scheduler = Scheduler(0.0)
    scheduler.look(look(1, SCREEN, 1.0), SLIDE, TOKEN)

    with pytest.raises(BadRequestError):
        scheduler.hold("", "", [], [(TileKey(0, 0, 0), start, end)])
