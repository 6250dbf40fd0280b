"""Logs into a tally: several blocks are scanned at once, and counted in their order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from medtiles.hotspots import inputs
from medtiles.hotspots.errors import HotspotsError
from medtiles.hotspots.filters import Filters
from medtiles.hotspots.formats import LineFormat, detected
from medtiles.hotspots.inputs import first_lines
from medtiles.hotspots.scan import Scanned, last_form, scan
from medtiles.hotspots.tally import Tally

_EVERYTHING = Filters(status=(), methods=())
Progress = Callable[[int], None]
"""Takes the bytes of a block that was counted."""


def read_logs(
    names: Sequence[str], tally: Tally, form: LineFormat | None = None, progress: Progress | None = None
) -> None:
    """Count all lines of logs.

    :param form: of lines; None: it is found out, log by log
    :raises HotspotsError: a log cannot be read, or its lines are of no form that is known; what came before is counted
    """
    try:
        for name in in_order(names):
            _read(name, inputs.blocks(name), tally, form, progress)
    finally:
        tally.settle()


def follow_log(
    name: str, tally: Tally, form: LineFormat | None, *, is_over: Callable[[], bool], changed: Callable[[], None]
) -> None:
    """Count the lines of a log, and those that come, until it is over.

    :raises HotspotsError: as `read_logs`
    """
    for block, dropped in inputs.follow(name, is_over=is_over):
        if block:
            form = form or _form(name, block)
            _add(tally, scan(block, form, tally.wanted, tally.filters))
            form = last_form(block, form)
        tally.unreadable += dropped
        tally.lines += dropped
        changed()


def in_order(names: Sequence[str]) -> list[str]:
    """Logs by the time of their first line, so that rotated ones are read from the oldest on: visits begin in one and
    go on in the next. Those whose time cannot be told stay in their order, at the end.
    """
    if len(names) < 2:
        return list(names)
    times = {name: _first_time(name) for name in names}
    return sorted(names, key=lambda name: (times[name] is None, times[name] or 0))


def _first_time(name: str) -> int | None:
    if name == inputs.STDIN:
        return None
    try:
        block = inputs.first_block(name)
        form = detected(first_lines(block))
        scanned = scan(block, form, ["time"], _EVERYTHING) if form is not None else []
    except HotspotsError:
        return None
    times = [
        time
        for part in scanned
        if part.frame is not None and "time" in part.frame.columns
        for time in [part.frame["time"].min()]
        if time is not None
    ]
    return int(min(times)) if times else None  # type: ignore[arg-type]


def _read(
    name: str, blocks: Iterator[tuple[bytes, int]], tally: Tally, form: LineFormat | None, progress: Progress | None
) -> None:
    threads = max(2, min(os.cpu_count() or 1, 8))
    under_way: deque[tuple[int, Future[list[Scanned]]]] = deque()

    def take() -> None:
        size, future = under_way.popleft()
        _add(tally, future.result())
        if progress is not None:
            progress(size)

    with ThreadPoolExecutor(threads, "scan") as pool:
        try:
            for block, dropped in blocks:
                tally.unreadable += dropped
                tally.lines += dropped
                if not block.strip():
                    continue
                form = form or _form(name, block)
                under_way.append((len(block), pool.submit(scan, block, form, tally.wanted, tally.filters)))
                form = last_form(block, form)
                if len(under_way) > threads:
                    take()
        finally:
            while under_way:
                take()


def _add(tally: Tally, found: list[Scanned]) -> None:
    for scanned in found:
        tally.add(scanned)


def _form(name: str, block: bytes) -> LineFormat:
    lines = first_lines(block)
    found = detected(lines)
    if found is None:
        message = f"{name}: its lines are of no form that is known: {lines[0][:80]!a}; --log-format says what they are"
        raise HotspotsError(message)
    return found
