"""The policy that a command's options state: the default, a file on top of it, and single options on top of that."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

from transcode.choices import Colour, LossySources
from transcode.cli.errors import UsageError
from transcode.errors import PolicyError
from transcode.policy import Policy
from transcode.policy_file import policy_from


@dataclass(frozen=True, slots=True)
class PolicyOptions:
    """What the command line says of the policy."""

    file: Path | None = None
    colour: Colour | None = None
    lossy_sources: LossySources | None = None
    quality: int | None = None
    large_side: int | None = None


def policy_of(options: PolicyOptions) -> Policy:
    """The policy.

    :raises PolicyError: it cannot be followed
    :raises UsageError: the file is not there, or no TOML
    """
    policy = Policy()
    if options.file is not None:
        policy = _from_file(options.file)
    given = {
        name: value
        for name, value in (
            ("colour", options.colour),
            ("lossy_sources", options.lossy_sources),
            ("quality", options.quality),
            ("large_side", options.large_side),
        )
        if value is not None
    }
    return replace(policy, **given)  # type: ignore[arg-type]  # each is of its field's type


def _from_file(path: Path) -> Policy:
    try:
        with path.open("rb") as file:
            document = tomllib.load(file)
    except FileNotFoundError as error:
        message = f"there is no policy {path}"
        raise UsageError(message) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"{path}: {error}"
        raise PolicyError(message) from error
    try:
        return policy_from(document)
    except PolicyError as error:
        message = f"{path}: {error}"
        raise PolicyError(message) from error
