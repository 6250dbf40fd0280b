"""An item as a file that can be read at any offset: its own, or one that a member is unpacked to for a while.

Theory of operation. Files that lie by themselves are read where they are. A member of a zip is unpacked to a spool
file, which goes when it has been read. So is a member of a tar; where the tar is compressed, the whole of it is
unpacked once, by whoever comes first, and kept until the batch ends: it can only be read from its beginning, and
reading it anew for each of its members would take a time that grows with the square of their number.

What unpacks is bounded: by what is declared, and again by what comes.
"""

from __future__ import annotations

import bz2
import fcntl
import gzip
import hashlib
import lzma
import os
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Protocol

from transcode.batch.containers import unpacking
from transcode.batch.errors import ContainerError
from transcode.batch.model import Item

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class OpenLimits:
    """How much may come out of a container."""

    member: int = 16 << 30
    """Bytes of one member."""
    container: int = 1 << 40
    """Bytes of a whole tar, once uncompressed."""
    ratio: int = 200
    """Bytes for each stored one, beyond `free`: medical images shrink to a half or a tenth."""
    free: int = 256 << 20
    """Bytes that may come of however few."""


LIMITS = OpenLimits()


class _Readable(Protocol):
    def read(self, length: int = -1, /) -> bytes: ...


@contextmanager
def opened(root: Path, item: Item, spool: Path, limits: OpenLimits = LIMITS) -> Iterator[Path]:
    """The path of a file that holds the item's bytes, while the context lasts.

    :param root: of the source
    :param spool: a folder for what is unpacked; made when it is needed
    :raises ContainerError: it is damaged, or unpacks to more than the limits allow
    :raises OSError: what lies there cannot be read, or the spool cannot be written
    """
    place = root / item.path
    if not item.member and not item.is_gzipped:
        yield place
        return
    spool.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix="member-", dir=spool)
    unpacked = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as target:
            _unpack(place, item, spool, target, limits)
        yield unpacked
    finally:
        unpacked.unlink(missing_ok=True)


def _unpack(place: Path, item: Item, spool: Path, target: IO[bytes], limits: OpenLimits) -> None:
    if item.size > limits.member:
        raise _too_much(item.name, limits.member)
    with unpacking(f"{item.name}: cannot be unpacked"):
        if item.offset >= 0:
            _from_tar(place, item, spool, target, limits)
        elif item.member:
            _from_zip(place, item, target, limits)
        else:
            with gzip.open(place) as source:
                _pour(source, target, item.name, _bound(item.size, limits, limits.member))


def _from_zip(place: Path, item: Item, target: IO[bytes], limits: OpenLimits) -> None:
    stat = place.stat()
    archive = _zip(place, stat.st_ino, stat.st_size, stat.st_mtime_ns)
    try:
        info = archive.getinfo(item.member)
    except KeyError as error:
        message = f"{item.name}: it is no longer in its container"
        raise ContainerError(message) from error
    bound = _bound(info.compress_size, limits, limits.member)
    if info.file_size > bound:
        raise _too_much(item.name, bound)
    with archive.open(info) as source:
        _pour_member(source, target, item, bound, limits)


@lru_cache(maxsize=1)
def _zip(place: Path, _inode: int, _size: int, _modified: int) -> zipfile.ZipFile:
    """An open zip. The last one stays open: its directory may have a hundred thousand lines."""
    return zipfile.ZipFile(place)


def _from_tar(place: Path, item: Item, spool: Path, target: IO[bytes], limits: OpenLimits) -> None:
    with _plain_tar(place, spool, limits).open("rb") as source:
        source.seek(item.offset)
        _pour_member(_Slice(source, item.size, item.name), target, item, limits.member, limits)


def _pour_member(source: _Readable, target: IO[bytes], item: Item, bound: int, limits: OpenLimits) -> None:
    if not item.is_gzipped:
        _pour(source, target, item.name, bound)
        return
    with gzip.GzipFile(fileobj=source, mode="rb") as unpacked:  # type: ignore[call-overload]  # it only reads
        _pour(unpacked, target, item.name, _bound(item.size, limits, limits.member))


class _Slice:
    """A stretch of a file, to be read once, from its beginning."""

    def __init__(self, file: IO[bytes], length: int, name: str) -> None:
        self._file = file
        self._left = length
        self._name = name

    def read(self, length: int = -1) -> bytes:
        wanted = self._left if length < 0 else min(length, self._left)
        data = self._file.read(wanted)
        if len(data) < wanted:
            message = f"{self._name}: its container ends before it"
            raise ContainerError(message)
        self._left -= wanted
        return data


def _plain_tar(place: Path, spool: Path, limits: OpenLimits) -> Path:
    """The tar itself, or the file that it is uncompressed to; that is written by one process, while others wait."""
    if place.suffix.lower() == ".tar":
        return place
    stat = place.stat()
    key = hashlib.blake2b(f"{place}\0{stat.st_size}\0{stat.st_mtime_ns}".encode("utf-8", "surrogatepass"))
    plain = spool / f"tar-{key.hexdigest()[:24]}"
    if plain.exists():
        return plain
    with (spool / f"{plain.name}.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not plain.exists():
            growing = spool / f"{plain.name}.growing"
            with _uncompressed(place) as source, growing.open("wb") as target:
                _pour(source, target, place.name, _bound(stat.st_size, limits, limits.container))
            growing.rename(plain)
    return plain


def _uncompressed(place: Path) -> gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile:
    suffix = place.suffix.lower()
    if suffix in {".gz", ".tgz"}:
        return gzip.GzipFile(place)
    return lzma.LZMAFile(place) if suffix in {".xz", ".txz"} else bz2.BZ2File(place)


def _pour(source: _Readable, target: IO[bytes], name: str, bound: int) -> None:
    written = 0
    while data := source.read(_CHUNK):
        written += len(data)
        if written > bound:
            raise _too_much(name, bound)
        target.write(data)


def _bound(stored: int, limits: OpenLimits, most: int) -> int:
    """How many bytes may come of so many stored ones."""
    return min(most, max(limits.free, stored * limits.ratio))


def _too_much(name: str, bound: int) -> ContainerError:
    return ContainerError(f"{name}: unpacks to more than {bound} bytes")


def forget(spool: Path) -> None:
    """Remove what is in the spool, if there is one. Nobody may be reading from it."""
    _zip.cache_clear()
    if not spool.is_dir():
        return
    for path in spool.iterdir():
        path.unlink(missing_ok=True)
    spool.rmdir()
