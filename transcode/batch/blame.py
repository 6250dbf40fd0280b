"""Whose fault it is that two files cannot be compared: errors of the one leave it open, errors of the other decide."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from transcode.errors import FileChangedError, TranscodeError, UnsupportedEncodingError, UnsupportedPixelsError


class DifferentError(Exception):
    """The copy is not what its source is."""


class UnreadableError(Exception):
    """Whether the copy is what its source is cannot be said."""


@contextmanager
def blaming_source(where: str = "") -> Iterator[None]:
    """Run what reads the source.

    :raises UnreadableError: for every error of this package
    """
    try:
        yield
    except TranscodeError as error:
        message = f"the source: {where}{error}"
        raise UnreadableError(message) from error


@contextmanager
def blaming_copy(where: str = "") -> Iterator[None]:
    """Run what reads the copy.

    :raises DifferentError: it is damaged, so it is not what its source is
    :raises UnreadableError: nothing here reads it, or it changes meanwhile
    """
    try:
        yield
    except (UnsupportedEncodingError, UnsupportedPixelsError, FileChangedError) as error:
        message = f"the copy: {where}{error}"
        raise UnreadableError(message) from error
    except TranscodeError as error:
        message = f"the copy: {where}{error}"
        raise DifferentError(message) from error
