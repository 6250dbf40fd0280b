"""A task in a child of the process that was given it: where that process must not die with what it does.

A worker of a cluster that dies is mourned at length: its results are made again, all that waited at it is suspect, and
after a few deaths it may not come back. So it starts a child once, keeps it, and hands it one task after the other
through a pipe. (A pool of `multiprocessing` would do the same, but workers of Dask may not have one.)
"""

from __future__ import annotations

import os
import pickle
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import IO, Any, ParamSpec, TypeVar

from transcode.batch.causes import cause_of
from transcode.batch.workers import begin

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")
_LENGTH = struct.Struct("<Q")
_OWN = threading.local()


class ContainedDeath(Exception):  # noqa: N818 - it is told as one
    """The child died; the message says of what."""


def contained(function: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
    """Run a module-level function in this thread's child.

    :raises ContainedDeath: the child died
    :raises Exception: whatever the function raised
    """
    child: _Child | None = getattr(_OWN, "child", None)
    if child is None or not child.is_alive():
        child = _OWN.child = _Child()
    result: Result = child.run(function, args, kwargs)
    return result


class _Child:
    """A process that is handed tasks. Used by one thread, that starts it: it dies with that."""

    def __init__(self) -> None:
        path = os.pathsep.join(entry or str(os.curdir) for entry in sys.path)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "transcode.batch.contained", str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
        )

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def run(self, *task: object) -> Any:  # noqa: ANN401 - whatever the function gives
        requests, answers = self._process.stdin, self._process.stdout
        if requests is None or answers is None:
            message = "a child without pipes"
            raise RuntimeError(message)
        try:
            _send(requests, pickle.dumps(task))
            is_result, value = pickle.loads(_receive(answers))
        except (BrokenPipeError, EOFError) as error:
            code = self._process.wait()
            requests.close()
            answers.close()
            raise ContainedDeath(cause_of(code)) from error
        if is_result:
            return value
        raise value


def _send(pipe: IO[bytes], data: bytes) -> None:
    pipe.write(_LENGTH.pack(len(data)) + data)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> bytes:
    """The next message.

    :raises EOFError: the other end is no more
    """
    prefix = pipe.read(_LENGTH.size)
    if len(prefix) < _LENGTH.size:
        raise EOFError
    (length,) = _LENGTH.unpack(prefix)
    data = pipe.read(length)
    if len(data) < length:
        raise EOFError
    return data


def _serve(parent: int) -> None:
    begin(parent)
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    while True:
        try:
            function, args, kwargs = pickle.loads(_receive(requests))
        except EOFError:
            return
        try:
            answer = True, function(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - the edge: it is raised again where the task came from
            answer = False, error
        _send(answers, pickle.dumps(answer))


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
