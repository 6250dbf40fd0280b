"""Progress: lines that a program reads, and a bar for people."""

from __future__ import annotations

import io
import json

from transcode.batch.model import Outcome, Status
from transcode.batch.progress import Bar, Lines, report_on

WRITTEN = Outcome(1, "a", "a", Status.WRITTEN, bytes_read=10, bytes_written=4)
REFUSED = Outcome(2, "[b]", "b", Status.REFUSED, "frame 1 differs")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar_and_a_file_gets_lines() -> None:
    assert isinstance(report_on(Terminal()), Bar)
    assert isinstance(report_on(io.StringIO()), Lines)


def test_the_last_line_says_all() -> None:
    stream = io.StringIO()
    with Lines(stream, 60) as report:
        report.begin(3)
        report.ended(WRITTEN)
        report.ended(REFUSED)
    (line,) = [json.loads(text) for text in stream.getvalue().splitlines()]
    assert line.pop("seconds") >= 0
    assert line == {
        "event": "progress",
        "jobs": 3,
        "ended": 2,
        "written": 1,
        "rewrapped": 0,
        "copied": 0,
        "failed": 0,
        "refused": 1,
        "bytes_read": 10,
        "bytes_written": 4,
    }


def test_lines_come_every_so_often() -> None:
    stream = io.StringIO()
    with Lines(stream, 0) as report:
        report.found(5)
        report.begin(1)
        report.ended(WRITTEN)
    assert [json.loads(text)["event"] for text in stream.getvalue().splitlines()] == ["found", "progress", "progress"]


def test_the_bar_names_what_was_not_converted() -> None:
    stream = Terminal()
    with Bar(stream) as report:
        report.found(2)
        report.begin(2)
        report.ended(WRITTEN)
        report.ended(REFUSED)
    assert "refused: [b]: frame 1 differs" in stream.getvalue()
    assert "1 not converted" in stream.getvalue()
