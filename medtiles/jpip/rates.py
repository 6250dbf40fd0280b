"""How fast bytes may go out: token buckets. No clock of its own: who asks tells the time."""

from __future__ import annotations

import threading

_BURST = 0.1
"""Seconds whose bytes may go at once after a pause."""


class Bucket:
    """A rate that is kept in the long run. Safe to use from several threads."""

    def __init__(self, rate: float) -> None:
        """:param rate: bytes a second; 0: as many as can be"""
        self.rate = rate
        self._lock = threading.Lock()
        self._free_at = float("-inf")
        """When all that has been taken will have gone."""

    def take(self, count: int, now: float) -> float:
        """Take so many bytes; seconds to wait before they go."""
        if not self.rate:
            return 0.0
        with self._lock:
            start = max(self._free_at, now - _BURST)
            self._free_at = start + count / self.rate
            return max(0.0, self._free_at - now)
