"""Starts real servers for tests, and ends them whatever happens."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

CARD = "width = 6000\nheight = 5000\ntile_width = 256\ntile_height = 256\n"
_START = 60.0


@dataclass
class Server:
    """A running `medtiles serve` or `medtiles gateway`."""

    process: subprocess.Popen[str]
    said: str
    """Its first words."""

    @property
    def url(self) -> str:
        """Of its HTTP gateway, without a slash at the end."""
        return re.search(r"http://[\d.:]+", self.said)[0]  # type: ignore[index]

    @property
    def grpc(self) -> str:
        """HOST:PORT of its gRPC server."""
        return re.search(r"gRPC +([\d.:]+)", self.said)[1]  # type: ignore[index]

    @property
    def workers(self) -> list[int]:
        """Process numbers of its worker processes."""
        return [pid for pid in children(self.process.pid) if "medtiles.app.child" in command(pid)]

    def end(self, number: signal.Signals = signal.SIGTERM, timeout: float = 30) -> int:
        """Send a signal and wait; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout)


def children(process: int) -> list[int]:
    """Process numbers of a process's own children."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
        if parent == process:
            found.append(int(folder.name))
    return sorted(found)


def command(process: int) -> str:
    """The command line of a process; empty when it is gone."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def wait_until(holds: Callable[[], object], timeout: float = 20.0) -> None:
    """Ask again and again until something holds.

    :raises AssertionError: it does not in time
    """
    end = time.monotonic() + timeout
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


@contextmanager
def serving(*words: object, cache: Path) -> Iterator[Server]:
    """A server that is ready; killed at the end if it still runs."""
    process = start(*words, cache=cache)
    assert process.stderr is not None
    listener = _Listener(process.stderr)
    listener.start()
    try:
        yield Server(process, listener.first_words())
    finally:
        process.kill()
        process.wait()
        listener.join(10)
        process.stderr.close()


def start(*words: object, cache: Path) -> subprocess.Popen[str]:
    """Start `medtiles WORDS`."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MEDTILES_")}
    return subprocess.Popen(
        [sys.executable, "-m", "medtiles", *map(str, words)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
        env={**environment, "MEDTILES_CACHE": str(cache)},
    )


class _Listener(threading.Thread):
    """Reads all that a process says, so that it never waits for us."""

    def __init__(self, stream: IO[str]) -> None:
        super().__init__(daemon=True)
        self._stream = stream
        self.said = ""
        self.is_over = False

    def run(self) -> None:
        for line in self._stream:
            self.said += line
        self.is_over = True

    def first_words(self) -> str:
        """What it says until it is ready."""
        wait_until(lambda: "processes " in self.said or self.is_over, _START)
        assert "processes " in self.said, f"ended: {self.said}"
        return self.said
