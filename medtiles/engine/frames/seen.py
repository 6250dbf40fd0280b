"""Stored frames that are known to decode, remembered over restarts: a file of short records for each instance.

A record is added by one write to the end of the file, so that processes may do it at the same time. Records have a
check sum with the key in it; what is damaged is not remembered, and the frame decoded once more.
"""

from __future__ import annotations

import contextlib
import os
import struct
import threading
import zlib
from collections import OrderedDict
from dataclasses import dataclass

from medtiles.engine.frames.derived import DerivedFolder, make_folder

_RECORD = struct.Struct(">IBI")
_IS_RGB, _IS_RPCL, _IS_REVERSIBLE = 1, 2, 4
_FORM = "seen 1"
"""Another number when what is remembered changes."""
_INSTANCES = 256
"""Whose records are held in memory."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was learned of a stored frame when it was decoded."""

    is_rgb: bool
    """Whether its samples came out as RGB, whatever they are called as stored."""
    is_rpcl: bool = False
    """Of HTJ2K: whether its codestream keeps the rules of transfer syntax .202."""
    is_reversible: bool = False
    """Of HTJ2K: whether its codestream loses nothing."""

    def flags(self) -> int:
        """As a number."""
        return self.is_rgb * _IS_RGB | self.is_rpcl * _IS_RPCL | self.is_reversible * _IS_REVERSIBLE

    @classmethod
    def of(cls, flags: int) -> Seen:
        """The inverse of `flags`."""
        return cls(bool(flags & _IS_RGB), bool(flags & _IS_RPCL), bool(flags & _IS_REVERSIBLE))


class SeenFrames:
    """Frames by instance and number. Safe to use from several threads and processes."""

    def __init__(self, folder: DerivedFolder | None = None) -> None:
        """Without a folder, as long as the process lives."""
        self._folder = folder
        self._lock = threading.Lock()
        self._held: OrderedDict[str, dict[int, Seen]] = OrderedDict()

    def get(self, instance: str, number: int) -> Seen | None:
        """What is known of a frame; `instance` names the instance and the version of its file."""
        return self._records(instance).get(number)

    def put(self, instance: str, number: int, seen: Seen) -> None:
        """Remember a frame."""
        self._records(instance)[number] = seen
        if self._folder is None:
            return
        key = f"{_FORM} {instance}"
        place = self._folder.place(key, "seen")
        record = _RECORD.pack(number, seen.flags(), _sum(key, number, seen.flags()))
        with contextlib.suppress(OSError):
            make_folder(place)
            descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                os.write(descriptor, record)
            finally:
                os.close(descriptor)
            self._folder.note(len(record))

    def _records(self, instance: str) -> dict[int, Seen]:
        with self._lock:
            found = self._held.get(instance)
            if found is not None:
                self._held.move_to_end(instance)
                return found
        read = self._read(instance)
        with self._lock:
            found = self._held.setdefault(instance, read)
            if len(self._held) > _INSTANCES:
                self._held.popitem(last=False)
            return found

    def _read(self, instance: str) -> dict[int, Seen]:
        if self._folder is None:
            return {}
        key = f"{_FORM} {instance}"
        try:
            data = self._folder.place(key, "seen").read_bytes()
        except OSError:
            return {}
        whole = data[: len(data) // _RECORD.size * _RECORD.size]
        return {
            number: Seen.of(flags)
            for number, flags, sum_ in _RECORD.iter_unpack(whole)
            if sum_ == _sum(key, number, flags)
        }


def _sum(key: str, number: int, flags: int) -> int:
    return zlib.crc32(f"{key} {number} {flags}".encode())
