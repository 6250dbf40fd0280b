"""Sessions: what a server remembers between requests (ISO/IEC 15444-9 B.2). No clock of its own: it is told the time.

The channels of a session share one cache model, so nothing is sent twice, whichever of them asks.
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import dataclass, field

from medtiles.core.errors import BusyError
from medtiles.jpip.errors import UnknownChannelError
from medtiles.jpip.model import CacheModel
from medtiles.jpip.rates import Bucket
from medtiles.jpip.request import HTTP


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """What sessions may cost."""

    sessions: int = 1000
    """At one time."""
    channels: int = 16
    """Of one session."""
    lifetime: float = 12 * 3600.0
    """Seconds that a session lives at the most; 0: for ever."""
    idle: float = 600.0
    """Seconds without a request after which it is forgotten."""
    bins: int = 1 << 18
    """Data-bins that a session's model speaks of; beyond them it ends, and the client begins another."""
    all_bins: int = 1 << 22
    """The same for all sessions together; the session that has been idle the longest goes then."""


@dataclass(eq=False, slots=True)
class Session:
    """One client's view of one target. Hold `lock` while the model is used."""

    image: str
    tid: str
    born: float
    last_used: float
    model: CacheModel = field(default_factory=CacheModel)
    lock: threading.RLock = field(default_factory=threading.RLock)
    channels: list[Channel] = field(default_factory=list)
    bucket: Bucket | None = None
    """Its own rate."""


@dataclass(eq=False, slots=True)
class Channel:
    """A way to ask within a session."""

    cid: str
    session: Session
    turn: int = 0
    """The number of its latest request: an older one gives way to it."""
    latest: Future[None] | None = None
    """Done when its latest response is over."""
    transport: str = HTTP
    """What carries its answers."""
    closed: Future[None] = field(default_factory=Future)
    """Done when it is no more."""


class Sessions:
    """All sessions of a process. Safe to use from several threads."""

    def __init__(self, limits: SessionLimits = SessionLimits(), prefix: str = "") -> None:
        """Begin.

        :param prefix: of the names of channels: says whose they are where there are several processes
        """
        self.limits = limits
        self._prefix = prefix
        self._lock = threading.Lock()
        self._channels: dict[str, Channel] = {}
        self._sessions: OrderedDict[int, Session] = OrderedDict()
        """By identity; least recently used first."""

    def __len__(self) -> int:
        """Sessions that live."""
        return len(self._sessions)

    def open(self, image: str, tid: str, now: float, transport: str = HTTP) -> Channel:
        """A new session with one channel.

        :raises BusyError: there are too many, and all are in use
        """
        with self._lock:
            self._sweep(now)
            if len(self._sessions) >= self.limits.sessions:
                message = f"{len(self._sessions)} sessions are open, the most that this server keeps"
                raise BusyError(message)
            session = Session(image, tid, now, now)
            self._sessions[id(session)] = session
            return self._channel(session, transport)

    def another(self, channel: Channel, now: float, transport: str = HTTP) -> Channel:
        """Another channel of the same session.

        :raises BusyError: it has too many
        """
        with self._lock:
            session = channel.session
            if len(session.channels) >= self.limits.channels:
                message = f"this session has {len(session.channels)} channels, the most that it can have"
                raise BusyError(message)
            session.last_used = now
            return self._channel(session, transport)

    def find(self, cid: str, now: float) -> Channel:
        """The channel of a name, used from now on.

        :raises UnknownChannelError: there is none, or it has been closed, or was idle or lived for too long
        """
        with self._lock:
            self._sweep(now)
            channel = self._channels.get(cid)
            if channel is None:
                message = f"cid: no channel {cid[:80]!r}: it was closed, or unused for too long; ask for a new one"
                raise UnknownChannelError(message)
            channel.session.last_used = now
            self._sessions.move_to_end(id(channel.session))
            return channel

    def close(self, cids: tuple[str, ...], of: Channel | None) -> None:
        """Close channels by name; `*`: all of the session. A session without channels ends.

        :param of: the channel on which it is said; only those of its session are closed, where there is one
        """
        with self._lock:
            if "*" in cids and of is not None:
                self._end(of.session)
                return
            for cid in cids:
                channel = self._channels.get(cid)
                if channel is None or (of is not None and channel.session is not of.session):
                    continue
                del self._channels[cid]
                channel.session.channels.remove(channel)
                channel.closed.set_result(None)
                if not channel.session.channels:
                    self._end(channel.session)

    def is_over(self, session: Session, now: float) -> bool:
        """Whether a session has reached its end, so that what it still sends ends with SESSION_LIMIT."""
        lifetime = self.limits.lifetime
        is_old = bool(lifetime) and now - session.born > lifetime
        return is_old or len(session.model) > self.limits.bins

    def end(self, session: Session) -> None:
        """Forget it and its channels."""
        with self._lock:
            self._end(session)

    def statistics(self, now: float) -> dict[str, int]:
        """Figures for monitoring, of the sessions that are not over."""
        with self._lock:
            self._sweep(now)
            bins = sum(len(session.model) for session in self._sessions.values())
            return {"jpip_sessions": len(self._sessions), "jpip_channels": len(self._channels), "jpip_bins": bins}

    def _channel(self, session: Session, transport: str) -> Channel:
        channel = Channel(self._prefix + secrets.token_hex(16), session, transport=transport)
        session.channels.append(channel)
        self._channels[channel.cid] = channel
        return channel

    def _end(self, session: Session) -> None:
        for channel in session.channels:
            self._channels.pop(channel.cid, None)
            channel.closed.set_result(None)
        session.channels.clear()
        self._sessions.pop(id(session), None)

    def _sweep(self, now: float) -> None:
        """End what was idle or lived for too long, and what is too much for the memory."""
        lifetime = self.limits.lifetime
        for session in list(self._sessions.values()):
            if now - session.last_used > self.limits.idle or (lifetime and now - session.born > lifetime):
                self._end(session)
        bins = {key: len(session.model) for key, session in self._sessions.items()}
        total = sum(bins.values())
        for key, count in bins.items():
            if total <= self.limits.all_bins or len(self._sessions) < 2:
                return
            self._end(self._sessions[key])
            total -= count
