"""Where jobs run: worker processes of this machine, or this process itself. The port is that of an Executor.

Theory of operation. A pool of `concurrent.futures` breaks as a whole when one of its processes dies, and does not say
which task it had. So an engine makes its pool anew, and offers a second one of a single process, in which the suspects
run one at a time: who dies there is guilty, and nobody else is.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any, ParamSpec, Protocol, TypeVar

from transcode.batch.causes import cause_of
from transcode.batch.workers import begin

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")
_CLOSING_SECONDS = 5.0


class Engine(Protocol):
    """Runs module-level functions somewhere. Used by one thread."""

    @property
    def workers(self) -> int:
        """How many tasks run at a time, now."""

    @property
    def files_per_task(self) -> int:
        """How many files are worth a task, where there are many."""

    @property
    def is_expendable(self) -> bool:
        """Whether a task's process may end without ending this one."""

    @property
    def repeats(self) -> bool:
        """Whether it may run a task again by itself."""

    @property
    def lost(self) -> tuple[type[BaseException], ...]:
        """What a future raises whose process died: its jobs are suspects."""

    @property
    def gone(self) -> tuple[type[BaseException], ...]:
        """What a future raises when the engine itself is no more."""

    def submit(
        self, function: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Future[Result]:
        """Run a function beside others."""

    def submit_alone(
        self, function: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Future[Result]:
        """Run a function in a process that runs nothing else. No other may be running."""

    def renew(self) -> str:
        """Make good for a process that died. Says of what the last one died that ran alone."""

    def require_alive(self) -> None:
        """Look whether there is anything that tasks could run on.

        :raises ConnectionError: there has been nothing for long
        """

    def kill(self) -> None:
        """End all tasks now."""

    def close(self) -> None:
        """End; no task may be running that is still wanted."""


class InlineEngine:
    """Runs everything in this process, at once: for debuggers, and for tests of all but processes."""

    workers = 1
    files_per_task = 1
    is_expendable = False
    repeats = False
    lost: tuple[type[BaseException], ...] = ()
    gone: tuple[type[BaseException], ...] = ()

    def submit(
        self, function: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Future[Result]:
        """Run it; the future is done."""
        future: Future[Result] = Future()
        future.set_result(function(*args, **kwargs))
        return future

    submit_alone = submit

    def renew(self) -> str:
        """Nothing dies here."""
        return ""

    def require_alive(self) -> None:
        """It is."""

    def kill(self) -> None:
        """Nothing runs when this is called."""

    def close(self) -> None:
        """Nothing is held."""


class _Recorder(SpawnContext):
    """Knows the processes that a pool has started."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[SpawnProcess] = []

    def Process(self, *args: Any, **kwargs: Any) -> SpawnProcess:  # type: ignore[override]  # noqa: ANN401, N802
        """As the pool asks for it."""
        process = SpawnProcess(*args, **kwargs)
        self.started.append(process)
        return process


class _Pool:
    """A pool of processes whose end can be told."""

    def __init__(self, workers: int) -> None:
        self._context = _Recorder()
        self._executor = ProcessPoolExecutor(workers, self._context, begin, (os.getpid(),))
        self.submit = self._executor.submit

    def kill(self) -> None:
        for process in self._context.started:
            process.kill()

    def close(self) -> str:
        """End the processes; says of what one died that was not told to."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        for process in self._context.started:
            process.join(_CLOSING_SECONDS)
            if process.exitcode is None:
                process.kill()
                process.join(_CLOSING_SECONDS)
        codes = [process.exitcode or 0 for process in self._context.started]
        self._executor.shutdown()
        return next((cause_of(code) for code in codes if code not in {0, -signal.SIGTERM}), "")


class LocalEngine:
    """Worker processes of this machine, started afresh (`spawn`), that die with this process."""

    files_per_task = 1
    is_expendable = True
    repeats = False
    lost: tuple[type[BaseException], ...] = (BrokenExecutor,)
    gone: tuple[type[BaseException], ...] = ()

    def __init__(self, workers: int) -> None:
        """Start nothing yet."""
        self.workers = workers
        self._pool: _Pool | None = None
        self._single: _Pool | None = None
        # Starts the processes: they die when the thread does that did so, see `workers`.
        self._starter = ThreadPoolExecutor(1, "batch")

    def submit(
        self, function: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Future[Result]:
        """See `Engine.submit`.

        :raises BrokenExecutor: a process died a moment ago
        """
        if self._pool is None:
            self._pool = self._starter.submit(_Pool, self.workers).result()
        return self._starter.submit(self._pool.submit, function, *args, **kwargs).result()

    def submit_alone(
        self, function: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Future[Result]:
        """See `Engine.submit_alone`."""
        if self._single is None:
            self._single = self._starter.submit(_Pool, 1).result()
        return self._starter.submit(self._single.submit, function, *args, **kwargs).result()

    def renew(self) -> str:
        """See `Engine.renew`."""
        single, pool = self._single, self._pool
        self._single = self._pool = None
        cause = single.close() if single else ""
        if pool:
            pool.close()
        return cause

    def require_alive(self) -> None:
        """Processes are started as they are needed."""

    def kill(self) -> None:
        """See `Engine.kill`."""
        for pool in (self._pool, self._single):
            if pool is not None:
                pool.kill()

    def close(self) -> None:
        """See `Engine.close`."""
        self.renew()
        self._starter.shutdown()
