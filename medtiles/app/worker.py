"""One process that serves: an engine (or a connection to one), and both servers over it."""

from __future__ import annotations

import gc
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from medtiles.app.errors import StartError
from medtiles.app.parts import (
    Engine,
    build_engine,
    build_gateway,
    build_heat,
    build_jpip,
    build_prefetcher,
    build_recorder,
)
from medtiles.app.seat import Seat
from medtiles.core.heat import Heat
from medtiles.core.tiles import Tiles
from medtiles.observability.recorder import Recorder
from medtiles.protocols.grpc.server import GrpcLimits, GrpcServer, serve_grpc
from medtiles.protocols.grpc.tls import Tls
from medtiles.protocols.http.server import HttpLimits, HttpServer
from medtiles.settings import Address, Settings

_SPARE = 5.0
"""Seconds after the time for draining until the process ends whatever still runs."""


@dataclass(frozen=True, slots=True)
class Duty:
    """What a worker is to do."""

    settings: Settings
    http: socket.socket
    """Bound and listening."""
    grpc: Address | None
    """Where the gRPC server listens; None in a gateway."""
    seat: Seat | None = None
    """Where there are other workers, on the same port."""
    index: Path | None = None
    """The folder of the catalogue's index, when that is not the cache folder."""
    engine: Engine | None = None
    """Ready for use, its catalogue scanned; None: the worker makes its own."""


class Worker:
    """Runs both servers in this process until it is told to stop."""

    def __init__(self, duty: Duty) -> None:
        self._duty = duty
        self._settings = duty.settings
        self._is_draining = threading.Event()
        self._http: HttpServer | None = None
        self._grpc: GrpcServer | None = None
        self._grpc_stopped = threading.Event()

    def stop(self) -> None:
        """Drain and end: not ready from now on, then no new connections, then what is under way is finished.

        Called from signal handlers: does nothing itself but start a thread.
        """
        if not self._is_draining.is_set():
            self._is_draining.set()
            threading.Thread(target=self._drain, name="drain", daemon=True).start()

    def run(self, on_ready: Callable[[], None]) -> None:
        """Serve; returns when `stop` was called and all is finished. Calls `on_ready` once, from another thread."""
        with ExitStack() as stack:
            tiles, engine = self._tiles(stack)
            jpip = build_jpip(self._settings, tiles, self._duty.seat)
            heat = build_heat(self._settings, tiles, self._duty.seat)
            if heat is not None:
                stack.callback(heat.close)
            ahead = build_prefetcher(self._settings, tiles)
            takers = [part.take for part in (heat, ahead) if part is not None]
            parts = (engine, jpip.server if jpip is not None else None, ahead)
            recorder = build_recorder(self._settings, *parts, takers=takers)
            recorder.start()
            stack.callback(recorder.close)
            if self._duty.grpc is not None:
                self._grpc = self._grpc_server(tiles, self._duty.grpc, recorder, heat)
            app = build_gateway(self._settings, tiles, recorder, lambda: not self._is_draining.is_set(), jpip, heat)
            limits = HttpLimits(drain_seconds=self._settings.drain_seconds)
            own = [self._duty.seat.listen()] if self._duty.seat is not None and jpip is not None else []
            self._http = HttpServer(app, [self._duty.http, *own], limits)
            threading.Thread(target=self._announce, args=(self._http, on_ready), daemon=True).start()
            gc.collect()
            gc.freeze()  # what has been loaded stays: the collector need not look through it while tiles wait
            self._http.run()
            self.stop()
            self._grpc_stopped.wait(self._settings.drain_notice + self._settings.drain_seconds + _SPARE)

    def _tiles(self, stack: ExitStack) -> tuple[Tiles, Engine | None]:
        remote = self._settings.engine
        if remote is not None:
            from medtiles.app.remote import remote_tiles  # noqa: PLC0415 - an engine needs no other

            far = remote_tiles(self._settings, remote)
            stack.callback(far.close)
            return far, None
        engine = self._duty.engine
        if engine is None:
            engine = build_engine(self._settings, index=self._duty.index)
            engine.catalogue.rescan()
        stack.callback(engine.close)
        engine.catalogue.start()
        return engine, engine

    def _grpc_server(self, tiles: Tiles, address: Address, recorder: Recorder, heat: Heat | None) -> GrpcServer:
        settings = self._settings
        tls = None
        if settings.grpc_tls_certificate is not None and settings.grpc_tls_key is not None:
            tls = Tls(settings.grpc_tls_certificate, settings.grpc_tls_key, settings.grpc_tls_client_ca)
        try:
            return serve_grpc(
                tiles,
                str(address),
                threads=settings.grpc_threads,
                tls=tls,
                reuse_port=self._duty.seat is not None,
                limits=GrpcLimits(seconds=settings.request_timeout),
                record=recorder.record,
                heat=heat,
            )
        except (OSError, ValueError) as error:
            raise StartError(getattr(error, "strerror", None) or str(error)) from error

    def _announce(self, http: HttpServer, on_ready: Callable[[], None]) -> None:
        http.started.wait()
        if self._is_draining.is_set():
            http.stop()  # told to stop before there was anything to stop
        else:
            on_ready()

    def _drain(self) -> None:
        settings = self._settings
        _end_later(settings.drain_notice + settings.drain_seconds + _SPARE)
        if self._grpc is not None:
            self._grpc.drain()
        time.sleep(settings.drain_notice)
        if self._http is not None:
            self._http.stop()
        if self._grpc is not None:
            self._grpc.stop(settings.drain_seconds)
        self._grpc_stopped.set()


def _end_later(seconds: float) -> None:
    """End the process whatever still runs: a decoder may hang, a client may never read."""
    timer = threading.Timer(seconds, os._exit, (1,))
    timer.daemon = True
    timer.start()


def stop_on_signals(worker: Worker, signals: tuple[signal.Signals, ...]) -> None:
    """Let signals stop a worker; a second SIGINT ends the process at once, as people who press Ctrl-C twice expect."""

    def handle(number: int, _: object) -> None:
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        worker.stop()

    for each in signals:
        signal.signal(each, handle)
