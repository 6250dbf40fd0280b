"""Starts the workers, starts those anew that die, and ends them all in good order.

Theory of operation. The supervisor holds the listening sockets and does nothing but wait: for signals, for words of its
workers through a pipe, for their deaths. It opens no image, so that nothing in an image can end it. A worker that dies
soon after its start is started again ever later, so that a fault that comes back does not take the machine with it.
Connections that wait in the shared HTTP socket while a worker is down are answered by the others.
"""

from __future__ import annotations

import json
import logging
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from medtiles.app.child import Orders
from medtiles.app.errors import StartError
from medtiles.app.notify import notify
from medtiles.observability.metrics import forget_process

_LOG = logging.getLogger(__name__)
_FIRST_DELAY = 0.1
_LONGEST_DELAY = 30.0
_HEALTHY_AFTER = 30.0
"""Seconds after which a worker counts as having started well."""
_START_TRIES = 3
"""Deaths of one worker, before all are ready for the first time, after which the server gives up."""
_SPARE = 8.0
"""Seconds more than a worker gives itself, until it is killed."""


@dataclass(frozen=True, slots=True)
class Crew:
    """Which workers to run."""

    count: int
    settings: str
    """JSON."""
    http: socket.socket
    grpc: str | None
    """HOST:PORT."""
    index: str | None
    """Folder of the catalogue's index, when that is not the cache folder."""
    drain_seconds: float
    """How long a worker may take to end."""
    folder: str
    """Where workers find one another."""


class _Slot:
    """The place of one worker."""

    def __init__(self, crew: Crew, number: int) -> None:
        self._crew = crew
        self._number = number
        self.process: subprocess.Popen[bytes] | None = None
        self.status = -1
        self.is_ready = False
        self.deaths = 0
        """In a row, each soon after a start."""
        self.start_at = 0.0
        self._started = 0.0
        self._heard = b""

    def start(self) -> None:
        """Start the worker and give it its orders."""
        self.status, theirs = os.pipe()
        os.set_blocking(self.status, False)
        orders = Orders(
            settings=self._crew.settings,
            supervisor=os.getpid(),
            http=self._crew.http.fileno(),
            grpc=self._crew.grpc,
            status=theirs,
            index=self._crew.index,
            number=self._number,
            count=self._crew.count,
            folder=self._crew.folder,
        )
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "medtiles.app.child"],
                stdin=subprocess.PIPE,
                pass_fds=(orders.http, theirs),
                start_new_session=True,  # Ctrl-C is for the supervisor, which ends its workers in good order
            )
        finally:
            os.close(theirs)
        self.is_ready = False
        self._heard = b""
        self._started = time.monotonic()
        with suppress(BrokenPipeError):
            assert self.process.stdin is not None
            self.process.stdin.write(orders.to_json().encode() + b"\n")
            self.process.stdin.flush()

    def hear(self) -> dict[str, object]:
        """What the worker has said since, if anything."""
        with suppress(BlockingIOError):
            self._heard += os.read(self.status, 65536)
        line, end, rest = self._heard.partition(b"\n")
        if not end:
            return {}
        self._heard = rest
        said: dict[str, object] = json.loads(line)
        self.is_ready = self.is_ready or bool(said.get("ready"))
        return said

    def reap(self) -> int | None:
        """The exit code of a worker that has died since, and when it is to be started again."""
        if self.process is None or self.process.poll() is None:
            return None
        code, process = self.process.returncode, self.process
        if process.stdin is not None:
            with suppress(BrokenPipeError):
                process.stdin.close()
        os.close(self.status)
        forget_process(process.pid)
        now = time.monotonic()
        self.deaths = 1 if now - self._started > _HEALTHY_AFTER else self.deaths + 1
        self.start_at = now + min(_LONGEST_DELAY, _FIRST_DELAY * 2 ** (self.deaths - 1))
        self.process, self.status, self.is_ready = None, -1, False
        return int(code)


class Supervisor:
    """Runs a crew until a signal ends it. Must be used in the main thread: workers die with the thread."""

    def __init__(self, crew: Crew, on_ready: Callable[[], None], on_death: Callable[[int, int], None]) -> None:
        """`on_ready` is called once, when all workers serve; `on_death` with process and exit code at each death."""
        self._crew = crew
        self._on_ready = on_ready
        self._on_death = on_death
        self._slots = [_Slot(crew, number) for number in range(crew.count)]
        self._selector = selectors.DefaultSelector()
        self._has_been_ready = False
        self._deadline: float | None = None
        self._problem = ""

    @property
    def pids(self) -> Sequence[int]:
        """Of the workers that run now."""
        return [slot.process.pid for slot in self._slots if slot.process is not None]

    def run(self) -> None:
        """Serve until SIGTERM, SIGINT or SIGHUP.

        :raises StartError: the workers cannot start
        """
        with self._signals() as wakeup:
            self._selector.register(wakeup, selectors.EVENT_READ)
            try:
                while self._deadline is None or self.pids:
                    self._step(wakeup)
            finally:
                self._kill()
                self._selector.close()
        if self._problem:
            raise StartError(self._problem)

    def stop(self) -> None:
        """Begin to end: all workers finish what is under way."""
        if self._deadline is not None:
            return
        notify("STOPPING=1")
        self._deadline = time.monotonic() + self._crew.drain_seconds + _SPARE
        for slot in self._slots:
            if slot.process is not None:
                slot.process.terminate()

    def _step(self, wakeup: socket.socket) -> None:
        if self._deadline is None:
            self._start_due()
        for key, _ in self._selector.select(self._patience()):
            if key.fileobj is wakeup:
                with suppress(BlockingIOError):
                    wakeup.recv(4096)
            else:
                self._listen(key.data)
        self._reap()
        if self._deadline is not None and time.monotonic() > self._deadline:
            self._kill()

    def _start_due(self) -> None:
        now = time.monotonic()
        for slot in self._slots:
            if slot.process is None and slot.start_at <= now:
                slot.start()
                self._selector.register(slot.status, selectors.EVENT_READ, slot)

    def _patience(self) -> float:
        """Seconds until something is to be done without being told."""
        now = time.monotonic()
        if self._deadline is not None:
            return max(0.05, min(1.0, self._deadline - now))
        waiting = [slot.start_at - now for slot in self._slots if slot.process is None]
        return max(0.01, min([*waiting, 60.0]))

    def _listen(self, slot: _Slot) -> None:
        said = slot.hear()
        if not said:
            self._selector.unregister(slot.status)  # closed: it is dying, and will be reaped
            return
        if "problem" in said:
            self._give_up(str(said["problem"]))
        if not self._has_been_ready and all(each.is_ready for each in self._slots):
            self._has_been_ready = True
            notify("READY=1")
            self._on_ready()

    def _reap(self) -> None:
        for slot in self._slots:
            pid = slot.process.pid if slot.process is not None else 0
            status = slot.status
            if slot.process is not None and slot.process.poll() is not None:
                with suppress(KeyError, ValueError):
                    self._selector.unregister(status)
            code = slot.reap()
            if code is None or self._deadline is not None:
                continue
            self._on_death(pid, code)
            if not self._has_been_ready and slot.deaths >= _START_TRIES:
                self._give_up(f"workers end while they start ({_told(code)}); what they say stands above")

    def _give_up(self, problem: str) -> None:
        if not self._has_been_ready and not self._problem:
            self._problem = problem
            self.stop()
        else:
            _LOG.error("a worker cannot start: %s", problem)

    def _kill(self) -> None:
        for slot in self._slots:
            if slot.process is not None:
                slot.process.kill()
                slot.process.wait()

    @contextmanager
    def _signals(self) -> Iterator[socket.socket]:
        """Signals end the waiting, whenever they come."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.setblocking(False)
            theirs.setblocking(False)
            ends = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
            before = {each: signal.signal(each, self._handle) for each in (*ends, signal.SIGCHLD)}
            old = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
            try:
                yield ours
            finally:
                signal.set_wakeup_fd(old)
                for each, handler in before.items():
                    signal.signal(each, handler)

    def _handle(self, number: int, _: object) -> None:
        if number == signal.SIGCHLD:
            return
        if number == signal.SIGINT and self._deadline is not None:
            self._deadline = 0.0  # pressed again: at once
        self.stop()


def _told(code: int) -> str:
    """An exit code in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def told_death(pid: int, code: int) -> str:
    """The death of a worker in words."""
    return f"worker {pid} has ended ({_told(code)}); it is started again"
