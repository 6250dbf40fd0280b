"""The report of a batch: `report.ndjson` while it runs, `summary.json` and `report.html` at its end.

The two are made of the first, so they can be made again at any time, and a batch that was resumed is told as a whole.
"""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from transcode.batch.model import Outcome
from transcode.batch.report_html import report_html
from transcode.batch.report_lines import ReportWriter, read_report
from transcode.batch.summary import Summary

LINES, SUMMARY, PAGE = "report.ndjson", "summary.json", "report.html"


class Report:
    """Takes outcomes as they come. Not safe to call from several threads."""

    def __init__(self, folder: Path, subtitle: str = "") -> None:
        """Begin the report in a folder, or go on with the one that is there.

        :param subtitle: of the page, such as the names of both archives
        :raises ReportError: there is a file of that name which is no report
        :raises OSError: it cannot be written
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._subtitle = subtitle
        self._writer = ReportWriter(folder / LINES)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._writer.close()

    def add(self, outcome: Outcome) -> None:
        """Write a line; it is in the file when this returns.

        :raises OSError: it cannot be written
        """
        self._writer.add(outcome)

    def finish(self) -> Summary:
        """Close the lines, write summary and page.

        :raises ReportError, OSError: see `write_summary`
        """
        self._writer.close()
        return write_summary(self._folder, self._subtitle)


def write_summary(folder: Path, subtitle: str = "") -> Summary:
    """Make `summary.json` and `report.html` of the `report.ndjson` in a folder; each appears whole or not at all.

    :raises ReportError: that is no report
    :raises OSError: a file cannot be read or written
    """
    summary = Summary(read_report(folder / LINES))
    _write(folder / SUMMARY, json.dumps(summary.document(), indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    _write(folder / PAGE, report_html(summary, subtitle=subtitle))
    return summary


def _write(path: Path, text: str) -> None:
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode("utf-8", "replace"))
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    finally:
        with suppress(FileNotFoundError):
            Path(name).unlink()
