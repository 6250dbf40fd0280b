"""The journal: what is recorded is recorded, of this plan, by one process."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from transcode.batch.errors import JournalError, StorageError
from transcode.batch.journal import Entry, Journal, State
from transcode.batch.lock import DestinationLock
from transcode.batch.model import Outcome, Quality, Status
from transcode.batch.shards import Shard

ABOUT = {"plan": "1"}
DONE = Outcome(1, "a", "a", Status.WRITTEN, quality=Quality(41.5, 0.99, 3), checksums=((1, 2), (3,)))


def journal(folder: Path, about: dict[str, str] = ABOUT) -> Journal:
    opened = Journal(folder / "journal.sqlite", about)
    opened.add([Entry(1, "a", "a"), Entry(2, "b\udc80", "b\udc80"), Entry(3, "c", "c")])
    return opened


def test_jobs_are_pending_until_they_are_done(tmp_path: Path) -> None:
    with journal(tmp_path) as opened:
        assert opened.pending() == {1: 0, 2: 0, 3: 0}
        opened.claim([1, 2])
        assert opened.pending() == {3: 0}
        opened.finish([DONE])
        assert opened.counts() == {
            State.PENDING: 1,
            State.RUNNING: 1,
            State.DONE: 1,
            State.FAILED: 0,
            State.REFUSED: 0,
        }


def test_outcomes_come_back_as_they_were(tmp_path: Path) -> None:
    with journal(tmp_path) as opened:
        opened.finish([DONE])
        assert list(opened.outcomes()) == [DONE]


@pytest.mark.parametrize(
    ("status", "state"), [(Status.FAILED, State.FAILED), (Status.REFUSED, State.REFUSED), (Status.COPIED, State.DONE)]
)
def test_each_status_has_its_state(tmp_path: Path, status: Status, state: State) -> None:
    with journal(tmp_path) as opened:
        opened.finish([Outcome(1, "a", "a", status)])
        assert opened.counts()[state] == 1


def test_what_was_running_is_pending_when_the_journal_is_opened_again(tmp_path: Path) -> None:
    with journal(tmp_path) as opened:
        opened.claim([1])
    with journal(tmp_path) as opened:
        assert opened.pending() == {1: 1, 2: 0, 3: 0}


def test_what_is_done_stays_done_when_it_is_entered_again(tmp_path: Path) -> None:
    with journal(tmp_path) as opened:
        opened.finish([DONE])
    with journal(tmp_path) as opened:
        assert 1 not in opened.pending()


def test_strikes_outlive_the_process(tmp_path: Path) -> None:
    with journal(tmp_path) as opened:
        assert opened.strike(1) == 1
    with journal(tmp_path) as opened:
        assert opened.strike(1) == 2


def test_what_failed_is_done_again_when_asked_for(tmp_path: Path) -> None:
    with journal(tmp_path) as opened:
        opened.strike(2)
        opened.finish([DONE, Outcome(2, "b", "b", Status.FAILED), Outcome(3, "c", "c", Status.REFUSED)])
        assert opened.retry() == 2
        assert sorted(opened.pending()) == [2, 3]
        assert opened.strike(2) == 1


def test_the_journal_of_another_plan_is_refused(tmp_path: Path) -> None:
    journal(tmp_path).close()
    with pytest.raises(JournalError, match=r"of another plan \(1, not 2\): resume that"):
        journal(tmp_path, {"plan": "2"})


def test_a_file_that_is_no_journal_is_refused(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").write_bytes(b"something else, and long enough to be taken seriously" * 99)
    with pytest.raises(JournalError, match="no journal"):
        journal(tmp_path)


def test_a_journal_that_cannot_be_written_stops_the_batch(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="unable to open"):
        Journal(tmp_path / "no folder" / "journal.sqlite", ABOUT)


def test_every_commit_is_flushed(tmp_path: Path) -> None:
    with journal(tmp_path) as opened:
        full, mode = (
            opened._database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "journal_mode")
        )
    assert (full, mode) == (2, "wal")


def test_a_damaged_journal_is_told(tmp_path: Path) -> None:
    with journal(tmp_path) as opened:
        opened.add(Entry(number, f"name {number}", "x") for number in range(10, 2000))
    path = tmp_path / "journal.sqlite"
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xaa" * (len(data) - 4096)
    path.write_bytes(data)
    with pytest.raises((JournalError, StorageError)):
        journal(tmp_path)


def test_a_second_driver_on_a_destination_is_refused(tmp_path: Path) -> None:
    with DestinationLock(tmp_path), pytest.raises(JournalError, match="another process"):
        DestinationLock(tmp_path)
    DestinationLock(tmp_path).release()


def test_shards_work_beside_one_another_but_not_beside_themselves_or_the_whole(tmp_path: Path) -> None:
    with DestinationLock(tmp_path, Shard(0, 2)), DestinationLock(tmp_path, Shard(1, 2)):
        for other in (Shard(0, 2), Shard(0, 1)):
            with pytest.raises(JournalError, match="another process"):
                DestinationLock(tmp_path, other)


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    script = (
        "import os, pathlib, sys; from transcode.batch.lock import DestinationLock\n"
        "DestinationLock(pathlib.Path(sys.argv[1])); os.kill(os.getpid(), 9)"
    )
    root = Path(__file__).parents[4]
    done = subprocess.run([sys.executable, "-c", script, tmp_path], cwd=root, check=False)
    assert done.returncode == -9
    DestinationLock(tmp_path).release()


def test_the_journal_may_be_read_while_it_is_written(tmp_path: Path) -> None:
    with journal(tmp_path) as opened:
        opened.claim([1])
        reader = sqlite3.connect(f"file:{tmp_path}/journal.sqlite?mode=ro", uri=True)
        assert reader.execute("SELECT count(*) FROM jobs WHERE state = 'running'").fetchone() == (1,)
        reader.close()
