"""How commands end: 0 done, 1 failed, 2 wrongly called; what went wrong as one line that says what to do next."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import typer

FAILED = 1
WRONGLY_CALLED = 2

P = ParamSpec("P")


class UsageError(Exception):
    """The command was called in a way that makes no sense."""


class CommandError(Exception):
    """The command cannot do what it was asked to."""


def told_in_one_line(command: Callable[P, None]) -> Callable[P, None]:
    """Make a command tell its errors in one line on standard error, and end with the exit code that fits."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # who read us has had enough
            raise typer.Exit(FAILED) from None
        except Exception as error:
            told = _told(error)
            if told is None:
                raise
            typer.echo(f"medtiles: {' '.join(told[1].split())}", err=True)
            raise typer.Exit(told[0]) from error

    return run


def _told(error: Exception) -> tuple[int, str] | None:
    """Exit code and line; None for what should never happen, which deserves its traceback."""
    from medtiles.app.errors import StartError  # noqa: PLC0415 - `medtiles --help` must not wait for them
    from medtiles.core.errors import MedTilesError  # noqa: PLC0415
    from medtiles.settings import SettingsError  # noqa: PLC0415
    from transcode.errors import TranscodeError  # noqa: PLC0415

    if isinstance(error, UsageError | SettingsError):
        return WRONGLY_CALLED, str(error)
    if isinstance(error, CommandError | StartError | MedTilesError | TranscodeError):
        return FAILED, str(error)
    if isinstance(error, OSError):
        return FAILED, f"{error.filename}: {error.strerror}" if error.filename else str(error)
    return None
