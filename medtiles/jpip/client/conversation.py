"""Requests about one target, and what they bring: in a session, or without one (ISO/IEC 15444-9 B.2, B.3).

In a session the server remembers what it has sent. Without one, and in the first request of each session, the client
says what it has. So a session that broke off is no loss: the next one begins where it ended.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import suppress
from typing import Protocol

from medtiles.core.errors import BusyError
from medtiles.jpip.arrived import Arrived
from medtiles.jpip.client.kept import KeptFile
from medtiles.jpip.client.transport import Address, BrokenConnectionError, channel_of
from medtiles.jpip.errors import StreamError, UnknownChannelError
from medtiles.jpip.messages import EndOfResponse, Message, MessageReader, Reason
from transcode.errors import CorruptFrameError, FileChangedError, TranscodeError

_FIRST_LIMIT = 16 << 10
_TRIES = 5
"""Requests in a row that may bring nothing, because the connection broke, or the server is busy."""
_PATIENCE = 0.25
"""Seconds before the first repetition; twice as many before each further one."""
_EMPTY_ANSWERS = 12
"""Answers in a row that bring nothing new, each with twice the limit of the one before."""
_DONE = frozenset({Reason.IMAGE_DONE, Reason.WINDOW_DONE, Reason.QUALITY_LIMIT, Reason.WINDOW_CHANGE})
_LIMITS = frozenset({Reason.BYTE_LIMIT, Reason.RESPONSE_LIMIT})
_NO_ID = "0"
_TYPE = "jpp-stream"


class Reply(Protocol):
    """An answer that has begun; see `transport.HttpReply`."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Names are small letters, or looked up in any."""

    def pieces(self) -> Iterator[bytes]:
        """The body.

        :raises BrokenConnectionError: it ended early
        """

    def close(self) -> None:
        """Take no more of it."""


class Transport(Protocol):
    """What carries requests; see `transport.HttpTransport`."""

    def ask(self, address: Address, fields: Mapping[str, str]) -> Reply:
        """Send a request; returns when its answer begins."""


class Conversation:
    """Not safe for threads."""

    def __init__(
        self,
        address: Address,
        transport: Transport,
        kept: KeptFile | None = None,
        *,
        is_stateless: bool = False,
        most_bytes: int = 1 << 22,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Begin; nothing is asked yet.

        :param most_bytes: of an answer at the most: they begin small, and grow
        """
        self.arrived = kept.arrived if kept is not None else Arrived()
        self.tid = kept.tid if kept is not None else None
        """The target-id; None: not known yet. 0: the server has none."""
        self.is_checked = False
        """Whether the server has said that this is its target-id."""
        self.received = 0
        """Bytes of answers."""
        self.requests = 0
        self._address = address
        self._transport = transport
        self._kept = kept
        self._is_stateless = is_stateless
        self._most_bytes = most_bytes
        self._sleep = sleep
        self._limit = min(_FIRST_LIMIT, most_bytes)
        self._channel: tuple[str, Address] | None = None
        self._left: _Begun | None = None
        """An answer that nobody wants any more; what is on its way is taken before the next one."""

    @property
    def cid(self) -> str | None:
        """The channel; None: there is no session."""
        return self._channel[0] if self._channel is not None else None

    def ask(self, stream: int, fields: Mapping[str, str]) -> Iterator[None]:
        """Ask until all has come that the fields want; gives control whenever something has.

        :raises ImageNotFoundError, BadRequestError, ForbiddenError, UnsupportedFeatureError: so the server says
        :raises BusyError: it cannot be reached, or has too much to do, even after some tries
        :raises StreamError, CorruptFrameError: what comes cannot be believed, or is broken on the server
        :raises FileChangedError: the server has another image of that name by now
        """
        failures, empty, is_broken = 0, 0, False
        while True:
            before = self.received
            try:
                end = yield from self._answer(stream, fields)
            except UnknownChannelError as error:
                failures = self._again(failures, error)
                continue
            except (BrokenConnectionError, BusyError) as error:
                failures = self._again(failures if self.received == before else 0, error)
                continue
            if end.reason in _DONE:
                return
            failures, is_broken = 0, self._go_on(end, is_broken)
            empty = 0 if self._grew else empty + 1
            if empty > _EMPTY_ANSWERS:
                message = f"{self._address.url}: {empty} answers that bring nothing new"
                raise StreamError(message)
            self._limit = min(self._most_bytes, 2 * self._limit) if not empty else 2 * self._limit

    def _go_on(self, end: EndOfResponse, is_broken: bool) -> bool:
        """Whether the server could not go on; the second time it is believed.

        Once more it is asked in a new session: that tells whether the image was replaced.
        """
        if end.reason in _LIMITS:
            return False
        self._channel = None
        if end.reason == Reason.SESSION_LIMIT:
            return False
        if is_broken:
            told = end.body.decode("ascii", "replace") or f"reason {end.reason}"
            message = f"{self._address.url}: the server ends its answer: {told}"
            raise CorruptFrameError(message)
        return True

    def _again(self, failures: int, error: Exception) -> int:
        """The session is over: the server may have sent what never came."""
        self._channel = None
        if failures + 1 >= _TRIES:
            message = f"{self._address.url}, after {_TRIES} tries: {error}"
            raise BusyError(message) from error
        self._sleep(_PATIENCE * 2**failures)
        return failures + 1

    def _answer(self, stream: int, fields: Mapping[str, str]) -> Generator[None, None, EndOfResponse]:
        self._grew = False
        begun = _Begun(self._begin(stream, fields))
        end = None
        try:
            for piece in begun.pieces:
                end = self._read(begun.reader, piece) or end
                if end is None:
                    yield
        except GeneratorExit:
            self._leave(begun)
            raise
        except BaseException:
            self._take_rest(begun)
            raise
        self._take_rest(begun)
        if end is None:
            message = "the answer breaks off"
            raise BrokenConnectionError(message)
        yield
        return end

    def _begin(self, stream: int, fields: Mapping[str, str]) -> Reply:
        asked = {**dict(self._address.more), "stream": str(stream), **fields}
        asked |= {"type": _TYPE, "len": str(self._limit)}
        address = self._address
        if self._channel is not None:
            asked["cid"], address = self._channel
        else:
            asked["tid"] = self.tid or _NO_ID
            if address.target is not None:
                asked = {"target": address.target, **asked}
            if not self._is_stateless:
                asked["cnew"] = "http"
            model = self.arrived.model([stream]) if self.tid is not None else ""
            if model:
                asked["model"] = model
        self.requests += 1
        reply = self._transport.ask(address, asked)
        try:
            self._note(reply)
            self._drain()
        except BaseException:
            reply.close()
            raise
        return reply

    def _note(self, reply: Reply) -> None:
        """What the header lines say."""
        tid = reply.headers.get("jpip-tid")
        if tid is None and self.tid is None:
            tid = _NO_ID
        if tid is not None and tid != self.tid:
            if self.is_checked:
                self._channel = None
                message = f"{self._address.url}: the server has another image of that name now; open it again"
                raise FileChangedError(message)
            self.tid = tid
            self.arrived = self._kept.begin(tid) if self._kept is not None else Arrived()
        self.is_checked = True
        granted = channel_of(reply.headers.get("jpip-cnew", ""))
        if "cid" in granted and not self._is_stateless:
            self._channel = granted["cid"], self._address.moved(granted)

    def _read(self, reader: MessageReader, piece: bytes) -> EndOfResponse | None:
        self.received += len(piece)
        for message in reader.feed(piece):
            if isinstance(message, EndOfResponse):
                return message
            self._take(message)
        return None

    def _take(self, message: Message) -> None:
        new = self._kept.take(message) if self._kept is not None else self.arrived.take(message)
        self._grew |= bool(new) or message.is_last

    def _take_rest(self, begun: _Begun) -> None:
        """It is over; a message that broke off is good as far as it came."""
        begun.reply.close()
        with suppress(TranscodeError):
            rest = begun.reader.rest()
            if rest is not None:
                self._take(rest)

    # -- answers that nobody wants any more ---------------------------------------------------------------------

    def _leave(self, begun: _Begun) -> None:
        """The next request of the session ends it on the server; what is on its way until then is noted as sent."""
        if self._channel is not None:
            self._left = begun
        else:
            self._take_rest(begun)

    def _drain(self) -> None:
        begun, self._left = self._left, None
        if begun is not None:
            try:
                for piece in begun.pieces:
                    self._read(begun.reader, piece)
            finally:
                self._take_rest(begun)

    def close(self) -> None:
        """End the session, and let others write what is kept. A server that does not answer forgets it by itself."""
        channel, self._channel = self._channel, None
        try:
            if self._left is not None:
                self._left.reply.close()
                self._left = None
            if channel is not None:
                fields = {"cid": channel[0], "cclose": "*", "len": "0", "type": _TYPE}
                self._transport.ask(channel[1], fields).close()
        except (BrokenConnectionError, BusyError, LookupError, ValueError, TranscodeError):
            pass
        finally:
            if self._kept is not None:
                self._kept.close()


class _Begun:
    """An answer that is being read. Whoever drops its pieces drops the connection."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.pieces = reply.pieces()
        self.reader = MessageReader()
