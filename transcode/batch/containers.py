"""What lies in zip, tar and gzip files: members as items, and names from within them that may be used as paths.

A zip is read by its directory. A tar is walked once, through its compression; where a member's bytes begin is noted, so
that nothing has to walk again. Only regular files with bytes of their own are items.
"""

from __future__ import annotations

import errno
import gzip
import lzma
import re
import struct
import tarfile as tarlib
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from transcode.batch.errors import ContainerError
from transcode.batch.model import Item
from transcode.dicom.recognition import looks_like_dicom

TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".tbz")
_ZIP_SUFFIX = ".zip"
_GZIP_SUFFIX = ".gz"
_ENDS = frozenset({"EmptyHeaderError", "EOFHeaderError"})
"""Of the tar library's errors: what it says at the end of a tar."""
_GZIPPED_DICOM = (".dcm.gz", ".dicom.gz", ".ima.gz")
_HEAD = 132
MOST_MEMBERS = 1_000_000
"""Of one container."""
_LONGEST = 200
"""Bytes of one part of a path, so that a number and the name of a temporary file still fit into 255."""
_UNSAFE = re.compile(r"[\x00-\x1f\x7f]")
_DRIVE = re.compile(r"[A-Za-z]:")
_DAMAGE = (
    tarlib.TarError,
    zipfile.BadZipFile,
    lzma.LZMAError,
    zlib.error,
    struct.error,
    EOFError,
    LookupError,
    TypeError,
    NotImplementedError,  # zipfile: a compression that it lacks
    RuntimeError,  # zipfile: encrypted
    ValueError,
    OverflowError,
)
"""What the libraries raise on damaged containers."""

_DAMAGE_ERRNOS = frozenset({None, errno.EINVAL})
"""Of an OSError that is about what is in a file: gzip and bzip2 raise such without a number."""

Tell = Callable[[str, str], None]
"""Takes the name of an item, and what is wrong with it."""


@contextmanager
def unpacking(what: str) -> Iterator[None]:
    """Turn what the libraries raise on damage into our error.

    :raises ContainerError: beginning with `what`
    """
    try:
        yield
    except _DAMAGE as error:
        raise ContainerError(f"{what}: {error}" if str(error) else what) from error
    except OSError as error:
        if error.errno not in _DAMAGE_ERRNOS:
            raise
        raise ContainerError(f"{what}: {error}") from error


def is_container(path: Path) -> bool:
    """Whether a file is one whose members are items: by its name."""
    return path.name.lower().endswith((_ZIP_SUFFIX, *TAR_SUFFIXES))


def is_gzipped_dicom(path: Path) -> bool:
    """Whether a file is a gzip stream of a DICOM file.

    :raises OSError: it cannot be read
    """
    if not path.name.lower().endswith(_GZIP_SUFFIX):
        return False
    try:
        with unpacking(path.name), gzip.open(path) as file:
            return looks_like_dicom(file.read(_HEAD))
    except ContainerError:
        return False


def members(base: Path, path: str, tell: Tell) -> Iterator[Item]:
    """The files in a container, in the order of its directory.

    :param path: of the container, below `base`
    :param tell: told about members that are no items
    :raises ContainerError: it cannot be read
    :raises OSError: the file cannot be read
    """
    listing = _of_zip if path.lower().endswith(_ZIP_SUFFIX) else _of_tar
    found: dict[str, Item] = {}
    with unpacking("damaged"):
        for item in listing(base / path, path, tell):
            if found.pop(item.member, None):
                tell(item.name, "stands in its container twice: the last one counts")
            found[item.member] = item
            if len(found) > MOST_MEMBERS:
                message = f"more than {MOST_MEMBERS} members"
                raise ContainerError(message)
    yield from found.values()


def _of_zip(place: Path, path: str, tell: Tell) -> Iterator[Item]:
    with zipfile.ZipFile(place) as archive:
        for info in archive.infolist():
            item = Item(path, info.filename, info.file_size, is_gzipped=_is_gzipped_name(info.filename))
            if info.is_dir():
                continue
            if info.flag_bits & 1:
                tell(item.name, "encrypted")
                continue
            yield item


def _of_tar(place: Path, path: str, tell: Tell) -> Iterator[Item]:
    with tarlib.open(place, "r|*", tarinfo=_StrictHeader) as archive:
        for info in archive:
            name = info.name
            if info.isdir():
                continue
            if not info.isreg() or info.issparse():
                tell(f"{path}!{name}", "no regular file")
                continue
            yield Item(path, name, info.size, is_gzipped=_is_gzipped_name(name), offset=info.offset_data)
            archive.members.clear()  # type: ignore[attr-defined]  # a tar of a million files must not be kept in memory


def _is_gzipped_name(name: str) -> bool:
    """A member is not opened for a look: it is unpacked if its name says that DICOM is in it."""
    return name.lower().endswith(_GZIPPED_DICOM)


class _StrictHeader(tarlib.TarInfo):
    """A header of a tar. The library takes a damaged one for the end; here it is an error."""

    @classmethod
    def fromtarfile(cls, tarfile: tarlib.TarFile) -> Self:
        """The next header.

        :raises ReadError: it is damaged
        """
        try:
            return super().fromtarfile(tarfile)
        except tarlib.HeaderError as error:
            if type(error).__name__ in _ENDS:
                raise
            raise tarlib.ReadError(str(error)) from error


def safe_parts(name: str) -> tuple[str, ...]:
    """A name from within a container as parts of a path: below where it is put, whatever it says.

    Never empty, never with a part that is empty, a dot or two, a drive, or begins as names of our own do.
    """
    parts = [_UNSAFE.sub("_", part) for part in re.split(r"[/\\]", name)]
    if parts and _DRIVE.match(parts[0]):
        parts[0] = parts[0][2:]
    kept = [_short(part) for part in parts if part.strip(" .") or (part and set(part) - {"."})]
    return tuple(f"_{part}" if part.startswith((".part-", ".transcode")) else part for part in kept) or ("_",)


def _short(part: str) -> str:
    """At most as long as a file's name may be; the suffix stays."""
    encoded = part.encode("utf-8", "surrogatepass")
    if len(encoded) <= _LONGEST:
        return part
    suffix = Path(part).suffix if len(Path(part).suffix.encode("utf-8", "surrogatepass")) <= 16 else ""
    room = _LONGEST - len(suffix.encode("utf-8", "surrogatepass"))
    return encoded[:room].decode("utf-8", "ignore") + suffix
