"""Logs as blocks of whole lines: files, globs, standard input; compressed or not; as they are, or as they grow."""

from __future__ import annotations

import bz2
import glob
import gzip
import io
import lzma
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import IO, BinaryIO, cast

from medtiles.hotspots.errors import HotspotsError

STDIN = "-"
BLOCK = 1 << 24
"""Bytes that are read at a time."""
LONGEST_LINE = 1 << 20
"""Longer ones are no lines of a log, and are dropped; each counts as one that cannot be read."""
_WAIT = 0.5
_MAGIC = 6


def _zstandard(file: IO[bytes]) -> IO[bytes]:
    import zstandard  # noqa: PLC0415 - only who has such logs needs it

    return cast("IO[bytes]", zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True))


_OPENERS: dict[bytes, Callable[[IO[bytes]], IO[bytes]]] = {
    b"\x1f\x8b": lambda file: cast("IO[bytes]", gzip.GzipFile(fileobj=file)),
    b"BZh": lambda file: cast("IO[bytes]", bz2.BZ2File(file)),
    b"\xfd7zXZ\0": lambda file: cast("IO[bytes]", lzma.LZMAFile(file)),
    b"\x28\xb5\x2f\xfd": _zstandard,
}
"""By how a file begins."""


def named(words: Sequence[str]) -> list[str]:
    """The files that words name, in their order, each once: paths, globs, and "-" for standard input.

    :raises HotspotsError: a word names nothing
    """
    found: dict[str, None] = {}
    for word in words:
        if word == STDIN or Path(word).is_file():
            found[word] = None
            continue
        matches = sorted(match for match in glob.glob(word, recursive=True) if Path(match).is_file())
        if not matches:
            message = f"{word}: there is no such log"
            raise HotspotsError(message)
        found.update(dict.fromkeys(matches))
    return list(found)


def opened(name: str) -> IO[bytes]:
    """A log, unpacked by what it is and not by its name.

    :raises HotspotsError: it cannot be read
    """
    try:
        file: BinaryIO | io.BufferedReader = sys.stdin.buffer if name == STDIN else Path(name).open("rb")
        buffered = file if isinstance(file, io.BufferedReader) else io.BufferedReader(cast("io.RawIOBase", file))
        begins = buffered.peek(_MAGIC)[:_MAGIC]
    except OSError as error:
        message = f"{name}: {error.strerror or error}"
        raise HotspotsError(message) from error
    opener = next((opener for magic, opener in _OPENERS.items() if begins.startswith(magic)), None)
    return buffered if opener is None else opener(buffered)


def blocks(name: str, size: int = BLOCK) -> Iterator[tuple[bytes, int]]:
    """Whole lines of a log, and how many overlong ones were dropped among them.

    :raises HotspotsError: it cannot be read, or its compression is damaged
    """
    with closing(opened(name)) as file:
        yield from _cut(name, file, size)


def _cut(name: str, file: IO[bytes], size: int) -> Iterator[tuple[bytes, int]]:
    rest, is_dropping = b"", False
    while True:
        try:
            more = file.read(size)
        except (OSError, EOFError, lzma.LZMAError, ValueError, _zstandard_error()) as error:
            if rest:
                yield rest, 0
            message = f"{name}: its compression is damaged or cut ({error}); what came before it was read"
            raise HotspotsError(message) from error
        if not more:
            break
        if is_dropping:
            _, end, more = more.partition(b"\n")
            is_dropping = not end
        cut = more.rfind(b"\n") + 1
        if cut:
            yield rest + more[:cut], 0
            rest = more[cut:]
        else:
            rest += more
        if len(rest) > LONGEST_LINE:
            rest, is_dropping = b"", True
            yield b"", 1
    if rest:
        yield rest, 0


def _zstandard_error() -> type[Exception]:
    module = sys.modules.get("zstandard")
    return cast("type[Exception]", module.ZstdError) if module is not None else ValueError


def follow(name: str, *, is_over: Callable[[], bool], size: int = BLOCK) -> Iterator[tuple[bytes, int]]:
    """The same of a log that grows, for ever: what is there, then what comes, a new file where it was rotated away.

    An empty block comes whenever there is nothing new.

    :raises HotspotsError: it cannot be read, or is compressed
    """
    file = opened(name)
    if not isinstance(file, io.BufferedReader):
        message = f"{name}: a compressed log does not grow"
        raise HotspotsError(message)
    rest = b""
    while not is_over():
        more = file.read1(size) if name == STDIN else file.read(size)
        if more:
            cut = more.rfind(b"\n") + 1
            if cut:
                yield rest + more[:cut], 0
            rest = more[cut:] if cut else rest + more
            if len(rest) > LONGEST_LINE:
                yield b"", 1
                rest = b""
            continue
        if name == STDIN:
            break
        yield b"", 0
        time.sleep(_WAIT)
        if _is_rotated(name, file):
            file.close()
            file = cast("io.BufferedReader", opened(name))
            rest = b""
    file.close()


def _is_rotated(name: str, file: io.BufferedReader) -> bool:
    """Whether another file has its name by now, or it was emptied."""
    try:
        there = Path(name).stat()
    except FileNotFoundError:
        return False
    here = os.fstat(file.fileno())
    return not os.path.samestat(there, here) or there.st_size < file.tell()


def first_lines(block: bytes, most: int = 200) -> list[str]:
    """Some lines, to see of what form they are."""
    return [line.decode("utf-8", "replace").rstrip("\r") for line in block.split(b"\n", most)[:most] if line.strip()]


def total_bytes(names: Iterable[str]) -> int | None:
    """Bytes of all of them as they lie there, for progress; None where that is not known."""
    try:
        return sum(Path(name).stat().st_size for name in names if name != STDIN) or None
    except OSError:
        return None
