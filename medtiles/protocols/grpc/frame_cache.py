"""Encoded frames of a far engine, kept until they take too many bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable

from transcode.frames import EncodedFrame

_OVERHEAD = 512
"""Bytes that an entry takes besides its data, about."""


class FrameCache:
    """The least used go first. Safe to call from several threads."""

    def __init__(self, capacity: int) -> None:
        """`capacity` is in bytes; 0: nothing is kept."""
        self._capacity = capacity
        self._frames: OrderedDict[Hashable, EncodedFrame] = OrderedDict()
        self._lock = threading.Lock()
        self.size = 0
        """Bytes taken."""

    def get(self, key: Hashable) -> EncodedFrame | None:
        """The frame, if it is kept."""
        with self._lock:
            frame = self._frames.get(key)
            if frame is not None:
                self._frames.move_to_end(key)
            return frame

    def put(self, key: Hashable, frame: EncodedFrame) -> None:
        """Keep a frame, unless it is larger than a quarter of all there is room for."""
        cost = len(frame.data) + _OVERHEAD
        if cost > self._capacity // 4:
            return
        with self._lock:
            old = self._frames.pop(key, None)
            self.size += cost - (len(old.data) + _OVERHEAD if old is not None else 0)
            self._frames[key] = frame
            while self.size > self._capacity:
                _, oldest = self._frames.popitem(last=False)
                self.size -= len(oldest.data) + _OVERHEAD
