"""What became of each job, in a database that survives the death of whoever writes it.

A job is `pending`, then `running` with its number of attempts, then `done`, `failed` or `refused` with its outcome.
It is recorded as done only after its file is published for good, so whatever happens, a job that is done has its file.
One that was running when the driver died is pending again when the journal is opened; its attempts tell that a file of
its name may be its own.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self

from transcode.batch.errors import JournalError, StorageError
from transcode.batch.model import Outcome, Status
from transcode.batch.records import from_record, to_record

VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS about (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL, identity TEXT NOT NULL, destination TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending', attempts INTEGER NOT NULL DEFAULT 0, strikes INTEGER NOT NULL DEFAULT 0,
    outcome TEXT
);
CREATE INDEX IF NOT EXISTS jobs_by_name ON jobs (name, identity);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state);
"""


class State(StrEnum):
    """Where a job stands."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"


_STATES = {Status.FAILED: State.FAILED, Status.REFUSED: State.REFUSED}


@dataclass(frozen=True, slots=True)
class Entry:
    """A job as it is entered."""

    number: int
    name: str
    destination: str
    identity: str = ""
    """Tells one file of this name from a later one; empty where names do not come again."""
    attempts: int = 0
    """More than 0 where a file at the destination is known to be of an earlier job."""


class Journal:
    """The journal of one batch, or of one shard of it. Used by one thread."""

    def __init__(self, path: Path, belongs_to: dict[str, str]) -> None:
        """Open it, or begin it. What was running is pending.

        :param belongs_to: what it is the journal of, such as the plan's id; must be the same at each opening
        :raises JournalError: it is the journal of something else, or no journal
        :raises StorageError: it cannot be written
        """
        with _telling(path):
            self._database = sqlite3.connect(path, isolation_level=None)
            try:
                self._begin(path, {"version": str(VERSION), **belongs_to})
            except BaseException:
                self._database.close()
                raise
        self._path = path

    def _begin(self, path: Path, about: dict[str, str]) -> None:
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.executescript(_SCHEMA)
        found = dict(self._database.execute("SELECT key, value FROM about"))
        for key, value in about.items():
            if found.get(key, value) != value:
                other = f"{path.name} is of another {key} ({found[key]}, not {value})"
                message = f"{other}: resume that, or take another folder"
                raise JournalError(message)
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.executemany("INSERT OR IGNORE INTO about VALUES (?, ?)", about.items())
            self._database.execute("UPDATE jobs SET state = 'pending' WHERE state = 'running'")

    def add(self, entries: Iterable[Entry]) -> None:
        """Enter jobs; those that are entered already stay as they are.

        :raises StorageError: it cannot be written
        """
        rows = (
            (entry.number, _clean(entry.name), entry.identity, _clean(entry.destination), entry.attempts)
            for entry in entries
        )
        with self._transaction():
            self._database.executemany(
                "INSERT OR IGNORE INTO jobs (number, name, identity, destination, attempts) VALUES (?, ?, ?, ?, ?)",
                rows,
            )

    def pending(self) -> dict[int, int]:
        """The numbers of the jobs that are still to be done, and how often each was begun."""
        return dict(self._database.execute("SELECT number, attempts FROM jobs WHERE state = 'pending'"))

    def claim(self, numbers: Sequence[int]) -> None:
        """Record that these jobs are about to run. From here on a file of their name may be their own.

        :raises StorageError: it cannot be written
        """
        with self._transaction():
            self._database.executemany(
                "UPDATE jobs SET state = 'running', attempts = attempts + 1 WHERE number = ?",
                ((number,) for number in numbers),
            )

    def release_all(self) -> None:
        """Record that what runs will not be done; it is pending again. Nothing may be running any more.

        :raises StorageError: it cannot be written
        """
        with self._transaction():
            self._database.execute("UPDATE jobs SET state = 'pending' WHERE state = 'running'")

    def strike(self, number: int) -> int:
        """Count that a job, alone, was the end of the process that ran it; returns how often that has happened."""
        with self._transaction():
            self._database.execute("UPDATE jobs SET strikes = strikes + 1 WHERE number = ?", (number,))
        row = self._database.execute("SELECT strikes FROM jobs WHERE number = ?", (number,)).fetchone()
        return int(row[0]) if row else 0

    def finish(self, outcomes: Sequence[Outcome]) -> None:
        """Record how jobs ended. What they wrote must be on the disk already.

        :raises StorageError: it cannot be written
        """
        rows = [
            (_STATES.get(outcome.status, State.DONE), json.dumps(to_record(outcome)), outcome.number)
            for outcome in outcomes
        ]
        with self._transaction():
            self._database.executemany("UPDATE jobs SET state = ?, outcome = ? WHERE number = ?", rows)

    def outcomes(self) -> Iterator[Outcome]:
        """Of all jobs that ended, in the order of their numbers."""
        for (text,) in self._database.execute("SELECT outcome FROM jobs WHERE outcome IS NOT NULL ORDER BY number"):
            yield from_record(Outcome, json.loads(text))

    def counts(self) -> dict[State, int]:
        """How many jobs are in each state."""
        found = dict(self._database.execute("SELECT state, count(*) FROM jobs GROUP BY state"))
        return {state: found.get(state.value, 0) for state in State}

    def retry(self) -> int:
        """Make all that failed or was refused pending again, with no strikes; returns how many."""
        with self._transaction():
            done = self._database.execute(
                "UPDATE jobs SET state = 'pending', strikes = 0, outcome = NULL WHERE state IN ('failed', 'refused')"
            )
        return done.rowcount

    def entered(self, name: str, identity: str) -> tuple[int, State] | None:
        """The number of a file's job, and where that stands; None when it has never been entered."""
        row = self._database.execute(
            "SELECT number, state FROM jobs WHERE name = ? AND identity = ?", (_clean(name), identity)
        ).fetchone()
        return (row[0], State(row[1])) if row else None

    def entries(self) -> Iterator[Entry]:
        """All jobs, as they were entered."""
        rows = self._database.execute("SELECT number, name, destination, identity FROM jobs ORDER BY number")
        yield from (Entry(*row) for row in rows)

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with _telling(self._path), self._database:
            self._database.execute("BEGIN IMMEDIATE")
            yield

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _clean(name: str) -> str:
    """A name as text: bytes of it that are none are written out."""
    return name.encode("utf-8", "backslashreplace").decode()


@contextmanager
def _telling(path: Path) -> Iterator[None]:
    """Turn the database's errors into ours.

    :raises JournalError: the file is no journal
    :raises StorageError: it cannot be read or written
    """
    try:
        yield
    except sqlite3.OperationalError as error:
        message = f"{path.name}: {error}"
        raise StorageError(message) from error
    except sqlite3.DatabaseError as error:
        message = f"{path.name} is no journal, or damaged: {error}"
        raise JournalError(message) from error
