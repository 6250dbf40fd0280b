"""The policy that a command's options state: the default, a file on top of it, and single options on top of that."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from transcode.archive import archive_encoders
from transcode.cli.errors import UsageError
from transcode.errors import PolicyError, UnsupportedEncodingError
from transcode.frames import PixelFormat
from transcode.policy import JPEG_SYNTAXES, Action, Colour, Decision, Facts, LossySources, Policy
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
    policy = replace(policy, **given)  # type: ignore[arg-type]  # each is of its field's type
    for target in sorted(policy.targets):
        try:
            archive_encoders().named(target)
        except UnsupportedEncodingError as error:
            message = f"policy: {error}"
            raise PolicyError(message) from error
    return policy


def chooser(policy: Policy) -> Callable[[Facts], Decision]:
    """The policy, held against what its targets can hold: an image that one refuses is copied."""

    def choose(facts: Facts) -> Decision:
        decision = policy.choose(facts)
        if decision.action is not Action.ENCODE:
            return decision
        reason = archive_encoders().named(decision.target).refusal(_as_read(facts), facts.width, facts.height)
        if reason is None:
            return decision
        return Decision(Action.COPY, decision.rule, f"{decision.target} cannot hold {reason}")

    return choose


_DECODED_AS_RGB = frozenset({"YBR_RCT", "YBR_ICT", "XYB"})


def _as_read(facts: Facts) -> PixelFormat:
    """The format in which decoded frames come: see `InstanceReader.read_frame` and the codecs."""
    photometric = facts.pixels.photometric
    if photometric in _DECODED_AS_RGB or (photometric.startswith("YBR") and facts.transfer_syntax in JPEG_SYNTAXES):
        return replace(facts.pixels, photometric="RGB")
    if photometric == "YBR_FULL_422":
        return replace(facts.pixels, photometric="YBR_FULL")
    return facts.pixels


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
