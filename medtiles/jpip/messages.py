"""Messages of the JPP- and JPT-stream: pieces of data-bins, each behind a header (ISO/IEC 15444-9 Annex A).

A header names the data-bin, and leaves its class and its codestream out where they are those of the message before. So
writer and reader both remember, and a stream is only understood from its beginning.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum

from medtiles.jpip.errors import StreamError

_MORE = 0x80
_SEVEN_BITS = 0x7F
_LAST = 0x10
_FOUR_BITS = 0x0F
_SAME, _NEW_CLASS, _NEW_CLASS_AND_STREAM = 1, 2, 3
_LONGEST_NUMBER = 9
"""Bytes of a number: 63 bits."""
_MOST_BODY = 1 << 31
_BYTES = [bytes((value,)) for value in range(_SEVEN_BITS + 1)]


class BinClass(IntEnum):
    """Classes of data-bins (table A.2). Odd ones are extended: their messages carry one more number."""

    PRECINCT = 0
    EXTENDED_PRECINCT = 1
    TILE_HEADER = 2
    TILE = 4
    EXTENDED_TILE = 5
    MAIN_HEADER = 6
    METADATA = 8


class Reason(IntEnum):
    """Why a response ends (table D.2)."""

    IMAGE_DONE = 1
    WINDOW_DONE = 2
    WINDOW_CHANGE = 3
    BYTE_LIMIT = 4
    QUALITY_LIMIT = 5
    SESSION_LIMIT = 6
    RESPONSE_LIMIT = 7
    NOT_SPECIFIED = 0xFF


@dataclass(frozen=True, slots=True)
class Message:
    """Bytes of one data-bin."""

    bin_class: int
    codestream: int
    bin_id: int
    """Within the class: of precincts `t + (c + s * components) * tiles` (A.3.2.1); of tiles their index."""
    offset: int
    """Of the first byte, within the data-bin."""
    body: bytes
    is_last: bool = False
    """Whether the data-bin ends with this body."""
    aux: int | None = None
    """Of extended classes: quality layers of a precinct that are complete with this message."""


@dataclass(frozen=True, slots=True)
class EndOfResponse:
    """The end of a response (D.3)."""

    reason: int
    body: bytes = b""


def vbas(value: int) -> bytes:
    """A number as a variable-length byte-aligned segment (A.2.1): seven bits a byte, more where the top bit is set."""
    if value <= _SEVEN_BITS:
        return _BYTES[value]
    found = [value & _SEVEN_BITS]
    while value := value >> 7:
        found.append(_MORE | value & _SEVEN_BITS)
    return bytes(reversed(found))


class MessageWriter:
    """Messages → bytes, in the order of one stream."""

    def __init__(self) -> None:
        self._before: tuple[int, int] | None = None

    def write(self, message: Message) -> bytes:
        """The message as bytes; what comes next is written as behind it."""
        header = self.header(message, len(message.body))
        self._before = message.bin_class, message.codestream
        return header + message.body

    def header(self, message: Message, length: int) -> bytes:
        """The header that the message would have now, with a body of that length."""
        if self._before == (message.bin_class, message.codestream):
            what, named = _SAME, b""
        elif self._before is not None and self._before[1] == message.codestream:
            what, named = _NEW_CLASS, vbas(message.bin_class)
        else:
            what, named = _NEW_CLASS_AND_STREAM, vbas(message.bin_class) + vbas(message.codestream)
        aux = b"" if message.aux is None else vbas(message.aux)
        first = what << 5 | (_LAST if message.is_last else 0)
        return _bin_id(first, message.bin_id) + named + vbas(message.offset) + vbas(length) + aux

    def fitted(self, message: Message, budget: int) -> Message | None:
        """As much of a message as fits some bytes with its header; None: not even one byte of its body."""
        room = budget - len(self.header(message, len(message.body)))
        if room >= len(message.body):
            return message
        if room < 1:
            return None
        return Message(
            message.bin_class, message.codestream, message.bin_id, message.offset, message.body[:room], aux=message.aux
        )


def end_of_response(reason: int, body: bytes = b"") -> bytes:
    """The bytes that end a response."""
    return bytes((0, reason)) + vbas(len(body)) + body


def _bin_id(first: int, bin_id: int) -> bytes:
    """The first byte has room for four bits of the number, each further one for seven."""
    rest: list[int] = []
    while bin_id > _FOUR_BITS:
        rest.append(bin_id & _SEVEN_BITS | (_MORE if rest else 0))
        bin_id >>= 7
    return bytes((first | bin_id | (_MORE if rest else 0), *reversed(rest)))


class MessageReader:
    """Bytes → messages, as the bytes come."""

    def __init__(self, most_body: int = _MOST_BODY) -> None:
        """Begin.

        :param most_body: bytes that a body may have; longer ones are refused
        """
        self._most_body = most_body
        self._data = bytearray()
        self._class = 0
        self._codestream = 0

    @property
    def waiting(self) -> int:
        """Bytes that have come of a message that is not whole."""
        return len(self._data)

    def feed(self, data: bytes) -> Iterator[Message | EndOfResponse]:
        """Take some bytes; gives the messages that are whole with them.

        :raises StreamError: the bytes are no messages
        """
        self._data += data
        at = 0
        try:
            while (found := self._next(at)) is not None:
                message, at = found
                yield message
        finally:
            del self._data[:at]

    def rest(self) -> Message | None:
        """What has come of a message that will not be whole, as when the connection broke; None: nothing of its body.

        :raises StreamError: it is no message
        """
        try:
            if not self._byte(0):
                return None
            cut, length, at = self._header(0)
        except IndexError:
            return None
        body = bytes(self._data[at : at + length])
        return replace(cut, body=body, is_last=False) if body else None

    def _next(self, at: int) -> tuple[Message | EndOfResponse, int] | None:
        try:
            return self._end(at) if self._byte(at) == 0 else self._message(at)
        except IndexError:  # the rest has not come yet
            return None

    def _end(self, at: int) -> tuple[EndOfResponse, int]:
        reason = self._byte(at + 1)
        length, at = self._number(at + 2)
        return EndOfResponse(reason, self._bytes(at, length)), at + length

    def _message(self, at: int) -> tuple[Message, int]:
        header, length, at = self._header(at)
        body = self._bytes(at, length)
        self._class, self._codestream = header.bin_class, header.codestream
        return replace(header, body=body), at + length

    def _header(self, at: int) -> tuple[Message, int, int]:
        """A message without its body, whose length and place these are."""
        first = self._byte(at)
        what = first >> 5 & 3
        if not what:
            message = f"a message begins with {first:02X}, whose form is reserved"
            raise StreamError(message)
        bin_id, at = first & _FOUR_BITS, at + 1
        if first & _MORE:
            more, end = self._number(at)
            bin_id = bin_id << 7 * (end - at) | more
            at = end
        bin_class, codestream = self._class, self._codestream
        if what >= _NEW_CLASS:
            bin_class, at = self._number(at)
        if what == _NEW_CLASS_AND_STREAM:
            codestream, at = self._number(at)
        offset, at = self._number(at)
        length, at = self._number(at)
        aux = None
        if bin_class & 1:
            aux, at = self._number(at)
        return Message(bin_class, codestream, bin_id, offset, b"", bool(first & _LAST), aux), length, at

    def _byte(self, at: int) -> int:
        return self._data[at]

    def _number(self, at: int) -> tuple[int, int]:
        value = 0
        for place in range(at, at + _LONGEST_NUMBER):
            byte = self._data[place]
            value = value << 7 | byte & _SEVEN_BITS
            if not byte & _MORE:
                return value, place + 1
        message = f"a number of more than {_LONGEST_NUMBER} bytes"
        raise StreamError(message)

    def _bytes(self, at: int, length: int) -> bytes:
        if length > self._most_body:
            message = f"a body of {length} bytes, {self._most_body} are taken"
            raise StreamError(message)
        if at + length > len(self._data):
            raise IndexError
        return bytes(self._data[at : at + length])
