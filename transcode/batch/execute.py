"""Runs the jobs of a journal on an engine until none is left, and gives up on no more than the guilty ones.

Theory of operation. A window of tasks is in flight; each outcome is recorded as it comes. When a process dies, every
job that was in flight is a suspect: the window is drained, then each suspect runs alone. One that is the end of its
process there gets a strike, and fails after three. So a file that crashes its process, hangs, or takes all memory fails
by itself, and its neighbours are done.

The batch stops, with all that is published recorded and the rest pending, when it is asked to, and when the disk of the
destination or of the journal is full or broken.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass

from transcode.batch.engines import Engine
from transcode.batch.errors import StorageError
from transcode.batch.journal import Journal, State
from transcode.batch.model import Job, Outcome
from transcode.batch.publish import occupied
from transcode.batch.stopping import Stop
from transcode.batch.task import Assignment, TaskResult, Work, failed, run_task

MOST_STRIKES = 3
_TASKS_PER_WORKER = 2
_LOOK_SECONDS = 0.25
_STALLED_SECONDS = 60.0
"""Beyond the limit of a job, after which its process is not even able to end itself."""

EXIT_DONE, EXIT_FAILED, EXIT_REFUSED, EXIT_AGAIN = 0, 1, 3, 75
"""All done; some failed; a verification failed; nothing more could be written, try again.

A batch that a signal stopped exits as is usual: 130 for SIGINT, 143 for SIGTERM.
"""


@dataclass(frozen=True, slots=True)
class Summary:
    """How a batch ended."""

    counts: dict[State, int]
    stopped: str = ""
    """Why nothing more could be done; empty when it was not so."""
    signal: int = 0
    """Which signal stopped it; 0 when none did."""

    @property
    def exit_code(self) -> int:
        """For the process. What to do next comes before what went wrong."""
        if self.signal:
            return 128 + self.signal
        if self.stopped:
            return EXIT_AGAIN
        if self.counts[State.REFUSED]:
            return EXIT_REFUSED
        return EXIT_FAILED if self.counts[State.FAILED] else EXIT_DONE


@dataclass(slots=True)
class _Stopped(Exception):  # noqa: N818 - not an error of its own
    """Leaves the loops."""

    reason: str = ""


class Execution:
    """One batch on one engine. Used by one thread."""

    def __init__(
        self,
        work: Work,
        journal: Journal,
        engine: Engine,
        stop: Stop,
        told: Callable[[Outcome], None],
        grace_seconds: float = 10.0,
    ) -> None:
        """Begin nothing yet.

        :param told: of each outcome, after it has been recorded
        :param grace_seconds: how long running jobs may take to end when the batch is asked to stop
        """
        self._work = work
        self._journal = journal
        self._engine = engine
        self._stop = stop
        self._told = told
        self._overwrites = work.overwrites or work.settings.in_place
        self._grace_seconds = grace_seconds
        self._window: dict[Future[TaskResult], tuple[Job, ...]] = {}
        self._attempts: dict[int, int] = {}
        self._cause = ""
        self.has_left_parts = engine.repeats
        """Whether a process may have died over its work, so that there are parts to be swept."""

    def run(self, jobs: Sequence[Job]) -> Summary:
        """Do those of the jobs that the journal has as pending."""
        stopped = ""
        try:
            self._attempts = self._journal.pending()
            self._run([job for job in jobs if job.number in self._attempts])
        except _Stopped as stop:
            stopped = stop.reason
        except StorageError as error:
            stopped = str(error)
        with contextlib.suppress(StorageError):
            self._wind_down()
        return Summary(self._journal.counts(), stopped, self._stop.signal)

    def _run(self, jobs: Sequence[Job]) -> None:
        tasks = self._tasks(jobs)
        while True:
            suspects = self._fill(tasks)
            if not self._window and not suspects:
                return
            suspects += self._collect()
            if suspects:
                self.has_left_parts = True
                while self._window:
                    suspects += self._collect()
                self._engine.renew()
                for job in suspects:
                    self._run_alone(job)

    def _tasks(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, ...]]:
        """Jobs by the task; smaller tasks where there are too few jobs to keep all workers busy."""
        size = max(1, min(self._engine.files_per_task, len(jobs) // (2 * self._engine.workers)))
        remaining = iter(jobs)
        while task := tuple(itertools.islice(remaining, size)):
            yield task

    def _fill(self, tasks: Iterator[tuple[Job, ...]]) -> list[Job]:
        """Submit until the window is full; returns those that could not be, for the death of a neighbour."""
        most = _TASKS_PER_WORKER * self._engine.workers
        while len(self._window) < most and (jobs := next(tasks, ())):
            self._look()
            assignments = self._claim(jobs)
            if not assignments:
                continue
            claimed = tuple(assignment.job for assignment in assignments)
            try:
                future = self._engine.submit(run_task, self._work, assignments, self._engine.is_expendable)
            except self._engine.lost:
                return list(claimed)
            self._window[future] = claimed
        return []

    def _claim(self, jobs: Iterable[Job]) -> tuple[Assignment, ...]:
        """Record that jobs begin; those whose place is taken by a foreign file have failed."""
        taken, free = [], []
        for job in jobs:
            target = self._work.settings.destination / job.destination
            is_own = self._overwrites or self._attempts.get(job.number, 0) > 0
            if not is_own and os.path.lexists(target):
                taken.append(failed(job, str(occupied(target))))
            else:
                free.append(Assignment(job, is_own or self._engine.repeats))
        self._finish(taken)
        self._journal.claim([assignment.job.number for assignment in free])
        return tuple(free)

    def _collect(self) -> list[Job]:
        """Wait for a task or more; returns suspects.

        :raises _Stopped: asked to, or nothing more can be written
        """
        done = self._wait(self._window)
        suspects: list[Job] = []
        outcomes: list[Outcome] = []
        reason = ""
        for future in done:
            jobs = self._window.pop(future)
            try:
                result = future.result()
            except self._engine.lost as error:
                suspects.extend(jobs)
                self._cause = str(error)
                continue
            except self._engine.gone as error:
                reason = f"the workers are gone: {type(error).__name__} {error}"
                continue
            outcomes.extend(result.outcomes)
            reason = reason or result.stopped
        self._finish(outcomes)
        if reason:
            raise _Stopped(reason)
        return suspects

    def _wait(self, futures: Iterable[Future[TaskResult]]) -> set[Future[TaskResult]]:
        """Those that are done; at least one."""
        waiting = list(futures)
        end = time.monotonic() + self._patience()
        while True:
            done, _ = wait(waiting, _LOOK_SECONDS, FIRST_COMPLETED)
            if done:
                return done
            self._look()
            try:
                self._engine.require_alive()
            except ConnectionError as error:
                raise _Stopped(str(error)) from error
            if time.monotonic() > end:
                self._engine.kill()
                end = float("inf")

    def _patience(self) -> float:
        """How long no task at all may end before something is wrong with the workers themselves."""
        if self._engine.repeats:
            return float("inf")  # tasks may wait long for a cluster
        limits = self._work.limits
        longest = max((sum(map(limits.seconds_for, jobs)) for jobs in self._window.values()), default=limits.seconds)
        return longest + _STALLED_SECONDS

    def _run_alone(self, job: Job) -> None:
        """Run a suspect by itself until it is done, or has its strikes."""
        while True:
            self._look()
            self._journal.claim([job.number])
            assignment = Assignment(job, may_replace=True)
            future = self._engine.submit_alone(run_task, self._work, (assignment,), self._engine.is_expendable)
            self._window[future] = (job,)
            if not self._collect():
                return
            cause = self._engine.renew() or self._cause
            self._look()
            strikes = self._journal.strike(job.number)
            if strikes >= MOST_STRIKES:
                message = f"its process died {strikes} times, though it ran alone"
                self._finish([failed(job, f"{message}: {cause}" if cause else message)])
                return

    def _finish(self, outcomes: Sequence[Outcome]) -> None:
        if outcomes:
            self._journal.finish(outcomes)
            for outcome in outcomes:
                self._told(outcome)

    def _look(self) -> None:
        if self._stop.is_asked:
            raise _Stopped

    def _wind_down(self) -> None:
        """Let running jobs end within the grace, record them, and leave the rest pending."""
        for future in list(self._window):
            if future.cancel():
                self._window.pop(future)
        is_lost = False
        end = time.monotonic() + self._grace_seconds
        while self._window and time.monotonic() < end and not self._stop.is_urgent:
            done, _ = wait(self._window, _LOOK_SECONDS, FIRST_COMPLETED)
            for future in done:
                self._window.pop(future)
                if future.cancelled() or future.exception() is not None:
                    is_lost = True
                else:
                    self._finish(future.result().outcomes)
        if self._window:
            is_lost = True
            self._engine.kill()
            self._window.clear()
        if is_lost:
            self.has_left_parts = True
            self._engine.renew()
        self._journal.release_all()
