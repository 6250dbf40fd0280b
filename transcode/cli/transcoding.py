"""What `medtiles transcode SRC DST` does: plan, show, carry out, report."""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from transcode.batch.amounts import duration
from transcode.batch.choosing import chooser
from transcode.batch.cluster import engine_of
from transcode.batch.conversion import Conversion, Options, kept_plan, plan_archive
from transcode.batch.convert import convert
from transcode.batch.discover import WORK_FOLDER
from transcode.batch.engines import Engine
from transcode.batch.estimate import Estimate, estimate
from transcode.batch.execute import Summary
from transcode.batch.journal import State
from transcode.batch.model import JobSettings, Outcome, Status
from transcode.batch.plan import Plan, shares
from transcode.batch.plan_file import read_plan, write_plan
from transcode.batch.progress import report_on
from transcode.batch.report import LINES, PAGE, Report
from transcode.batch.report_lines import read_report
from transcode.batch.sampling import measuring
from transcode.batch.shards import Shard
from transcode.batch.stopping import Stop
from transcode.batch.summary import Summary as WrittenSummary
from transcode.batch.verify_archives import usable_processors
from transcode.cli.batch_summary import print_summary
from transcode.cli.errors import UsageError
from transcode.cli.policies import PolicyOptions, policy_of
from transcode.dicom.offset_tables import OffsetTable

_BAD = frozenset({Status.FAILED, Status.REFUSED})
_ENGINES = ("local", "dask", "inline")
_MOST_PROBLEMS = 20
DRY_PLAN = Path("transcode-plan.ndjson")


@dataclass(frozen=True, slots=True)
class Wish:
    """What the command line asks for."""

    source: Path
    destination: Path
    policy: PolicyOptions = field(default_factory=PolicyOptions)
    engine: str = "local"
    workers: int | None = None
    plan: Path | None = None
    is_dry: bool = False
    options: Options = field(default_factory=Options)
    offset_table: OffsetTable = OffsetTable.BASIC
    keep_smaller: bool = False
    in_place: bool = False
    report: Path | None = None
    max_failures: int | None = None
    as_json: bool = False


def transcode(wish: Wish) -> int:
    """Do it; how the command ends.

    :raises UsageError: options that make no sense together
    :raises BatchError, ArchiveError, TranscodeError, OSError: nothing could be done
    """
    if not wish.source.exists():
        message = f"there is no {wish.source}"
        raise UsageError(message)
    if wish.engine not in _ENGINES and not wish.engine.startswith("dask://"):
        message = f"--engine {wish.engine}: there are local, dask and dask://HOST:PORT"
        raise UsageError(message)
    console = Console(stderr=True)
    with contextlib.closing(engine_of(wish.engine, wish.workers or usable_processors())) as engine:
        plan = _plan(wish, engine, console)
        if not wish.as_json:
            _show_plan(plan, console)
        if wish.is_dry:
            return _dry(wish, plan, engine, console)
        return _carry_out(wish, plan, engine, console)


def _plan(wish: Wish, engine: Engine, console: Console) -> Plan:
    kept = _kept(wish)
    if kept is not None:
        told = f"by the plan of {kept[1]}, whatever policy, --offset-table and --keep-smaller say now"
        console.print(told, markup=False, highlight=False)
        return kept[0]
    policy = policy_of(wish.policy)
    with tempfile.TemporaryDirectory(prefix="medtiles-") as spool, _looking(console) as found:
        plan = plan_archive(wish.source, wish.destination, chooser(policy), engine, Path(spool) / "spool", found)
    return replace(plan, offset_table=wish.offset_table, keep_smaller=wish.keep_smaller)


def _kept(wish: Wish) -> tuple[Plan, Path] | None:
    """A plan that was made before, and where it lies; None when one is to be made."""
    if wish.plan is not None and not wish.is_dry:
        plan = read_plan(wish.plan)
        if Path(plan.destination) != wish.destination.resolve():
            message = f"the plan is for {plan.destination}, not for {wish.destination}"
            raise UsageError(message)
        return plan, wish.plan
    return (kept_plan(wish.destination), wish.destination / WORK_FOLDER) if wish.options.resumes else None


@contextlib.contextmanager
def _looking(console: Console) -> Iterator[Callable[[int], None]]:
    """A line that counts files while they are being found."""
    with console.status("looking for files") as status:

        def told(files: int) -> None:
            if files % 100 == 0:
                status.update(f"looking for files: {files:,}")

        yield told


def _show_plan(plan: Plan, console: Console) -> None:
    table = Table(title=f"{len(plan.jobs):,} files in {plan.source}", title_justify="left", box=None, pad_edge=False)
    table.add_column("files", justify="right")
    table.add_column("size", justify="right")
    table.add_column("what becomes of them", overflow="fold")
    for share in shares(plan.jobs):
        style = "bold yellow" if share.kind.is_lossy else None
        table.add_row(f"{share.files:,}", decimal(share.bytes), share.kind.label, style=style)
    console.print(table)
    for problem in plan.problems[:_MOST_PROBLEMS]:
        console.print(f"{problem.name}: {problem.message}", style="yellow", markup=False)
    if len(plan.problems) > _MOST_PROBLEMS:
        console.print(f"and {len(plan.problems) - _MOST_PROBLEMS} more like these", style="yellow")


def _dry(wish: Wish, plan: Plan, engine: Engine, console: Console) -> int:
    path = wish.plan or DRY_PLAN
    write_plan(plan, path)
    settings = plan.settings(in_place=wish.in_place)
    trying = console.status("trying a few files of each kind")
    with tempfile.TemporaryDirectory(prefix="medtiles-") as scratch, trying:
        found = estimate(plan.jobs, measuring(convert, settings, Path(scratch), engine))
    before = sum(job.item.size for job in plan.jobs)
    _show_estimate(found, before, engine.workers, console)
    places = f"{wish.source} --in-place" if wish.in_place else f"{wish.source} {wish.destination}"
    command = f"medtiles transcode {places} --plan {path}"
    told = f"Nothing was written but the plan, {path}. To carry it out:\n  {command}"
    console.print(told, markup=False, highlight=False, soft_wrap=True)
    return 0


def _show_estimate(found: Estimate, before: int, workers: int, console: Console) -> None:
    after, seconds = found.bytes_written, found.seconds(workers)
    share = f", {after / before:.0%}" if before else ""
    console.print(f"Estimated from samples: {decimal(before)} become {decimal(after)}{share}")
    console.print(f"in {duration(seconds)} on {workers} worker{'s' if workers > 1 else ''}")


def options(shard: str | None, *, resumes: bool, retries: bool, overwrites: bool) -> Options:
    """How the batch is taken up.

    :raises UsageError: no such shard
    """
    try:
        part = Shard() if shard is None else Shard.of(shard)
    except ValueError as error:
        raise UsageError(str(error)) from error
    return Options(part, resumes, retries, overwrites)


def _carry_out(wish: Wish, plan: Plan, engine: Engine, console: Console) -> int:
    settings = plan.settings(in_place=wish.in_place)
    stop = Stop()
    with Conversion(plan, settings, wish.options) as conversion, stop.on_signals():
        folder = _report_folder(wish, settings)
        with Report(folder, f"{plan.source} to {plan.destination}") as report:
            _make_up(report, folder, conversion)
            with report_on(sys.stderr) as progress:
                progress.begin(conversion.journal.counts()[State.PENDING])
                told = _Told(report, stop, progress.ended, wish.max_failures)
                summary = conversion.run(convert, engine, stop, told)
            written = report.finish()
    _tell_end(wish, summary, written, folder, console)
    return summary.exit_code


def _report_folder(wish: Wish, settings: JobSettings) -> Path:
    folder = wish.report or settings.destination / WORK_FOLDER
    shard = wish.options.shard
    return folder if shard == Shard() else folder / f"shard-{shard.label}"


def _make_up(report: Report, folder: Path, conversion: Conversion) -> None:
    """Write the lines of what was recorded just before the last run was killed."""
    known = {outcome.number for outcome in read_report(folder / LINES)}
    for outcome in conversion.journal.outcomes():
        if outcome.number not in known:
            report.add(outcome)


@dataclass(slots=True)
class _Told:
    """Hears of each outcome: writes its line, says it where it cannot wait, stops the batch after too many failures."""

    report: Report
    stop: Stop
    progress: Callable[[Outcome], None]
    max_failures: int | None
    failures: int = 0

    def __call__(self, outcome: Outcome) -> None:
        self.report.add(outcome)
        self.progress(outcome)
        if outcome.status in _BAD:
            self.failures += 1
            if self.failures == self.max_failures:
                self.stop.ask()


def _tell_end(wish: Wish, summary: Summary, written: WrittenSummary, folder: Path, console: Console) -> None:
    if wish.as_json:
        print(json.dumps(written.document(), allow_nan=False))  # noqa: T201
        return
    print_summary(written, console)
    left = summary.counts[State.PENDING]
    if summary.stopped:
        console.print(f"stopped: {summary.stopped}", style="bold red", markup=False)
    if left:
        console.print(f"{left:,} files are still to be done: go on with --resume", style="bold yellow", markup=False)
    console.print(f"report: {folder / PAGE}", markup=False, soft_wrap=True)
