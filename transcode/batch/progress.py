"""How a batch gets on, for people and for programs: a bar on a terminal, a line of JSON every few seconds elsewhere."""

from __future__ import annotations

import json
import time
from collections import Counter
from types import TracebackType
from typing import IO, Any, Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from transcode.batch.model import Outcome, Status

_BAD = (Status.FAILED, Status.REFUSED)


class Report(Protocol):
    """Is told how a batch gets on. A context, left when it has ended."""

    def found(self, files: int) -> None:
        """So many files have been found so far."""

    def begin(self, jobs: int) -> None:
        """So many jobs are to be done."""

    def ended(self, outcome: Outcome) -> None:
        """One more has ended."""

    def __enter__(self) -> Self:
        """Begin to tell."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Tell the last."""


def report_on(stream: IO[str], seconds: float = 5.0) -> Report:
    """A bar where the stream is a terminal, else lines.

    :param seconds: between two lines
    """
    return Bar(stream) if stream.isatty() else Lines(stream, seconds)


class Tally:
    """What a batch has done so far."""

    def __init__(self) -> None:
        self.jobs = 0
        self.statuses: Counter[Status] = Counter()
        self.bytes_read = 0
        self.bytes_written = 0
        self._begun = time.monotonic()

    def add(self, outcome: Outcome) -> None:
        """One more has ended."""
        self.statuses[outcome.status] += 1
        self.bytes_read += outcome.bytes_read
        self.bytes_written += outcome.bytes_written

    @property
    def ended(self) -> int:
        """How many jobs."""
        return self.statuses.total()

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self._begun

    def record(self) -> dict[str, Any]:
        """As one line of JSON says it."""
        return {
            "event": "progress",
            "seconds": round(self.seconds, 1),
            "jobs": self.jobs,
            "ended": self.ended,
            **{status.value: self.statuses[status] for status in Status},
            "bytes_read": self.bytes_read,
            "bytes_written": self.bytes_written,
        }


class Lines:
    """A line of JSON now and then, and one at the end."""

    def __init__(self, stream: IO[str], seconds: float) -> None:
        self._stream = stream
        self._seconds = seconds
        self._tally = Tally()
        self._next = 0.0

    def found(self, files: int) -> None:
        """See `Report`."""
        self._write_sometimes({"event": "found", "files": files})

    def begin(self, jobs: int) -> None:
        """See `Report`."""
        self._tally = Tally()
        self._tally.jobs = jobs
        self._next = time.monotonic() + self._seconds

    def ended(self, outcome: Outcome) -> None:
        """See `Report`."""
        self._tally.add(outcome)
        self._write_sometimes(self._tally.record())

    def _write_sometimes(self, record: dict[str, Any]) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + self._seconds
            self._write(record)

    def _write(self, record: dict[str, Any]) -> None:
        self._stream.write(json.dumps(record) + "\n")
        self._stream.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._write(self._tally.record())


class Bar:
    """A bar with counts, and a line above it for each file that failed."""

    def __init__(self, stream: IO[str]) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[figures]}"),
            console=Console(file=stream),
        )
        self._task = self._progress.add_task("looking", total=None, figures="")
        self._tally = Tally()

    def found(self, files: int) -> None:
        """See `Report`."""
        self._progress.update(self._task, completed=files)

    def begin(self, jobs: int) -> None:
        """See `Report`."""
        self._tally = Tally()
        self._progress.reset(self._task, total=jobs, description="converting")

    def ended(self, outcome: Outcome) -> None:
        """See `Report`."""
        self._tally.add(outcome)
        if outcome.status in _BAD:
            self._progress.print(
                f"{outcome.status.value}: {outcome.name}: {outcome.message}", markup=False, highlight=False
            )
        rate = self._tally.bytes_read / 1e6 / max(self._tally.seconds, 0.1)
        bad = sum(self._tally.statuses[status] for status in _BAD)
        self._progress.update(
            self._task, advance=1, figures=f"{rate:.1f} MB/s{f', {bad} not converted' if bad else ''}"
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._progress.stop()
