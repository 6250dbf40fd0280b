"""Instances whose files are open: at most so many, the least used closed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from medtiles.core.errors import ImageNotFoundError
from medtiles.core.frames import InstanceFiles
from medtiles.core.studies import Instance
from transcode.errors import FileChangedError
from transcode.files import StableFile, version_of

if TYPE_CHECKING:
    from transcode.dicom.reader import InstanceReader

_Key = tuple[str, str]


class OpenInstance:
    """An instance in use. Closed when it is retired and the last user has let go."""

    __slots__ = ("file", "is_retired", "reader", "users")

    def __init__(self, file: StableFile, reader: InstanceReader) -> None:
        self.file = file
        self.reader = reader
        self.users = 0
        self.is_retired = False


class OpenInstances:
    """Readers by instance and version. Safe to call from several threads."""

    def __init__(self, files: InstanceFiles, capacity: int = 64) -> None:
        """`files` says where instances lie."""
        self._files = files
        self._capacity = capacity
        self._lock = threading.Lock()
        self._open: OrderedDict[_Key, OpenInstance] = OrderedDict()

    @contextmanager
    def reader(self, instance: Instance) -> Iterator[InstanceReader]:
        """The reader of an instance, which stays open until the block ends.

        :raises ImageNotFoundError: its file is gone
        :raises FileChangedError: its file is another version than the instance is of
        :raises UnsupportedFormatError, TranscodeError: it holds no frames that are read here, or is damaged
        """
        opened = self._take(instance)
        try:
            yield opened.reader
        except FileChangedError:
            self._forget(instance)
            raise
        finally:
            self._give_back(opened)

    def close(self) -> None:
        """Close all that nobody uses; the rest is closed with its last use."""
        with self._lock:
            idle = [opened for opened in self._open.values() if self._retire(opened)]
            self._open.clear()
        for opened in idle:
            opened.file.close()

    def _take(self, instance: Instance) -> OpenInstance:
        key = (instance.uid, instance.version)
        with self._lock:
            opened = self._open.get(key)
            if opened is not None:
                self._open.move_to_end(key)
                opened.users += 1
                return opened
        made = self._opened(instance)
        idle = []
        with self._lock:
            opened = self._open.setdefault(key, made)
            opened.users += 1
            if opened is not made:
                idle.append(made)
            while len(self._open) > self._capacity:
                _, oldest = self._open.popitem(last=False)
                if self._retire(oldest):
                    idle.append(oldest)
        for each in idle:
            each.file.close()
        return opened

    def _give_back(self, opened: OpenInstance) -> None:
        with self._lock:
            opened.users -= 1
            is_over = opened.is_retired and opened.users == 0
        if is_over:
            opened.file.close()

    def _forget(self, instance: Instance) -> None:
        with self._lock:
            opened = self._open.pop((instance.uid, instance.version), None)
            if opened is not None:
                self._retire(opened)  # it has a user: the one who calls

    @staticmethod
    def _retire(opened: OpenInstance) -> bool:
        opened.is_retired = True
        return opened.users == 0

    def _opened(self, instance: Instance) -> OpenInstance:
        from medtiles.dicom.instances import picture_header  # noqa: PLC0415 - with it comes pydicom, 38 MB
        from transcode.dicom.reader import InstanceReader  # noqa: PLC0415

        path = self._files.path(instance)
        try:
            file = StableFile(path)
        except OSError as error:
            message = f"the file of instance {instance.uid[:64]} is gone"
            raise ImageNotFoundError(message) from error
        try:
            _require_version(path, instance)
            return OpenInstance(file, InstanceReader(file, picture_header(file)))
        except BaseException:
            file.close()
            raise


def _require_version(path: Path, instance: Instance) -> None:
    if version_of([path]) != instance.version:
        message = f"the file of instance {instance.uid[:64]} has been replaced: ask for it anew"
        raise FileChangedError(message)
