"""A watched folder: what arrives whole is converted once, also after a restart, and all of it is counted."""

from __future__ import annotations

import io
import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.unit.transcode.batch.jobs import archive, choose, obey, tree
from tests.unit.transcode.batch.test_discover import zip_of
from transcode.batch.arrivals import Arrivals
from transcode.batch.engines import InlineEngine
from transcode.batch.errors import JournalError
from transcode.batch.execute import Summary
from transcode.batch.model import JobSettings, Outcome, Status
from transcode.batch.stopping import Stop
from transcode.batch.watch import Watch, WatchOptions
from transcode.batch.watch_metrics import WatchMetrics

pytestmark = pytest.mark.slow

POLLING = WatchOptions(poll_seconds=0.02, settle_seconds=0.05)
EVENTS = WatchOptions(settle_seconds=0.2)


class Watched:
    """A watch in a thread of its own."""

    def __init__(self, folder: Path, options: WatchOptions) -> None:
        self.source, self.destination = folder / "in", folder / "out"
        self.source.mkdir(exist_ok=True)
        self.metrics, self.alerts, self.stop = WatchMetrics(), io.StringIO(), Stop()
        self.summary: Summary | None = None
        self._options = options
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        settings = JobSettings(self.source, self.destination)
        watch = Watch(settings, choose, self._options, self.metrics, self.alerts)
        self.summary = watch.run(obey, InlineEngine(), self.stop)
        watch.close()

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self.stop.ask()
        self._thread.join(20)

    def wait_for(self, wanted: dict[str, bytes]) -> None:
        wait_until(lambda: tree(self.destination) == wanted)

    def count(self, name: str) -> float:
        return self.metrics.collectors.get_sample_value(name) or 0.0


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.01)


@contextmanager
def watching(folder: Path, options: WatchOptions) -> Iterator[Watched]:
    watched = Watched(folder, options)
    watched.start()
    try:
        yield watched
    finally:
        watched.end()


@pytest.mark.parametrize("options", [POLLING, EVENTS], ids=["polling", "events"])
def test_what_is_there_and_what_arrives_is_converted(tmp_path: Path, options: WatchOptions) -> None:
    archive(tmp_path / "in", {"old": b"one"})
    with watching(tmp_path, options) as watched:
        watched.wait_for({"old": b"eno"})
        archive(watched.source, {"new/er": b"two"})
        watched.wait_for({"old": b"eno", "new/er": b"owt"})
        (tmp_path / "moved").write_bytes(b"three")
        (tmp_path / "moved").rename(watched.source / "moved")
        watched.wait_for({"old": b"eno", "new/er": b"owt", "moved": b"eerht"})


def test_members_of_a_container_that_arrives_are_converted(tmp_path: Path) -> None:
    with watching(tmp_path, POLLING) as watched:
        zip_of(tmp_path / "s.zip", {"a": b"12", "A": b"34"}).rename(watched.source / "s.zip")
        watched.wait_for({"s.zip/a": b"21", "s.zip/A~2": b"43"})


def test_after_a_restart_nothing_is_converted_twice(tmp_path: Path) -> None:
    archive(tmp_path / "in", {"a": b"one"})
    with watching(tmp_path, POLLING) as watched:
        watched.wait_for({"a": b"eno"})
    with watching(tmp_path, POLLING) as watched:
        archive(watched.source, {"b": b"two"})
        watched.wait_for({"a": b"eno", "b": b"owt"})
    assert watched.count("medtiles_watch_read_bytes_total") == 0
    assert watched.metrics.collectors.get_sample_value("medtiles_watch_files_total", {"status": "written"}) == 1


def test_a_file_that_is_replaced_is_converted_again_into_its_place(tmp_path: Path) -> None:
    with watching(tmp_path, POLLING) as watched:
        archive(watched.source, {"a": b"one"})
        watched.wait_for({"a": b"eno"})
        archive(watched.source, {"a": b"another"})
        watched.wait_for({"a": b"rehtona"})


def test_a_foreign_file_at_the_destination_stays(tmp_path: Path) -> None:
    archive(tmp_path / "out", {"a": b"foreign"})
    archive(tmp_path / "in", {"a": b"one", "b": b"two"})
    with watching(tmp_path, POLLING) as watched:
        watched.wait_for({"a": b"foreign", "b": b"owt"})
        wait_until(lambda: watched.count("medtiles_watch_failures_total") == 1)


def test_a_failed_verification_is_an_alert(tmp_path: Path) -> None:
    archive(tmp_path / "in", {"a": b"wrong", "b": b"damaged"})
    with watching(tmp_path, POLLING) as watched:
        wait_until(lambda: watched.count("medtiles_watch_verification_failures_total") == 1)
        wait_until(lambda: watched.count("medtiles_watch_failures_total") == 1)
    assert [json.loads(line) for line in watched.alerts.getvalue().splitlines()] == [
        {"event": "verification failed", "name": "a", "message": "frame 1 differs"}
    ]


def test_a_full_disk_ends_the_watch(tmp_path: Path) -> None:
    archive(tmp_path / "in", {"a": b"full"})
    watched = Watched(tmp_path, POLLING)
    watched.start()
    wait_until(lambda: watched.summary is not None)
    assert watched.summary is not None
    assert watched.summary.exit_code == 75
    watched.end()


def test_a_destination_within_the_source_is_refused(tmp_path: Path) -> None:
    settings = JobSettings(tmp_path, tmp_path / "out")
    with pytest.raises(JournalError, match="lies in the folder"):
        Watch(settings, choose, POLLING, WatchMetrics(), io.StringIO())


def test_the_metrics_are_served() -> None:
    metrics = WatchMetrics()
    metrics.ended(Outcome(1, "a", "a", Status.WRITTEN, bytes_read=7, bytes_written=3))
    metrics.waiting(2.5)
    server = metrics.serve("127.0.0.1", 0)
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    server.close()
    assert 'medtiles_watch_files_total{status="written"} 1.0' in lines
    assert "medtiles_watch_read_bytes_total 7.0" in lines
    assert "medtiles_watch_written_bytes_total 3.0" in lines
    assert "medtiles_watch_lag_seconds 2.5" in lines


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_file_that_grows_is_waited_for(tmp_path: Path) -> None:
    clock = Clock()
    arrivals = Arrivals(tmp_path, 5, clock)
    archive(tmp_path, {"a": b"1"})
    arrivals.look()
    assert list(arrivals.whole()) == []
    clock.now = 4
    archive(tmp_path, {"a": b"12"})
    arrivals.look()
    clock.now = 8
    assert (list(arrivals.whole()), arrivals.lag_seconds) == ([], 4)
    clock.now = 9
    assert [path for path, _ in arrivals.whole()] == ["a"]
    assert arrivals.lag_seconds == 0


def test_a_file_that_was_closed_is_whole_at_once(tmp_path: Path) -> None:
    arrivals = Arrivals(tmp_path, 5, Clock())
    archive(tmp_path, {"a": b"1", "b.part": b"1"})
    arrivals.touched("a", is_closed=True)
    arrivals.touched("b.part", is_closed=True)
    arrivals.touched("nothing", is_closed=True)
    assert [path for path, _ in arrivals.whole()] == ["a"]


def test_a_file_that_goes_before_it_is_whole_is_forgotten(tmp_path: Path) -> None:
    arrivals = Arrivals(tmp_path, 5, Clock())
    archive(tmp_path, {"a": b"1"})
    arrivals.touched("a")
    (tmp_path / "a").unlink()
    assert list(arrivals.whole()) == []
