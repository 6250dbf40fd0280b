"""The SQLite file of the index of studies: opened, found damaged or deleted, made anew; shared by processes.

Unlike the catalogue's index it holds patients' names and ids, so only its owner may read it. It may be deleted at any
time, also while servers run: the next scan fills a new one. Without a folder the same is kept in memory.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from medtiles.catalogue.studies.tables import TABLES, VERSION
from medtiles.core.errors import BusyError

_LOG = logging.getLogger(__name__)
_FORGET_AFTER = 60 * 86400
"""Seconds after which the file of roots that nobody serves any more is deleted."""
_WAIT = 60.0
"""Seconds that a process waits for another to finish writing."""
_OF_DISKS = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_CANTOPEN")
T = TypeVar("T")


class Store:
    """One connection that writes and one that reads, so that searches do not wait for a scan. Safe for threads."""

    def __init__(self, folder: Path | None, roots: Iterable[str], fingerprint: str) -> None:
        """`roots` and `fingerprint` (program and formats): what the file's name, and its being of use, depend on."""
        name = hashlib.blake2b("\0".join(sorted(roots)).encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
        self._path = None if folder is None else folder / f"studies-{VERSION}-{name}.sqlite"
        self._fingerprint = fingerprint
        self._writing = threading.RLock()
        self._reading = threading.RLock()
        self._inode = 0
        self._is_lost = False
        self._is_closed = False
        self._open()

    def require_whole(self) -> bool:
        """Whether the index is still the one that was opened, and works; when not, there is a new one, empty."""
        if not self._is_lost and (self._path is None or _inode(self._path) == self._inode):
            return True
        self._reopen()
        return False

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Look something up.

        :raises BusyError: the file is damaged, or another process keeps it; the next scan makes it anew
        """
        with self._reading:
            return self._guarded(self._reader, work)

    def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Change something, all of it or nothing.

        :raises BusyError: as above
        """
        with self._writing:
            return self._guarded(self._writer, lambda connection: _transaction(connection, work))

    def close(self) -> None:
        """Let go of the file."""
        with self._writing, self._reading:
            self._is_closed = True
            self._reader.close()
            self._writer.close()

    def _guarded(self, connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return work(connection)
        except sqlite3.Error as error:
            if not (self._is_closed or isinstance(error, sqlite3.ProgrammingError)):
                self._give_up(error)
            message = "the index of studies is not at hand; try again"
            raise BusyError(message) from None

    def _give_up(self, error: sqlite3.Error) -> None:
        """Have the next scan begin with an empty index: in the place of a damaged file, in memory when a disk fails."""
        name = getattr(error, "sqlite_errorname", "SQLITE_ERROR")
        _LOG.warning("the index of studies fails (%s)", name)  # and not its words: they may quote values
        if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")) and self._path is not None:
            _delete(self._path)
            self._is_lost = True
        elif name.startswith(_OF_DISKS):
            self._path, self._is_lost = None, True

    def _reopen(self) -> None:
        with self._writing, self._reading:
            self._reader.close()
            self._writer.close()
            self._is_lost = False
            self._open()

    def _open(self) -> None:
        try:
            self._writer, self._reader = self._connected(self._path)
        except (sqlite3.Error, OSError) as error:
            reason = getattr(error, "sqlite_errorname", type(error).__name__)
            _LOG.warning("no index of studies in the cache folder (%s); it is kept in memory", reason)
            self._path = None
            self._writer, self._reader = self._connected(None)

    def _connected(self, path: Path | None) -> tuple[sqlite3.Connection, sqlite3.Connection]:
        if path is None:
            alone = _prepared(_connect(":memory:"), self._fingerprint)
            self._reading = self._writing
            return alone, alone
        path.parent.mkdir(parents=True, exist_ok=True)
        _forget_old(path)
        _create_private(path)
        try:
            writer = _prepared(_connect(str(path)), self._fingerprint)
        except sqlite3.OperationalError:
            raise  # locked or not writable: not damaged
        except sqlite3.DatabaseError:
            _delete(path)
            _create_private(path)
            writer = _prepared(_connect(str(path)), self._fingerprint)
        self._inode = _inode(path)
        return writer, _connect(str(path))


def _connect(path: str) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=_WAIT, isolation_level=None, check_same_thread=False, cached_statements=256)


def _prepared(connection: sqlite3.Connection, fingerprint: str) -> sqlite3.Connection:
    """With its tables, empty when another version of the program or other formats have filled them."""
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        _transaction(connection, lambda inside: _make_tables(inside, fingerprint))
    except BaseException:
        connection.close()
        raise
    return connection


def _make_tables(connection: sqlite3.Connection, fingerprint: str) -> None:
    for statement in TABLES.strip().split(";"):
        connection.execute(statement)
    row = connection.execute("SELECT value FROM meta WHERE name = 'fingerprint'").fetchone()
    if row is None or row[0] != fingerprint:
        for table in ("files", "studies", "series", "blocks", "stale"):
            connection.execute(f"DELETE FROM {table}")
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('fingerprint', ?)", (fingerprint,))


def _transaction(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
    if connection.in_transaction:
        return work(connection)
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = work(connection)
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    return result


def _create_private(path: Path) -> None:
    """Make the file, for its owner alone; SQLite gives the files beside it the same mode."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
        os.utime(descriptor)
    finally:
        os.close(descriptor)


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return -1


def _delete(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _forget_old(path: Path) -> None:
    """Delete the files of other roots and versions that have not been used for long: they hold patients' names."""
    for other in path.parent.glob("studies-*.sqlite"):
        with contextlib.suppress(OSError):
            if other != path and time.time() - other.stat().st_mtime > _FORGET_AFTER:
                _delete(other)
