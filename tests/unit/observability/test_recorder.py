"""Counting and logging of answers: batches, rotation, full disks, several processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from medtiles.access_log import Answer, format_json, parse_line
from medtiles.observability.log_file import LogFile
from medtiles.observability.metrics import Metrics
from medtiles.observability.recorder import Recorder

TILE = Answer(1_780_000_000.0, "::1", "GET", "/dzi/a_files/1/0_0.jpeg", "HTTP/1.1", 200, 1000, 0.003, "dzi_tile")


def value(text: bytes, name: str) -> float:
    """The one value of a series whose line begins so."""
    (line,) = [line for line in text.decode().splitlines() if line.startswith(name)]
    return float(line.rpartition(" ")[2])


def test_a_scrape_counts_what_was_recorded_a_moment_ago() -> None:
    recorder = Recorder(Metrics())
    for _ in range(3):
        recorder.record(TILE)
    recorder.record(TILE._replace(status=404, bytes_sent=0, seconds=7.0))
    text = recorder.scrape()
    assert value(text, 'medtiles_answers_total{method="GET",route="dzi_tile",status="200"}') == 3
    assert value(text, 'medtiles_answers_total{method="GET",route="dzi_tile",status="404"}') == 1
    assert value(text, 'medtiles_sent_bytes_total{route="dzi_tile"}') == 3000
    assert value(text, 'medtiles_answer_seconds_count{route="dzi_tile"}') == 4
    assert value(text, 'medtiles_answer_seconds_sum{route="dzi_tile"}') == pytest.approx(7.009)
    assert value(text, 'medtiles_answer_seconds_bucket{le="0.0025",route="dzi_tile"}') == 0
    assert value(text, 'medtiles_answer_seconds_bucket{le="0.005",route="dzi_tile"}') == 3
    assert value(text, 'medtiles_answer_seconds_bucket{le="10.0",route="dzi_tile"}') == 4


def test_a_client_cannot_make_labels() -> None:
    recorder = Recorder(Metrics())
    recorder.record(TILE._replace(method="BREW"))
    assert b"BREW" not in recorder.scrape()


def test_gauges_of_the_moment_name_their_process() -> None:
    text = Metrics(lambda: {"medtiles_waiting": 3}).text()
    assert value(text, f'medtiles_waiting{{process="{os.getpid()}"}}') == 3


def test_answers_are_written_as_lines(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    recorder = Recorder(Metrics(), LogFile(path), format_json)
    recorder.start()
    recorder.record(TILE)
    recorder.record(TILE._replace(status=304))
    recorder.close()
    assert [parse_line(line) for line in path.read_text().splitlines()] == [TILE, TILE._replace(status=304)]


def test_a_rotated_log_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    log = LogFile(path)
    log.write(["one"])
    path.rename(tmp_path / "access.log.1")
    log.write(["two"])
    log.close()
    assert (tmp_path / "access.log.1").read_text() == "one\n"
    assert path.read_text() == "two\n"


def test_a_log_that_cannot_be_written_is_told_once_and_begun_again_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "logs"
    log = LogFile(folder / "access.log")
    log.write(["lost", "lost"])
    log.write(["lost"])
    folder.mkdir()
    log.write(["kept"])
    log.close()
    assert log.lost_lines == 3
    assert len(caplog.records) == 1
    assert (folder / "access.log").read_text() == "kept\n"


PROCESS = """
import sys
from medtiles.access_log import Answer
from medtiles.observability.metrics import Metrics
metrics = Metrics()
metrics.count([Answer(0.0, "", "GET", "/", "HTTP/1.1", 200, 10, 0.001, "page")] * int(sys.argv[1]))
sys.stdout.buffer.write(metrics.text())
"""


def test_any_process_tells_the_sum_of_all(tmp_path: Path) -> None:
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    texts = [
        subprocess.run([sys.executable, "-c", PROCESS, count], env=environment, capture_output=True, check=True).stdout
        for count in ("3", "4")
    ]
    name = 'medtiles_answers_total{method="GET",route="page",status="200"}'
    assert [value(text, name) for text in texts] == [3, 7]
    assert value(texts[1], 'medtiles_answer_seconds_bucket{le="0.001",route="page"}') == 7


def test_the_text_is_what_prometheus_reads() -> None:
    from prometheus_client.parser import text_string_to_metric_families

    recorder = Recorder(Metrics())
    recorder.record(TILE)
    families = {family.name for family in text_string_to_metric_families(recorder.scrape().decode())}
    assert {"medtiles_answers", "medtiles_sent_bytes", "medtiles_answer_seconds", "medtiles_build_info"} <= families
