"""Which transfer syntax a frame travels in. Pure: no IO.

Stored bytes come first, wherever the client accepts them. Then what loses nothing, in the client's order, or in that of
the policy where the client likes several alike. What loses something comes last, unless a quality asks for it, or the
policy picks it out of several that the client likes alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from medtiles.core.frames import AS_STORED, FrameRequest
from transcode.archive import archive_encoders
from transcode.codestream import Codestream, rpcl_faults
from transcode.errors import UnsupportedEncodingError
from transcode.policy import JPEG_SYNTAXES, Action, Facts, Policy
from transcode.targets import ArchiveEncoder

IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
NATIVE = frozenset({IMPLICIT, EXPLICIT, "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"})
_SYNTAX = "1.2.840.10008.1.2.4."
JPEG_BASELINE, JPEG_XL_OF_JPEG = f"{_SYNTAX}50", f"{_SYNTAX}111"
HTJ2K_LOSSLESS, HTJ2K_RPCL, HTJ2K_ANY = f"{_SYNTAX}201", f"{_SYNTAX}202", f"{_SYNTAX}203"
_HTJ2K = frozenset({HTJ2K_LOSSLESS, HTJ2K_RPCL, HTJ2K_ANY})
_WIDER = {"80": "81", "90": "91", "92": "93", "70": "57", "110": "112", "111": "112"}
"""Transfer syntaxes whose streams are streams of a wider one too (PS3.5 A.4)."""
_RANKING = ("80", "202", "201", "110", "90", "70", "57")
"""Without loss, the smallest first where it costs little to make or to read."""
DEFAULT_POLICY = Policy()


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to send a frame."""

    transfer_syntax: str
    encoder: ArchiveEncoder | None = None
    """None: the stored bytes are it, or native samples."""
    is_stored: bool = False
    is_lossless: bool = True


def names_of(transfer_syntax: str, codestream: Codestream | None = None) -> tuple[str, ...]:
    """The transfer syntaxes that stored frames are of, the most telling first.

    HTJ2K is judged by its codestream: files call it by one name what it is by another.
    """
    if transfer_syntax in NATIVE:
        return EXPLICIT, IMPLICIT
    if transfer_syntax in _HTJ2K and codestream is not None:
        return htj2k_names(transfer_syntax, is_rpcl=not rpcl_faults(codestream), is_reversible=codestream.is_reversible)
    wider = _WIDER.get(transfer_syntax.removeprefix(_SYNTAX))
    return (transfer_syntax, _SYNTAX + wider) if wider else (transfer_syntax,)


def htj2k_names(transfer_syntax: str, *, is_rpcl: bool, is_reversible: bool) -> tuple[str, ...]:
    """The same for HTJ2K, from what its codestream is."""
    if is_rpcl:
        return HTJ2K_RPCL, HTJ2K_LOSSLESS, HTJ2K_ANY
    if is_reversible and transfer_syntax != HTJ2K_ANY:
        return HTJ2K_LOSSLESS, HTJ2K_ANY
    return (HTJ2K_ANY,)


def preferred(facts: Facts, acceptable: Sequence[str], policy: Policy = DEFAULT_POLICY) -> tuple[str, ...]:
    """Transfer syntaxes that a client likes alike, in the order of the policy: its own choice, then by size."""
    wanted = _wanted(facts, policy)
    ranks = {wanted: -1, **{_SYNTAX + each: rank for rank, each in enumerate(_RANKING) if _SYNTAX + each != wanted}}
    ranks.setdefault(EXPLICIT, len(_RANKING))
    ranks.setdefault(IMPLICIT, len(_RANKING))
    return tuple(sorted(acceptable, key=lambda uid: ranks.get(uid, len(_RANKING) + 1)))


def choices(
    request: FrameRequest, names: Sequence[str], facts: Facts, policy: Policy = DEFAULT_POLICY
) -> Iterator[Choice]:
    """The ways to send a frame, best first; later ones are for when the samples do not fit after all.

    :param names: what the stored bytes are, by `names_of`
    :param facts: of the frame; `pixels` as it decodes
    """
    if request.quality is None and AS_STORED in request.accept:  # the common case, and the end of it
        yield Choice(names[0], is_stored=True)
        return
    accept = preferred(facts, request.accept, policy) if request.leaves_choice else request.accept
    asked = list(_recodings(accept, facts))
    lossy = [choice for choice in asked if not choice.is_lossless]
    if request.quality is not None and not _is_lossy_already(facts, accept):
        yield from lossy
    name = _stored_name(accept, names)
    if name is not None:
        yield Choice(name, is_stored=True)
    if request.leaves_choice:
        yield from (choice for choice in asked if choice.transfer_syntax == _wanted(facts, policy))
    yield from (choice for choice in asked if choice.is_lossless)
    yield from lossy


def _stored_name(accept: Sequence[str], names: Sequence[str]) -> str | None:
    """What the stored bytes are sent as; None when they are not accepted."""
    listed = [uid for uid in accept if uid in names]
    if AS_STORED in accept:
        return names[0]
    return listed[0] if listed else None


def _is_lossy_already(facts: Facts, accept: Sequence[str]) -> bool:
    """Whether it is a colour JPEG that the client reads: encoded again, it would only lose more."""
    is_accepted = facts.transfer_syntax in accept or AS_STORED in accept
    return facts.transfer_syntax in JPEG_SYNTAXES and facts.pixels.is_colour and is_accepted


def _wanted(facts: Facts, policy: Policy) -> str:
    decision = policy.choose(facts)
    if decision.action is Action.ENCODE or decision.target:
        return archive_encoders().named(decision.target).target.transfer_syntax
    return facts.transfer_syntax


def _recodings(accept: Sequence[str], facts: Facts) -> Iterator[Choice]:
    for uid in accept:
        if uid in {EXPLICIT, IMPLICIT}:
            yield Choice(uid)
        elif uid not in NATIVE:
            yield from _recoding(uid, facts)


def _recoding(uid: str, facts: Facts) -> Iterator[Choice]:
    try:
        encoder = archive_encoders().for_transfer_syntax(uid)
    except UnsupportedEncodingError:
        return
    if uid == JPEG_XL_OF_JPEG:
        if facts.transfer_syntax in JPEG_SYNTAXES:
            yield Choice(uid, encoder)
        return
    is_within = uid == JPEG_BASELINE and facts.transfer_syntax == JPEG_XL_OF_JPEG
    if is_within or encoder.refusal(facts.pixels, facts.width, facts.height) is None:
        yield Choice(uid, encoder, is_lossless=is_within or encoder.target.is_lossless)
