"""The commands of archives and their options. What they do is imported when they run, so `--help` comes at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from transcode.choices import Colour, LossySources
from transcode.cli.errors import UsageError, told_in_one_line
from transcode.cli.verify import verify
from transcode.dicom.offset_tables import OffsetTable

_RUN = "run"
_SHARD_HELP = "Do one share of the files, from 0: for job arrays of Slurm and Kubernetes"


class _RunByDefault(TyperGroup):
    """`transcode SRC DST` is `transcode run SRC DST`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - its class moved within typer
        """See click; a first argument that is no command belongs to `run`."""
        if not args or args[0] not in self.commands:
            args = [_RUN, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    name="transcode",
    help="Re-encode study archives by policy; one frame: `transcode frame`.",
    cls=_RunByDefault,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

PolicyFile = Annotated[Path | None, typer.Option("--policy", metavar="FILE", help="TOML file with rules")]
ColourOption = Annotated[
    Colour | None,
    typer.Option(
        "--colour",
        "--color",
        help="jpeg: JPEG stays, the rest becomes JPEG and loses something; lossless: HTJ2K; jxl: JPEG XL, reversible; "
        "keep: files are copied [default: jpeg]",
    ),
]
Lossy = Annotated[
    LossySources | None,
    typer.Option("--lossy-sources", help="What becomes of images that have lost something [default: copy]"),
]
Quality = Annotated[int | None, typer.Option("--quality", min=1, max=100, help="Of lossy JPEG [default: 95]")]
LargeSide = Annotated[
    int | None, typer.Option("--large-side", min=1, help="From this side on a grey image is large [default: 1000]")
]
Explain = Annotated[
    Path | None, typer.Option("--explain", metavar="FILE", help="Say what the policy does with one file, and why")
]
Source = Annotated[Path | None, typer.Argument(metavar="SRC", help="Folder, file, zip or tar", show_default=False)]
Destination = Annotated[
    Path | None, typer.Argument(metavar="DST", help="Folder; left out with --in-place", show_default=False)
]
EngineName = Annotated[
    str, typer.Option("--engine", metavar="NAME", help="local, dask (a cluster on this machine), dask://HOST:PORT")
]
Workers = Annotated[int | None, typer.Option("--workers", min=1, help="Processes [default: one for each CPU]")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON")]


@app.command(_RUN, hidden=True)
@told_in_one_line
def run(  # noqa: PLR0913, PLR0917 - options are arguments in typer
    source: Source = None,
    destination: Destination = None,
    policy: PolicyFile = None,
    colour: ColourOption = None,
    lossy_sources: Lossy = None,
    quality: Quality = None,
    large_side: LargeSide = None,
    explain: Explain = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only plan, estimate, and write the plan")] = False,
    plan: Annotated[
        Path | None, typer.Option("--plan", metavar="FILE", help="Carry out this plan; with --dry-run: write it there")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what was begun in DST, as it was begun")] = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="With --resume: failed files once more")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Files in DST that are in the way may go")] = False,
    in_place: Annotated[bool, typer.Option("--in-place", help="Replace each file of SRC once it is verified")] = False,
    keep_smaller: Annotated[bool, typer.Option("--keep-smaller", help="Copy what would become larger")] = False,
    offset_table: Annotated[OffsetTable, typer.Option("--offset-table", help="Of frames")] = OffsetTable.BASIC,
    engine: EngineName = "local",
    workers: Workers = None,
    shard: Annotated[str | None, typer.Option("--shard", metavar="I/N", help=_SHARD_HELP)] = None,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FOLDER", help="For the report [default: DST/.transcode]")
    ] = None,
    max_failures: Annotated[
        int | None, typer.Option("--max-failures", min=1, help="Stop after so many failed files")
    ] = None,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Stop at the first failed file")] = False,
    json: Json = False,
) -> None:
    """Re-encode a study archive by policy: small grey JPEG-LS, large grey HTJ2K, colour JPEG.

    Each output is compared with its source before it appears; sources are never changed. Ends with 0 when all is
    done, 1 when some files failed, 2 when called wrongly, 3 when a verification failed, 75 when it can go on later
    with --resume. `medtiles transcode frame --help` tells of single frames.
    """
    from transcode.cli import explaining, transcoding  # noqa: PLC0415
    from transcode.cli.policies import PolicyOptions, policy_of  # noqa: PLC0415

    wanted = PolicyOptions(policy, colour, lossy_sources, quality, large_side)
    if explain is not None:
        explaining.explain(explain, policy_of(wanted), as_json=json)
        return
    places = _places(source, destination, in_place=in_place)
    wish = transcoding.Wish(
        *places,
        policy=wanted,
        engine=engine,
        workers=workers,
        plan=plan,
        is_dry=dry_run,
        options=transcoding.options(shard, resumes=resume or retry_failed, retries=retry_failed, overwrites=overwrite),
        offset_table=offset_table,
        keep_smaller=keep_smaller,
        in_place=in_place,
        report=report,
        max_failures=1 if fail_fast else max_failures,
        as_json=json,
    )
    code = transcoding.transcode(wish)
    if code:
        raise typer.Exit(code)


@app.command("frame")
@told_in_one_line
def frame(  # noqa: PLR0913, PLR0917
    source: Annotated[Path, typer.Argument(metavar="FILE", help="A DICOM file", exists=True, dir_okay=False)],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The codestream")],
    target: Annotated[str, typer.Option("--target", "-t", help="As policies name it, such as htj2k-rpcl")],
    number: Annotated[int, typer.Option("--frame", "-n", min=1, help="Which frame, from 1")] = 1,
    quality: Annotated[int, typer.Option("--quality", min=1, max=100, help="Of lossy targets")] = 95,
    near: Annotated[int, typer.Option("--near", min=1, max=255, help="Largest error of near-lossless JPEG-LS")] = 2,
    force: Annotated[bool, typer.Option("--force", "-f", help="Overwrite OUT")] = False,
) -> None:
    """Encode one frame for a target, compare it, and write its codestream."""
    from transcode.cli import framing  # noqa: PLC0415
    from transcode.targets import ArchiveOptions  # noqa: PLC0415

    options = ArchiveOptions(quality, near)
    typer.echo(framing.transcode_frame(source, out, number, target, options, force=force))


@told_in_one_line
def watch(  # noqa: PLR0913, PLR0917
    source: Annotated[Path, typer.Argument(metavar="SRC", help="Folder in which files arrive")],
    destination: Annotated[Path, typer.Argument(metavar="DST", help="Folder for the outputs, not within SRC")],
    policy: PolicyFile = None,
    colour: ColourOption = None,
    lossy_sources: Lossy = None,
    quality: Quality = None,
    large_side: LargeSide = None,
    poll: Annotated[
        float, typer.Option("--poll", metavar="SECONDS", min=0, help="Look so often, where disks tell no events")
    ] = 0.0,
    settle: Annotated[
        float, typer.Option("--settle", metavar="SECONDS", min=0, help="A file that stayed the same so long is whole")
    ] = 5.0,
    metrics: Annotated[str, typer.Option("--metrics", metavar="HOST:PORT", help="Counters for Prometheus")] = "",
    keep_smaller: Annotated[bool, typer.Option("--keep-smaller", help="Copy what would become larger")] = False,
    offset_table: Annotated[OffsetTable, typer.Option("--offset-table", help="Of frames")] = OffsetTable.BASIC,
    workers: Workers = None,
) -> None:
    """Re-encode what arrives in a folder, with the guarantees of `transcode`, until Ctrl-C or SIGTERM.

    Each failed verification is a line of JSON on standard error. After a restart no file is taken twice.
    """
    from transcode.batch.watch import WatchOptions  # noqa: PLC0415
    from transcode.cli import watching  # noqa: PLC0415
    from transcode.cli.policies import PolicyOptions  # noqa: PLC0415

    wish = watching.WatchWish(
        source,
        destination,
        PolicyOptions(policy, colour, lossy_sources, quality, large_side),
        workers,
        metrics,
        WatchOptions(poll_seconds=poll, settle_seconds=settle),
        offset_table,
        keep_smaller,
    )
    code = watching.watch(wish)
    if code:
        raise typer.Exit(code)


def add_to(parent: typer.Typer) -> None:
    """Add the commands of archives to another command line."""
    parent.add_typer(app, name="transcode")
    parent.command("verify")(told_in_one_line(verify))
    parent.command("watch")(watch)


def _places(source: Path | None, destination: Path | None, *, in_place: bool) -> tuple[Path, Path]:
    if source is None:
        message = "SRC is missing; see `medtiles transcode --help`"
        raise UsageError(message)
    if in_place == (destination is not None):
        message = "name a DST, or replace the files of SRC by --in-place, but not both"
        raise UsageError(message)
    if destination is None:
        if not source.is_dir():
            message = f"--in-place wants a folder, and {source} is none"
            raise UsageError(message)
        return source, source
    if source.is_file() and source.resolve().parent == destination.resolve():
        message = f"{source} lies in {destination}, where its output would take its place: name another DST"
        raise UsageError(message)
    if source.resolve() == destination.resolve():
        message = "SRC and DST are the same; --in-place replaces files where they lie"
        raise UsageError(message)
    return source, destination
