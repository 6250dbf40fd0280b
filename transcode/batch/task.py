"""What runs in a worker: one job after the other, each within its limits, each published before it is told to be done.

`Convert` is the port between the batch and what is done with a file. The batch opens the item, gives the output a name
to be written under, publishes it if the outcome says so, and turns errors into outcomes.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from transcode.batch.discover import WORK_FOLDER
from transcode.batch.errors import BatchError, StorageError, storage_error
from transcode.batch.limits import LIMITS, JobLimits, alarm, bounded_memory
from transcode.batch.model import Job, JobSettings, Outcome, Status
from transcode.batch.opening import opened
from transcode.batch.publish import Draft, Keeping, write_whole
from transcode.batch.records import to_record
from transcode.errors import TranscodeError
from transcode.policy import Action

SPOOL = "spool"
RECEIPTS = "receipts"
_PUBLISHED = frozenset({Status.WRITTEN, Status.REWRAPPED, Status.COPIED})


@dataclass(frozen=True, slots=True)
class JobFiles:
    """Where a job reads and writes."""

    source: Path
    """Of the item's bytes; a file for this job alone where the item is a member of a container."""
    draft: Path
    """The output, until it is published. Does not exist yet."""


Convert = Callable[[Job, JobSettings, JobFiles], Outcome]
"""Does a job: reads the source, writes the draft, and verifies what it wrote. A module's own function, by name, so that
other processes find it.

The draft is published if the status is WRITTEN, REWRAPPED or COPIED, and removed otherwise. TranscodeErrors, OSErrors
and MemoryErrors that it raises become an outcome, or stop the batch where they mean that the disk is full or broken.
"""


@dataclass(frozen=True, slots=True)
class Work:
    """What holds for all the tasks of a batch."""

    convert: Convert
    settings: JobSettings
    batch: str
    """Names this batch, or this shard of it, in the names of parts: letters and digits."""
    overwrites: bool = False
    """Files at the destination that are not of this batch may go."""
    limits: JobLimits = LIMITS


@dataclass(frozen=True, slots=True)
class Assignment:
    """A job for a worker."""

    job: Job
    may_replace: bool
    """Whether a file at its destination is of this batch, or may go."""


@dataclass(frozen=True, slots=True)
class TaskResult:
    """What became of the jobs of a task."""

    outcomes: tuple[Outcome, ...]
    stopped: str = ""
    """Why the rest was not begun: nothing more can be written."""


def run_task(work: Work, assignments: tuple[Assignment, ...], is_expendable: bool) -> TaskResult:
    """Do some jobs.

    :param is_expendable: this process may be lost: it is ended when a job takes too long
    """
    outcomes: list[Outcome] = []
    for assignment in assignments:
        try:
            outcomes.append(_run_job(work, assignment, is_expendable=is_expendable))
        except StorageError as error:
            return TaskResult(tuple(outcomes), str(error))
    return TaskResult(tuple(outcomes))


def _run_job(work: Work, assignment: Assignment, *, is_expendable: bool) -> Outcome:
    """The outcome, also of what goes wrong.

    :raises StorageError: nothing more can be written
    """
    job = assignment.job
    memory = work.limits.memory_for(job)
    try:
        with contextlib.ExitStack() as bounds:
            if is_expendable:
                bounds.enter_context(alarm(work.limits.seconds_for(job)))
                bounds.enter_context(bounded_memory(memory))
            return _convert(work, assignment)
    except OSError as error:
        stopping = storage_error(error, job.item.name)
        if stopping is not None:
            raise stopping from error
        message = f"{error.strerror or error}"
    except StorageError:
        raise
    except (TranscodeError, BatchError) as error:
        message = str(error)
    except MemoryError:
        message = f"it needs more than {memory >> 20} MB of memory"
    except Exception as error:  # noqa: BLE001 - the edge: whatever goes wrong with one file must not end the others
        message = f"{type(error).__name__}: {error}"
    return failed(job, message)


def _convert(work: Work, assignment: Assignment) -> Outcome:
    job, settings = assignment.job, work.settings
    if settings.in_place and job.decision.action is Action.COPY:
        return ended(job, Status.COPIED, "left as it is")
    target = settings.destination / job.destination
    keeping = Keeping.of(target) if settings.in_place else None
    own = settings.destination / WORK_FOLDER
    with (
        opened(settings.source, job.item, own / SPOOL) as source,
        Draft(target, work.batch, job.number, keeping) as draft,
    ):
        outcome = work.convert(job, settings, JobFiles(source, draft.path))
        if settings.in_place and outcome.status is Status.COPIED:
            return outcome
        if outcome.status in _PUBLISHED:
            if settings.in_place:
                _write_receipt(own / RECEIPTS, draft.path, outcome)
            draft.publish(may_replace=assignment.may_replace)
        return outcome


def _write_receipt(folder: Path, part: Path, outcome: Outcome) -> None:
    """Say what is about to replace its source, so that it is known for converted after a crash in between."""
    folder.mkdir(exist_ok=True)
    found = part.stat()
    receipt = {"inode": found.st_ino, "size": found.st_size, "outcome": to_record(outcome)}
    write_whole(folder / f"{outcome.number}.json", json.dumps(receipt))


def failed(job: Job, message: str) -> Outcome:
    """The outcome of a job that published nothing."""
    return ended(job, Status.FAILED, message)


def ended(job: Job, status: Status, message: str) -> Outcome:
    """An outcome without figures."""
    decision, facts = job.decision, job.facts
    return Outcome(
        number=job.number,
        name=job.item.name,
        destination=job.destination,
        status=status,
        message=message,
        target=decision.target,
        rule=decision.rule,
        reason=decision.reason,
        modality=facts.modality if facts else "",
        source_syntax=facts.transfer_syntax if facts else "",
    )
