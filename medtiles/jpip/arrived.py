"""What a client has of the data-bins of a target, and how it says so to a server (ISO/IEC 15444-9 A.3, C.8.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from medtiles.jpip.errors import StreamError
from medtiles.jpip.messages import BinClass, Message

_LETTERS = {
    BinClass.MAIN_HEADER: "Hm",
    BinClass.TILE_HEADER: "H",
    BinClass.PRECINCT: "P",
    BinClass.TILE: "T",
    BinClass.METADATA: "M",
}
_LEAST_RUN = 3
"""Data-bins in a row that are told as a range; not every server reads those, so two are told one by one."""
_MOST_RUNS = 1000
"""Ranges of one request: servers bound how many they take."""
_MOST_EARLY = 64 << 20
"""Bytes that may have come before those that lie in front of them."""
_MOST_BINS = 1 << 22


@dataclass(slots=True)
class _Held:
    data: bytearray = field(default_factory=bytearray)
    end: int | None = None
    """The length of the data-bin, when it is known."""
    early: dict[int, bytes] = field(default_factory=dict)
    """By their offset: bytes that lie behind a gap."""

    @property
    def is_complete(self) -> bool:
        return self.end == len(self.data)


_NOTHING = _Held()


class Arrived:
    """Data-bins as far as they have come. Not safe for threads."""

    def __init__(self) -> None:
        self._held: dict[tuple[int, int], dict[int, _Held]] = {}
        self._early = 0
        self._count = 0
        self.nbytes = 0
        """Of all bodies, each byte counted once."""
        self.repeated = 0
        """Bytes that came again, though they were here."""

    def take(self, message: Message) -> int:
        """Note what a message brings; how many bytes of it are new.

        :raises StreamError: it contradicts one before, or too much lies behind gaps
        """
        bins = self._held.setdefault((message.codestream, message.bin_class & ~1), {})
        held = bins.get(message.bin_id)
        if held is None:
            held = bins[message.bin_id] = self._another()
        end = message.offset + len(message.body)
        if held.end is not None and (end > held.end or (message.is_last and end != held.end)):
            text = f"data-bin {message.bin_id} of class {message.bin_class} ends at {held.end}, not at {end}"
            raise StreamError(text)
        if message.is_last:
            held.end = end
        before = len(held.data)
        if message.offset > before:
            return self._take_early(held, message)
        self._append(held, message.offset, message.body)
        while held.early and (offset := min(held.early)) <= len(held.data):
            body = held.early.pop(offset)
            self._early -= len(body)
            self._append(held, offset, body)
        return len(held.data) - before

    def _another(self) -> _Held:
        self._count += 1
        if self._count > _MOST_BINS:
            text = f"more than {_MOST_BINS} data-bins of one target"
            raise StreamError(text)
        return _Held()

    def _append(self, held: _Held, offset: int, body: bytes) -> None:
        known = len(held.data) - offset
        self.repeated += min(known, len(body))
        held.data += body[known:]
        self.nbytes += max(0, len(body) - known)

    def _take_early(self, held: _Held, message: Message) -> int:
        self._early += len(message.body)
        if self._early > _MOST_EARLY:
            text = f"more than {_MOST_EARLY} bytes came before those that lie in front of them"
            raise StreamError(text)
        held.early[message.offset] = message.body
        return len(message.body)

    def data(self, stream: int, bin_class: int, bin_id: int) -> bytes:
        """What has come of a data-bin, from its beginning."""
        return bytes(self._of(stream, bin_class, bin_id).data)

    def metadata(self, number: int) -> bytes | None:
        """A metadata-bin; None: it has not all come."""
        found = self._of(0, BinClass.METADATA, number)
        return bytes(found.data) if found.is_complete else None

    def is_complete(self, stream: int, bin_class: int, bin_id: int) -> bool:
        """Whether all of a data-bin has come."""
        return self._of(stream, bin_class, bin_id).is_complete

    def has_any(self, stream: int, bin_class: int, bin_id: int) -> bool:
        """Whether something of a data-bin has come, or is known to be empty."""
        held = self._of(stream, bin_class, bin_id)
        return bool(held.data) or held.is_complete

    def _of(self, stream: int, bin_class: int, bin_id: int) -> _Held:
        return self._held.get((stream, bin_class), {}).get(bin_id, _NOTHING)

    def model(self, streams: Iterable[int]) -> str:
        """The value of `model=` that tells of these codestreams, and of the metadata; empty: nothing has come."""
        found: list[str] = []
        wanted = set(streams)
        for stream in sorted({stream for stream, _ in self._held}):
            own = list(self._descriptors(stream, is_wanted=stream in wanted))
            if own:
                found += own if stream == 0 and not found else [f"[{stream}]" + own[0], *own[1:]]
        return ",".join(found)

    def _descriptors(self, stream: int, *, is_wanted: bool) -> Iterator[str]:
        runs = 0
        for bin_class, letter in _LETTERS.items():
            if not is_wanted and bin_class is not BinClass.METADATA:
                continue
            bins = self._held.get((stream, bin_class), {})
            if bin_class is BinClass.MAIN_HEADER:
                yield from (letter + _amount(held) for held in bins.values() if held.data)
                continue
            for first, last in _runs(sorted(number for number, held in bins.items() if held.is_complete)):
                if last - first + 1 >= _LEAST_RUN and runs < _MOST_RUNS:
                    runs += 1
                    yield f"{letter}{first}-{last}"
                else:
                    yield from (f"{letter}{number}" for number in range(first, last + 1))
            for number, held in sorted(bins.items()):
                if held.data and not held.is_complete:
                    yield f"{letter}{number}{_amount(held)}"


def _amount(held: _Held) -> str:
    return "" if held.is_complete else f":{len(held.data)}"


def _runs(numbers: list[int]) -> Iterator[tuple[int, int]]:
    """First and last of each stretch without gaps."""
    start = 0
    for at in range(1, len(numbers) + 1):
        if at == len(numbers) or numbers[at] != numbers[at - 1] + 1:
            yield numbers[start], numbers[at - 1]
            start = at
