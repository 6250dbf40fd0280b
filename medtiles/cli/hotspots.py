"""`medtiles hotspots`: from access logs to lists, maps, histograms and a report."""

from __future__ import annotations

import json
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.filesize import decimal
from rich.live import Live
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text

from medtiles.cli.errors import CommandError, UsageError
from medtiles.cli.output import require_writable, write
from medtiles.core.geometry import Size
from medtiles.hotspots import formats, histograms, hot_map, inputs, listing, reading
from medtiles.hotspots.asks import PROTOCOLS
from medtiles.hotspots.filters import Filters, moment, require_status, time_zone
from medtiles.hotspots.geometry import Geometry
from medtiles.hotspots.histograms import Histogram
from medtiles.hotspots.hot_map import Look
from medtiles.hotspots.images import ByHand, Images, LocalImages, RemoteImages, Unknown
from medtiles.hotspots.report import Options, report_html
from medtiles.hotspots.sessions import Names, sessions_of
from medtiles.hotspots.tally import Tally
from medtiles.hotspots.warming import PROTOCOLS as WARMED
from medtiles.hotspots.warming import read_list, warm
from transcode.batch.amounts import decimal_bytes

_SHOWN_LIVE = 15
_REFRESH = 0.5


@dataclass(frozen=True, slots=True)
class Outputs:
    """What is wanted."""

    format: str = "text"
    """Of the list of tiles; "none": no list."""
    list_file: Path | None = None
    map: Path | None = None
    look: Look = field(default_factory=Look)
    has_background: bool = False
    has_plot: bool = False
    plot_file: Path | None = None
    has_times: bool = False
    clock_file: Path | None = None
    age_file: Path | None = None
    bins: int = histograms.BINS
    range: float | None = None
    zone: str = "UTC"
    report: Path | None = None
    sessions: Path | None = None
    statistics: bool = False
    is_plain: bool = False
    is_forced: bool = False
    is_following: bool = False

    @property
    def files(self) -> list[Path]:
        """All that will be written."""
        every = (self.list_file, self.map, self.plot_file, self.clock_file, self.age_file, self.report, self.sessions)
        return [path for path in every if path is not None]

    @property
    def has_visits(self) -> bool:
        """Whether it is wanted who looked when."""
        return bool(
            self.has_times or self.clock_file or self.age_file or self.report or self.statistics or self.sessions
        )


@dataclass(frozen=True, slots=True)
class Sources:
    """Where geometries come from; at most one of them."""

    size: str = ""
    tile: str = ""
    levels: int | None = None
    paths: tuple[Path, ...] = ()
    server: str = ""
    config: Path | None = None


def hotspots(words: Sequence[str], log_format: str, filters: Filters, sources: Sources, wanted: Outputs) -> None:
    """Read logs, and write what is wanted of them.

    :raises HotspotsError, UsageError, CommandError: naming what
    """
    names = inputs.named(words)
    form = formats.named(log_format)
    _require(wanted, names, sources)
    with _images(sources) as images:
        tally = Tally(images.geometry, filters, wanted.has_visits, has_sessions=bool(wanted.report or wanted.sessions))
        console = Console(stderr=True, highlight=False)
        if wanted.is_following:
            _follow(names, tally, form, images)
        else:
            with _progress(names, console) as progress:
                reading.read_logs(names, tally, form, progress)
        _write(tally, images, wanted, names)
    _tell(tally, console)


def warm_server(url: str, source: str, protocol: str, limit: int, at_once: int) -> None:
    """Ask a server for the tiles of a list, or for those that it has counted itself.

    :raises HotspotsError, UsageError, CommandError: naming what
    """
    if protocol not in WARMED:
        message = f"--protocol {protocol}: one of {', '.join(WARMED)} is wanted"
        raise UsageError(message)
    text = sys.stdin.read() if source == inputs.STDIN else Path(source).read_text(encoding="utf-8")
    tiles = sorted(read_list(text), key=lambda tile: -int(tile.get("count", 0)))[:limit]
    console = Console(stderr=True, highlight=False)
    columns = (TextColumn("asking"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=len(tiles))
        found = warm(url, tiles, protocol, at_once, lambda: progress.advance(task))
    _print(f"{found.tiles} tiles, {decimal(found.bytes)}\n")
    for failure in found.failures:
        console.print(failure)
    if found.unknown:
        console.print(
            f"{found.unknown} tiles are of images that the server does not have, or not told by column and row"
        )
    if found.failed:
        message = f"{found.failed} of {len(tiles)} tiles could not be had"
        raise CommandError(message)


def filters_of(  # noqa: PLR0913 - each is an option
    *,
    images: Sequence[str],
    levels: Sequence[int],
    resolutions: Sequence[int],
    addresses: Sequence[str],
    agent: str,
    referer: str,
    status: str,
    methods: str,
    since: str,
    until: str,
    zone: str,
    sizes: str,
    latency: str,
    protocols: str,
    exclude_bots: bool,
) -> Filters:
    """Filters, as they were written.

    :raises HotspotsError, UsageError: naming which makes no sense
    """
    chosen = tuple(filter(None, protocols.split(",")))
    unknown = [word for word in chosen if word not in PROTOCOLS]
    if unknown:
        message = f"--protocol {unknown[0]}: one of {', '.join(PROTOCOLS)} is wanted"
        raise UsageError(message)
    return Filters(
        images=tuple(images),
        levels=tuple(levels),
        resolutions=tuple(resolutions),
        protocols=chosen,
        addresses=tuple(addresses),
        agent=agent,
        referer=referer,
        status=require_status(tuple(filter(None, status.split(",")))) if status != "any" else (),
        methods=tuple(filter(None, methods.upper().split(","))) if methods != "any" else (),
        since=moment(since, zone) if since else None,
        until=moment(until, zone) if until else None,
        bytes=_range("--bytes", sizes),
        seconds=_range("--latency", latency),
        exclude_bots=exclude_bots,
    )


def _range(name: str, text: str) -> tuple[float | None, float | None]:
    """`LEAST-MOST`, either of which may be missing."""
    if not text:
        return None, None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)?-(\d+(?:\.\d+)?)?", text)
    if match is None or not any(match.groups()):
        message = f"{name} {text}: LEAST-MOST is wanted, such as 1000-, -0.5 or 100-200"
        raise UsageError(message)
    low, high = (float(word) if word else None for word in match.groups())
    return low, high


def _require(wanted: Outputs, names: Sequence[str], sources: Sources) -> None:
    """Refuse what cannot be, before logs are read."""
    if wanted.format not in {*listing.FORMATS, "none"}:
        message = f"--format {wanted.format}: one of {', '.join(listing.FORMATS)} or none is wanted"
        raise UsageError(message)
    if wanted.format == "parquet" and wanted.list_file is None:
        message = "--format parquet: Parquet is no text; --list FILE says where to write it"
        raise UsageError(message)
    if sum(map(bool, (sources.size, sources.paths, sources.server))) > 1:
        message = "--size, --images and --server: one of them says what images look like"
        raise UsageError(message)
    if wanted.map is not None and not (sources.size or sources.paths or sources.server):
        message = "a map needs the images' sizes: --images FOLDER, --server URL, or --size WxH"
        raise UsageError(message)
    if wanted.has_background and sources.size:
        message = "--background needs the image itself: --images FOLDER or --server URL"
        raise UsageError(message)
    if wanted.is_following and len(names) != 1:
        message = "--follow: one log can be followed"
        raise UsageError(message)
    time_zone(wanted.zone)
    for path in wanted.files:
        require_writable(path, [Path(name) for name in names if name != inputs.STDIN], is_forced=wanted.is_forced)


@contextmanager
def _images(sources: Sources) -> Iterator[Images]:
    if sources.size:
        size, tile = _sides("--size", sources.size), _sides("--tile", sources.tile or "256")
        yield ByHand(Geometry(size, tile, sources.levels or 0))
        return
    if sources.tile or sources.levels:
        message = "--tile and --levels belong to --size"
        raise UsageError(message)
    if sources.server:
        with closing(RemoteImages(sources.server)) as images:
            yield images
        return
    if not sources.paths:
        yield Unknown()
        return
    from medtiles.app.logs import set_up_logs  # noqa: PLC0415 - most logs are read without an engine
    from medtiles.app.parts import build_engine  # noqa: PLC0415
    from medtiles.settings import load  # noqa: PLC0415

    set_up_logs()
    engine = build_engine(load({"roots": list(sources.paths), "scan_threads": 0}, config=sources.config).settings)
    try:
        engine.catalogue.rescan()
        yield LocalImages(engine)
    finally:
        engine.close()


def _sides(name: str, text: str) -> Size:
    match = re.fullmatch(r"(\d{1,9})(?:[xX,](\d{1,9}))?", text)
    if match is None or not all(int(side or 1) for side in match.groups()):
        message = f"{name} {text}: WIDTHxHEIGHT in pixels is wanted, such as 20000x15000"
        raise UsageError(message)
    return Size(int(match[1]), int(match[2] or match[1]))


@contextmanager
def _progress(names: Sequence[str], console: Console) -> Iterator[reading.Progress]:
    columns = (TextColumn("reading"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    packed = any(Path(name).suffix in {".gz", ".bz2", ".xz", ".zst"} for name in names)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=None if packed else inputs.total_bytes(names))
        yield lambda size: progress.advance(task, size)


def _follow(names: Sequence[str], tally: Tally, form: formats.LineFormat | None, images: Images) -> None:
    """Count and show until Ctrl-C."""
    ended = threading.Event()
    before = signal.signal(signal.SIGINT, lambda *_: ended.set())
    last = 0.0
    try:
        with Live(console=Console(stderr=True), refresh_per_second=4, transient=True) as live:

            def changed() -> None:
                nonlocal last
                if time.monotonic() - last < _REFRESH:
                    return
                tally.settle()
                found = listing.rows(tally, images.geometry)
                text = listing.as_text(found, images.geometry, _SHOWN_LIVE)
                live.update(Text(f"{tally.lines:,} lines; Ctrl-C ends\n\n{text}"))
                last = time.monotonic()

            reading.follow_log(names[0], tally, form, is_over=ended.is_set, changed=changed)
    finally:
        signal.signal(signal.SIGINT, before)
        tally.settle()


def _write(tally: Tally, images: Images, wanted: Outputs, names: Sequence[str]) -> None:
    found = listing.rows(tally, images.geometry)
    _write_list(tally, images, found, wanted)
    if wanted.map is not None:
        write(wanted.map, _map(tally, images, wanted), is_forced=wanted.is_forced)
    if wanted.has_plot or wanted.plot_file is not None:
        _write_histogram(
            histograms.of_tiles([row["count"] for row in found]), wanted.plot_file, wanted, wanted.has_plot
        )
    if wanted.has_times or wanted.clock_file is not None:
        clock = histograms.by_clock(tally.moments, tally.moment_seconds, wanted.bins, time_zone(wanted.zone))
        _write_histogram(clock, wanted.clock_file, wanted, wanted.has_times)
    if wanted.has_times or wanted.age_file is not None:
        _write_histogram(
            histograms.by_age(tally.ages, wanted.bins, wanted.range), wanted.age_file, wanted, wanted.has_times
        )
    if wanted.statistics:
        _print(_statistics(tally, images))
    sessions = list(sessions_of(tally, Names(is_plain=wanted.is_plain)))
    if wanted.sessions is not None:
        document = {"sessions": [session.document() for session in sessions], "left_out": tally.sessions_left_out}
        write(wanted.sessions, json.dumps(document).encode(), is_forced=wanted.is_forced)
    if wanted.report is not None:
        options = Options(
            subtitle=", ".join(Path(name).name if name != inputs.STDIN else "standard input" for name in names),
            bins=wanted.bins,
            limit=wanted.range,
            zone=time_zone(wanted.zone),
        )
        write(wanted.report, report_html(tally, images, sessions, options).encode(), is_forced=wanted.is_forced)


def _write_list(tally: Tally, images: Images, found: Sequence[listing.Row], wanted: Outputs) -> None:
    if wanted.format == "none":
        return
    if wanted.format == "parquet" and wanted.list_file is not None:
        listing.write_parquet(found, wanted.list_file)
        return
    makers = {
        "text": lambda: listing.as_text(found, images.geometry),
        "csv": lambda: listing.as_csv(found),
        "json": lambda: listing.as_json(tally, found) + "\n",
    }
    text = makers[wanted.format]()
    if wanted.list_file is None:
        _print(text)
    else:
        write(wanted.list_file, text.encode(), is_forced=wanted.is_forced)


def _map(tally: Tally, images: Images, wanted: Outputs) -> bytes:
    assert wanted.map is not None
    seen = [name for name in tally.seen() if images.geometry(name) is not None]
    if not seen:
        message = "no image that is known was looked at: there is nothing to draw"
        raise CommandError(message)
    if len(seen) > 1:
        message = f"{len(seen)} images were looked at: --image says which one the map is of, such as --image {seen[0]}"
        raise CommandError(message)
    geometry = images.geometry(seen[0])
    assert geometry is not None
    size = hot_map.map_size(geometry.size, wanted.look.width)
    background = images.picture(seen[0], size) if wanted.has_background else None
    if wanted.has_background and background is None:
        message = f"{seen[0]}: its picture cannot be had, so there is no background"
        raise CommandError(message)
    counts = hot_map.counts_of(tally.spots(seen[0]), geometry.size, size)
    return hot_map.encoded(hot_map.picture_of(counts, wanted.look, background), wanted.map.suffix)


def _write_histogram(histogram: Histogram, path: Path | None, wanted: Outputs, is_shown: bool) -> None:
    if path is None:
        _print(histograms.as_text(histogram))
        return
    suffix = path.suffix.lower()
    if suffix not in {".svg", ".png"}:
        message = f"{path}: histograms are written as .svg or .png"
        raise UsageError(message)
    data = histograms.as_svg(histogram).encode() if suffix == ".svg" else histograms.as_png(histogram)
    write(path, data, is_forced=wanted.is_forced)
    if is_shown:
        _print(histograms.as_text(histogram))


def _statistics(tally: Tally, images: Images) -> str:
    lines = []
    for name in tally.seen():
        image = tally.images.get(name)
        if image is None:
            continue
        sent = decimal_bytes(image.bytes)
        share = f"{image.hits / image.answers:.1%}" if image.answers else "unknown"
        parts = [image.latency(part) for part in (0.5, 0.95, 0.99)]
        latency = " / ".join("-" if part is None else f"{part * 1000:.3g} ms" for part in parts)
        lines += [
            listing.titled(name, images.geometry),
            f"  requests {image.requests:,}, visits {image.visits:,}, visitors {len(image.visitors):,}, sent {sent}",
            f"  from a cache {share}, latency p50 / p95 / p99 {latency if image.latencies else 'not in the log'}",
        ]
    return "\n".join(lines) + "\n"


def _print(text: str) -> None:
    sys.stdout.write(text)


def _tell(tally: Tally, console: Console) -> None:
    """What was not counted, so that nothing is lost unseen."""
    told = [
        (tally.unreadable, "cannot be read"),
        (tally.left_out, "are left out by filters (by default: all but GET and POST, all statuses but 2xx and 304)"),
        (tally.others, "ask for something else than pixels"),
        (tally.outside, "ask for pixels that the image does not have"),
        (tally.sessions_left_out, "belong to sessions beyond the first 2000"),
    ]
    for count, words in told:
        if count:
            console.print(f"{count:,} of {tally.lines:,} lines {words}", style="dim")
