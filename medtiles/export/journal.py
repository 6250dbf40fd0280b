"""How far an export has come: a file beside it, so that the same command goes on where another run ended."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from medtiles.export.errors import ExportError
from medtiles.export.model import Json


class Journal:
    """Lines of JSON: the first says what is exported and how, each further one what `Sink.put` gave of some tiles.

    A line is written when its tiles are safe. Half a line at the end, of a run that was killed, counts for nothing.
    """

    def __init__(self, path: Path, header: Mapping[str, Any]) -> None:
        """:param header: values of JSON; another export has another one"""
        self._path = path
        self._header = json.dumps(header, sort_keys=True)
        self._file: int | None = None

    def begin(self) -> list[Json]:
        """Open it; what earlier runs have done.

        :raises ExportError: it is of another export
        :raises OSError: it cannot be read or written
        """
        text = self._path.read_bytes() if self._path.exists() else b""
        lines = text[: text.rfind(b"\n") + 1].decode().splitlines()
        if lines and lines[0] != self._header:
            message = (
                f"{self._path} is of an export that has not come to its end, of another image, version or options; "
                "--force begins anew"
            )
            raise ExportError(message)
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        os.ftruncate(self._file, sum(len(line.encode()) + 1 for line in lines))
        os.lseek(self._file, 0, os.SEEK_END)
        if not lines:
            self._write(self._header)
        return [item for line in lines[1:] for item in json.loads(line)]

    def add(self, items: Sequence[Json]) -> None:
        """Some more tiles are safe."""
        self._write(json.dumps(items, separators=(",", ":")))

    def remove(self) -> None:
        """The export has come to its end."""
        self.close()
        with suppress(FileNotFoundError):
            self._path.unlink()

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _write(self, line: str) -> None:
        assert self._file is not None
        data = line.encode() + b"\n"
        while data:
            data = data[os.write(self._file, data) :]
        os.fsync(self._file)
