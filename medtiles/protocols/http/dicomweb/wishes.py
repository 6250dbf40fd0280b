"""What a client wants frames as: media ranges of Accept → transfer syntaxes to ask for, and what the answer is called.

Pure. PS3.18 8.7.3.3 and 8.7.4 decide where a client says little: bytes without a transfer syntax are Explicit VR Little
Endian. `transfer-syntax=*` means as stored. A bare type is a single part; where a client takes either, several parts
are sent, because a client can tell a whole multipart body from one that is cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from medtiles.core.frames import AS_STORED
from medtiles.protocols.http.dicomweb.accept import ANY, MULTIPART, MediaRange, Offer, choose
from medtiles.protocols.http.dicomweb.syntaxes import (
    EXPLICIT,
    FAMILIES,
    LOSSLESS,
    OCTETS,
    is_encapsulated,
    media_type_of,
)

_ANY_PICTURE = "image/*"
_MOST_ASKS = 8


@dataclass(frozen=True, slots=True)
class Ask:
    """What to ask for at one time: transfer syntaxes that the client likes alike."""

    accept: tuple[str, ...]
    leaves_choice: bool = False
    """Whether the client named several."""


@dataclass(frozen=True, slots=True)
class Label:
    """What an answer is called."""

    media_type: str
    """With the transfer syntax; of multipart: that of the part."""
    is_multipart: bool


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a client wants, best first."""

    ranges: tuple[MediaRange, ...]
    stored: str
    """The transfer syntax that the instance is stored in."""
    only: tuple[str, ...] = ()
    """The transfer syntaxes that the address stands for; empty: any."""

    def asks(self) -> tuple[Ask, ...]:
        """What to ask for, one after the other until something can be had; empty: nothing ever fits."""
        found: list[Ask] = []
        likely = [each for each in self.ranges if each.quality > 0]
        for _, group in groupby(likely, key=lambda each: each.quality):
            alike = list(group)
            accept = tuple(dict.fromkeys(uid for each in alike for uid in self._syntaxes(each)))
            has_choice = len(alike) > 1 or any(each.media_type == _ANY_PICTURE for each in alike)
            if accept:
                found.append(Ask(accept, has_choice and len(accept) > 1))
            if not self.only and any(_is_vague(each) for each in alike):
                found.append(Ask((AS_STORED,)))
        return tuple(found[:_MOST_ASKS])

    def label(self, uid: str, frames: int = 1) -> Label | None:
        """What frames of a transfer syntax are called for this client; None: it does not want them.

        :param frames: how many go into the answer: more than one make several parts
        """
        for each in self.ranges:
            if each.quality <= 0 or not self._is_meant(each, uid):
                continue
            is_multipart = each.is_multipart or each.is_anything
            if frames > 1 and not is_multipart:
                continue
            name = media_type_of(uid) if each.media_type in {ANY, _ANY_PICTURE} else each.media_type
            if choose(self.ranges, [Offer(name, is_multipart, uid)]) is not None:
                return Label(f"{name}; transfer-syntax={uid}", is_multipart)
        return None

    def refusal(self) -> str:
        """What there is, for a client that none of it suits."""
        stored = f"{media_type_of(self.stored)}; transfer-syntax={self.stored}"
        if self.only:
            kinds = ", ".join(f"{media_type_of(uid)}; transfer-syntax={uid}" for uid in self.only)
        else:
            others = [uid for uid in (EXPLICIT, *LOSSLESS) if uid != self.stored]
            kinds = ", ".join((stored, *(f"{media_type_of(uid)}; transfer-syntax={uid}" for uid in others)))
        return (
            f"nothing that Accept names can be had. There is, where samples fit, each alone or as {MULTIPART} "
            f"(several frames: only so), also as {OCTETS}: {kinds}. It is stored as {stored}"
        )

    def _is_meant(self, each: MediaRange, uid: str) -> bool:
        syntaxes = self._syntaxes(each)
        return uid in syntaxes or AS_STORED in syntaxes or (_is_vague(each) and not self.only)

    def _syntaxes(self, each: MediaRange) -> tuple[str, ...]:
        named = each.transfer_syntax
        known = self._known(each.media_type)
        if self.only:
            known = tuple(uid for uid in self.only if known == (AS_STORED,) or uid in known)
            return known if named in {"", "*"} else tuple(uid for uid in known if uid == named)
        if named in {"", "*"}:
            is_default = not named and each.media_type in {OCTETS, ANY}
            return (EXPLICIT,) if is_default else known
        return (named,) if known == (AS_STORED,) or each.media_type == _ANY_PICTURE or named in known else ()

    def _known(self, media_type: str) -> tuple[str, ...]:
        """The transfer syntaxes that a media type may stand for."""
        if media_type in {OCTETS, ANY}:
            return (AS_STORED,)
        if media_type == _ANY_PICTURE:
            stored = (self.stored,) if is_encapsulated(self.stored) else ()
            return tuple(dict.fromkeys((*stored, *LOSSLESS, *self.only)))
        return FAMILIES.get(media_type, ())


def wishes_of(ranges: Sequence[MediaRange], stored: str, only: tuple[str, ...] = ()) -> Wishes:
    """What a client wants of an instance that is stored in this transfer syntax."""
    return Wishes(tuple(ranges), stored, only)


def _is_vague(each: MediaRange) -> bool:
    """Whether a range says nothing at all: then anything will do."""
    return each.media_type == ANY and not each.transfer_syntax
