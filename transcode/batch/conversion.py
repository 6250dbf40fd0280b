"""A batch from its plan to its end: what it keeps in its destination, who may work there, and what is done on resuming.

The batch has a folder of its own in the destination, with the plan, the journal, locks, and what is unpacked for a
while.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from transcode.batch import opening
from transcode.batch.discover import WORK_FOLDER, Discovery, Problem
from transcode.batch.engines import Engine
from transcode.batch.errors import JournalError, PlanError, storage_error
from transcode.batch.execute import Execution, Summary
from transcode.batch.journal import Entry, Journal, State
from transcode.batch.limits import LIMITS, JobLimits
from transcode.batch.lock import DestinationLock
from transcode.batch.model import Job, JobSettings, Outcome
from transcode.batch.plan import Plan, make_jobs
from transcode.batch.plan_file import kept_id, read_plan, write_plan
from transcode.batch.publish import make_folder, sweep
from transcode.batch.records import from_record
from transcode.batch.shards import WHOLE, Shard
from transcode.batch.stopping import Stop
from transcode.batch.survey import missing_of_directories, survey
from transcode.batch.task import RECEIPTS, SPOOL, Convert, Work
from transcode.policy import Decision, Facts

PLAN = "plan.ndjson"


def plan_archive(
    source: Path,
    destination: Path,
    choose: Callable[[Facts], Decision],
    engine: Engine,
    spool: Path,
    progress: Callable[[int], None],
) -> Plan:
    """Find all files of an archive, read their headers, and decide what is done with each.

    :param source: a folder, or one file
    :param destination: a folder, which may not exist yet; the source itself to convert in place
    :param choose: the policy
    :param spool: a folder for what is unpacked meanwhile
    :param progress: told how many files have been found
    :raises FileNotFoundError: there is no such source
    :raises StorageError: what lies in a container cannot be unpacked for want of room
    """
    problems: list[Problem] = []
    place = destination.resolve()
    discovery = Discovery(source.resolve(), problems.append, progress, (place,))
    in_place = discovery.base == place
    try:
        surveyed = list(survey(discovery.base, discovery.items(), spool, engine))
    finally:
        opening.forget(spool)
    problems.extend(missing_of_directories(discovery.base, (item for item, _ in surveyed)))
    jobs = make_jobs(surveyed, choose, in_place=in_place)
    return Plan(str(discovery.base), str(place), jobs, tuple(problems))


@dataclass(frozen=True, slots=True)
class Options:
    """How a batch is taken up."""

    shard: Shard = WHOLE
    resumes: bool = False
    """Go on with a batch that was begun before; without it, there must be none."""
    retries: bool = False
    """Do those again that failed."""
    overwrites: bool = False
    """Files at the destination that are not of this batch may go."""
    limits: JobLimits = LIMITS
    grace_seconds: float = 10.0
    """How long running jobs may take to end when the batch is asked to stop."""


class Conversion:
    """A plan being carried out. Used by one thread, and by one process for each shard."""

    def __init__(self, plan: Plan, settings: JobSettings, options: Options) -> None:
        """Take the destination, open the journal, and clear up after a run that was killed.

        :raises PlanError: outputs would take the places of sources, and the settings are not in place; or the other
            way round
        :raises JournalError: another process works there; the destination has the journal of another plan, or in
            other shards; or the batch was begun before, and is not to be resumed
        :raises StorageError: nothing can be written there
        """
        _require_safe(plan, in_place=settings.in_place)
        self._settings = settings
        self._options = options
        self._folder = Path(plan.destination) / WORK_FOLDER
        shard = options.shard
        self._jobs = [job for job in plan.jobs if shard.holds(job.item.name)]
        self._batch = f"{plan.id[:8]}x{shard.index}x{shard.count}"
        with contextlib.ExitStack() as held, _storage(self._folder):
            make_folder(self._folder)
            held.enter_context(DestinationLock(self._folder, shard))
            self.journal = held.enter_context(self._open_journal(plan))
            sweep(Path(plan.destination), self._batch)
            self._recover()
            if shard == WHOLE:
                opening.forget(self._folder / SPOOL)
            if options.retries:
                self.journal.retry()
            self._held = held.pop_all()

    @property
    def jobs(self) -> Sequence[Job]:
        """Of this shard, done or not."""
        return self._jobs

    def run(self, convert: Convert, engine: Engine, stop: Stop, told: Callable[[Outcome], None]) -> Summary:
        """Do what is left to do. See `Execution`."""
        work = Work(convert, self._settings, self._batch, self._options.overwrites, self._options.limits)

        def recorded(outcome: Outcome) -> None:
            if self._settings.in_place:
                (self._folder / RECEIPTS / f"{outcome.number}.json").unlink(missing_ok=True)
            told(outcome)

        execution = Execution(work, self.journal, engine, stop, recorded, self._options.grace_seconds)
        summary = execution.run(self._jobs)
        if execution.has_left_parts:
            sweep(self._settings.destination, self._batch)
        return summary

    def close(self) -> None:
        """Let go of the destination."""
        if self._options.shard == WHOLE:
            with contextlib.suppress(OSError):
                opening.forget(self._folder / SPOOL)
        self._held.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _open_journal(self, plan: Plan) -> Journal:
        shard = self._options.shard
        name = "journal.sqlite" if shard == WHOLE else f"journal-{shard.label}.sqlite"
        others = [path.name for path in self._folder.glob("journal*.sqlite") if not _is_beside(path.name, shard)]
        if others:
            message = f"this destination was begun in other shards: it has {others[0]}"
            raise JournalError(message)
        about = {"plan": plan.id, "source": plan.source, "destination": plan.destination}
        journal = Journal(self._folder / name, about)
        try:
            self._require_resumption(journal)
            self._keep_plan(plan)
            journal.add(Entry(job.number, job.item.name, job.destination) for job in self._jobs)
        except BaseException:
            journal.close()
            raise
        return journal

    def _keep_plan(self, plan: Plan) -> None:
        """Write the plan down, unless it is there. A plan that lies there alone is of a batch that was never begun."""
        kept = kept_id(self._folder / PLAN)
        if kept == plan.id:
            return
        if kept and self._options.shard != WHOLE:
            message = "other shards of this destination have another plan: the source changed between, or the policy"
            raise JournalError(message)
        write_plan(plan, self._folder / PLAN)

    def _require_resumption(self, journal: Journal) -> None:
        counts = journal.counts()
        if any(counts.values()) and not self._options.resumes:
            message = f"this batch was begun before ({counts[State.DONE]} done): resume it, or take another folder"
            raise JournalError(message)

    def _recover(self) -> None:
        """Record what was converted in place just before a crash: it must not be taken for a source again."""
        by_number = {job.number: job for job in self._jobs}
        for receipt in (self._folder / RECEIPTS).glob("*.json"):
            job = by_number.get(int(receipt.stem)) if receipt.stem.isdecimal() else None
            if job is None:
                continue
            outcome = _outcome_of(receipt, self._settings.destination / job.destination)
            if outcome is not None and job.number in self.journal.pending():
                self.journal.finish([outcome])
            receipt.unlink()


def _require_safe(plan: Plan, *, in_place: bool) -> None:
    """Refuse a plan by which outputs would take the places of sources, unless that is what is wanted.

    :raises PlanError: the first such source is named
    """
    source, destination = Path(plan.source), Path(plan.destination)
    if in_place and source == destination:
        return
    if in_place:
        message = f"the plan is not in place: its outputs go from {source} to {destination}"
        raise PlanError(message)
    if not source.is_relative_to(destination):
        return
    sources = {source / job.item.path for job in plan.jobs}
    taken = next((job for job in plan.jobs if destination / job.destination in sources), None)
    if taken is not None:
        message = (
            f"an output would take the place of its source {taken.destination} in {destination}: name another folder"
        )
        raise PlanError(message)


def _outcome_of(receipt: Path, target: Path) -> Outcome | None:
    """What a receipt says, if the file that it speaks of took its place."""
    written = json.loads(receipt.read_text(encoding="ascii"))
    try:
        found = target.stat()
    except FileNotFoundError:
        return None
    is_published = (found.st_ino, found.st_size) == (written["inode"], written["size"])
    return from_record(Outcome, written["outcome"]) if is_published else None


def _is_beside(name: str, shard: Shard) -> bool:
    """Whether a journal may lie where one of this shard does."""
    if shard == WHOLE:
        return name == "journal.sqlite"
    return name.endswith(f"-of-{shard.count}.sqlite")


@contextlib.contextmanager
def _storage(folder: Path) -> Iterator[None]:
    """Turn what the system says of a full or broken disk into our error."""
    try:
        yield
    except OSError as error:
        stopping = storage_error(error, folder.name)
        if stopping is None:
            raise
        raise stopping from error


def kept_plan(destination: Path) -> Plan:
    """The plan of the batch that was begun in a destination.

    :raises JournalError: none was
    :raises PlanError: it cannot be read
    """
    path = destination.resolve() / WORK_FOLDER / PLAN
    try:
        return read_plan(path)
    except FileNotFoundError as error:
        message = f"there is nothing to resume in {destination}"
        raise JournalError(message) from error
