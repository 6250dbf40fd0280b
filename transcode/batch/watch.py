"""Converts what arrives in a folder, with the guarantees of a batch, for as long as it is not told to stop.

Theory of operation. Files are noticed by events of the system, or by looking at the folder every few seconds; the whole
folder is looked at now and then in any case, because events get lost. What has arrived whole is entered in a journal by
its name, size and time, so after a restart the same file is not taken twice, and one that was replaced is taken again.
Whatever is pending is then run as a batch is; what arrives meanwhile waits.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

from transcode.batch import opening
from transcode.batch.arrivals import Arrivals
from transcode.batch.destinations import Destinations, is_unpacked
from transcode.batch.discover import WORK_FOLDER, Discovery, Problem
from transcode.batch.engines import Engine
from transcode.batch.errors import JournalError
from transcode.batch.execute import Execution, Summary
from transcode.batch.journal import Entry, Journal, State
from transcode.batch.limits import LIMITS, JobLimits
from transcode.batch.lock import DestinationLock
from transcode.batch.model import Item, Job, JobSettings, Outcome, Status
from transcode.batch.notice import noticing
from transcode.batch.plan import make_job
from transcode.batch.publish import make_folder, sweep
from transcode.batch.stopping import Stop
from transcode.batch.survey import survey
from transcode.batch.task import SPOOL, Convert, Work
from transcode.batch.watch_metrics import WatchMetrics
from transcode.policy import Decision, Facts

_BATCH = "watch"
_TICK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """How a folder is watched."""

    poll_seconds: float = 0.0
    """Look at the folder so often, instead of waiting for events; 0: events. For network disks, which have none."""
    look_seconds: float = 300.0
    """Beside events, look at the whole folder so often."""
    settle_seconds: float = 5.0
    """How long a file must have been the same to be whole, where no event says that it is."""
    limits: JobLimits = LIMITS
    grace_seconds: float = 10.0


class Watch:
    """Watches one folder. Used by one thread."""

    def __init__(
        self,
        settings: JobSettings,
        choose: Callable[[Facts], Decision],
        options: WatchOptions,
        metrics: WatchMetrics,
        alerts: IO[str],
    ) -> None:
        """Take the destination.

        :param alerts: a line of JSON is written here for each failed verification
        :raises JournalError: another process works there, it has the journal of another folder, or it lies in the
            folder that is watched
        :raises StorageError: nothing can be written there
        :raises OSError: the same, of folders
        """
        self._settings = settings
        self._choose = choose
        self._options = options
        self._metrics = metrics
        self._alerts = alerts
        self._folder = settings.destination / WORK_FOLDER
        self._arrivals = Arrivals(settings.source, options.settle_seconds)
        self._discovery = Discovery(settings.source, self._tell)
        if settings.destination.is_relative_to(settings.source):
            message = f"{settings.destination} lies in the folder that is watched"
            raise JournalError(message)
        make_folder(self._folder)
        with contextlib.ExitStack() as held:
            held.enter_context(DestinationLock(self._folder))
            about = {"watched folder": str(settings.source), "destination": str(settings.destination)}
            self.journal = held.enter_context(Journal(self._folder / "watch.sqlite", about))
            sweep(settings.destination, _BATCH)
            opening.forget(self._folder / SPOOL)
            self._held = held.pop_all()
        self._number = 0
        self._places: dict[str, str] = {}
        for entry in self.journal.entries():
            self._number = max(self._number, entry.number)
            self._places[entry.name] = entry.destination
        self._names = Destinations(self._places.values())

    def run(self, convert: Convert, engine: Engine, stop: Stop) -> Summary:
        """Watch until asked to stop, or until nothing more can be written.

        :raises StorageError: the journal cannot be written
        """
        work = Work(convert, self._settings, _BATCH, limits=self._options.limits)
        execution = Execution(work, self.journal, engine, stop, self._ended, self._options.grace_seconds)
        looks = self._options.poll_seconds or self._options.look_seconds
        next_look = 0.0
        with noticing(self._settings.source, self._arrivals, is_polling=self._options.poll_seconds > 0) as take:
            while not stop.is_asked:
                take(min(_TICK_SECONDS, looks))
                if time.monotonic() >= next_look:
                    self._arrivals.look()
                    next_look = time.monotonic() + looks
                self._metrics.waiting(self._arrivals.lag_seconds)
                if jobs := list(self._new_jobs(engine)):
                    summary = execution.run(jobs)
                    if summary.stopped:
                        return summary
        return Summary(self.journal.counts(), signal=stop.signal)

    def close(self) -> None:
        """Let go of the destination."""
        with contextlib.suppress(OSError):
            opening.forget(self._folder / SPOOL)
        self._held.close()

    def _new_jobs(self, engine: Engine) -> Iterator[Job]:
        """Of the files that have arrived whole since the last time, entered in the journal."""
        found: list[Item] = []
        identities: list[str] = []
        for path, identity in self._arrivals.whole():
            for item in self._discovery.items_of(path):
                entered = self.journal.entered(item.name, identity)
                if entered is None or entered[1] is State.PENDING:
                    found.append(item)
                    identities.append(identity)
        surveyed = survey(self._settings.source, found, self._folder / SPOOL, engine)
        for (item, facts), identity in zip(surveyed, identities, strict=True):
            yield self._job(item, facts, identity)

    def _job(self, item: Item, facts: Facts | str, identity: str) -> Job:
        """The job that it had before a restart; else a new one, whose output replaces that of an earlier such file."""
        entered = self.journal.entered(item.name, identity)
        self._number += entered is None
        number = entered[0] if entered else self._number
        place = self._places.get(item.name)
        if place is None and not is_unpacked(item):
            self._names.keep(item)
        job = make_job(number, item, facts, self._choose, self._names, place)
        self._places[item.name] = job.destination
        self.journal.add([Entry(number, item.name, job.destination, identity, attempts=int(place is not None))])
        return job

    def _ended(self, outcome: Outcome) -> None:
        self._metrics.ended(outcome)
        if outcome.status is Status.REFUSED:
            self._alert({"event": "verification failed", "name": outcome.name, "message": outcome.message})

    def _tell(self, problem: Problem) -> None:
        self._alert({"event": "problem", "name": problem.name, "message": problem.message})

    def _alert(self, record: dict[str, str]) -> None:
        self._alerts.write(json.dumps(record) + "\n")
        self._alerts.flush()
