"""`medtiles export`: an image into static files, with a bar on a terminal and lines elsewhere."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from medtiles.app.heap import tune_heap
from medtiles.cli.errors import UsageError
from medtiles.cli.reading import opened
from medtiles.export.choices import Choices
from medtiles.export.exporting import JOBS, export

_EACH = 5.0
"""Seconds between two lines where there is no terminal."""
_DECODED_MB = 64
"""Tiles that neighbours share are decoded once: two rows of a stripe for each thread."""


def export_image(file: Path, choices: Choices, config: Path | None) -> None:
    """Export one image, or go on with it.

    :raises UsageError: there is no such layout
    """
    if choices.layout not in JOBS:
        message = f"--layout {choices.layout}: it must be one of {', '.join(JOBS)}"
        raise UsageError(message)
    tune_heap()
    settings = {"decoded_cache_mb": _DECODED_MB, "encoded_cache_mb": 0}
    with opened(file, config, settings) as (engine, image), Told() as told:
        document = export(engine, image, choices, engine.catalogue.paths(image), told)
    told.summary(document)


class Told:
    """How an export gets on, on standard error."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
        self._bar = None
        if self._console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._task = self._bar.add_task("tiles", total=None)
        self._started = self._told = time.monotonic()
        self._tiles = self._done = self._earlier = self._size = 0

    def begin(self, tiles: int, done: int) -> None:
        """See `Progress.begin`."""
        self._tiles, self._done, self._earlier = tiles, done, done
        if done:
            self._console.print(f"going on: {done:,} of {tiles:,} tiles are there")
        if self._bar is not None:
            self._bar.update(self._task, total=tiles, completed=done)

    def advance(self, tiles: int, size: int) -> None:
        """See `Progress.advance`."""
        self._done += tiles
        self._size += size
        if self._bar is not None:
            self._bar.update(self._task, completed=self._done)
        elif time.monotonic() - self._told > _EACH:
            self._told = time.monotonic()
            line = {"tiles": self._done, "of": self._tiles, "bytes": self._size}
            self._console.print(json.dumps(line))

    def summary(self, document: Path) -> None:
        """Say what has been written."""
        seconds = time.monotonic() - self._started
        count = self._done - self._earlier
        print(  # noqa: T201 - the command's answer
            f"{document}: {self._tiles:,} tiles; {count:,} of them, {decimal(self._size)}, now, in {seconds:.1f} s"
            if self._earlier
            else f"{document}: {self._tiles:,} tiles, {decimal(self._size)}, in {seconds:.1f} s"
        )

    def __enter__(self) -> Self:
        """Show the bar."""
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Take it away; what ended early can be gone on with."""
        if self._bar is not None:
            self._bar.stop()
        if kind is not None and self._tiles:
            self._console.print(f"{self._done:,} of {self._tiles:,} tiles are written; the same command goes on there")
