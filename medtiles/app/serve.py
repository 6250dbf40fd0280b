"""Serves until told to stop: takes the addresses, scans, then one process or one for each CPU."""

from __future__ import annotations

import os
import resource
import signal
import socket
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from medtiles.app.errors import StartError
from medtiles.app.heap import tune_heap
from medtiles.app.notify import notify
from medtiles.app.parts import build_catalogue, build_engine
from medtiles.app.runtime import runtime_folder
from medtiles.app.sockets import address_of, bind_http, reserve_grpc
from medtiles.app.supervisor import Crew, Supervisor
from medtiles.core.tiles import ImageQuery
from medtiles.observability.metrics import share_metrics
from medtiles.settings import Address, Settings

_OPEN_FILES = 65536


@dataclass(frozen=True, slots=True)
class Serving:
    """What is being served, for the people who started it."""

    http: Address
    grpc: Address | None
    workers: int
    images: int | None
    """Found until now; None in a gateway."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Who is told what goes on."""

    scanned: Callable[[int, int], None]
    """(files looked into, files to look into)."""
    ready: Callable[[Serving], None]
    """Everything serves."""
    died: Callable[[int, int], None]
    """(process, exit code) of a worker that will be started again."""


def serve(settings: Settings, listener: Listener) -> None:
    """Serve until SIGTERM or SIGINT. Call in the main thread.

    :raises SettingsError: an address that others can reach
    :raises StartError: an address is taken, a root does not exist, the workers cannot start
    """
    is_gateway = settings.engine is not None
    settings.require_safe_addresses(is_gateway=is_gateway)
    _allow_many_files()
    tune_heap()
    with ExitStack() as stack:
        http = stack.enter_context(bind_http(settings.http))
        grpc = None if is_gateway else stack.enter_context(reserve_grpc(settings.grpc))
        count = settings.workers or _cpus()
        addresses = (address_of(http, settings.http), address_of(grpc, settings.grpc) if grpc else None)
        if count == 1:
            _serve_here(settings, http, grpc, addresses, listener)
        else:
            folder = stack.enter_context(runtime_folder())
            _serve_by_workers(settings, http, (*addresses, count), folder, listener)


def _serve_here(
    settings: Settings,
    http: socket.socket,
    reserved: socket.socket | None,
    addresses: tuple[Address, Address | None],
    listener: Listener,
) -> None:
    from medtiles.app.worker import Duty, Worker, stop_on_signals  # noqa: PLC0415 - a supervisor serves nothing itself

    engine, images = None, None
    if settings.engine is None:
        engine = build_engine(settings)
        engine.catalogue.rescan(listener.scanned)
        images = engine.catalogue.images(ImageQuery(limit=0)).total
    if reserved is not None:
        reserved.close()
    worker = Worker(Duty(settings, http, addresses[1], engine=engine))
    stop_on_signals(worker, (signal.SIGTERM, signal.SIGINT, signal.SIGHUP))

    def ready() -> None:
        notify("READY=1")
        listener.ready(Serving(*addresses, 1, images))

    worker.run(ready)


def _serve_by_workers(
    settings: Settings,
    http: socket.socket,
    served: tuple[Address, Address | None, int],
    folder: Path,
    listener: Listener,
) -> None:
    index = folder if settings.cache is None else None
    images = None if settings.engine is not None else _scan(settings, index, listener)
    share_metrics(folder / "metrics")
    crew = Crew(
        count=served[2],
        settings=settings.model_dump_json(),
        http=http,
        grpc=str(served[1]) if served[1] else None,
        index=str(index) if index else None,
        drain_seconds=settings.drain_notice + settings.drain_seconds,
        folder=str(folder),
    )
    Supervisor(crew, lambda: listener.ready(Serving(*served, images)), listener.died).run()


def _scan(settings: Settings, index: Path | None, listener: Listener) -> int:
    """Look at all files once, so that the workers find everything in the index. Opens no image."""
    catalogue = build_catalogue(settings, index=index, threads=0)
    try:
        catalogue.rescan(listener.scanned)
        return catalogue.images(ImageQuery(limit=0)).total
    finally:
        catalogue.close()


def _allow_many_files() -> None:
    """Each connection and each open image takes a file descriptor; shells allow 1024 unless asked for more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


__all__ = ["Listener", "Serving", "StartError", "serve"]
