"""Has the tiles of an export made by several threads, and gives them to its sink in order."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from medtiles.export.journal import Journal
from medtiles.export.model import Block, Json, Sink

_EACH = 5.0
"""Seconds between two lines of the journal: what a killed run loses."""
_AHEAD = 2
"""Blocks that wait for each thread; what they hold is in memory."""


class Maker(Protocol):
    """Makes tiles. Safe to call from several threads."""

    def blocks(self) -> Iterator[Block]:
        """All tiles, always in the same order."""

    def make(self, block: Block) -> Iterator[bytes]:
        """The tiles of a block, in the order of its places."""

    def flush(self) -> None:
        """See to it that what later blocks are made of outlasts the machine's going down."""

    def finish(self) -> None:
        """All is made: remove what was only needed on the way."""


@dataclass(frozen=True)
class Work:
    """What is to be done."""

    tiles: int
    maker: Maker
    sink: Sink

    def put(self, block: Block, data: Iterable[bytes]) -> list[tuple[int, Json]]:
        """Give the tiles of a block to the sink, as they come; what they take, and what `Sink.put` gives."""
        return [(len(each), self.sink.put(place, each)) for place, each in zip(block.places(), data, strict=True)]


class Progress(Protocol):
    """Is told how an export gets on."""

    def begin(self, tiles: int, done: int) -> None:
        """So many tiles there will be, of which earlier runs have done some."""

    def advance(self, tiles: int, size: int) -> None:
        """Some more are done, of so many bytes."""


def run(work: Work, journal: Journal, progress: Progress, threads: int = 0) -> None:
    """Make all tiles that earlier runs have not made, and finish the sink.

    Ended by any error, of a tile, of the disk, or by the keyboard, it leaves a journal with which it can go on.

    :param threads: 0: one for each processor
    :raises OSError: the sink cannot be written
    :raises MedTilesError, TranscodeError: a tile cannot be made
    """
    done = journal.begin()
    try:
        work.sink.begin(done)
        progress.begin(work.tiles, len(done))
        _make(work, journal, progress, _Books(len(done), threads or os.cpu_count() or 1))
        work.sink.finish()
        work.maker.finish()
    finally:
        work.sink.close()
        journal.close()
    journal.remove()


@dataclass(slots=True)
class _Books:
    done: int
    threads: int


def _make(work: Work, journal: Journal, progress: Progress, books: _Books) -> None:
    waiting: deque[tuple[Block, Future[_Tiles | _Told]]] = deque()
    kept: list[Json] = []
    saved = time.monotonic()

    def save() -> None:
        nonlocal saved
        if kept:
            work.maker.flush()
            work.sink.flush()
            journal.add(kept)
            kept.clear()
        saved = time.monotonic()

    def take() -> None:
        block, future = waiting.popleft()
        made = future.result()
        told = work.put(block, made) if isinstance(made, _Tiles) else made
        kept.extend(each for _, each in told)
        progress.advance(len(told), sum(size for size, _ in told))

    with ThreadPoolExecutor(books.threads, "export") as pool:
        try:
            for block in _left(work, books.done):
                while waiting and (block.is_after_all or len(waiting) > books.threads * _AHEAD):
                    take()
                waiting.append((block, pool.submit(_made, work, block)))
                if time.monotonic() - saved > _EACH:
                    save()
            while waiting:
                take()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            save()


def _left(work: Work, done: int) -> Iterator[Block]:
    """The blocks that are not done. The journal has whole blocks only."""
    count = 0
    for block in work.maker.blocks():
        if count >= done:
            yield block
        count += block.tiles


class _Tiles(list[bytes]):
    """For a sink that takes them in order."""


_Told = list[tuple[int, Json]]


def _made(work: Work, block: Block) -> _Tiles | _Told:
    tiles = work.maker.make(block)
    return _Tiles(tiles) if work.sink.is_ordered else work.put(block, tiles)
