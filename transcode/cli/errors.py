"""How commands end, and how they tell what went wrong: in one line that says what to do next."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import typer

FAILED, WRONGLY_CALLED, REFUSED, AGAIN = 1, 2, 3, 75

P = ParamSpec("P")


class UsageError(Exception):
    """The command was called in a way that makes no sense."""


class CommandError(Exception):
    """The command cannot do what it was asked to."""


class RefusedError(Exception):
    """What was made is not what was read; it is not kept."""


Told = Callable[[Exception], tuple[int, str] | None]
"""Exit code and line of an error; None for what should never happen, which deserves its traceback."""


def in_one_line(told: Told) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Make a command tell its errors in one line on standard error, and end with the exit code that fits."""

    def wrapped(command: Callable[P, None]) -> Callable[P, None]:
        @wraps(command)
        def run(*args: P.args, **kwargs: P.kwargs) -> None:
            try:
                command(*args, **kwargs)
            except BrokenPipeError:
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # who read us has had enough
                raise typer.Exit(FAILED) from None
            except Exception as error:
                found = told(error)
                if found is None:
                    raise
                typer.echo(f"medtiles: {' '.join(found[1].split())}", err=True)
                raise typer.Exit(found[0]) from error

        return run

    return wrapped


def of_the_system(error: Exception) -> tuple[int, str] | None:
    """What the system says; None for all other errors."""
    if isinstance(error, OSError):
        return FAILED, f"{error.filename}: {error.strerror}" if error.filename else str(error)
    return None


def _told(error: Exception) -> tuple[int, str] | None:
    from transcode.batch.errors import BatchError, StorageError  # noqa: PLC0415 - `--help` must not wait for them
    from transcode.errors import ArchiveError, TranscodeError  # noqa: PLC0415

    if isinstance(error, UsageError):
        return WRONGLY_CALLED, str(error)
    if isinstance(error, RefusedError):
        return REFUSED, str(error)
    if isinstance(error, StorageError):
        return AGAIN, f"{error}; make room, then call it again (a batch that had begun: with --resume)"
    if isinstance(error, CommandError | BatchError | ArchiveError | TranscodeError):
        return FAILED, str(error)
    return of_the_system(error)


told_in_one_line = in_one_line(_told)
