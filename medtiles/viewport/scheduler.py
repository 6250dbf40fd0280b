"""What to send next to a client that looks at an image: state, events and a clock in; fetches and pieces out. Pure.

Theory of operation. Events (`look`, `hold`, `drop`, `receive`, `set_rate`, `arrived`, `failed`) change the state and
return nothing. `turn(now)` says what to do: which tiles to fetch, for which the work can be withdrawn, at most one
message to send, and how long to wait if there is none. A piece that a turn hands out counts as sent. The plan is made
anew in a turn after the client looked elsewhere or after something was learnt, not for each event, so that many looks
cost no more than the newest; tiles that it no longer holds are withdrawn at once, and what was half sent stays as it
is until it is looked at again.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from medtiles.core.errors import BadRequestError
from medtiles.core.pyramid import ImageInfo, TileKey
from medtiles.viewport.cuts import CUTTABLE, Cut, Weights, end_of
from medtiles.viewport.ledger import Ledger, Shown
from medtiles.viewport.looks import Look, require_look, sight_of
from medtiles.viewport.pace import Pace
from medtiles.viewport.plan import Aim, Plan, last_step, plan, require_few

_MOST_FETCHED = 4
"""Tiles that are fetched or at hand, not yet sent."""
_MOST_READY_BYTES = 1024 * 1024
"""Of tiles at hand; one tile may be larger."""
_MOST_KNOWN_ENDS = 4096
_NOTHING = Plan((), 0)


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Bytes of a tile, to be sent."""

    number: int
    """Of the look that they are for."""
    key: TileKey
    tile: Cut
    offset: int
    data: bytes
    reduction: int | None
    """The reduction that is complete with them; None: none that was not."""
    is_complete: bool
    """Whether the client has the whole tile with them."""
    wants_receipt: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a look is complete, to be told."""

    number: int
    is_all: bool
    """Not only what is visible."""


@dataclass(frozen=True, slots=True)
class Asking:
    """A receipt is wanted, to be told."""

    number: int


@dataclass(frozen=True, slots=True)
class Turn:
    """What to do now."""

    fetch: tuple[TileKey, ...] = ()
    """Tiles to ask the engine for."""
    withdraw: tuple[TileKey, ...] = ()
    """Tiles that are being fetched and no longer wanted."""
    send: Piece | Progress | Asking | None = None
    wait: float = math.inf
    """Seconds until it is worth asking again, when there is nothing to do before and nothing happens."""


@dataclass
class _Shown:
    """The image at hand."""

    look: Look
    info: ImageInfo
    shown: Shown
    weights: Weights
    ready: dict[TileKey, Cut] = field(default_factory=dict)
    ends: dict[TileKey, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    failed: dict[TileKey, float] = field(default_factory=dict)
    """When a tile may be tried again."""


class Scheduler:
    """The server's side of one conversation. Not for several threads at once."""

    def __init__(self, now: float) -> None:
        self._pace = Pace(now)
        self._ledger = Ledger()
        self._at: _Shown | None = None
        self._plan = _NOTHING
        self._next = 0
        self._is_stale = False
        self._planned_rate = 0.0
        self._fetching: set[TileKey] = set()
        self._vain: set[TileKey] = set()
        """Tiles that are fetched and no longer wanted; to be told in the next turn."""
        self._told: Progress | None = None

    # -- events -------------------------------------------------------------------------------------------------

    def look(self, look: Look, info: ImageInfo, token: str, cuttable: frozenset[str] = CUTTABLE) -> None:
        """The client looks at a part of an image, wanted in the way that `token` stands for; see `cuts.cuttable`.

        :raises BadRequestError, TileOutOfRangeError, ViewTooLargeError: it cannot be looked at; see `require_look`
        """
        require_look(look, info)
        shown = Shown(look.image, info.version, token)
        at = self._at if self._at is not None and self._at.shown == shown else None
        at = at or _Shown(look, info, shown, Weights(info, cuttable))
        sight = sight_of(look)
        require_few(info, last_step(info, sight.zoom, at.weights)[0], sight)
        if self._at is not at:
            self._withdraw_all()
        at.look, self._at, self._is_stale, self._told = look, at, True, None

    def look_away(self) -> None:
        """Nothing is wanted until the client looks anew."""
        self._withdraw_all()
        self._at, self._plan, self._next, self._is_stale = None, _NOTHING, 0, False

    def _withdraw_all(self) -> None:
        """A key of one image is none of another."""
        self._vain |= self._fetching
        self._fetching.clear()

    def hold(self, image: str, version: str, keys: list[TileKey], parts: list[tuple[TileKey, int, int]]) -> None:
        """The client has these tiles, and these bytes of tiles, of the rendition that it looks at.

        :raises BadRequestError: it looks at nothing, or holds more than is remembered
        """
        if self._at is None:
            message = "tiles are held in some rendition: say first what is looked at"
            raise BadRequestError(message)
        shown = self._at.shown
        if image not in {"", shown.image} and not version:
            message = f"held tiles of image {image[:40]!a}: say of which version"
            raise BadRequestError(message)
        of = Shown(image or shown.image, version or shown.version, shown.token)
        for key in keys:
            self._ledger.hold(of, key)
        for key, start, end in parts:
            self._ledger.add(of, key, start, end)
        self._is_stale = True

    def drop(self, image: str, version: str, keys: list[TileKey]) -> None:
        """The client has these tiles no longer."""
        image = image or (self._at.shown.image if self._at is not None else "")
        self._ledger.drop(image, version, keys)
        if self._at is not None:
            for key in keys:
                self._at.failed.pop(key, None)
            self._is_stale, self._told = True, None

    def receive(self, came: int, seconds: float, now: float) -> None:
        """The client has received so many bytes in all; see `Pace.receive`.

        :raises BadRequestError: that cannot be
        """
        self._pace.receive(came, seconds, now)

    def set_rate(self, rate: int, now: float) -> None:
        """Keep to a byte rate, or measure.

        :raises BadRequestError: no such rate
        """
        self._pace.set_rate(rate, now)

    def arrived(self, key: TileKey, tile: Cut) -> None:
        """A tile that was to be fetched is here."""
        at = self._at
        self._fetching.discard(key)
        if at is None:
            return
        at.ready[key] = tile
        at.ends[key] = tile.ends
        if len(at.ends) > _MOST_KNOWN_ENDS:
            del at.ends[next(iter(at.ends))]
        if at.weights.learn(key, tile):
            self._is_stale = True

    def failed(self, key: TileKey, again_at: float = math.inf) -> None:
        """A tile cannot be had; not before that time."""
        self._fetching.discard(key)
        if self._at is not None:
            self._at.failed[key] = again_at

    # -- what follows -------------------------------------------------------------------------------------------

    @property
    def under_way(self) -> int:
        """Bytes sent that the client has not told of."""
        return self._pace.under_way

    @property
    def rate(self) -> int:
        """Bytes a second to go by; 0: not known yet."""
        return round(self._pace.rate) if self._pace.is_measured else 0

    @property
    def remembered(self) -> int:
        """Tiles that the client is known to have something of."""
        return len(self._ledger)

    def turn(self, now: float) -> Turn:
        """What to do now. What is withdrawn comes before what is fetched: it may be the same key of another image."""
        at = self._at
        if at is not None:
            self._replan(at)
        withdraw, self._vain = tuple(self._vain), set()
        if at is None:
            return Turn(withdraw=withdraw)
        stage = self._stage(at)
        progress = self._progress(at, stage)
        if stage is None:
            self._pace.rest()
        if progress is not None or stage is None:
            return Turn(withdraw=withdraw, send=progress)
        waiting = list(self._waiting(at))
        fetch = self._to_fetch(at, waiting, now)
        again = min((at.failed[aim.key] - now for aim in waiting if aim.key in at.failed), default=math.inf)
        ready = next((aim for aim in waiting if aim.stage == stage and aim.key in at.ready), None)
        delay = self._pace.delay(now) if ready is not None else math.inf
        if delay == math.inf and self._pace.must_ask():
            return Turn(fetch, withdraw, Asking(at.look.number))
        if ready is None or delay > 0:
            return Turn(fetch, withdraw, wait=max(0.0, min(delay, again)))
        return Turn(fetch, withdraw, self._cut_piece(at, ready, now))

    def _replan(self, at: _Shown) -> None:
        """Make the plan anew when something has changed."""
        is_other_rate = not 0.5 <= self._pace.rate / (self._planned_rate or math.inf) <= 2
        if not self._is_stale and not (is_other_rate and self._next < len(self._plan.aims)):
            return
        self._planned_rate, self._is_stale, self._next = self._pace.rate, False, 0
        made = plan(at.look, at.info, at.weights, self._pace.rate, lambda key: self._has_all(at, key))
        self._plan = Plan(tuple(aim for aim in made.aims if not self._is_done(at, aim)), made.visible_stages)
        wanted = {aim.key for aim in self._plan.aims}
        at.ready = {key: tile for key, tile in at.ready.items() if key in wanted}
        self._vain |= self._fetching - wanted
        self._fetching &= wanted

    def _stage(self, at: _Shown) -> int | None:
        """The stage that comes next; None: all is done."""
        aims = self._plan.aims
        while self._next < len(aims) and self._is_done(at, aims[self._next]):
            self._next += 1
        return aims[self._next].stage if self._next < len(aims) else None

    def _has_all(self, at: _Shown, key: TileKey) -> bool:
        return self._ledger.has_all(at.shown, key)

    def _is_done(self, at: _Shown, aim: Aim) -> bool:
        """Whether the client has it, or cannot have it."""
        if at.failed.get(aim.key) == math.inf or self._has_all(at, aim.key):
            return True
        ends = at.ends.get(aim.key)
        return ends is not None and self._ledger.gap(at.shown, aim.key, end_of(ends, aim.reduction)) is None

    def _progress(self, at: _Shown, stage: int | None) -> Progress | None:
        """What has become complete and was not told yet."""
        if stage is not None and stage < self._plan.visible_stages:
            return None
        progress = Progress(at.look.number, stage is None)
        is_news = self._told is None or (progress.is_all and not self._told.is_all)
        if not is_news:
            return None
        self._told = progress
        return progress

    def _waiting(self, at: _Shown) -> Iterator[Aim]:
        """The next aims that are not done, as many as may be worked on at a time, each tile once."""
        keys: set[TileKey] = set()
        weight = 0.0
        for aim in itertools.islice(self._plan.aims, self._next, None):
            if aim.key in keys or self._is_done(at, aim):
                continue
            ready = at.ready.get(aim.key)
            weight += len(ready.frame.data) if ready is not None else at.weights.expected(aim.key.level)
            if keys and (weight > _MOST_READY_BYTES or len(keys) >= _MOST_FETCHED):
                return
            keys.add(aim.key)
            yield aim

    def _to_fetch(self, at: _Shown, waiting: list[Aim], now: float) -> tuple[TileKey, ...]:
        """Tiles to be fetched; those at hand are let go of when they are too large to be kept for later."""
        keys = {aim.key for aim in waiting}
        if sum(len(tile.frame.data) for tile in at.ready.values()) > _MOST_READY_BYTES:
            at.ready = {key: tile for key, tile in at.ready.items() if key in keys}
        fetch = tuple(
            aim.key
            for aim in waiting
            if aim.key not in at.ready and aim.key not in self._fetching and at.failed.get(aim.key, now) <= now
        )
        for key in fetch:
            at.failed.pop(key, None)
        self._fetching.update(fetch)
        return fetch

    def _cut_piece(self, at: _Shown, aim: Aim, now: float) -> Piece:
        """The next bytes of a tile at hand; from now on the client has them."""
        tile, ledger = at.ready[aim.key], self._ledger
        before = ledger.prefix(at.shown, aim.key)
        gap = ledger.gap(at.shown, aim.key, tile.end_of(aim.reduction))
        start, end = gap if gap is not None else (0, 0)  # there is one: the aim is not done
        border = next((stop for _, stop in tile.ends if stop > start), end)
        end = min(end, border, start + self._pace.piece)
        ledger.add(at.shown, aim.key, start, end)
        is_complete = ledger.complete(at.shown, aim.key, len(tile.frame.data))
        after = ledger.prefix(at.shown, aim.key)
        done = [reduction for reduction, stop in tile.ends if before < stop <= after]
        if is_complete:
            at.ready.pop(aim.key, None)
        data = tile.frame.data[start:end]
        asks = self._pace.send(len(data), now)
        return Piece(at.look.number, aim.key, tile, start, data, done[-1] if done else None, is_complete, asks)
