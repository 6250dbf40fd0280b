"""What a client has of the data-bins: the cache model (ISO/IEC 15444-9 C.8.1), and the bins that it needs (C.8.2).

Descriptors that stand for many data-bins are kept as rules and never written out: `P0-99999999` costs as much as `P0`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from medtiles.jpip import fields
from medtiles.jpip.errors import FieldError
from medtiles.jpip.fields import Range
from medtiles.jpip.messages import BinClass

COMPLETE = 1 << 62
"""Held to the last byte, however many those are."""
_MOST_RULES = 1024
"""Descriptors of several data-bins, of one model: each is looked at for each data-bin that is sent."""
_MOST_STREAMS = 64
"""Ranges of codestreams that one descriptor is of."""
_ITEM = re.compile(
    r"(?P<minus>-?)(?:(?P<class>Hm|Ht?|P|T|M)(?P<ids>\*|[0-9]+(?:-[0-9]*)?)?|(?P<implicit>(?:[tcrp](?:\*|[0-9]+(?:-[0-9]*)?))+))"
    r"(?::(?:(?P<layers>L[0-9]+)|(?P<bytes>[0-9]+)))?",
    re.ASCII,
)
_PLACE = re.compile(r"([tcrp])(\*|[0-9]+(?:-[0-9]*)?)", re.ASCII)
_CLASSES = {
    "Hm": BinClass.MAIN_HEADER,
    "H": BinClass.TILE_HEADER,
    "Ht": BinClass.TILE_HEADER,
    "P": BinClass.PRECINCT,
    "T": BinClass.TILE,
    "M": BinClass.METADATA,
}
_ALL = Range(0, None)


class Place(NamedTuple):
    """Where a precinct is: what implicit descriptors speak of."""

    tile: int
    component: int
    j2k_resolution: int
    number: int
    """Within the resolution of the tile-component, row after row."""


@dataclass(frozen=True, slots=True)
class _Rule:
    streams: tuple[Range, ...]
    bin_class: int
    ids: Range
    place: tuple[Range, Range, Range, Range] | None
    """Of an implicit descriptor: tiles, components, resolutions, precincts."""
    held: int
    is_less: bool
    """Whether the client says that it has less."""

    def speaks_of(self, stream: int, bin_class: int, bin_id: int, place: Place | None) -> bool:
        """Whether a data-bin is one of those that are meant."""
        if bin_class != self.bin_class or not _is_in(bin_id, self.ids):
            return False
        if self.place is not None and (place is None or not all(map(_is_in, place, self.place))):
            return False
        return any(_is_in(stream, span) for span in self.streams)


class CacheModel:
    """Bytes that are held of each data-bin, from its beginning. Not safe for threads.

    A number below zero counts quality layers instead: who knows where they end makes bytes of them.
    """

    FIRST = (Range(0, 0),)
    """The codestreams that are meant where nothing is said."""

    def __init__(self) -> None:
        self._held: dict[tuple[int, int], dict[int, int]] = {}
        self._rules: list[_Rule] = []
        self._since: dict[tuple[int, int, int], int] = {}
        """For data-bins that were noted when there were rules already: how many, which say nothing of them any more."""

    def __len__(self) -> int:
        """Data-bins that are spoken of one by one."""
        return sum(map(len, self._held.values()))

    def held(self, stream: int, bin_class: int, bin_id: int, place: Place | None = None) -> int:
        """What is held of a data-bin.

        :param place: of a precinct
        """
        value = self._held.get((stream, bin_class), _NOTHING).get(bin_id, 0)
        if not self._rules:
            return value
        for rule in self._rules[self._since.get((stream, bin_class, bin_id), 0) :]:
            if rule.speaks_of(stream, bin_class, bin_id, place):
                value = _less(value, rule.held) if rule.is_less else _more(value, rule.held)
        return value

    def note(self, stream: int, bin_class: int, bin_id: int, held: int) -> None:
        """So much of a data-bin is held from now on."""
        self._held.setdefault((stream, bin_class), {})[bin_id] = held
        if self._rules:
            self._since[stream, bin_class, bin_id] = len(self._rules)

    def keep(self, streams: frozenset[int]) -> None:
        """Forget what was noted of other codestreams; metadata are of none."""
        kept = {key: bins for key, bins in self._held.items() if key[0] in streams or key[1] == BinClass.METADATA}
        self._since = {key: count for key, count in self._since.items() if key[:2] in kept}
        self._held = kept

    def update(self, field: str, text: str, streams: tuple[Range, ...] = FIRST) -> None:
        """Take what a client says: `model`, or `need`, where what is needed counts as held.

        :param streams: the codestreams that are meant where it names none
        :raises FieldError: naming the descriptor that is malformed
        """
        at = 0
        while at < len(text):
            if text[at] == "[":
                end = text.find("]", at)
                if end < 0:
                    raise FieldError(f"{field}: [ without ]")
                items = text[at + 1 : end].split(";", _MOST_STREAMS)
                if len(items) > _MOST_STREAMS:
                    raise FieldError(f"{field}: more than {_MOST_STREAMS} ranges of codestreams between [ and ]")
                streams = tuple(fields.span(field, item) for item in items)
                at = end + 1
            else:
                found = _ITEM.match(text, at)
                if found is None or text[found.end() : found.end() + 1] not in {"", ","}:
                    raise FieldError(f"{field}: {text[at : at + 40]!r} is no descriptor of data-bins")
                self._take(_rule(field, found, streams), field)
                at = found.end()
            at += text[at : at + 1] == ","

    def _take(self, rule: _Rule, field: str) -> None:
        one = rule.streams[0]
        is_single = rule.place is None and rule.ids.first == rule.ids.last
        if is_single and len(rule.streams) == 1 and one.first == one.last:
            before = self.held(one.first, rule.bin_class, rule.ids.first)
            value = _less(before, rule.held) if rule.is_less else _more(before, rule.held)
            self.note(one.first, rule.bin_class, rule.ids.first, value)
            return
        if len(self._rules) >= _MOST_RULES:
            raise FieldError(f"{field}: more than {_MOST_RULES} descriptors of several data-bins")
        self._rules.append(rule)


class TilePartModel:
    """Tile-parts that a client has (`tpmodel`) or needs (`tpneed`): tiles and their parts, from 0."""

    def __init__(self, field: str, text: str) -> None:
        """Read a list of `t.p` and `t.p-t.p`, a star for any, a minus for those that it has no more.

        :raises FieldError: naming the item that is malformed
        """
        self._rules: list[tuple[bool, tuple[Range, Range]]] = []
        for item in fields.items(field, text):
            plain = item.removeprefix("-")
            first, dash, last = plain.partition("-")
            tiles, parts = self._pair(field, first)
            if dash:
                last_tiles, last_parts = self._pair(field, last)
                tiles, parts = Range(tiles.first, last_tiles.last), Range(parts.first, last_parts.last)
            self._rules.append((item is not plain, (tiles, parts)))

    def __contains__(self, part: tuple[int, int]) -> bool:
        """Whether a tile's part is among them."""
        is_in = False
        for is_less, (tiles, parts) in self._rules:
            if _is_in(part[0], tiles) and _is_in(part[1], parts):
                is_in = not is_less
        return is_in

    @staticmethod
    def _pair(field: str, text: str) -> tuple[Range, Range]:
        tile, dot, part = text.partition(".")
        if not dot:
            raise FieldError(f"{field}: {text[:40]!r} is no tile-part, as 3.0 is one")
        return _span(field, tile), _span(field, part)


_NOTHING: dict[int, int] = {}


def _rule(field: str, found: re.Match[str], streams: tuple[Range, ...]) -> _Rule:
    said = found["layers"] or found["bytes"]
    value = (
        COMPLETE if said is None else -fields.number(field, said[1:]) if said[0] == "L" else fields.number(field, said)
    )
    if found["implicit"]:
        place = {"t": _ALL, "c": _ALL, "r": _ALL, "p": _ALL}
        place.update((letter, _span(field, ids)) for letter, ids in _PLACE.findall(found["implicit"]))
        ranges = (place["t"], place["c"], place["r"], place["p"])
        return _Rule(streams, BinClass.PRECINCT, _ALL, ranges, value, bool(found["minus"]))
    kind, ids = found["class"], found["ids"]
    if (ids is None) != (kind == "Hm"):
        raise FieldError(
            f"{field}: {found[0]!r} names no data-bin" if ids is None else f"{field}: {found[0]!r}: there is one"
        )
    span = Range(0, 0) if ids is None else _span(field, ids)
    return _Rule(streams, _CLASSES[kind], span, None, value, bool(found["minus"]))


def _span(field: str, text: str) -> Range:
    return _ALL if text == "*" else fields.span(field, text)


def _is_in(number: int, span: Range) -> bool:
    return number >= span.first and (span.last is None or number <= span.last)


def _more(before: int, said: int) -> int:
    """Bytes and layers cannot be compared: what was said last counts, but nothing is more than all."""
    if COMPLETE in {before, said}:
        return COMPLETE
    if before >= 0 and said >= 0:
        return max(before, said)
    return min(before, said) if before <= 0 and said <= 0 else said


def _less(before: int, said: int) -> int:
    """`-P3`: nothing of it is held any more; `-P3:100`: no more than 100 bytes, `-P3:L2` no more than two layers."""
    if said == COMPLETE:
        return 0
    if before == 0 or ((before > 0) == (said > 0) and abs(before) < abs(said)):
        return before
    return said
