"""Images that clients bring: written beside their place, checked by opening them, then given a name of their own.

Until it is accepted a file lies in a hidden folder, which the catalogue does not look into. What a process leaves
there that was killed is removed by a later upload, when it is a day old.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from medtiles.catalogue.catalogue import CatalogueOptions, FileCatalogue
from medtiles.core.errors import (
    BadRequestError,
    BusyError,
    ImageNotFoundError,
    MedTilesError,
    NoSpaceError,
    UploadTooLargeError,
)
from medtiles.core.pyramid import TileKey
from medtiles.core.source import SourceFormat
from medtiles.core.tiles import ImageQuery
from transcode.codec import Codecs
from transcode.errors import TranscodeError
from transcode.frames import EncodedFrame

_INCOMING = ".incoming"
_MOST_AT_A_TIME = 4
_OLD = 24 * 3600.0
"""Seconds after which what lies among the incoming is nobody's any more."""
_NAME = re.compile(r"[^\W_](?:[\w .()+,=@-]{0,118}[\w)])?(?:\.\w{1,12}){0,3}")
"""Letters and digits of any script first; no slash, no control character, no dot in front."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class UploadFolder:
    """A served folder that files are added to, never replaced in. Safe to call from several threads."""

    def __init__(
        self, folder: Path, most_bytes: int, catalogue: FileCatalogue, formats: Sequence[SourceFormat], codecs: Codecs
    ) -> None:
        """:param folder: within the roots of the catalogue; is made if it is not there"""
        self.most_bytes = most_bytes
        self._folder = folder
        self._catalogue = catalogue
        self._formats = formats
        self._codecs = codecs
        self._lock = threading.Lock()
        self._open = 0

    def begin(self, name: str) -> _Upload:
        """See `Uploads.begin`."""
        plain = _plain(name)
        with self._lock:
            if self._open >= _MOST_AT_A_TIME:
                message = f"{self._open} uploads are on their way already"
                raise BusyError(message)
            self._open += 1
        try:
            with _told():
                return _Upload(self._new_folder(), plain, self.most_bytes, self._accepted, self._ended)
        except BaseException:
            self._ended()
            raise

    def _new_folder(self) -> Path:
        incoming = self._folder / _INCOMING
        incoming.mkdir(mode=0o700, exist_ok=True)
        for old in incoming.iterdir():
            with suppress(OSError):
                if time.time() - old.stat().st_mtime > _OLD:
                    shutil.rmtree(old)
        return Path(tempfile.mkdtemp(dir=incoming))

    def _ended(self) -> None:
        with self._lock:
            self._open -= 1

    def _accepted(self, path: Path) -> str:
        self._check(path)
        path.chmod(0o644)
        place = self._placed(path)
        self._catalogue.rescan()
        for name in self._names_of(place):
            page = self._catalogue.images(ImageQuery(path=name, limit=1))
            if page.images:
                return page.images[0].id
        message = f"{place.name} was taken away as soon as it was there"
        raise ImageNotFoundError(message)

    def _names_of(self, place: Path) -> Iterator[str]:
        """What the file may be called below a root: by its own name, or from a folder further up."""
        parts = place.parts
        return ("/".join(parts[-length:]) for length in range(1, len(parts)))

    def _check(self, path: Path) -> None:
        """Open the image, and decode a tile of it.

        :raises BadRequestError: it cannot be opened, or is several images
        """
        alone = FileCatalogue([path], self._formats, CatalogueOptions(cache=None, threads=0))
        try:
            alone.rescan()
            page = alone.images(ImageQuery(limit=2))
            if page.total == 1:
                self._try(alone, page.images[0].id)
        except (MedTilesError, TranscodeError) as error:
            message = f"{path.name} cannot be opened: {error}"
            raise BadRequestError(message) from error
        finally:
            alone.close()
        if page.total != 1:
            message = f"{path.name} is no image that can be opened here"
            raise BadRequestError(message)

    def _try(self, catalogue: FileCatalogue, image: str) -> None:
        source = catalogue.open(image)
        try:
            frame = source.read_tile(TileKey(0, 0, 0))
            if isinstance(frame, EncodedFrame):
                self._codecs.decode(frame)
        finally:
            source.close()

    def _placed(self, path: Path) -> Path:
        """The file under a name that no other file has, in one step."""
        stem, dot, suffixes = path.name.partition(".")
        for number in count(1):
            place = self._folder / (path.name if number == 1 else f"{stem}-{number}{dot}{suffixes}")
            try:
                place.hardlink_to(path)
            except FileExistsError:
                continue
            except OSError:  # a file system without hard links
                if place.exists():
                    continue
                path.rename(place)
            folder = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
            return place
        raise AssertionError


class _Upload:
    """See `Upload`."""

    def __init__(
        self, folder: Path, name: str, most_bytes: int, accepted: Callable[[Path], str], ended: Callable[[], None]
    ) -> None:
        self._folder = folder
        self._path = folder / name
        self._most_bytes = most_bytes
        self._accepted = accepted
        self._ended = ended
        self._size = 0
        self._is_over = False
        self._file = self._path.open("xb")

    def write(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._most_bytes:
            message = f"{self._path.name} has more than {self._most_bytes} bytes"
            raise UploadTooLargeError(message)
        with _told():
            self._file.write(data)

    def accept(self) -> str:
        try:
            with _told():
                self._file.flush()
                os.fsync(self._file.fileno())
                self._file.close()
                return self._accepted(self._path)
        finally:
            self.abandon()

    def abandon(self) -> None:
        if not self._is_over:
            self._is_over = True
            with suppress(OSError):
                self._file.close()
            shutil.rmtree(self._folder, ignore_errors=True)
            self._ended()


def _plain(name: str) -> str:
    """A name that a file of this server may have.

    :raises BadRequestError: there is none
    """
    last = name.replace("\\", "/").rpartition("/")[2].strip()
    if len(last.encode()) > 160 or _NAME.fullmatch(last) is None:
        message = (
            f"name {name[:80]!a}: a file's name is wanted, of letters, digits and a few signs, such as slide-12.tif"
        )
        raise BadRequestError(message)
    return last


@contextmanager
def _told() -> Iterator[None]:
    """A full disk is told as such.

    :raises NoSpaceError: it is full
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        message = "there is no room left for uploads on the server"
        raise NoSpaceError(message) from error
