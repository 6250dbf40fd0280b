"""Headers of DICOM files, read while others are looked at: by threads, and where there are many by processes.

A header takes a millisecond or two of Python, so that threads are of no use to an archive. While a batch of files is
written down by the caller, the next one is read.
"""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from multiprocessing import get_context
from types import TracebackType
from typing import Self, TypeVar

from medtiles.catalogue.recognise import Recognised, Unread
from transcode.lifetime import end_with

_LOG = logging.getLogger(__name__)
_FEW = 500
"""Files that are not worth another process, which takes half a second to start."""
_MOST = 8
"""Processes: beyond that, the caller cannot write down what they read."""
_AT_ONCE = 16
File = TypeVar("File")


class HeaderReaders:
    """What reads headers during a scan. For one thread."""

    def __init__(self, files: int) -> None:
        """:param files: to be looked at, so many at the most"""
        processes = min(files // _FEW, os.cpu_count() or 1, _MOST)
        with ExitStack() as held:
            self._threads = held.enter_context(ThreadPoolExecutor(4, thread_name_prefix="recognise"))
            self._readers: Executor = self._threads
            if processes > 1:
                context = get_context("spawn")
                pool = ProcessPoolExecutor(processes, context, _begin, (os.getpid(),))
                held.callback(pool.shutdown, cancel_futures=True)
                self._readers = pool
            self._held = held.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._held.close()

    def read(
        self, batches: Iterable[Sequence[File]], look: Callable[[File], Recognised | Unread]
    ) -> Iterator[tuple[Sequence[File], list[Recognised]]]:
        """What all files are, batch by batch.

        :param look: at the beginning of a file; safe to call from several threads
        """
        before: tuple[Sequence[File], list[Recognised | Unread], Iterator[Recognised]] | None = None
        for batch in batches:
            looked = list(self._threads.map(look, batch))
            reading = self._reading(unread_of(looked))
            if before is not None:
                yield before[0], self._finished(*before[1:])
            before = batch, looked, reading
        if before is not None:
            yield before[0], self._finished(*before[1:])

    def _reading(self, unread: list[Unread]) -> Iterator[Recognised]:
        try:
            return self._readers.map(_read, unread, chunksize=_AT_ONCE)
        except BrokenProcessPool:
            return self._threads.map(_read, unread)  # what is under way will tell

    def _finished(self, looked: list[Recognised | Unread], reading: Iterator[Recognised]) -> list[Recognised]:
        try:
            read = list(reading)
        except BrokenProcessPool:
            _LOG.warning("a process that read headers has ended; they are read in this one from now on")
            self._readers = self._threads
            read = [each.read() for each in unread_of(looked)]
        headers = iter(read)
        return [next(headers) if isinstance(each, Unread) else each for each in looked]


def unread_of(looked: Iterable[Recognised | Unread]) -> list[Unread]:
    """Those whose header is still to be read."""
    return [each for each in looked if isinstance(each, Unread)]


def _read(unread: Unread) -> Recognised:
    return unread.read()


def _begin(parent: int) -> None:
    """A reader never outlives the process that started it, and leaves Ctrl-C to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with(parent)
