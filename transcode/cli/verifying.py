"""What `medtiles verify` does: pairs the files, shows how far it is, tells what it found."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from transcode.batch.comparison import GOOD, Comparison, Limits, Verdict
from transcode.batch.containers import is_container
from transcode.batch.pairing import pair_up
from transcode.batch.verify_archives import (
    Tally,
    compare_archives,
    json_head,
    json_line,
    json_summary,
    usable_processors,
)
from transcode.cli.errors import CommandError, UsageError

_MOST_ELEMENTS = 5
"""Of one header that the table names; `--json` names all."""
_STYLES = {Verdict.DIFFERENT: "bold red", Verdict.MISSING: "red", Verdict.UNREADABLE: "red", Verdict.EXTRA: "yellow"}


@dataclass(frozen=True, slots=True)
class Output:
    """What is wanted on standard output."""

    is_json: bool = False
    lists_all: bool = False
    """Good files too."""


def verify(before: Path, after: Path, limits: Limits, workers: int | None, output: Output) -> int:
    """Compare, tell, and say how the command shall end.

    :raises UsageError: a folder, or a file that is no container, with something of another kind
    :raises CommandError: there is nothing to compare, or a process of ours was killed
    :raises OSError: one of the archives cannot be read
    """
    is_archive = before.is_dir() or is_container(before)
    if after.is_dir() != is_archive and not (before.is_file() and after.is_file()):
        message = f"{before} and {after}: a folder is compared with a folder, a file with a file"
        raise UsageError(message)
    with tempfile.TemporaryDirectory(prefix="medtiles-verify-") as folder:
        pairing = pair_up(before, after, Path(folder))
        if not (pairing.pairs or pairing.problems):
            message = f"there is nothing to compare in {before} and {after}"
            raise CommandError(message)
        found = compare_archives(pairing, limits, workers or usable_processors(), Path(folder))
        shown = _with_progress(found, len(pairing.pairs) + len(pairing.problems))
        try:
            tally = _as_json(shown) if output.is_json else _as_table(shown, lists_all=output.lists_all)
        except BrokenProcessPool as error:
            message = "a process was killed: by the system for want of memory? fewer --workers need less"
            raise CommandError(message) from error
    return tally.exit_code()


def _with_progress(comparisons: Iterable[Comparison], total: int) -> Iterator[Comparison]:
    """The same, with a bar on a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("comparing", total=total)
        for comparison in comparisons:
            yield comparison
            progress.advance(task)


def _as_json(comparisons: Iterable[Comparison]) -> Tally:
    tally = Tally()
    print(json_head())  # noqa: T201
    for comparison in comparisons:
        tally.add(comparison)
        print(json_line(comparison), flush=True)  # noqa: T201
    print(json_summary(tally))  # noqa: T201
    return tally


def _as_table(comparisons: Iterable[Comparison], *, lists_all: bool) -> Tally:
    tally = Tally()
    shown = []
    for comparison in comparisons:
        tally.add(comparison)
        if lists_all or comparison.verdict not in GOOD:
            shown.append(comparison)
    console = Console(highlight=False, markup=False, emoji=False)
    if shown:
        console.print(_table(shown))
    for line in _sums(tally):
        console.print(line)
    return tally


def _table(comparisons: Iterable[Comparison]) -> Table:
    table = Table("verdict", "file", "what", box=None, pad_edge=False)
    table.columns[0].no_wrap = True
    table.columns[1].overflow = table.columns[2].overflow = "fold"
    for found in comparisons:
        table.add_row(str(found.verdict), found.name, "\n".join(_details(found)), style=_STYLES.get(found.verdict))
    return table


def _details(found: Comparison) -> Iterator[str]:
    if found.message:
        yield found.message
    yield from found.header[:_MOST_ELEMENTS]
    if len(found.header) > _MOST_ELEMENTS:
        yield f"and {len(found.header) - _MOST_ELEMENTS} more"
    if found.quality is not None:
        yield _quality(found)


def _quality(found: Comparison) -> str:
    quality = found.quality
    if quality is None:
        return ""
    return f"PSNR {quality.psnr_db:.2f} dB, SSIM {quality.ssim:.4f}, largest error {quality.max_error}"


def _sums(tally: Tally) -> Iterator[str]:
    told = ", ".join(f"{number} {verdict}" for verdict in Verdict if (number := tally.verdicts[verdict]))
    yield f"{sum(tally.verdicts.values())} files: {told}"
    yield f"{tally.frames} frames compared; {decimal(tally.bytes_before)} before, {decimal(tally.bytes_after)} after"
    if tally.worst is not None:
        yield f"worst of the lossy ones: {tally.worst.name}, {_quality(tally.worst)}"
