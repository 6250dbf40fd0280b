"""Logs as blocks of whole lines: files, globs, standard input; compressed or not; as they are, or as they grow."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import sys
import time
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import IO, cast

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from medtiles.hotspots.errors import HotspotsError

STDIN = "-"
BLOCK = 1 << 23
"""Bytes that are read at a time."""
LONGEST_LINE = 1 << 20
"""Longer ones are no lines of a log, and are dropped; each counts as one that cannot be read."""
_PART = 1 << 18
_WAIT = 0.5
_MAGIC = 6


def _zstandard(file: IO[bytes]) -> IO[bytes]:
    return cast("IO[bytes]", zstd.ZstdFile(file))


_OPENERS: dict[bytes, Callable[[IO[bytes]], IO[bytes]]] = {
    b"\x1f\x8b": lambda file: cast("IO[bytes]", gzip.GzipFile(fileobj=file)),
    b"BZh": lambda file: cast("IO[bytes]", bz2.BZ2File(file)),
    b"\xfd7zXZ\0": lambda file: cast("IO[bytes]", lzma.LZMAFile(file)),  # noqa: SIM115 - whoever opens it closes it
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
        matches = _matches(word)
        if not matches:
            message = f"{word}: there is no such log"
            raise HotspotsError(message)
        found.update(dict.fromkeys(matches))
    return list(found)


def _matches(word: str) -> list[str]:
    """The files of a glob, in the order of their names."""
    root = Path(word).anchor
    try:
        found = Path(root or ".").glob(word[len(root) :])
        return sorted(str(path) for path in found if path.is_file())
    except ValueError:
        return []


@contextmanager
def opened(name: str) -> Iterator[IO[bytes]]:
    """A log, unpacked by what it is and not by its name.

    :raises HotspotsError: it cannot be read
    """
    with ExitStack() as stack:
        try:
            plain = sys.stdin.buffer if name == STDIN else stack.enter_context(Path(name).open("rb"))
            file = plain if isinstance(plain, io.BufferedReader) else io.BufferedReader(cast("io.RawIOBase", plain))
            begins = file.peek(_MAGIC)[:_MAGIC]
        except OSError as error:
            message = f"{name}: {error.strerror or error}"
            raise HotspotsError(message) from error
        opener = next((opener for magic, opener in _OPENERS.items() if begins.startswith(magic)), None)
        yield file if opener is None else stack.enter_context(opener(file))


def blocks(name: str, size: int = BLOCK) -> Generator[tuple[bytes, int]]:
    """Whole lines of a log, and how many overlong ones were dropped among them.

    :raises HotspotsError: it cannot be read, or its compression is damaged; what came before has been given
    """
    with opened(name) as file:
        yield from _cut(name, file, size)


def first_block(name: str, size: int = 1 << 16) -> bytes:
    """The lines at the beginning of a log; none of an empty one.

    :raises HotspotsError: as `blocks`
    """
    with closing(blocks(name, size)) as found:
        return next(found, (b"", 0))[0]


def _cut(name: str, file: IO[bytes], size: int) -> Iterator[tuple[bytes, int]]:
    rest, is_dropping = b"", False
    for more, error in _pieces(name, file, size):
        if is_dropping:
            _, end, more = more.partition(b"\n")  # noqa: PLW2901 - the line's rest is dropped
            is_dropping = not end
        cut = more.rfind(b"\n") + 1
        if cut:
            yield rest + more[:cut], 0
        rest = more[cut:] if cut else rest + more
        if len(rest) > LONGEST_LINE:
            rest, is_dropping = b"", True
            yield b"", 1
        if error is not None:
            yield rest, 0
            raise error
    if rest:
        yield rest, 0


def _pieces(name: str, file: IO[bytes], size: int) -> Iterator[tuple[bytes, HotspotsError | None]]:
    """Bytes as they are unpacked, so many at a time; with the last ones, what is wrong with what follows."""
    read = cast("io.BufferedReader", file).read1
    parts: list[bytes] = []
    length = 0
    while True:
        try:
            part = read(min(_PART, size))
        except (OSError, EOFError, lzma.LZMAError, ValueError, zlib.error, zstd.ZstdError) as error:
            message = f"{name}: its compression is damaged or cut ({error}); what came before it was counted"
            yield b"".join(parts), HotspotsError(message)
            return
        parts.append(part)
        length += len(part)
        if not part or length >= size:
            yield b"".join(parts), None
            parts, length = [], 0
        if not part:
            return


def follow(name: str, *, is_over: Callable[[], bool], size: int = BLOCK) -> Iterator[tuple[bytes, int]]:
    """The same of a log that grows, for ever: what is there, then what comes, a new file where it was rotated away.

    An empty block comes whenever there is nothing new.

    :raises HotspotsError: it cannot be read, or is compressed
    """
    while not is_over():
        with opened(name) as file:
            if not isinstance(file, io.BufferedReader):
                message = f"{name}: a compressed log does not grow"
                raise HotspotsError(message)
            yield from _grown(name, file, is_over, size)
        if name == STDIN:
            return


def _grown(name: str, file: io.BufferedReader, is_over: Callable[[], bool], size: int) -> Iterator[tuple[bytes, int]]:
    """What is in a file and what comes into it, until it is rotated away."""
    rest = b""
    while not is_over():
        more = file.read1(size)
        cut = more.rfind(b"\n") + 1
        if cut:
            yield rest + more[:cut], 0
        rest = more[cut:] if cut else rest + more
        if len(rest) > LONGEST_LINE:
            yield b"", 1
            rest = b""
        if more:
            continue
        if name == STDIN or _is_rotated(name, file):
            return
        yield b"", 0
        time.sleep(_WAIT)


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
