"""The parent's side of one decoding child: a process, two pipes and a piece of shared memory."""

from __future__ import annotations

import mmap
import os
import pickle
import select
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from math import prod

import numpy as np

from transcode.errors import CorruptFrameError, UnsupportedPixelsError
from transcode.frames import Samples
from transcode.isolation.messages import ANSWER, DECODED, LENGTH, MOST_TEXT, OUT_OF_MEMORY, UNSUPPORTED, Request

_KEPT_MEMORY = 8 << 20
"""Bytes of shared memory that an idle child keeps; what a larger frame needed is given back."""
_PAGE = 4096
_CLOSING_SECONDS = 5.0


class Child:
    """One child process. Used by one thread at a time."""

    def __init__(self) -> None:
        self._descriptor = _memory_file()
        self._map: mmap.mmap | None = None
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "transcode.isolation.worker", str(self._descriptor), str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=(self._descriptor,),
            env=_environment(),
            bufsize=0,
        )
        if self._process.stdin is None or self._process.stdout is None:
            message = "a child without pipes"
            raise RuntimeError(message)
        self._requests = self._process.stdin
        self._answers = self._process.stdout
        self._poll = select.poll()
        self._poll.register(self._answers, select.POLLIN)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def decode(self, data: bytes, request: Request, seconds: float) -> Samples:
        """Have one frame decoded.

        :param request: what to decode; where it lies is filled in here
        :raises CorruptFrameError: the decoder says so, was stopped, or died; the child is of no more use then if
            it is not alive
        :raises UnsupportedPixelsError: the decoder says so
        """
        shared = self._shared(max(len(data), prod(request.shape) * request.pixels.dtype.itemsize))
        shared[: len(data)] = data
        status, text = self._ask(replace(request, data_length=len(data), capacity=len(shared)), seconds)
        if status == DECODED:
            return np.frombuffer(shared, request.pixels.dtype, prod(request.shape)).reshape(request.shape).copy()
        if status == UNSUPPORTED:
            raise UnsupportedPixelsError(text)
        if status == OUT_OF_MEMORY:
            text = f"the decoder needs more than {request.memory >> 20} MB of memory"
        raise CorruptFrameError(text)

    def trim(self) -> None:
        """Give back the memory that a large frame needed."""
        if self._map is not None and len(self._map) > _KEPT_MEMORY:
            self._map.close()
            self._map = None
            os.ftruncate(self._descriptor, _KEPT_MEMORY)

    def kill(self) -> None:
        """End the process; whoever waits for its answer is told."""
        self._process.kill()

    def close(self) -> None:
        """End the process and let go of everything. Nobody may be using the child."""
        self._process.kill()
        self._process.wait(_CLOSING_SECONDS)
        self._requests.close()
        self._answers.close()
        if self._map is not None:
            self._map.close()
            self._map = None
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _shared(self, length: int) -> mmap.mmap:
        """The shared memory, with room for so many bytes."""
        if self._map is None or len(self._map) < length:
            if self._map is not None:
                self._map.close()
            capacity = max(_KEPT_MEMORY // 8, -(-length // _PAGE) * _PAGE)
            os.ftruncate(self._descriptor, capacity)
            self._map = mmap.mmap(self._descriptor, capacity)
        return self._map

    def _ask(self, request: Request, seconds: float) -> tuple[int, str]:
        pickled = pickle.dumps(request)
        try:
            os.write(self._requests.fileno(), LENGTH.pack(len(pickled)) + pickled)
        except BrokenPipeError:
            answer = b""
        else:
            answer = self._wait(seconds)
        if not answer:
            raise CorruptFrameError(self._cause_of_death(request))
        status, length = ANSWER.unpack_from(answer)
        return status, answer[ANSWER.size : ANSWER.size + length].decode(errors="replace")

    def _wait(self, seconds: float) -> bytes:
        """The answer; empty when the child died.

        :raises CorruptFrameError: the child took longer, and has been killed
        """
        end = time.monotonic() + seconds
        while not self._poll.poll(max(0.0, end - time.monotonic()) * 1000):
            if time.monotonic() >= end:
                self._process.kill()
                self._process.wait(_CLOSING_SECONDS)
                message = f"the decoder was stopped after {seconds:.3g} s"
                raise CorruptFrameError(message)
        # An answer is shorter than PIPE_BUF, so it arrives in one piece.
        return os.read(self._answers.fileno(), ANSWER.size + MOST_TEXT)

    def _cause_of_death(self, request: Request) -> str:
        status = self._process.wait(_CLOSING_SECONDS)
        if status == -signal.SIGXCPU:
            return f"the decoder was stopped after {request.processor_seconds:.3g} s of processor time"
        if status < 0:
            return f"the decoder died: {signal.strsignal(-status) or -status}"
        return f"the decoder ended with status {status}"


def _memory_file() -> int:
    """A file without a name that lies in memory where the system can do that."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("frames", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _environment() -> dict[str, str]:
    """The child finds the modules that this process finds, and starts no threads for arithmetic."""
    path = os.pathsep.join(entry or str(os.curdir) for entry in sys.path)
    return {**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
