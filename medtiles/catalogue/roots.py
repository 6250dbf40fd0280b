"""The files and folders that are served. Nothing outside them is ever opened.

A path is judged by where it really leads, once when it is found and again at each opening: a symbolic link that is put
in the place of a file between two looks leads nowhere.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from medtiles.core.errors import ImageNotFoundError

_LEADS_OUT = "it leads out of the served folders"
_NO_FILE = "it is no regular file"


@dataclass(frozen=True, slots=True)
class Root:
    """A served folder, or a single served file."""

    path: Path
    """Resolved: no symbolic link in it."""
    base: Path
    """The folder itself, or the folder of the file. What a served file refers to must lie in it."""
    label: str
    """The name of `base`, with a number when another root has the same; part of the ids of images."""

    @property
    def is_file(self) -> bool:
        """Whether it is a single file."""
        return self.path != self.base

    def holds(self, real: str) -> bool:
        """Whether a resolved path is this root or lies within it."""
        return _is_within(real, str(self.path))


def _is_within(real: str, folder: str) -> bool:
    return real == folder or real.startswith(folder.rstrip("/") + "/")


class Roots:
    """All roots; none lies in another. The order in which they are given does not matter."""

    def __init__(self, paths: Iterable[Path]) -> None:
        """Resolve the paths.

        :raises ImageNotFoundError: one of them does not exist
        """
        self.all = _labelled(_outermost(_existing(path) for path in paths))

    def named(self, path: str) -> frozenset[str]:
        """What a path below the roots may stand for: a file in each of them. Nothing is looked at.

        A path that is absolute, or climbs, stands for nothing.
        """
        parts = path.split("/")
        if "\0" in path or any(part in {"", ".", ".."} for part in parts):
            return frozenset()
        return frozenset(str(root.base / path) for root in self.all)

    def holds(self, real: str) -> bool:
        """Whether a resolved path may be served."""
        return any(root.holds(real) for root in self.all)

    def reaches(self, real: str) -> bool:
        """Whether a served image may refer to this resolved path: within a root, or beside a single served file."""
        return any(_is_within(real, str(root.base)) for root in self.all)

    def open_read_only(self, path: str) -> int:
        """A descriptor of a regular file within the roots; never waits for a FIFO, never follows a link that leads out.

        :raises OSError: it cannot be read, is no regular file, or lies elsewhere
        """
        return _open(path, self.holds)

    def open_beside(self, path: str) -> int:
        """The same for a file that a served image refers to; see `reaches`."""
        return _open(path, self.reaches)

    def require_inside(self, paths: Iterable[Path]) -> None:
        """Make sure that files are regular ones within the roots, now.

        :raises ImageNotFoundError: one is gone, or something else has taken its place
        """
        folders: dict[str, bool] = {}
        for path in paths:
            folder, text = os.path.dirname(path), str(path)  # noqa: PTH120 - thousands of files: no Path objects
            if folder not in folders:
                folders[folder] = self.reaches(os.path.realpath(folder))
            if not (folders[folder] and self._is_safe(text)):
                message = f"the file {path.name} is gone"
                raise ImageNotFoundError(message)

    def _is_safe(self, path: str) -> bool:
        try:
            found = os.lstat(path)
            if stat.S_ISLNK(found.st_mode):
                return self.holds(os.path.realpath(path)) and stat.S_ISREG(os.stat(path).st_mode)  # noqa: PTH116
        except OSError:
            return False
        return stat.S_ISREG(found.st_mode)


def _open(path: str, is_allowed: Callable[[str], bool]) -> int:
    real = os.path.realpath(path)
    if not is_allowed(real):
        raise PermissionError(errno.EACCES, _LEADS_OUT)
    descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _require_safe(descriptor, is_allowed)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _require_safe(descriptor: int, is_allowed: Callable[[str], bool]) -> None:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise OSError(errno.EINVAL, _NO_FILE)
    opened = Path(f"/proc/self/fd/{descriptor}")
    if opened.is_symlink() and not is_allowed(str(opened.readlink())):
        raise PermissionError(errno.EACCES, _LEADS_OUT)


def _existing(path: Path) -> Path:
    try:
        real = path.expanduser().resolve(strict=True)
    except (OSError, RuntimeError) as error:
        message = f"{path} does not exist"
        raise ImageNotFoundError(message) from error
    if not (real.is_dir() or real.is_file()):
        message = f"{path} is neither a file nor a folder"
        raise ImageNotFoundError(message)
    return real


def _outermost(paths: Iterable[Path]) -> list[Path]:
    kept: list[Path] = []
    for path in sorted(set(paths)):
        if not any(path.is_relative_to(other) for other in kept):
            kept.append(path)
    return kept


def _labelled(paths: list[Path]) -> tuple[Root, ...]:
    """Give each base folder a label of its own: by the order of the paths, so that every process gives the same."""
    bases = {path: path if path.is_dir() else path.parent for path in paths}
    seen: Counter[str] = Counter()
    labels: dict[Path, str] = {}
    for base in sorted(set(bases.values())):
        seen[base.name] += 1
        labels[base] = base.name if seen[base.name] == 1 else f"{base.name}//{seen[base.name]}"
    return tuple(Root(path, bases[path], labels[bases[path]]) for path in paths)
