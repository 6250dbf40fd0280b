"""Where each item goes: the source's own tree, with the members of a container in a folder that has its name. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from transcode.batch.containers import safe_parts
from transcode.batch.model import Item

_GZIP = ".gz"


class Destinations:
    """Gives names out, none twice, and none that would lie below a file.

    A file that lies by itself keeps its place. A name from a container or of a file that is unpacked gives way: it gets
    a number. Names that differ in case alone count as one, because on some disks they are.
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        """Begin with names that are taken."""
        self._files: set[str] = set()
        self._folders: set[str] = set()
        for name in taken:
            self._take(tuple(name.split("/")))

    def keep(self, item: Item) -> str:
        """The place of a file that lies by itself: its own. To be asked of all such files before `give`."""
        self._take(tuple(item.path.split("/")))
        return item.path

    def give(self, item: Item) -> str:
        """A free place for an item from a container, or one that is unpacked on its way."""
        parts = _wanted(item)
        given: list[str] = []
        for index, part in enumerate(parts):
            is_last = index == len(parts) - 1
            number, free = 1, part
            while not self._is_free((*given, free), is_file=is_last):
                number += 1
                free = _numbered(part, number)
            given.append(free)
        self._take(tuple(given))
        return "/".join(given)

    def _is_free(self, parts: tuple[str, ...], *, is_file: bool) -> bool:
        key = _key(parts)
        return key not in self._files and not (is_file and key in self._folders)

    def _take(self, parts: tuple[str, ...]) -> None:
        self._files.add(_key(parts))
        for length in range(1, len(parts)):
            self._folders.add(_key(parts[:length]))


def is_unpacked(item: Item) -> bool:
    """Whether an item gets a name that is not the one it has."""
    return bool(item.member) or item.is_gzipped


def _wanted(item: Item) -> tuple[str, ...]:
    parts = (*item.path.split("/"), *(safe_parts(item.member) if item.member else ()))
    if item.is_gzipped and parts[-1].lower().endswith(_GZIP) and len(parts[-1]) > len(_GZIP):
        parts = (*parts[:-1], parts[-1][: -len(_GZIP)])
    return parts


def _key(parts: tuple[str, ...]) -> str:
    return "/".join(parts).casefold()


def _numbered(part: str, number: int) -> str:
    """`name~2.dcm`: the suffix stays."""
    suffix = PurePosixPath(part).suffix
    return f"{part.removesuffix(suffix)}~{number}{suffix}" if suffix else f"{part}~{number}"
