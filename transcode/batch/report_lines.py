"""`report.ndjson`: a line that names the schema, then one line for each file as it is done, in the order they end.

The file is only ever appended to, each line by one write, so a batch that is killed loses at most the line it was
writing. Who opens it again cuts off such a part of a line. A file that is done again after a resume has several lines:
the last one counts.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from transcode.batch.model import Outcome, Quality, Status
from transcode.batch.quality import document_of

SCHEMA = "medtiles.transcode.report"
SCHEMA_VERSION = 1

_FIELDS = frozenset(field.name for field in fields(Outcome))
_BLOCK = 1 << 16


class ReportError(Exception):
    """A report cannot be read: it is something else, of a newer version, or damaged."""


class ReportWriter:
    """Appends outcomes to a report. Not safe to call from several threads."""

    def __init__(self, path: Path) -> None:
        """Open the report, or begin it; half a line at its end, of a batch that was killed, is cut off.

        :raises ReportError: a file that is no report, or one of another version
        :raises OSError: it cannot be written
        """
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0), 0o666)
        try:
            self._begin(path)
        except BaseException:
            self.close()
            raise

    def _begin(self, path: Path) -> None:
        end = _end_of_last_line(path)
        os.ftruncate(self._descriptor, end)
        if end:
            with path.open(encoding="utf-8") as file:
                _check_head(file.readline(), path)
        else:
            self._write({"schema": SCHEMA, "version": SCHEMA_VERSION})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def add(self, outcome: Outcome) -> None:
        """Append one line.

        :raises OSError: it cannot be written, such as on a full disk; part of it may have been
        """
        self._write(as_document(outcome))

    def close(self) -> None:
        """Bring all lines to the disk and let go of the file. May be called again."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def _write(self, document: dict[str, Any]) -> None:
        line = memoryview(json.dumps(document, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace") + b"\n")
        while line:
            line = line[os.write(self._descriptor, line) :]


def read_report(path: Path) -> Iterator[Outcome]:
    """The outcomes of a report; of files that were done several times the last one alone.

    :raises ReportError: see there
    :raises OSError: it cannot be read
    """
    last = {outcome.name: number for number, outcome in _lines(path)}
    for number, outcome in _lines(path):
        if last[outcome.name] == number:
            yield outcome


def as_document(outcome: Outcome) -> dict[str, Any]:
    """An outcome for JSON, without what has its default. Check sums are hexadecimal."""
    values = ((field, getattr(outcome, field.name)) for field in fields(outcome))
    document: dict[str, Any] = {field.name: value for field, value in values if value not in (field.default, ())}
    if outcome.quality is not None:
        document["quality"] = document_of(outcome.quality)
    if outcome.checksums:
        document["checksums"] = [[f"{crc:08x}" for crc in frame] for frame in outcome.checksums]
    return document


def from_document(document: dict[str, Any]) -> Outcome:
    """The outcome of a line; what a later version may have added is dropped.

    :raises KeyError, TypeError, ValueError: it is not what `as_document` makes
    """
    known = {name: value for name, value in document.items() if name in _FIELDS}
    known["status"] = Status(known["status"])
    known["warnings"] = tuple(known.get("warnings", ()))
    known["checksums"] = tuple(tuple(int(crc, 16) for crc in frame) for frame in known.get("checksums", ()))
    if quality := known.get("quality"):
        psnr_db = float("inf") if quality["psnr_db"] is None else float(quality["psnr_db"])
        known["quality"] = Quality(psnr_db, float(quality["ssim"]), int(quality["max_error"]))
    return Outcome(**known)


def _lines(path: Path) -> Iterator[tuple[int, Outcome]]:
    with path.open(encoding="utf-8") as file:
        _check_head(file.readline(), path)
        for number, line in enumerate(file, 2):
            if not line.endswith("\n"):
                return  # being written, or the batch was killed
            try:
                yield number, from_document(json.loads(line))
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                message = f"{path.name}: line {number} is not an outcome: {error}"
                raise ReportError(message) from error


def _check_head(line: str, path: Path) -> None:
    try:
        head = json.loads(line)
        schema, version = head["schema"], head["version"]
    except (ValueError, KeyError, TypeError) as error:
        message = f"{path.name} is not a report of transcoding"
        raise ReportError(message) from error
    if schema != SCHEMA or version != SCHEMA_VERSION:
        message = f"{path.name} is {schema} of version {version}, not {SCHEMA} of version {SCHEMA_VERSION}"
        raise ReportError(message)


def _end_of_last_line(path: Path) -> int:
    """How many bytes end with a line break."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end:
            start = max(0, end - _BLOCK)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            end = start
    return 0
