"""The child process of `transcode.isolation`: decodes one frame after the other, within limits, until it is killed.

Run as `python -m transcode.isolation.worker DESCRIPTOR PARENT`. Samples and encoded bytes go through memory shared with
the parent (the file DESCRIPTOR); the two pipes carry only what to do and how it went.
"""

from __future__ import annotations

import ctypes
import importlib
import math
import mmap
import os
import pickle
import signal
import sys
from pathlib import Path

import numpy as np

from transcode.errors import CorruptFrameError, UnsupportedPixelsError
from transcode.frames import Samples
from transcode.isolation.messages import (
    ANSWER,
    CORRUPT,
    DECODED,
    LENGTH,
    MOST_TEXT,
    OUT_OF_MEMORY,
    UNSUPPORTED,
    NativeDecoder,
    Request,
)

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38


def main(arguments: list[str]) -> None:
    """Serve requests from standard input until it ends."""
    descriptor, parent = int(arguments[0]), int(arguments[1])
    _harden(parent)
    answers = _private_output()
    requests = sys.stdin.buffer
    shared = _SharedMemory(descriptor)
    while len(prefix := requests.read(LENGTH.size)) == LENGTH.size:
        (length,) = LENGTH.unpack(prefix)
        status, text = _serve(pickle.loads(requests.read(length)), shared)
        encoded = text.encode()[:MOST_TEXT]
        os.write(answers, ANSWER.pack(status, len(encoded)) + encoded)


class _SharedMemory:
    """The parent's file, mapped anew when its size has changed."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._map: mmap.mmap | None = None

    def of(self, capacity: int) -> mmap.mmap:
        if self._map is None or len(self._map) != capacity:
            if self._map is not None:
                self._map.close()
            self._map = mmap.mmap(self._descriptor, capacity)
        return self._map


def _serve(request: Request, shared: _SharedMemory) -> tuple[int, str]:
    try:
        decoder: NativeDecoder = getattr(importlib.import_module(request.module), request.function)
        memory = shared.of(request.capacity)
        data = memory[: request.data_length]
        _limit(request)
        samples = decoder(data, request.pixels, request.shape, request.reduction)
        _store(samples, request, memory)
    except CorruptFrameError as error:
        return CORRUPT, str(error)
    except UnsupportedPixelsError as error:
        return UNSUPPORTED, str(error)
    except MemoryError:
        return OUT_OF_MEMORY, ""
    except Exception as error:  # noqa: BLE001 - the edge: whatever a decoder raises is the stream's fault
        return CORRUPT, f"{type(error).__name__}: {error}"
    return DECODED, ""


def _store(samples: Samples, request: Request, memory: mmap.mmap) -> None:
    if samples.shape != request.shape or samples.dtype != request.pixels.dtype:
        message = f"the decoder gave {samples.shape} of {samples.dtype}"
        raise CorruptFrameError(message)
    target = np.frombuffer(memory, samples.dtype, samples.size).reshape(samples.shape)
    np.copyto(target, samples)


def _private_output() -> int:
    """Standard output for answers alone: what a library prints goes nowhere."""
    answers = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    return answers


def _harden(parent: int) -> None:
    """Die with the parent; leave no core and write no file."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        prctl = ctypes.CDLL(None).prctl
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 - there is none on Windows

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _limit(request: Request) -> None:
    """Bound what the decoder may use from here on. The system kills a process that takes more time than this."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - there is none on Windows

    usage = resource.getrusage(resource.RUSAGE_SELF)
    seconds = math.ceil(usage.ru_utime + usage.ru_stime + request.processor_seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.getrlimit(resource.RLIMIT_CPU)[1]))
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[5])
        most = pages * resource.getpagesize() + request.memory
        resource.setrlimit(resource.RLIMIT_DATA, (most, resource.getrlimit(resource.RLIMIT_DATA)[1]))


if __name__ == "__main__":
    main(sys.argv[1:])
