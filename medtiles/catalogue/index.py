"""What the catalogue remembers between runs, and shares between processes: an SQLite file in the cache folder.

It holds digests of paths, never the paths. It may be deleted at any time; a damaged one is made anew. Without a folder,
or when the folder cannot be written to, the same is kept in memory.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import logging
import os
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from enum import Enum
from pathlib import Path
from typing import TypeVar

from medtiles.core.tiles import ImageSummary

_LOG = logging.getLogger(__name__)
_NAME = "catalogue-1.sqlite"
"""The number changes with the tables."""
_FORGET_AFTER_DAYS = 60
_LEASE = 600.0
"""Seconds for which a process on another host is believed to be opening an image."""
_PROBLEM_LASTS = 60.0
"""Seconds for which processes believe one another that an image is broken; a later start tries it again."""
_STRIKES = 3
"""Processes that may die while they open an image; then it counts as broken."""
_DEADLY = f"opening it has ended {_STRIKES} processes; it is not tried again until the file changes"
_TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS files
  (key BLOB PRIMARY KEY, identity TEXT NOT NULL, what TEXT NOT NULL, day INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS images
  (id TEXT, version TEXT, summary TEXT, owner TEXT NOT NULL, since REAL NOT NULL, strikes INTEGER NOT NULL,
   day INTEGER NOT NULL, PRIMARY KEY (id, version)) WITHOUT ROWID;
"""
T = TypeVar("T")


class Claim(Enum):
    """Who may open an image for the first time."""

    MINE = "mine"
    """This process; it must say what came of it."""
    OTHERS = "others"
    """Another process is at it."""
    DONE = "done"
    """It has been opened before; its summary is there."""


class Index:
    """Remembered facts of files and images. Safe to call from several threads and processes; never raises."""

    def __init__(self, folder: Path | None, fingerprint: str) -> None:
        """Open or make the index; what another `fingerprint` (program, formats) remembered is forgotten."""
        self._path = None if folder is None else folder / _NAME
        self._fingerprint = fingerprint
        self._lock = threading.RLock()
        self._owner = _owner(os.getpid())
        self._day = int(time.time() // 86400)
        self._connection = self._open()

    @property
    def is_shared(self) -> bool:
        """Whether it lies in a file that other processes see."""
        return self._path is not None

    def file(self, path: str, identity: str) -> str | None:
        """What has been remembered of an unchanged file."""
        query = "SELECT what FROM files WHERE key = ? AND identity = ?"
        row = self._do(lambda connection: connection.execute(query, (_key(path), identity)).fetchone(), is_write=False)
        return None if row is None else str(row[0])

    def remember_files(self, rows: Iterable[tuple[str, str, str]]) -> None:
        """Remember files: path, identity, what they are."""
        values = [(_key(path), identity, what, self._day) for path, identity, what in rows]
        self._do(lambda connection: connection.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", values))

    def summary(self, image: str, version: str) -> ImageSummary | None:
        """What an image turned out to be when it was opened."""
        query = "SELECT summary, since FROM images WHERE id = ? AND version = ? AND summary IS NOT NULL"
        row = self._do(lambda connection: connection.execute(query, (image, version)).fetchone(), is_write=False)
        return None if row is None else _summary(*row)

    def remember_image(self, version: str, summary: ImageSummary) -> None:
        """Remember what an image turned out to be; ends a claim."""
        row = (summary.id, version, json.dumps(dataclasses.asdict(summary)), self._owner, time.time(), 0, self._day)
        self._do(
            lambda connection: connection.execute("INSERT OR REPLACE INTO images VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        )

    def claim(self, image: ImageSummary, version: str) -> Claim:
        """Ask to be the one that opens an image for the first time.

        An image whose opening has ended several processes is remembered as broken: it must not end more.
        """
        return self._do(lambda connection: self._claim(connection, image, version)) or Claim.MINE

    @staticmethod
    def is_deadly(summary: ImageSummary) -> bool:
        """Whether an image must not be opened again: it has ended too many processes."""
        return summary.problem == _DEADLY

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()

    # -- how ----------------------------------------------------------------------------------------------------

    def _claim(self, connection: sqlite3.Connection, image: ImageSummary, version: str) -> Claim:
        row = connection.execute(
            "SELECT summary, owner, since, strikes FROM images WHERE id = ? AND version = ?", (image.id, version)
        ).fetchone()
        if row is None:
            mine = (image.id, version, None, self._owner, time.time(), 1, self._day)
            connection.execute("INSERT INTO images VALUES (?, ?, ?, ?, ?, ?, ?)", mine)
            return Claim.MINE
        summary, owner, since, strikes = row
        if summary is not None:
            if _summary(summary, since) is not None:
                return Claim.DONE
            strikes = 0
        elif owner == self._owner or _is_alive(owner, since):
            return Claim.OTHERS
        elif strikes >= _STRIKES:
            self.remember_image(version, dataclasses.replace(image, problem=_DEADLY))
            return Claim.DONE
        connection.execute(
            "UPDATE images SET summary = NULL, owner = ?, since = ?, strikes = ? WHERE id = ? AND version = ?",
            (self._owner, time.time(), strikes + 1, image.id, version),
        )
        return Claim.MINE

    def _do(self, work: Callable[[sqlite3.Connection], T], *, is_write: bool = True) -> T | None:
        """Run one transaction; when the file fails, go on in memory."""
        run = self._transaction if is_write else self._read
        with self._lock:
            try:
                return run(work)
            except sqlite3.ProgrammingError:
                return None  # closed: a thread is late
            except sqlite3.Error as error:
                _LOG.warning("the index of the catalogue fails (%s); it goes on in memory", error)
                self._connection.close()
                self._path = None
                self._connection = self._open()
                return run(work)

    def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return work(self._connection)

    def _transaction(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._connection.in_transaction:
            return work(self._connection)
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            result = work(self._connection)
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")
        return result

    def _open(self) -> sqlite3.Connection:
        if self._path is None:
            return self._prepared(None)
        try:
            return self._open_file(self._path)
        except (sqlite3.Error, OSError) as error:
            _LOG.warning("no index of the catalogue in the cache folder (%s); it is kept in memory", error)
            self._path = None
            return self._prepared(None)

    def _open_file(self, path: Path) -> sqlite3.Connection:
        try:
            return self._prepared(path)
        except sqlite3.OperationalError:
            raise  # locked or not writable: not damaged
        except sqlite3.DatabaseError as error:
            _LOG.warning("the index of the catalogue is damaged (%s); it is made anew", error)
            _delete(path)
            return self._prepared(path)

    def _prepared(self, path: Path | None) -> sqlite3.Connection:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path or ":memory:", timeout=10, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            self._forget_old(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _forget_old(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        for table in _TABLES.strip().split(";"):
            connection.execute(table)
        row = connection.execute("SELECT value FROM meta WHERE name = 'fingerprint'").fetchone()
        is_ours = row is not None and row[0] == self._fingerprint
        oldest = self._day - _FORGET_AFTER_DAYS if is_ours else self._day + 1
        connection.execute("DELETE FROM files WHERE day < ?", (oldest,))
        connection.execute("DELETE FROM images WHERE day < ?", (oldest,))
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('fingerprint', ?)", (self._fingerprint,))
        connection.execute("COMMIT")


def _key(path: str) -> bytes:
    return hashlib.blake2b(path.encode("utf-8", "surrogateescape"), digest_size=16).digest()


def _summary(text: str, since: float) -> ImageSummary | None:
    """What is remembered; None when it says too long ago that an image is broken: perhaps now it can be opened."""
    try:
        summary = ImageSummary(**json.loads(text))
    except (ValueError, TypeError):
        return None
    is_doubtful = summary.problem and not Index.is_deadly(summary) and time.time() - since > _PROBLEM_LASTS
    return None if is_doubtful else summary


def _owner(process: int) -> str:
    """A process, told apart from later ones with the same number (in containers numbers repeat at each start)."""
    return f"{socket.gethostname()}:{process}:{_started(process)}"


def _started(process: int) -> str:
    """When a process started, in clock ticks since boot; empty where there is no /proc or no such process."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _is_alive(owner: str, since: float) -> bool:
    host, process, started = owner.rsplit(":", 2)
    if host != socket.gethostname() or not started:
        return time.time() - since < _LEASE
    return _started(int(process)) == started


def _delete(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
