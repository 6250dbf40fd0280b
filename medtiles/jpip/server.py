"""A server without sockets: requests in, responses out. What carries them asks for their pieces, and tells the time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field

from medtiles.core.errors import BusyError, MedTilesError
from medtiles.jpip.answer import Answer, Target
from medtiles.jpip.errors import FieldError
from medtiles.jpip.messages import Reason, end_of_response
from medtiles.jpip.model import CacheModel
from medtiles.jpip.rates import Bucket, Rate
from medtiles.jpip.request import HTTP, HTTP_TCP, JpipRequest
from medtiles.jpip.session import Channel, SessionLimits, Sessions
from medtiles.jpip.whole import FileAnswer, file_kind
from transcode.errors import TranscodeError

_MOST_TCP = 1 << 15
"""Bytes of a message on a connection of its own, where a chunk holds whole messages and less than 64 KiB."""
AnyAnswer = Answer | FileAnswer
_MOST_TOLD = 500
"""Letters of what went wrong, in the end of a response."""
Clock = Callable[[], float]
"""Seconds, growing."""


@dataclass(frozen=True, slots=True)
class JpipLimits:
    """What the server grants."""

    sessions: SessionLimits = field(default_factory=SessionLimits)
    chunk_bytes: int = 1 << 16
    """Of a message at the most."""
    request_bytes: int = 0
    """Of an answer, whatever its request says; 0: no limit."""
    request_seconds: float = 0.0
    """For an answer to be sent, after which it ends with RESPONSE_LIMIT; 0: no limit."""
    requests: int = 500
    """Answers under way at one time."""
    rate: float = 0.0
    """Bytes a second of all answers; 0: no limit."""
    client_rate: float = 0.0
    """Bytes a second of each session, or of each request without one; 0: no limit."""


class Response:
    """One response: `headers`, then `pieces` until the end, `open` before them and `close` afterwards, in any case."""

    def __init__(self, server: JpipServer, answer: AnyAnswer, channel: Channel | None, request: JpipRequest) -> None:
        self.answer = answer
        self.headers = dict(answer.headers)
        self.channel = channel
        self.after: Future[None] | None = None
        """Done when its turn has come; None: at once. Known when it is open."""
        self.over: Future[None] = Future()
        """Done when it is closed."""
        self._server = server
        self._cclose = request.cclose
        self._waits = request.wait
        self._turn = channel.turn if channel is not None else 0
        self._began = server.clock()
        self._lock = channel.session.lock if channel is not None else threading.RLock()
        self._bucket = server.bucket_of(channel)

    def pieces(self) -> Iterator[bytes]:
        """The body. Pieces are made while the session's model is held, and given without holding it.

        What is broken is told by an error before the first piece, and afterwards by the end of the response.

        :raises CorruptFrameError: there is nothing to send, because the codestream is broken
        """
        stream = self.answer.pieces(self._stop)
        is_begun = False
        while True:
            try:
                with self._lock:
                    piece = next(stream, None)
            except (MedTilesError, TranscodeError) as error:
                if not is_begun:
                    raise
                if isinstance(self.answer, FileAnswer):
                    raise
                self.answer.reason = Reason.NOT_SPECIFIED
                yield failure(error)
                return
            if piece is None:
                return
            is_begun = True
            yield piece

    @property
    def is_elsewhere(self) -> bool:
        """Whether its pieces go over the channel's own connection, and its headers alone over HTTP."""
        return self.channel is not None and self.channel.transport == HTTP_TCP and isinstance(self.answer, Answer)

    def open(self) -> None:
        """It begins to be sent, or to wait for `after`."""
        self._server.began()
        if self.channel is not None:
            self.after = self.channel.latest if self._waits else None
            self.channel.latest = self.over

    def delay(self, count: int) -> float:
        """Seconds to wait before so many bytes go out."""
        now = self._server.clock()
        return max(self._bucket.take(count, now), self._server.bucket.take(count, now))

    def close(self) -> None:
        """It is over: the channels are closed that were to be."""
        self._server.ended(self.channel, self._cclose, self.answer.reason)
        self.over.set_result(None)

    def _stop(self) -> Reason | None:
        server, channel = self._server, self.channel
        if channel is not None:
            if channel.turn != self._turn:
                return Reason.WINDOW_CHANGE
            if server.sessions.is_over(channel.session, server.clock()):
                return Reason.SESSION_LIMIT
        seconds = server.limits.request_seconds
        if seconds and server.clock() - self._began > seconds:
            return Reason.RESPONSE_LIMIT
        return None


class JpipServer:
    """Safe to use from several threads."""

    def __init__(
        self,
        targets: Callable[[str, tuple[int, int] | None], Target],
        limits: JpipLimits,
        clock: Clock,
        prefix: str = "",
        rate: Rate | None = None,
    ) -> None:
        """Begin.

        :param targets: gives an image as a target
        :param prefix: of the names of channels
        :param rate: of all answers, where other servers share it; else that of `limits`
        """
        self.limits = limits
        self.clock = clock
        self.sessions = Sessions(limits.sessions, prefix)
        self.bucket: Rate = rate or Bucket(limits.rate)
        self.auxiliary_port: int | None = None
        """Where clients connect for answers by TCP; None: nowhere."""
        self._targets = targets
        self._lock = threading.Lock()
        self._under_way = 0
        self.requests = 0

    def begin(self, request: JpipRequest, named: str | None = None) -> Response:
        """Answer a request.

        :param named: the image that its address names, where the request has no target
        :raises UnknownChannelError, ImageNotFoundError: there is no such channel, or image
        :raises FieldError: a field makes no sense here
        :raises BusyError: too many sessions, channels, or answers under way
        """
        now = self.clock()
        channel = self.sessions.find(request.cid, now) if request.cid is not None else None
        image = request.target or named or (channel.session.image if channel is not None else None)
        if image is None:
            message = "target: the request names no image, neither here nor in its address, nor a channel (cid)"
            raise FieldError(message)
        if channel is not None and image != channel.session.image:
            message = f"target: channel {channel.cid} is of another image"
            raise FieldError(message)
        if self._under_way >= self.limits.requests:
            message = f"{self._under_way} answers are under way, the most that this server gives at once"
            raise BusyError(message)
        target = self._targets(image, request.subtarget)
        granted = self._granted(request, channel, image, target, now)
        try:
            return self._response(request, target, channel, granted)
        except BaseException:
            if granted is not None:
                self.sessions.close((granted.cid,), granted)
            raise

    def _granted(
        self, request: JpipRequest, channel: Channel | None, image: str, target: Target, now: float
    ) -> Channel | None:
        """A new channel, where the client wants one of a kind that there is."""
        known = (HTTP,) if self.auxiliary_port is None else (HTTP, HTTP_TCP)
        transport = next((name for name in request.cnew if name in known), None)
        if transport is None or not self.limits.sessions.sessions:
            return None
        if channel is not None:
            return self.sessions.another(channel, now, transport)
        return self.sessions.open(image, target.tid, now, transport)

    def _response(
        self, request: JpipRequest, target: Target, channel: Channel | None, granted: Channel | None
    ) -> Response:
        used, is_replaced = granted or channel, False
        if used is None:
            answer = self._answer(target, request, CacheModel(), self.limits.chunk_bytes)
        else:
            chunk = self.limits.chunk_bytes if used.transport == HTTP else min(self.limits.chunk_bytes, _MOST_TCP)
            session = used.session
            with session.lock:
                is_replaced = session.tid != target.tid
                if is_replaced:  # what was sent of the file that was there is of no use
                    session.tid, session.model = target.tid, CacheModel()
                answer = self._answer(target, request, session.model, chunk)
                used.turn += not request.wait
        response = Response(self, answer, used, request)
        if is_replaced:
            response.headers["JPIP-tid"] = target.tid
        if granted is not None:
            port = f",auxport={self.auxiliary_port}" if granted.transport == HTTP_TCP else ""
            response.headers["JPIP-cnew"] = f"cid={granted.cid},transport={granted.transport}{port}"
        return response

    def _answer(self, target: Target, request: JpipRequest, model: CacheModel, chunk: int) -> AnyAnswer:
        """What a client says of its cache counts only when it speaks of the bytes that are served."""
        kind = file_kind(target, request)
        if kind is not None:
            return FileAnswer(target, request, kind)
        if request.model is not None and request.tid in {None, target.tid}:
            model.update("model", request.model, request.stream or CacheModel.FIRST)
        return Answer(target, request, model, most_bytes=self.limits.request_bytes or None, chunk=chunk)

    def bucket_of(self, channel: Channel | None) -> Bucket:
        """The rate of a session; of a request without one, its own."""
        rate = self.limits.client_rate
        if channel is None:
            return Bucket(rate)
        if channel.session.bucket is None:
            channel.session.bucket = Bucket(rate)
        return channel.session.bucket

    def began(self) -> None:
        """A response begins to be sent."""
        with self._lock:
            self._under_way += 1
            self.requests += 1

    def ended(self, channel: Channel | None, cclose: tuple[str, ...], reason: Reason | None) -> None:
        """A response is over."""
        with self._lock:
            self._under_way -= 1
        if channel is not None and reason is Reason.SESSION_LIMIT:
            self.sessions.end(channel.session)
        elif cclose:
            self.sessions.close(cclose, channel)

    def statistics(self) -> dict[str, int]:
        """Figures for monitoring. Sessions that are over are let go of."""
        return {
            **self.sessions.statistics(self.clock()),
            "jpip_requests": self.requests,
            "jpip_under_way": self._under_way,
        }


def failure(error: Exception) -> bytes:
    """The end of a response that says what went wrong."""
    return end_of_response(Reason.NOT_SPECIFIED, str(error)[:_MOST_TOLD].encode("ascii", "replace"))
