"""How fast bytes may go: a rate that the client sets, or one that is measured by its receipts. Pure.

Theory of operation. Each receipt tells how many bytes have come. For the newest piece that it covers, the bytes that
have come since that piece was sent, divided by the time this took, are a sample of what the way carries (as BBR does
it, RFC draft-cardwell-iccrg-bbr-congestion-control 4.1.2). The rate is the best sample of the last rounds; half as much
again as the way holds at this rate may be under way. While the way is not full, each round therefore carries half as
much again as the one before. A rate that the client sets is kept by a bucket that is never
fuller than a fiftieth of a second's bytes and may be overdrawn by one piece.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from medtiles.core.errors import BadRequestError

FIRST_RATE = 500_000.0
"""Bytes a second, until it is known better."""
_LEAST_WINDOW, _FIRST_WINDOW, _MOST_WINDOW = 16 * 1024, 32 * 1024, 4 * 1024 * 1024
_LEAST_PIECE, _MOST_PIECE = 1024, 256 * 1024
_LEAST_MEASURED_PIECE = 4096
"""Smaller ones would cost more than their bytes."""
_ROUND_SECONDS = 5.0
"""So long, and as long again, the shortest round trip counts."""
_ROUNDS, _SAMPLE_SECONDS = 10, 3.0
_BURST_SECONDS = 0.02
_WINDOW_SECONDS = 0.05
_GAIN = 1.5
"""What may be under way, in what the way holds: more fills its buffers, less leaves it idle between receipts."""
_MOST_UNDER_WAY = 4096
MOST_RATE = 1 << 40


@dataclass(frozen=True, slots=True)
class _Sent:
    end: int
    """Bytes sent up to and with this piece."""
    at: float
    came: int
    """Bytes that were known to have come when it was sent."""
    came_at: float
    """When they had, by the client's clock."""
    is_full: bool
    """Whether more could have been sent: then what comes is what the way carries."""


class Pace:
    """How fast bytes may go. Not for several threads at once."""

    def __init__(self, now: float) -> None:
        self.sent = 0
        """Bytes, in all."""
        self.came = 0
        """Bytes that the client has told of."""
        self._came_at = 0.0
        self._under_way: deque[_Sent] = deque()
        self._samples: deque[tuple[float, float]] = deque(maxlen=_ROUNDS)
        """When they were taken, and bytes a second."""
        self._round_end = 0
        self._least_round, self._least_before, self._least_since = math.inf, math.inf, now
        self._set = 0.0
        self._bucket, self._filled_at = 0.0, now
        self._asked = 0
        self._rested_at = 0

    def set_rate(self, rate: int, now: float) -> None:
        """Keep to so many bytes a second; 0: measure.

        :raises BadRequestError: no such rate
        """
        if not 0 <= rate <= MOST_RATE:
            message = f"byte_rate {rate}: it must be from 0 to {MOST_RATE}"
            raise BadRequestError(message)
        if rate != self._set:
            self._fill(now)
            self._set = float(rate)
            self._bucket, self._filled_at = min(0.0, self._bucket), now

    @property
    def rate(self) -> float:
        """Bytes a second to go by."""
        return self._set or max((rate for _, rate in self._samples), default=FIRST_RATE)

    @property
    def is_measured(self) -> bool:
        """Whether `rate` is more than a guess."""
        return bool(self._set or self._samples)

    @property
    def under_way(self) -> int:
        """Bytes sent that the client has not told of."""
        return self.sent - self.came

    @property
    def window(self) -> int:
        """Bytes that may be under way."""
        if not self.is_measured:
            return _FIRST_WINDOW
        least = min(self._least_round, self._least_before)
        round_trip = least if math.isfinite(least) else 0.1
        return int(max(_LEAST_WINDOW, min(_MOST_WINDOW, self.rate * max(_GAIN * round_trip, _WINDOW_SECONDS))))

    @property
    def piece(self) -> int:
        """The most bytes of one piece."""
        if self._set:
            return int(max(_LEAST_PIECE, min(_MOST_PIECE, self.rate * _BURST_SECONDS, self.window / 4)))
        return int(max(_LEAST_MEASURED_PIECE, min(_MOST_PIECE, self.window / 4)))

    def delay(self, now: float) -> float:
        """Seconds until the next piece may go; infinite: not before a receipt."""
        if self.under_way >= self.window:
            return math.inf
        self._fill(now)
        return max(0.0, -self._bucket / self._set) if self._set else 0.0

    def send(self, size: int, now: float) -> bool:
        """A piece goes out; whether a receipt should be asked for."""
        self._fill(now)
        self._bucket -= size
        self.sent += size
        if len(self._under_way) < _MOST_UNDER_WAY:
            self._under_way.append(_Sent(self.sent, now, self.came, self._came_at, self.came >= self._rested_at))
        is_asked = self.sent - self._asked >= self.window // 4 or self.under_way >= self.window
        if is_asked:
            self._asked = self.sent
        return is_asked

    def must_ask(self) -> bool:
        """Whether nothing may go, and no receipt was asked for that would change it: the window has become smaller.

        From now on one counts as asked for.
        """
        is_stuck = self.under_way >= self.window and self._asked <= self.came
        if is_stuck:
            self._asked = self.sent
        return is_stuck

    def rest(self) -> None:
        """There is nothing to send: what comes of the bytes under way says little about the way."""
        self._rested_at = self.sent

    def receive(self, came: int, seconds: float, now: float) -> None:
        """The client tells how many bytes have come, and when by its clock.

        :raises BadRequestError: more than were sent, fewer than before, or a time that is none
        """
        if not self.came <= came <= self.sent:
            message = f"a receipt of {came} bytes, where {self.came} had come and {self.sent} were sent"
            raise BadRequestError(message)
        if not (math.isfinite(seconds) and seconds >= 0):
            message = f"a receipt at {seconds:g} seconds: it must be a finite number, not less than 0"
            raise BadRequestError(message)
        at = seconds or now
        newest = None
        while self._under_way and self._under_way[0].end <= came:
            newest = self._under_way.popleft()
        self.came = came
        if newest is not None:
            if now > self._least_since + _ROUND_SECONDS:
                self._least_before, self._least_round, self._least_since = self._least_round, math.inf, now
            self._least_round = min(self._least_round, max(1e-6, now - newest.at))
            self._sample(newest, at, now)
        self._came_at = at

    def _sample(self, newest: _Sent, at: float, now: float) -> None:
        took = at - newest.came_at if newest.came else now - newest.at
        if took <= 1e-6:
            return
        rate = min((self.came - newest.came) / took, float(MOST_RATE))
        if not newest.is_full and self._samples and rate <= self.rate:
            return
        if newest.came < self._round_end and self._samples:  # of the round that is told already: the best counts
            self._samples[-1] = (now, max(self._samples[-1][1], rate))
        else:
            self._samples.append((now, max(rate, 1.0)))
            self._round_end = self.sent
        while len(self._samples) > 1 and self._samples[0][0] < now - _SAMPLE_SECONDS:
            self._samples.popleft()

    def _fill(self, now: float) -> None:
        if self._set:
            most = max(float(_LEAST_PIECE), self._set * _BURST_SECONDS)
            self._bucket = min(most, self._bucket + (now - self._filled_at) * self._set)
            self._filled_at = now
        else:
            self._bucket = 0.0
