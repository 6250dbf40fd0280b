"""What a batch came to, printed at its end."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from transcode.batch.amounts import decimal_bytes, duration, files_word, short
from transcode.batch.model import Status
from transcode.batch.summary import BAD, Summary
from transcode.batch.sums import Sums

_MOST_FAILURES = 20
"""That are printed; the report has all."""
_MOST_REASONS = 10


def print_summary(summary: Summary, console: Console | None = None) -> None:
    """Print bytes by modality and codec, counts, what is lossy now, warnings; failures at the end, where eyes are."""
    out = console or Console(highlight=False, markup=False, emoji=False)
    if summary.total.files:
        out.print(_by_both(summary))
    for line in _lines(summary):
        out.print(line)
    if summary.failures:
        out.print(_failures(summary))
    if summary.bad > _MOST_FAILURES:
        out.print(f"and {short(summary.bad - _MOST_FAILURES)} more; report.html and report.ndjson have them")


def _by_both(summary: Summary) -> Table:
    table = Table("modality", "codec", box=None, pad_edge=False)
    for heading in ("files", "before", "after", "smaller", "pixels/worker s"):
        table.add_column(heading, justify="right")
    for (modality, target), sums in sorted(summary.by_both.items(), key=lambda item: -item[1].bytes_read):
        table.add_row(modality, target, *_figures(sums))
    table.add_row("all", "", *_figures(summary.total), style="bold")
    return table


def _figures(sums: Sums) -> tuple[str, ...]:
    return (
        short(sums.files),
        decimal_bytes(sums.bytes_read),
        decimal_bytes(sums.bytes_written),
        f"{sums.ratio:.2f}×" if sums.ratio else "-",
        decimal_bytes(sums.pixel_rate) if sums.pixel_rate else "-",
    )


def _lines(summary: Summary) -> Iterator[str]:
    told = ", ".join(f"{short(count)} {status}" for status in Status if (count := summary.statuses[status]))
    yield f"{short(summary.files)} files: {told or 'nothing to do'}"
    if summary.seconds:
        total = sum(summary.bytes_by_second.values())
        rate = decimal_bytes(total / summary.seconds)
        yield f"{decimal_bytes(total)} in {duration(summary.seconds)}, {rate} a second"
    if summary.lossy.files:
        count, size = summary.lossy.files, summary.lossy.bytes_read
        yield f"lossy now: {short(count)} {files_word(count)} ({decimal_bytes(size)}) lost something in this batch"
    if summary.larger.files:
        yield f"{short(summary.larger.files)} files are larger than their source"
    for reason, found in sorted(summary.copied.items(), key=lambda item: -item[1].files)[:_MOST_REASONS]:
        yield f"copied unchanged: {short(found.files)}, {reason}"
    for warning, found in sorted(summary.warnings.items(), key=lambda item: -item[1].files)[:_MOST_REASONS]:
        yield f"warning: {short(found.files)}, {warning}"


def _failures(summary: Summary) -> Table:
    table = Table("status", "file", "why", box=None, pad_edge=False, style="red")
    table.columns[0].no_wrap = True
    table.columns[1].overflow = table.columns[2].overflow = "fold"
    ordered = sorted(summary.failures, key=lambda outcome: BAD.index(outcome.status))
    for outcome in ordered[:_MOST_FAILURES]:
        table.add_row(str(outcome.status), outcome.name, outcome.message)
    return table
