"""A policy with the encoders that there are: what becomes of an image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from transcode.archive import archive_encoders
from transcode.errors import PolicyError, UnsupportedEncodingError
from transcode.frames import PixelFormat
from transcode.policy import JPEG_SYNTAXES, Action, Decision, Facts, Policy


def chooser(policy: Policy) -> Callable[[Facts], Decision]:
    """The policy, held against what its targets can hold: an image that one refuses is copied.

    :raises PolicyError: it names a target that there is not
    """
    for target in sorted(policy.targets):
        try:
            archive_encoders().named(target)
        except UnsupportedEncodingError as error:
            message = f"policy: {error}"
            raise PolicyError(message) from error

    def choose(facts: Facts) -> Decision:
        decision = policy.choose(facts)
        if decision.action is not Action.ENCODE:
            return decision
        encoder = archive_encoders().named(decision.target)
        if facts.transfer_syntax in encoder.repacks:
            return decision
        reason = encoder.refusal(_as_read(facts), facts.width, facts.height)
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
