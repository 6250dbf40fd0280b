"""Events of the system about files that arrive, by watchdog; or none, where a folder is looked at instead."""

from __future__ import annotations

import os
import queue
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from watchdog.events import (
    DirCreatedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer

from transcode.batch.arrivals import Arrivals

_FOLDERS = (DirCreatedEvent, DirMovedEvent)
_KINDS = [FileClosedEvent, FileCreatedEvent, FileModifiedEvent, FileMovedEvent, *_FOLDERS]
_WHOLE = (FileClosedEvent, FileMovedEvent)


class _Inbox(FileSystemEventHandler):
    """Keeps events for the thread that works on them."""

    def __init__(self) -> None:
        self.events: queue.SimpleQueue[FileSystemEvent] = queue.SimpleQueue()

    def on_any_event(self, event: FileSystemEvent) -> None:
        self.events.put(event)


@contextmanager
def noticing(root: Path, arrivals: Arrivals, *, is_polling: bool) -> Iterator[Callable[[float], None]]:
    """A function that waits so many seconds, and tells the arrivals of what happened meanwhile.

    :param is_polling: it only waits
    :raises OSError: the system has no more watches to give
    """
    if is_polling:
        yield time.sleep
        return
    inbox = _Inbox()
    observer = Observer()
    observer.schedule(inbox, str(root), recursive=True, event_filter=_KINDS)
    observer.start()
    try:
        yield lambda seconds: _take(inbox.events, root, arrivals, seconds)
    finally:
        observer.stop()
        observer.join()


def _take(events: queue.SimpleQueue[FileSystemEvent], root: Path, arrivals: Arrivals, seconds: float) -> None:
    is_folder_new = False
    try:
        event = events.get(timeout=seconds)
        while True:
            if isinstance(event, _FOLDERS):
                is_folder_new = True
            else:
                path = os.fsdecode(event.dest_path if isinstance(event, FileMovedEvent) else event.src_path)
                arrivals.touched(os.path.relpath(path, root), is_closed=isinstance(event, _WHOLE))
            event = events.get_nowait()
    except queue.Empty:
        if is_folder_new:
            arrivals.look()
