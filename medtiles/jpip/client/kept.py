"""A folder of what has come, one file for each target: it outlives the session, and is never asked for again.

A file is a line of JSON, then messages as a JPP-stream has them, one after another as they came. One that was cut short
by a crash is read as far as it goes. A target that the server calls by another target-id is another one: its file is
begun anew.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from medtiles.jpip.arrived import Arrived
from medtiles.jpip.errors import StreamError
from medtiles.jpip.messages import EndOfResponse, Message, MessageReader, MessageWriter

_LOG = logging.getLogger(__name__)
_FORMAT = "medtiles-jpip-1"
_LONGEST_LINE = 1 << 14
_PIECE = 1 << 20
_SUFFIX = ".jpp"
_MOST_BYTES = 4 << 30


class KeptFolder:
    """The files. The least recently used go first when they become too much."""

    def __init__(self, path: Path, most_bytes: int = _MOST_BYTES) -> None:
        """Make the folder where there is none.

        :raises OSError: it cannot be made
        """
        path.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._most_bytes = most_bytes

    def open(self, address: str) -> KeptFile:
        """The file of a target.

        :param address: of the server, and what the target is called there
        :raises OSError: it cannot be opened
        """
        found = KeptFile(self._path / (hashlib.sha256(address.encode()).hexdigest()[:40] + _SUFFIX), address)
        self._make_room(found)
        return found

    def _make_room(self, newest: KeptFile) -> None:
        files = []
        for path in self._path.glob(f"*{_SUFFIX}"):
            with suppress(OSError):
                status = path.stat()
                files.append((status.st_mtime, status.st_size, path))
        total = sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if total <= self._most_bytes:
                return
            if path != newest.path:
                with suppress(OSError):
                    path.unlink()
                    total -= size


class KeptFile:
    """What has come of one target. Another process that has it open reads it, and writes nothing."""

    def __init__(self, path: Path, address: str) -> None:
        """Read it.

        :raises OSError: it cannot be opened
        """
        self.path = path
        self.arrived = Arrived()
        self.tid: str | None = None
        self._address = address
        self._writer = MessageWriter()
        self._file: BinaryIO | None = path.open("a+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # someone else writes it
            self._load(self._file)
            self._file.close()
            self._file = None
        else:
            self._file.truncate(self._load(self._file))
            os.utime(path)

    def begin(self, tid: str) -> Arrived:
        """Forget all: the server has another target of that name. An id of 0 is none: nothing of it is kept."""
        self.tid, self.arrived, self._writer = tid, Arrived(), MessageWriter()
        if self._file is not None:
            self._file.truncate(0)
            if tid != "0":
                line = {"format": _FORMAT, "address": self._address, "tid": tid}
                self._file.write(json.dumps(line).encode() + b"\n")
            else:
                self._file.close()
                self._file = None
        return self.arrived

    def take(self, message: Message) -> int:
        """Note a message; how many bytes of it are new.

        Where the disk is full, nothing more is kept.

        :raises StreamError: it contradicts one before
        """
        new = self.arrived.take(message)
        if self._file is not None and (new or message.is_last):
            try:
                self._file.write(self._writer.write(message))
            except OSError as error:  # what came is here all the same
                _LOG.warning("%s: %s; what comes is no longer kept", self.path, error.strerror)
                self.close()
        return new

    def close(self) -> None:
        """Let others write it."""
        file, self._file = self._file, None
        if file is not None:
            with suppress(OSError):  # of a full disk: it was told
                file.close()

    def _load(self, file: BinaryIO) -> int:
        """Read all that is whole; where it ends."""
        file.seek(0)
        line = file.readline(_LONGEST_LINE)
        try:
            found = json.loads(line)
            if found["format"] != _FORMAT or found["address"] != self._address or line[-1:] != b"\n":
                return 0
            self.tid = str(found["tid"])
        except (ValueError, TypeError, KeyError):
            return 0
        reader, end = MessageReader(), len(line)
        try:
            while piece := file.read(_PIECE):
                for message in reader.feed(piece):
                    if isinstance(message, EndOfResponse):
                        raise StreamError("the end of a response is none of what is kept")  # noqa: TRY301
                    self.arrived.take(message)
                end = file.tell() - reader.waiting
        except StreamError:  # what lies behind is not believed
            self.tid, self.arrived = None, Arrived()
            return 0
        return end
