"""Outputs appear whole and lasting, or not at all.

Theory of operation. An output is written as a part: a file of a name of its own in the folder where it will be. When it
is written and verified, its bytes are flushed to the disk, it takes its name in one step, and the folder is flushed.
Only then is it told to be there; whoever records it does so after that. A process that dies anywhere on the way leaves
a part, or the whole output: the next run sweeps the one and replaces the other.

An output does not take the place of a file that the batch did not write. It may of one of its own: what was published
just before a crash, but not recorded, is made again.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from transcode.batch.discover import PART, WORK_FOLDER
from transcode.batch.errors import OccupiedError

_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS})
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Keeping:
    """What an output that replaces its own source keeps of it."""

    mode: int
    modified_ns: int
    inode: int
    size: int

    @classmethod
    def of(cls, path: Path) -> Self:
        """As the file is now.

        :raises OSError: there is no such file
        """
        found = path.stat()
        return cls(found.st_mode & 0o7777, found.st_mtime_ns, found.st_ino, found.st_size)


class Draft:
    """An output on its way. Leaving the context removes what was not published."""

    def __init__(self, target: Path, batch: str, number: int, keeping: Keeping | None = None) -> None:
        """Choose a name; nothing is written yet.

        :param batch: names the run, so that a run sweeps its own parts and those of nobody else
        :param keeping: of the source, where it is replaced
        """
        self.target = target
        self.path = target.parent / f".part-{batch}-{number}-{os.getpid()}-{os.urandom(4).hex()}"
        self._keeping = keeping

    def __enter__(self) -> Self:
        make_folder(self.target.parent)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)

    def publish(self, *, may_replace: bool) -> None:
        """Give the written part its name, for good.

        :param may_replace: a file of that name is one of the batch's own, or of no more use
        :raises OccupiedError: there is one, and it may not be replaced; or the source, that is to be replaced,
            is no longer the file that was read
        :raises OSError: it cannot be flushed or renamed
        """
        self._keep()
        flush(self.path)
        if self._keeping is not None:
            self._require_same(self._keeping)
        if may_replace or self._keeping is not None:
            self.path.replace(self.target)
        else:
            _name(self.path, self.target)
        flush(self.target.parent)

    def _keep(self) -> None:
        if self._keeping is not None:
            self.path.chmod(self._keeping.mode)
            os.utime(self.path, ns=(self._keeping.modified_ns, self._keeping.modified_ns))

    def _require_same(self, keeping: Keeping) -> None:
        if Keeping.of(self.target) != keeping:
            message = f"{self.target.name} changed while it was being converted"
            raise OccupiedError(message)


def _name(part: Path, target: Path) -> None:
    """Rename, unless the name is taken: a link is refused then, a rename would not be."""
    try:
        os.link(part, target)
    except FileExistsError as error:
        raise occupied(target) from error
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if os.path.lexists(target):
            raise occupied(target) from error
        part.rename(target)
    else:
        part.unlink()


def occupied(target: Path) -> OccupiedError:
    """The error of a name that is taken."""
    return OccupiedError(f"{target.name} is there already, and not of this batch: move it, or let it be overwritten")


def flush(path: Path) -> None:
    """Have the bytes of a file, or the names in a folder, on the disk.

    :raises OSError: they cannot be written
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, each flushed into the one above, so that none is lost with what lies in it.

    :raises OSError: it cannot be made
    """
    if folder.is_dir():
        return
    make_folder(folder.parent)
    with contextlib.suppress(FileExistsError):
        folder.mkdir()
    flush(folder.parent)


def copy_file(source: Path, target: Path) -> int:
    """Copy the bytes of a file; returns their number. They are not yet flushed."""
    with source.open("rb") as old, target.open("wb") as new:
        shutil.copyfileobj(old, new, _CHUNK)
        return new.tell()


def write_whole(target: Path, text: str) -> None:
    """A text file of the batch's own, whole or not at all.

    :raises OSError: it cannot be written
    """
    part = target.with_name(f"{target.name}.{os.getpid()}.new")
    with part.open("w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(target)
    flush(target.parent)


def sweep(destination: Path, batch: str) -> int:
    """Remove the parts that a run of this batch left when it was killed; returns how many. None may be running."""
    mark = f".part-{batch}-"
    swept = 0
    for folder in _folders(destination):
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith(mark) and PART.fullmatch(entry.name):
                    Path(entry.path).unlink(missing_ok=True)
                    swept += 1
    return swept


def _folders(root: Path) -> Iterator[str]:
    for folder, names, _files in os.walk(root):
        if WORK_FOLDER in names:
            names.remove(WORK_FOLDER)
        yield folder
