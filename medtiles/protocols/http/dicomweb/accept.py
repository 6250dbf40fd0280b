"""What a client accepts (RFC 9110 12.5.1, PS3.18 8.7): the header `Accept`, or the parameter `accept`. Pure.

Clients write `multipart/related; type=application/octet-stream; transfer-syntax=*` with quotes and without, several
ranges with quality values, and in any case of letters; all of it is read here, once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from medtiles.core.errors import BadRequestError

MULTIPART = "multipart/related"
ANY = "*/*"
_MOST_BYTES = 8192
_MOST_RANGES = 64
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_TYPE = re.compile(rf"\s*({_TOKEN}/{_TOKEN})", re.ASCII)
_PARAMETER = re.compile(rf"\s*;\s*(?:({_TOKEN})\s*=\s*({_QUOTED}|[^\s;,\"]+))?", re.ASCII)
_COMMAS = re.compile(r"\s*(?:,\s*)+", re.ASCII)
_QUALITY = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class MediaRange:
    """One thing that a client accepts."""

    media_type: str
    """In lower case; may be `*/*` or `image/*`. Of multipart: that of the parts (the parameter `type`)."""
    is_multipart: bool = False
    transfer_syntax: str = ""
    """A UID, or `*`; empty when the client does not say."""
    charset: str = ""
    quality: float = 1.0
    """0: not acceptable."""

    @property
    def is_anything(self) -> bool:
        """Whether it is `*/*` by itself."""
        return self.media_type == ANY and not self.is_multipart

    def covers(self, offer: Offer) -> bool:
        """Whether an answer is of this range."""
        if self.is_anything:
            return True
        has_form = self.is_multipart == offer.is_multipart
        has_syntax = self.transfer_syntax in {"", "*"} or self.transfer_syntax == offer.transfer_syntax
        return has_form and has_syntax and _covers(self.media_type, offer.media_type)

    def precision(self) -> tuple[int, bool]:
        """Larger for ranges that say more: they decide over those that say less."""
        named = 0 if self.media_type == ANY else 1 if self.media_type.endswith("/*") else 2
        return named + self.is_multipart, self.transfer_syntax not in {"", "*"}


@dataclass(frozen=True, slots=True)
class Offer:
    """One form in which an answer can be given."""

    media_type: str
    """Of multipart: that of its parts."""
    is_multipart: bool = False
    transfer_syntax: str = ""


def read_accept(header: str, parameter: str | None = None) -> tuple[MediaRange, ...]:
    """What a client accepts, best first; anything at all when it does not say.

    :param parameter: the value of `accept` in the query string, where there is one: then the header does not count
    :raises BadRequestError: it is no list of media types, or absurdly long
    """
    text = header if parameter is None else _mended(parameter)
    if not text.strip():
        return (MediaRange(ANY),)
    if len(text) > _MOST_BYTES:
        raise _unreadable()
    ranges = _ranges(text)
    return tuple(sorted(ranges, key=lambda each: -each.quality))


def choose(ranges: Sequence[MediaRange], offers: Sequence[Offer]) -> Offer | None:
    """The offer that the client likes best; among equals the one that either names first, the client before us.

    None: nothing is acceptable, which is status 406.
    """
    best: tuple[float, int, int] | None = None
    for place, offer in enumerate(offers):
        covering = [(each.precision(), -index) for index, each in enumerate(ranges) if each.covers(offer)]
        if not covering:
            continue
        index = -max(covering)[1]
        if ranges[index].quality > 0:
            rank = (-ranges[index].quality, index, place)
            best = rank if best is None else min(best, rank)
    return None if best is None else offers[best[2]]


def _covers(pattern: str, media_type: str) -> bool:
    if pattern in {ANY, media_type}:
        return True
    return pattern.endswith("/*") and media_type.startswith(pattern[:-1])


def _mended(parameter: str) -> str:
    """`application/dicom+json` in an address, its plus sign read as the space that forms mean by it."""
    return re.sub(r"(?<=[A-Za-z]) (?=(?:json|xml)\b)", "+", parameter)


def _ranges(text: str) -> list[MediaRange]:
    found: list[MediaRange] = []
    position = _skip_commas(text, 0)
    while position < len(text):
        made, position = _range(text, position)
        found.append(made)
        after = _skip_commas(text, position)
        if len(found) > _MOST_RANGES or (after == position and position < len(text)):
            raise _unreadable()
        position = after
    return found or [MediaRange(ANY)]


def _skip_commas(text: str, position: int) -> int:
    match = _COMMAS.match(text, position)
    if match is not None:
        return match.end()
    return len(text) if not text[position:].strip() else position


def _range(text: str, position: int) -> tuple[MediaRange, int]:
    match = _TYPE.match(text, position)
    if match is None:
        raise _unreadable()
    media_type, position = match[1].lower(), match.end()
    said: dict[str, str] = {}
    while (parameter := _PARAMETER.match(text, position)) is not None:
        position = parameter.end()
        if parameter[1] is not None:
            said.setdefault(parameter[1].lower(), _unquoted(parameter[2]))
    is_multipart = media_type == MULTIPART
    made = MediaRange(
        said.get("type", ANY).strip().lower() if is_multipart else media_type,
        is_multipart,
        said.get("transfer-syntax", "").strip(),
        said.get("charset", "").strip().lower(),
        _quality(said.get("q", "1")),
    )
    return made, position


def _unquoted(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value


def _quality(text: str) -> float:
    if _QUALITY.fullmatch(text) is None:
        message = "a quality value of Accept must be a number from 0 to 1 with at most three decimals"
        raise BadRequestError(message)
    return float(text)


def _unreadable() -> BadRequestError:
    return BadRequestError("Accept is not a list of media types, or has more than 64 of them")
