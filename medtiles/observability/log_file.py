"""The access log's file: whole lines appended in one write each batch, reopened when it was rotated away."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress
from pathlib import Path

_logger = logging.getLogger(__name__)


class LogFile:
    """A file that several processes may append to; "-" is the standard output. Used from one thread."""

    def __init__(self, path: Path | str) -> None:
        self._path = None if str(path) == "-" else Path(path)
        self._descriptor = -1
        self._is_failing = False
        self.lost_lines = 0
        """Lines that could not be written, as on a full disk."""

    def write(self, lines: list[str]) -> None:
        """Append the lines. A failure is logged once, until writing works again; the lines are lost and counted."""
        if not lines:
            return
        try:
            _write_all(self._open(), ("\n".join(lines) + "\n").encode("utf-8", "backslashreplace"))
        except OSError as error:
            self.lost_lines += len(lines)
            if not self._is_failing:
                _logger.warning("access log: %s", error)
            self._is_failing = True
            self.close()
        else:
            self._is_failing = False

    def close(self) -> None:
        """Let go of the file; the next write opens it again."""
        if self._path is not None and self._descriptor >= 0:
            with suppress(OSError):
                os.close(self._descriptor)
        self._descriptor = -1

    def _open(self) -> int:
        if self._path is None:
            return sys.stdout.fileno()
        if self._descriptor >= 0 and not self._is_same_file(self._path):
            self.close()
        if self._descriptor < 0:
            self._descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        return self._descriptor

    def _is_same_file(self, path: Path) -> bool:
        """Whether the path still names the open file; false after rotation."""
        try:
            return os.path.samestat(path.stat(), os.fstat(self._descriptor))
        except FileNotFoundError:
            return False


def _write_all(descriptor: int, data: bytes) -> None:
    """O_APPEND makes one write land in one piece; a second one is needed only when the first was cut short."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
