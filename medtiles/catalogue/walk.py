"""All files under the roots that may be images, by one stat each."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from medtiles.catalogue.roots import Root, Roots

_SKIPPED_SUFFIXES = (
    # archives: what lies in them is not served
    ".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".zst", ".iso",
    # not yet complete
    ".part", ".partial", ".tmp", ".temp", ".crdownload", ".download", ".filepart", "~",
)  # fmt: skip
_SKIPPED_FOLDERS = frozenset({"@eaDir", "lost+found", "__pycache__", "node_modules"})


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A regular file."""

    path: str
    place: str
    """The label of its root and its path in it: equal on every machine that serves the folder."""
    identity: str
    """Changes when the file changes."""
    real: str
    """Where it really lies; differs from `path` for a symbolic link."""


@dataclass(frozen=True, slots=True)
class _Folder:
    path: str
    real: str
    relative: str


def walk(roots: Roots) -> list[FoundFile]:
    """All files, in the order of their paths; each real file once. Folders that cannot be listed are left out."""
    found: dict[str, FoundFile] = {}
    for root in roots.all:
        for file in _walk_root(root, roots):
            other = found.get(file.real)
            if other is None or _rank(file) < _rank(other):
                found[file.real] = file
    return sorted(found.values(), key=lambda file: file.path)


def _rank(file: FoundFile) -> tuple[bool, str]:
    """A file's own place comes before symbolic links to it."""
    return file.path != file.real, file.path


def _walk_root(root: Root, roots: Roots) -> Iterator[FoundFile]:
    if root.is_file:
        yield from _single(root)
        return
    followed: set[str] = set()
    folders = [_Folder(str(root.path), str(root.path), "")]
    while folders:
        folder = folders.pop()
        for entry in _entries(folder.path):
            found = _look(entry, folder, roots)
            if found is None:
                continue
            relative = folder.relative + entry.name
            if not stat.S_ISDIR(found.stat.st_mode):
                yield FoundFile(entry.path, f"{root.label}/{relative}", _identity(found.stat), found.real)
            elif _is_entered(entry, found.real, followed):
                folders.append(_Folder(entry.path, found.real, relative + "/"))


@dataclass(frozen=True, slots=True)
class _Seen:
    real: str
    stat: os.stat_result


def _look(entry: os.DirEntry[str], folder: _Folder, roots: Roots) -> _Seen | None:
    """A folder, or a regular file that is not empty; None for all else, and for links that lead out of the roots."""
    if _is_skipped(entry.name):
        return None
    is_link = entry.is_symlink()
    real = os.path.realpath(entry.path) if is_link else f"{folder.real.rstrip('/')}/{entry.name}"
    if is_link and not roots.holds(real):
        return None
    try:
        found = entry.stat()
    except OSError:
        return None
    is_file = stat.S_ISREG(found.st_mode) and found.st_size > 0
    return _Seen(real, found) if is_file or stat.S_ISDIR(found.st_mode) else None


def _is_entered(entry: os.DirEntry[str], real: str, followed: set[str]) -> bool:
    """Each folder is entered by one symbolic link at most, so that links in circles end."""
    if entry.name in _SKIPPED_FOLDERS or real in followed:
        return False
    if entry.is_symlink():
        followed.add(real)
    return True


def _single(root: Root) -> Iterator[FoundFile]:
    try:
        found = root.path.stat(follow_symlinks=False)
    except OSError:
        return
    if stat.S_ISREG(found.st_mode):
        yield FoundFile(str(root.path), f"{root.label}/{root.path.name}", _identity(found), str(root.path))


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


def _is_skipped(name: str) -> bool:
    return name.startswith(".") or name.lower().endswith(_SKIPPED_SUFFIXES)


def _identity(found: os.stat_result) -> str:
    return f"{found.st_dev:x}-{found.st_ino:x}-{found.st_size:x}-{found.st_mtime_ns:x}-{found.st_ctime_ns:x}"
