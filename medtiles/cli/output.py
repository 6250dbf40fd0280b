"""Files that commands write: whole or not at all, and never over an original."""

from __future__ import annotations

import io
import os
import sys
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np

from medtiles.cli.errors import CommandError, UsageError
from transcode.codec import Encoder
from transcode.codecs import builtin
from transcode.frames import Samples

SAMPLES = (".npy", ".raw")
"""Suffixes of samples with all their bits: a NumPy file, or rows of samples in native byte order and nothing else."""


def media_type(out: Path) -> str:
    """The media type that the suffix of a file means.

    :raises UsageError: none
    """
    codecs = builtin()
    suffix = {"jpg": "jpeg", "tif": "tiff"}.get(out.suffix.lower()[1:], out.suffix.lower()[1:])
    for codec in codecs:
        if codec.encoding.suffix == suffix or (suffix == "jpeg" and codec.encoding.name == "jpeg"):
            return codec.encoding.media_type
    known = ", ".join([*(f".{codec.encoding.suffix}" for codec in codecs if isinstance(codec, Encoder)), *SAMPLES])
    message = f"{out}: the suffix chooses the encoding; one of {known} is wanted, or --accept"
    raise UsageError(message)


def samples_file(samples: Samples, suffix: str) -> bytes:
    """Samples with all their bits.

    :param suffix: one of `SAMPLES`
    """
    samples = np.ascontiguousarray(samples)
    if suffix == ".raw":
        return samples.tobytes()
    file = io.BytesIO()
    np.save(file, samples, allow_pickle=False)
    return file.getvalue()


def require_writable(path: Path, originals: Iterable[Path], *, is_forced: bool) -> None:
    """Refuse what must not be written, before any work is done.

    :raises CommandError: it is an original, it exists, or its folder does not
    """
    if _is_standard(path):
        return
    if not path.parent.is_dir():
        message = f"there is no folder {path.parent}; make it first"
        raise CommandError(message)
    if not path.exists():
        return
    if path.is_dir():
        message = f"{path} is a folder; name a file"
        raise CommandError(message)
    if any(_is_same(path, original) for original in originals):
        message = f"{path} is the image itself; name another file"
        raise CommandError(message)
    if not is_forced:
        message = f"{path} exists; --force overwrites it"
        raise CommandError(message)


def write(path: Path, data: bytes, *, is_forced: bool) -> None:
    """Write under another name, then rename.

    :raises CommandError: the file has come into being meanwhile
    :raises OSError: it cannot be written
    """
    if _is_standard(path):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), 0o666 & ~_umask())
        _publish(Path(name), path, is_forced=is_forced)
    finally:
        with suppress(FileNotFoundError):
            Path(name).unlink()


def _publish(part: Path, path: Path, *, is_forced: bool) -> None:
    if is_forced:
        part.replace(path)
        return
    try:
        path.hardlink_to(part)  # unlike a rename, never over another file
    except FileExistsError as error:
        message = f"{path} exists; --force overwrites it"
        raise CommandError(message) from error
    except OSError:  # a file system without hard links
        part.replace(path)


def _is_standard(path: Path) -> bool:
    return str(path) == "-"


def _is_same(path: Path, original: Path) -> bool:
    try:
        return path.samefile(original)
    except OSError:
        return False


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
