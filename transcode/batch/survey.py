"""What is known of the items of an archive: their headers are read on the workers of an engine, many at a time."""

from __future__ import annotations

import itertools
import posixpath
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from pathlib import Path

from transcode.batch.discover import Problem
from transcode.batch.engines import Engine
from transcode.batch.errors import BatchError, storage_error
from transcode.batch.facts import directory_entries, facts_of
from transcode.batch.limits import LIMITS, alarm
from transcode.batch.model import Item
from transcode.batch.opening import opened
from transcode.batch.plan import Surveyed
from transcode.errors import TranscodeError
from transcode.policy import Facts

_ITEMS_PER_TASK = 64
_TASKS_PER_WORKER = 3
_DIRECTORY = "DICOMDIR"


def survey(root: Path, items: Iterable[Item], spool: Path, engine: Engine) -> Iterator[Surveyed]:
    """Each item with its facts, in their order.

    :param root: what paths of items count from
    :param spool: a folder for what is unpacked
    :raises StorageError: what lies in a container cannot be unpacked for want of room
    """
    waiting: deque[tuple[tuple[Item, ...], _Facts]] = deque()
    chunks = _chunks(items)
    while True:
        for chunk in itertools.islice(chunks, _TASKS_PER_WORKER * engine.workers - len(waiting)):
            waiting.append((chunk, _submitted(root, chunk, spool, engine)))
        if not waiting:
            return
        chunk, future = waiting.popleft()
        try:
            found = future.result()
        except engine.lost:
            suspects = itertools.chain(chunk, *(chunk for chunk, _ in waiting))
            waiting.clear()
            engine.renew()
            for item in suspects:
                yield item, _alone(root, item, spool, engine)
            engine.renew()
        else:
            yield from zip(chunk, found, strict=True)


_Facts = Future[tuple[Facts | str, ...]]


def _chunks(items: Iterable[Item]) -> Iterator[tuple[Item, ...]]:
    remaining = iter(items)
    while chunk := tuple(itertools.islice(remaining, _ITEMS_PER_TASK)):
        yield chunk


def _submitted(root: Path, items: tuple[Item, ...], spool: Path, engine: Engine) -> _Facts:
    try:
        return engine.submit(read_facts, root, items, spool, engine.is_expendable)
    except engine.lost as error:
        lost: _Facts = Future()
        lost.set_exception(error)
        return lost


def _alone(root: Path, item: Item, spool: Path, engine: Engine) -> Facts | str:
    """The facts of an item that may be the end of the process that reads it."""
    try:
        (facts,) = engine.submit_alone(read_facts, root, (item,), spool, engine.is_expendable).result()
    except engine.lost as error:
        cause = engine.renew() or str(error)
        return f"its header is the end of the process that reads it: {cause}"
    return facts


def read_facts(root: Path, items: tuple[Item, ...], spool: Path, is_expendable: bool) -> tuple[Facts | str, ...]:
    """The facts of some items; of each that is no image, why.

    :param is_expendable: this process may be lost: it is ended when a header takes too long
    :raises StorageError: nothing more can be written
    """
    return tuple(_within_time(root, item, spool, is_expendable=is_expendable) for item in items)


def _within_time(root: Path, item: Item, spool: Path, *, is_expendable: bool) -> Facts | str:
    if not is_expendable:
        return _facts(root, item, spool)
    with alarm(LIMITS.seconds + LIMITS.seconds_per_megabyte * item.size / 1e6):
        return _facts(root, item, spool)


def _facts(root: Path, item: Item, spool: Path) -> Facts | str:
    try:
        with opened(root, item, spool) as path:
            return facts_of(path)
    except (BatchError, TranscodeError) as error:
        return str(error)
    except OSError as error:
        stopping = storage_error(error, item.name)
        if stopping is not None:
            raise stopping from error
        return error.strerror or str(error)


def missing_of_directories(root: Path, items: Iterable[Item]) -> Iterator[Problem]:
    """The files that a DICOMDIR lists and that are not there. It is compared only: no name of it is opened."""
    found = [item for item in items if not item.member]
    names = {item.path.casefold() for item in found}
    for item in found:
        folder, name = posixpath.split(item.path)
        if name.upper() != _DIRECTORY:
            continue
        try:
            listed = directory_entries(root / item.path) or ()
        except (TranscodeError, OSError) as error:
            yield Problem(item.path, f"a DICOMDIR that cannot be read: {error}")
            continue
        gone = [entry for entry in listed if posixpath.join(folder, entry).casefold() not in names]
        if gone:
            yield Problem(item.path, f"lists {len(gone)} files that are not there, such as {gone[0]}")
