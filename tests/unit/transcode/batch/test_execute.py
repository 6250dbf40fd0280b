"""Executions on an engine whose processes die when the test says so: who is blamed, and who is not."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future
from pathlib import Path
from typing import Any, cast

import pytest

from tests.unit.transcode.batch.jobs import archive, plan_of, reverse, reversed_tree, settings_of, tree
from transcode.batch.conversion import Conversion, Options
from transcode.batch.engines import Engine
from transcode.batch.execute import EXIT_AGAIN, Summary
from transcode.batch.journal import State
from transcode.batch.model import Outcome
from transcode.batch.stopping import Stop


class BrittleEngine:
    """Runs tasks in this process, but loses all of a window when one is of a file that kills."""

    workers = 2
    is_expendable = False
    repeats = False
    lost: tuple[type[BaseException], ...] = (BrokenExecutor,)
    gone: tuple[type[BaseException], ...] = (ConnectionError,)

    def __init__(self, killers: tuple[str, ...] = (), files_per_task: int = 1, deaths: int = 100) -> None:
        self.killers = killers
        self.files_per_task = files_per_task
        self.deaths = deaths
        self.is_broken = False
        self.alone: list[str] = []
        self.killed = 0

    def submit(self, function: Callable[..., Any], /, *args: Any) -> Future[Any]:
        if self.is_broken:
            raise BrokenExecutor
        future: Future[Any] = Future()
        names = [assignment.job.item.name for assignment in args[1]]
        if self.deaths and any(name in self.killers for name in names):
            self.deaths -= 1
            self.is_broken = True
            future.set_exception(BrokenExecutor())
        else:
            future.set_result(function(*args))
        return future

    def submit_alone(self, function: Callable[..., Any], /, *args: Any) -> Future[Any]:
        self.alone.extend(assignment.job.item.name for assignment in args[1])
        return self.submit(function, *args)

    def renew(self) -> str:
        self.is_broken = False
        return "Segmentation fault"

    def require_alive(self) -> None:
        """It is."""

    def kill(self) -> None:
        self.killed += 1

    def close(self) -> None:
        """Nothing is held."""


def run(tmp_path: Path, engine: Any, files: int = 20) -> tuple[Summary, dict[str, Outcome]]:
    source = tmp_path / "in"
    if not source.exists():
        archive(source, {f"f{number:02}": b"%d" % number for number in range(files)})
    plan = plan_of(source, tmp_path / "out")
    with Conversion(plan, settings_of(plan), Options(resumes=True, grace_seconds=0.1)) as conversion:
        summary = conversion.run(reverse, engine, Stop(), lambda _outcome: None)
        return summary, {outcome.name: outcome for outcome in conversion.journal.outcomes()}


@pytest.mark.parametrize("files_per_task", [1, 4])
def test_only_the_file_that_kills_fails(tmp_path: Path, files_per_task: int) -> None:
    engine = BrittleEngine(("f07", "f08"), files_per_task)
    summary, outcomes = run(tmp_path, engine)
    assert (summary.counts[State.DONE], summary.counts[State.FAILED], summary.exit_code) == (18, 2, 1)
    assert outcomes["f07"].message == "its process died 3 times, though it ran alone: Segmentation fault"
    expected = reversed_tree(tmp_path / "in")
    assert tree(tmp_path / "out") == {name: data for name, data in expected.items() if name not in engine.killers}


def test_a_file_that_kills_runs_alone_three_times(tmp_path: Path) -> None:
    engine = BrittleEngine(("f07",))
    run(tmp_path, engine)
    assert engine.alone.count("f07") == 3


def test_a_file_that_killed_by_chance_is_done(tmp_path: Path) -> None:
    summary, _ = run(tmp_path, BrittleEngine(("f07",), deaths=2))
    assert (summary.counts[State.DONE], summary.exit_code) == (20, 0)


def test_an_engine_that_is_gone_stops_the_batch(tmp_path: Path) -> None:
    class Gone(BrittleEngine):
        def submit(self, function: Callable[..., Any], /, *args: Any) -> Future[Any]:
            future: Future[Any] = Future()
            future.set_exception(ConnectionError("no scheduler"))
            return future

    summary, _ = run(tmp_path, Gone())
    assert (summary.exit_code, summary.stopped) == (EXIT_AGAIN, "the workers are gone: ConnectionError no scheduler")
    assert summary.counts[State.PENDING] == 20
    assert run(tmp_path, BrittleEngine())[0].exit_code == 0


def test_a_task_that_never_ends_does_not_hold_up_the_end(tmp_path: Path) -> None:
    stop = Stop()

    class Stuck(BrittleEngine):
        def submit(self, function: Callable[..., Any], /, *args: Any) -> Future[Any]:
            stop.ask()
            future: Future[Any] = Future()
            future.set_running_or_notify_cancel()
            return future

    engine = Stuck()
    plan = plan_of(archive(tmp_path / "in", {"a": b"1", "b": b"2"}), tmp_path / "out")
    with Conversion(plan, settings_of(plan), Options(grace_seconds=0.1)) as conversion:
        summary = conversion.run(reverse, cast("Engine", engine), stop, lambda _outcome: None)
    assert (engine.killed, summary.counts[State.PENDING]) == (1, 2)


def test_what_ends_within_the_grace_is_recorded(tmp_path: Path) -> None:
    stop = Stop()

    class Late(BrittleEngine):
        def submit(self, function: Callable[..., Any], /, *args: Any) -> Future[Any]:
            stop.ask()
            return super().submit(function, *args)

    plan = plan_of(archive(tmp_path / "in", {"a": b"1", "b": b"2"}), tmp_path / "out")
    with Conversion(plan, settings_of(plan), Options()) as conversion:
        summary = conversion.run(reverse, cast("Engine", Late()), stop, lambda _outcome: None)
    assert (summary.counts[State.DONE], summary.counts[State.PENDING]) == (1, 1)


def test_several_files_go_into_a_task_where_there_are_many(tmp_path: Path) -> None:
    sizes: list[int] = []

    class Counting(BrittleEngine):
        def submit(self, function: Callable[..., Any], /, *args: Any) -> Future[Any]:
            sizes.append(len(args[1]))
            return super().submit(function, *args)

    run(tmp_path, Counting(files_per_task=32), files=18)
    assert sizes == [4, 4, 4, 4, 2]


@pytest.mark.parametrize(
    ("failed", "refused", "stopped", "signal", "code"),
    [
        (0, 0, "", 0, 0),
        (1, 0, "", 0, 1),
        (1, 1, "", 0, 3),
        (1, 1, "full", 0, 75),
        (1, 1, "", 2, 130),
        (0, 0, "", 15, 143),
    ],
)
def test_the_exit_code_says_what_to_do(failed: int, refused: int, stopped: str, signal: int, code: int) -> None:
    counts = dict.fromkeys(State, 0) | {State.FAILED: failed, State.REFUSED: refused}
    assert Summary(counts, stopped, signal).exit_code == code
