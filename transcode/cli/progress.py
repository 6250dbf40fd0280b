"""How far a batch is: a bar on a terminal, one line of JSON every few seconds elsewhere."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from transcode.batch.conversion import Conversion
from transcode.batch.journal import State
from transcode.batch.model import Outcome, Status

_EVERY_SECONDS = 5.0
_BAD = {Status.FAILED: "red", Status.REFUSED: "bold red"}
Heard = Callable[[Outcome], None]


@contextmanager
def shown(conversion: Conversion, console: Console, *, as_json: bool) -> Iterator[Heard]:
    """Hears of outcomes while the batch runs, and shows them on standard error."""
    total = len(conversion.jobs)
    counts = conversion.journal.counts()
    done = counts[State.DONE] + counts[State.FAILED] + counts[State.REFUSED]
    if as_json or not console.is_terminal:
        lines = _Lines(total, done)
        yield lines
        lines.write()
        return
    columns = (
        TextColumn("transcoding"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=console) as bar:
        yield _OnBar(bar, total, done)


@dataclass(slots=True)
class _Lines:
    """Counts, written as JSON now and then."""

    total: int
    done: int
    failed: int = 0
    refused: int = 0
    bytes_read: int = 0
    bytes_written: int = 0
    begun: float = field(default_factory=time.monotonic)
    told: float = field(default_factory=time.monotonic)

    def __call__(self, outcome: Outcome) -> None:
        self.done += 1
        self.failed += outcome.status is Status.FAILED
        self.refused += outcome.status is Status.REFUSED
        self.bytes_read += outcome.bytes_read
        self.bytes_written += outcome.bytes_written
        if time.monotonic() - self.told >= _EVERY_SECONDS:
            self.write()

    def write(self) -> None:
        """One line, now."""
        self.told = time.monotonic()
        said = {
            "progress": {
                "files": self.total,
                "done": self.done,
                "failed": self.failed,
                "refused": self.refused,
                "bytes_read": self.bytes_read,
                "bytes_written": self.bytes_written,
                "seconds": round(self.told - self.begun, 1),
            }
        }
        print(json.dumps(said), file=sys.stderr, flush=True)  # noqa: T201


class _OnBar:
    """A bar, and above it a line for each file that failed."""

    def __init__(self, bar: Bar, total: int, done: int) -> None:
        self._bar = bar
        self._task = bar.add_task("", total=total, completed=done, rate="")
        self._begun = time.monotonic()
        self._bytes = 0

    def __call__(self, outcome: Outcome) -> None:
        self._bytes += outcome.bytes_read
        rate = self._bytes / 1e6 / max(0.1, time.monotonic() - self._begun)
        self._bar.update(self._task, advance=1, rate=f"{rate:.1f} MB/s")
        style = _BAD.get(outcome.status)
        if style:
            said = f"{outcome.status}: {outcome.name}: {outcome.message}"
            self._bar.console.print(said, style=style, markup=False, highlight=False)
