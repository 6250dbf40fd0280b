"""Jobs on a Dask cluster, through the Executor that its client offers: one that is there, or one of this machine.

Each worker runs its tasks in a child, see `contained`, so that a file may be the end of that and of nothing else. When
a worker dies all the same, Dask starts its tasks again by itself, and gives one up when that has happened a few times;
it counts every task that waited at the worker. So what it gives up is only suspect, and runs alone like any other.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future
from contextlib import ExitStack
from typing import ParamSpec, TypeVar, cast

from transcode.batch.contained import ContainedDeath, contained
from transcode.batch.engines import Engine, InlineEngine, LocalEngine
from transcode.batch.errors import EngineError

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")
_SCHEME = "dask://"
_PATIENCE_SECONDS = 30
_LOOK_SECONDS = 5
_LONELY_SECONDS = 300
"""A cluster may take a while to start its workers."""


class DaskEngine:
    """A client of a cluster. The workers must see source and destination at the same paths."""

    files_per_task = 32
    """A task costs some 3 ms beside what it does."""
    is_expendable = True
    repeats = True

    def __init__(self, address: str = "", workers: int = 1) -> None:
        """Connect.

        :param address: of a scheduler; empty: begin a cluster on this machine, that ends with the engine
        :param workers: processes of a cluster on this machine
        :raises EngineError: Dask is not installed, or the scheduler does not answer
        """
        try:
            # an extra, and slow to load
            from distributed import Client, KilledWorker, LocalCluster  # noqa: PLC0415
            from distributed.client import FutureCancelledError  # noqa: PLC0415
        except ImportError as error:
            message = "Dask is not installed: pip install 'medtiles[dask]'"
            raise EngineError(message) from error
        self.lost: tuple[type[BaseException], ...] = (KilledWorker, ContainedDeath)
        self.gone: tuple[type[BaseException], ...] = (CancelledError, FutureCancelledError, OSError)
        with ExitStack() as held:
            if not address:
                cluster = LocalCluster(  # type: ignore[no-untyped-call]
                    n_workers=workers, threads_per_worker=1, dashboard_address=None, memory_limit=None
                )
                held.callback(cluster.close)
                address = cluster.scheduler_address
            try:
                self._client = Client(address, timeout=_PATIENCE_SECONDS)  # type: ignore[no-untyped-call]
            except (OSError, ValueError) as error:
                message = f"no Dask scheduler at {address}: {error}"
                raise EngineError(message) from error
            held.callback(self._client.close)
            self._executor = cast("Executor", self._client.get_executor(pure=False))  # type: ignore[no-untyped-call]
            self._held = held.pop_all()
        self._seen_alive = time.monotonic()
        self._looked = 0.0
        self._running: set[Future[object]] = set()

    @property
    def workers(self) -> int:
        """How many tasks run at a time, now: clusters grow and shrink."""
        return max(1, self._threads())

    def _threads(self) -> int:
        return int(sum(self._client.nthreads().values()))  # type: ignore[no-untyped-call]

    def submit(
        self, function: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Future[Result]:
        """See `Engine.submit`."""
        future = self._executor.submit(contained, function, *args, **kwargs)
        self._running.add(cast("Future[object]", future))
        future.add_done_callback(lambda done: self._running.discard(cast("Future[object]", done)))
        return future

    submit_alone = submit

    def renew(self) -> str:
        """The workers make good for their children, the cluster for its workers."""
        return ""

    def require_alive(self) -> None:
        """See `Engine.require_alive`. Asks the scheduler every few seconds."""
        now = time.monotonic()
        if now < self._looked + _LOOK_SECONDS:
            return
        self._looked = now
        if self._threads():
            self._seen_alive = now
        elif now > self._seen_alive + _LONELY_SECONDS:
            message = f"the cluster has had no worker for {_LONELY_SECONDS} seconds"
            raise ConnectionError(message)

    def kill(self) -> None:
        """See `Engine.kill`: what has begun ends by itself, unseen."""
        for future in list(self._running):
            future.cancel()

    def close(self) -> None:
        """See `Engine.close`."""
        self._held.close()


def engine_of(name: str, workers: int) -> Engine:
    """From `local`, `inline`, `dask` (a cluster of this machine) or `dask://HOST:PORT`.

    :param workers: processes of this machine, where they are started here
    :raises EngineError: the name is none of these, or see `DaskEngine`
    """
    if name == "local":
        return LocalEngine(workers)
    if name == "inline":
        return InlineEngine()
    if name == "dask":
        return DaskEngine(workers=workers)
    if not name.startswith(_SCHEME) or len(name) == len(_SCHEME):
        message = f"no engine is called {name}: there are local, inline, dask, and dask://HOST:PORT"
        raise EngineError(message)
    return DaskEngine(f"tcp://{name.removeprefix(_SCHEME)}")
