"""The DICOM files of one image, opened when they are needed and only so many at a time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from medtiles.core.errors import DamagedImageError, MedTilesError, UnsupportedFormatError
from medtiles.dicom.kinds import require_pictures
from transcode.dicom.file_header import FileHeader, read_header
from transcode.dicom.jpeg_colour import self_describing
from transcode.dicom.reader import InstanceReader
from transcode.errors import FileChangedError, TranscodeError, UnsupportedEncodingError, UnsupportedPixelsError
from transcode.files import StableFile, version_of
from transcode.frames import EncodedFrame

MAX_OPEN = 32
"""Files of one image that are open at the same time, when no more than that are read at the same time."""


@dataclass(slots=True)
class _Opened:
    file: StableFile
    reader: InstanceReader
    readers: int = 0


class Instances:
    """Files by number. Safe to call from several threads.

    A file that is opened again must still be the one that the image was made of.
    """

    def __init__(self, paths: Sequence[Path], max_open: int = MAX_OPEN) -> None:
        """Note which files there are and what they are now; nothing is opened.

        :raises FileChangedError: one of them is gone
        """
        self._paths = tuple(paths)
        self._versions = tuple(version_of([path]) for path in self._paths)
        self._max_open = max_open
        self._opened: OrderedDict[int, _Opened] = OrderedDict()
        self._lock = threading.Lock()
        self._is_closed = False

    def __len__(self) -> int:
        return len(self._paths)

    def name(self, number: int) -> str:
        """The file's name without its folder."""
        return self._paths[number].name

    @contextmanager
    def reader(self, number: int) -> Iterator[InstanceReader]:
        """The reader of a file, which stays open until the block ends.

        :raises FileChangedError: the file is no longer what it was, or everything has been closed
        :raises TranscodeError: what InstanceReader raises
        """
        opened = self._enter(number)
        try:
            yield opened.reader
        finally:
            self._leave(opened)

    def read_frame(self, number: int, index: int) -> EncodedFrame:
        """A stored frame, complete in itself.

        :raises TranscodeError: see InstanceReader.read_frame
        """
        with self.reader(number) as reader:
            return self_describing(reader.read_frame(index))

    def close(self) -> None:
        """Close every file and refuse later reads."""
        with self._lock:
            self._is_closed = True
            for opened in self._opened.values():
                opened.file.close()
            self._opened.clear()

    def _enter(self, number: int) -> _Opened:
        with self._lock:
            if self._is_closed:
                message = f"{self.name(number)} has been closed"
                raise FileChangedError(message)
            opened = self._opened.get(number)
            if opened is not None:
                self._opened.move_to_end(number)
                opened.readers += 1
                return opened
        return self._keep(number, self._open(number))

    def _keep(self, number: int, made: _Opened) -> _Opened:
        with self._lock:
            if self._is_closed:
                made.file.close()
                message = f"{self.name(number)} has been closed"
                raise FileChangedError(message)
            opened = self._opened.setdefault(number, made)
            if opened is not made:
                made.file.close()
            self._opened.move_to_end(number)
            opened.readers += 1
            self._close_least_used()
            return opened

    def _leave(self, opened: _Opened) -> None:
        with self._lock:
            opened.readers -= 1
            self._close_least_used()

    def _close_least_used(self) -> None:
        surplus = len(self._opened) - self._max_open
        if surplus <= 0:
            return
        idle = [number for number, opened in self._opened.items() if opened.readers == 0]
        for number in idle[:surplus]:
            self._opened.pop(number).file.close()

    def _open(self, number: int) -> _Opened:
        file = self._open_file(number)
        try:
            return _Opened(file, InstanceReader(file, picture_header(file)))
        except BaseException:
            file.close()
            raise

    def _open_file(self, number: int) -> StableFile:
        path = self._paths[number]
        try:
            file = StableFile(path)
        except OSError as error:
            message = f"{path.name} cannot be opened any more"
            raise FileChangedError(message) from error
        if version_of([path]) != self._versions[number]:
            file.close()
            message = f"{path.name} has changed since the image was opened"
            raise FileChangedError(message)
        return file


def picture_header(file: StableFile) -> FileHeader:
    """The header of a file that holds pictures.

    :raises UnsupportedFormatError: DICOM of another kind, such as a report or a video
    :raises DicomFileError: not DICOM, or damaged
    """
    header = read_header(file)
    require_pictures(file.name, header)
    return header


@contextmanager
def opening(name: str) -> Iterator[None]:
    """Opening an image: errors of its files become those that `SourceFormat.open` may raise.

    :raises UnsupportedFormatError: nothing here reads its frames or its samples
    :raises DamagedImageError: it is broken
    """
    try:
        yield
    except (MedTilesError, FileChangedError):
        raise
    except (UnsupportedEncodingError, UnsupportedPixelsError) as error:
        message = str(error) if name in str(error) else f"{name} is not supported here: {error}"
        raise UnsupportedFormatError(message) from error
    except TranscodeError as error:
        message = str(error) if name in str(error) else f"{name}: {error}"
        raise DamagedImageError(message) from error
