"""What `medtiles watch SRC DST` does: converts what arrives, until it is told to stop."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from transcode.batch.choosing import chooser
from transcode.batch.cluster import engine_of
from transcode.batch.convert import convert
from transcode.batch.execute import EXIT_AGAIN, EXIT_DONE
from transcode.batch.model import JobSettings
from transcode.batch.stopping import Stop
from transcode.batch.verify_archives import usable_processors
from transcode.batch.watch import Watch, WatchOptions
from transcode.batch.watch_metrics import MetricsServer, WatchMetrics
from transcode.cli.errors import CommandError, UsageError
from transcode.cli.policies import PolicyOptions, policy_of
from transcode.dicom.offset_tables import OffsetTable


@dataclass(frozen=True, slots=True)
class WatchWish:
    """What the command line asks for."""

    source: Path
    destination: Path
    policy: PolicyOptions
    workers: int | None
    metrics: str
    """HOST:PORT; empty: none."""
    options: WatchOptions
    offset_table: OffsetTable
    keep_smaller: bool


def watch(wish: WatchWish) -> int:
    """Watch; how the command ends: 0 when it was told to stop, 75 when nothing more can be written.

    :raises UsageError: options that make no sense
    :raises CommandError: the address for metrics is taken
    :raises PolicyError, BatchError, OSError: nothing could be begun
    """
    if not wish.source.is_dir():
        message = f"{wish.source} is no folder"
        raise UsageError(message)
    policy = policy_of(wish.policy)
    settings = JobSettings(
        wish.source.resolve(),
        wish.destination.resolve(),
        offset_table=wish.offset_table,
        keep_smaller=wish.keep_smaller,
    )
    console, stop, metrics = Console(stderr=True), Stop(), WatchMetrics()
    with contextlib.ExitStack() as held:
        engine = held.enter_context(contextlib.closing(engine_of("local", wish.workers or usable_processors())))
        watcher = held.enter_context(
            contextlib.closing(Watch(settings, chooser(policy), wish.options, metrics, sys.stderr))
        )
        if wish.metrics:
            host, port = _address(wish.metrics)
            server = held.enter_context(contextlib.closing(_served(metrics, host, port)))
            console.print(f"metrics at http://{host}:{server.port}/metrics", markup=False, highlight=False)
        held.enter_context(stop.on_signals())
        console.print(f"watching {wish.source}; Ctrl-C ends it", markup=False, highlight=False)
        summary = watcher.run(convert, engine, stop)
    if summary.stopped:
        console.print(f"stopped: {summary.stopped}; mend that, then start it again", style="bold red", markup=False)
        return EXIT_AGAIN
    return EXIT_DONE


def _served(metrics: WatchMetrics, host: str, port: int) -> MetricsServer:
    try:
        return metrics.serve(host, port)
    except OSError as error:
        message = f"no metrics at {host}:{port}: {error.strerror or error}"
        raise CommandError(message) from error


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        message = f"--metrics {text}: HOST:PORT is wanted, such as 127.0.0.1:9100"
        raise UsageError(message)
    return host.removeprefix("[").removesuffix("]"), int(port)
