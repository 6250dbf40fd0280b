"""The files of a study archive: folders, and what lies in zip, tar and gzip files. Always in the same order.

Symbolic links are not followed: what one leads to is found where it lies, or lies outside. What cannot be read, or is
no file, is told to the caller, so that nothing is left out in silence.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from transcode.batch.containers import is_container, is_gzipped_dicom, members
from transcode.batch.errors import ContainerError
from transcode.batch.model import Item

WORK_FOLDER = ".transcode"
"""In a destination: what the batch itself keeps there."""
PART = re.compile(r"\.part-[0-9a-z]+-\d+-\d+-[0-9a-f]+")
"""Names of outputs that are not yet whole; see `publish`."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something of the archive that no job takes care of."""

    name: str
    message: str


def _nobody(_problem: Problem) -> None:
    """Nobody wants to know."""


def _no_progress(_files: int) -> None:
    """Nobody looks."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """Looks through one archive."""

    root: Path
    """A folder, or one file."""
    problem: Callable[[Problem], None] = _nobody
    progress: Callable[[int], None] = _no_progress
    """Told how many items have been found, at each."""
    excluded: tuple[Path, ...] = field(default=())
    """Folders that are not entered: a destination within the source."""

    @property
    def base(self) -> Path:
        """What paths of items count from."""
        return self.root if self.root.is_dir() else self.root.parent

    def items(self) -> Iterator[Item]:
        """All of them, sorted by path.

        :raises FileNotFoundError: there is no such folder or file
        """
        found = 0
        for path in self.paths():
            for item in self.items_of(path):
                found += 1
                self.progress(found)
                yield item

    def items_of(self, path: str) -> Iterator[Item]:
        """The file itself, or the members of a container.

        :param path: below `base`
        """
        place = self.base / path
        try:
            size = place.stat(follow_symlinks=False).st_size
            if is_container(place):
                yield from members(self.base, path, lambda name, message: self.problem(Problem(name, message)))
            else:
                yield Item(path, size=size, is_gzipped=is_gzipped_dicom(place))
        except ContainerError as error:
            self.problem(Problem(path, f"{error}: it is copied unopened"))
            yield Item(path, size=size)
        except OSError as error:
            self.problem(Problem(path, error.strerror or str(error)))

    def paths(self) -> Iterator[str]:
        """Regular files, depth first, folders and files of one folder together by name."""
        if stat.S_ISREG(self.root.stat().st_mode):
            yield self.root.name
            return
        excluded = {str(path.resolve()) for path in self.excluded}
        base = str(self.root.resolve())
        waiting = self._entries(base, "")
        while waiting:
            entry, relative = waiting.pop()
            if entry.is_symlink():
                self._tell_link(entry, relative, base)
            elif entry.is_dir(follow_symlinks=False):
                if entry.name != WORK_FOLDER and entry.path not in excluded:
                    waiting.extend(self._entries(entry.path, relative + "/"))
            elif not entry.is_file(follow_symlinks=False):
                self.problem(Problem(relative, "neither file nor folder"))
            elif not PART.fullmatch(entry.name):
                yield relative

    def _entries(self, folder: str, prefix: str) -> list[tuple[os.DirEntry[str], str]]:
        """What lies in a folder, last name first."""
        try:
            with os.scandir(folder) as entries:
                names = sorted(entries, key=lambda entry: entry.name, reverse=True)
        except OSError as error:
            self.problem(Problem(prefix or ".", error.strerror or str(error)))
            return []
        return [(entry, prefix + entry.name) for entry in names]

    def _tell_link(self, entry: os.DirEntry[str], relative: str, base: str) -> None:
        real = os.path.realpath(entry.path)
        is_inside = real.startswith(base.rstrip("/") + "/")
        where = "what it leads to is taken where it lies" if is_inside else "it leads out of the archive"
        self.problem(Problem(relative, f"a symbolic link, not followed: {where}"))
