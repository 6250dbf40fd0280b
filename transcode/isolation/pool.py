"""A pool of decoding children, leased to one call at a time."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from types import TracebackType
from typing import Protocol, Self

from transcode.errors import CorruptFrameError
from transcode.frames import PixelFormat, Samples
from transcode.isolation.child import Child
from transcode.isolation.messages import NativeDecoder, Request
from transcode.samples.fitting import Shape


@dataclass(frozen=True, slots=True)
class IsolationLimits:
    """What one frame may cost before its decoder is stopped."""

    seconds: float = 20.0
    """On the wall clock."""
    processor_seconds: float = 5.0
    seconds_per_megasample: float = 1.0
    """More of both for every million samples of the frame."""
    memory: int = 256 << 20
    """In bytes."""
    memory_per_sample: int = 32
    """More for every sample: OpenJPEG keeps a few 32-bit planes beside the result."""


class Run(Protocol):
    """Runs a decoder, here or elsewhere."""

    def __call__(
        self, decoder: NativeDecoder, data: bytes, pixels: PixelFormat, shape: Shape, reduction: int = 0
    ) -> Samples:
        """The samples that the decoder gives.

        :raises CorruptFrameError: it raised this, or it was stopped, or it died
        :raises UnsupportedPixelsError: it raised this
        """


def run_here(decoder: NativeDecoder, data: bytes, pixels: PixelFormat, shape: Shape, reduction: int = 0) -> Samples:
    """Run a decoder in this process: for batch workers, which are children themselves."""
    try:
        return decoder(data, pixels, shape, reduction)
    except MemoryError as error:
        message = "the decoder ran out of memory"
        raise CorruptFrameError(message) from error


class Isolation:
    """A pool of decoding children. Safe to call from several threads; make it after the server has forked."""

    def __init__(self, processes: int | None = None, limits: IsolationLimits | None = None) -> None:
        """Start nothing yet.

        :param processes: the most children at a time; as many as there are processors by default
        """
        self._limits = limits or IsolationLimits()
        self._free = threading.BoundedSemaphore(processes or os.cpu_count() or 1)
        self._lock = threading.Lock()
        self._children: set[Child] = set()
        self._idle: list[Child] = []
        self._starter = ThreadPoolExecutor(1, "isolation")
        self._process = os.getpid()
        self._is_closed = False
        self._finalizer = weakref.finalize(self, _close_all, self._children, self._idle, self._starter, self._process)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pids(self) -> tuple[int, ...]:
        """Of the children that run now."""
        with self._lock:
            return tuple(child.pid for child in self._children)

    def run(
        self, decoder: NativeDecoder, data: bytes, pixels: PixelFormat, shape: Shape, reduction: int = 0
    ) -> Samples:
        """Run a module's own function in a child; waits while all children are busy. See `Run`.

        :raises RuntimeError: the pool is closed, or was made before this process was forked
        """
        megasamples = prod(shape) * 4**reduction / 1e6
        more = megasamples * self._limits.seconds_per_megasample
        request = Request(
            module=decoder.__module__,
            function=decoder.__qualname__,
            pixels=pixels,
            shape=shape,
            reduction=reduction,
            processor_seconds=self._limits.processor_seconds + more,
            memory=self._limits.memory + int(megasamples * 1e6) * self._limits.memory_per_sample,
        )
        with self._leased() as child:
            return child.decode(data, request, self._limits.seconds + more)

    def close(self) -> None:
        """Kill all children; what they decode now fails with CorruptFrameError."""
        with self._lock:
            self._is_closed = True
        self._finalizer()

    @contextmanager
    def _leased(self) -> Iterator[Child]:
        with self._free:
            child = self._take()
            try:
                yield child
            finally:
                self._give_back(child)

    def _take(self) -> Child:
        """An idle child that is alive, or a new one."""
        if self._process != os.getpid():
            message = "the pool of decoders belongs to another process: make it after forking"
            raise RuntimeError(message)
        while True:
            with self._lock:
                if self._is_closed:
                    message = "the pool of decoders is closed"
                    raise RuntimeError(message)
                child = self._idle.pop() if self._idle else None
            if child is None:
                return self._starter.submit(self._start).result()
            if child.is_alive():
                return child
            self._drop(child)

    def _start(self) -> Child:
        child = Child()
        with self._lock:
            self._children.add(child)
        return child

    def _give_back(self, child: Child) -> None:
        child.trim()
        with self._lock:
            is_kept = child.is_alive() and not self._is_closed
            if is_kept:
                self._idle.append(child)
        if not is_kept:
            self._drop(child)

    def _drop(self, child: Child) -> None:
        with self._lock:
            self._children.discard(child)
        child.close()


def _close_all(children: set[Child], idle: list[Child], starter: ThreadPoolExecutor, process: int) -> None:
    """End the children. One that is decoded with is killed only: its user closes it."""
    if process != os.getpid():
        return
    starter.shutdown()
    for child in children.copy():
        child.kill()
    while idle:
        child = idle.pop()
        children.discard(child)
        child.close()
