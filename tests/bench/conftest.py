"""The table that the benchmarks fill: what was measured, beside whom, and what it was to be at the most."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from testdata.make_big import cached_big

_ROWS: list[Row] = []


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. Times are medians, CPU microseconds unless the line says otherwise."""

    what: str
    ours: str
    peer: str
    goal: str
    is_met: bool


class Table:
    """Where a benchmark writes its line."""

    def add(self, what: str, ours: str, peer: str, goal: str, *, is_met: bool, is_passed: bool | None = None) -> None:
        """Write one line; the benchmark fails when its goal is not met.

        :param is_passed: decides instead, for a goal that is known to be missed: what must hold all the same
        """
        _ROWS.append(Row(what, ours, peer, goal, is_met))
        assert is_met if is_passed is None else is_passed, f"{what}: {ours}, beside {peer}; the goal is {goal}"


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture(scope="session")
def big_slide() -> Path:
    """A slide of 20,300 x 20,200 pixels of real tissue, made once and kept in the cache folder of the user."""
    return cached_big()


def microseconds(work: Callable[[int], object], count: int, rounds: int = 5) -> float:
    """CPU microseconds of one call, the median of some rounds; `work` is given a number that never repeats."""
    _leave_alone_what_is_loaded()
    return statistics.median(_round(work, round_, count) for round_ in range(rounds))


def in_turns(
    ours: Callable[[int], object], theirs: Callable[[int], object], count: int, rounds: int = 5
) -> tuple[float, float, float]:
    """CPU microseconds of one call of each, and how many times as long theirs take: medians of rounds of both.

    Both are given the same numbers; what else the machine does in a round hits both alike.
    """
    _leave_alone_what_is_loaded()
    taken = [(_round(ours, round_, count), _round(theirs, round_, count)) for round_ in range(rounds)]
    ratio = statistics.median(theirs_took / ours_took for ours_took, theirs_took in taken)
    return statistics.median(each for each, _ in taken), statistics.median(each for _, each in taken), ratio


def _round(work: Callable[[int], object], round_: int, count: int) -> float:
    start = time.process_time()
    for number in range(count):
        work(round_ * count + number)
    return (time.process_time() - start) / count * 1e6


def _leave_alone_what_is_loaded() -> None:
    """What pytest has loaded is not to be looked through by the collector while we measure."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table, as it stands in the README."""
    if not _ROWS:
        return
    write = terminalreporter.write_line
    write("")
    write("| what | medtiles | beside | goal | |")
    write("|---|---|---|---|---|")
    for row in _ROWS:
        write(f"| {row.what} | {row.ours} | {row.peer} | {row.goal} | {'met' if row.is_met else 'MISSED'} |")
