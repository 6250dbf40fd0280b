"""Descriptions of a far engine's images: trusted for a moment, then checked; the version of the last one is kept."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict

from medtiles.core.pyramid import ImageInfo

_MOST = 1024


class Descriptions:
    """At most 1024 images. Safe to call from several threads."""

    def __init__(self, trusted_for: float) -> None:
        """`trusted_for`: seconds for which a description is taken to be still true."""
        self._trusted_for = trusted_for
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[ImageInfo, float]] = OrderedDict()

    def fresh(self, image: str) -> ImageInfo | None:
        """The description, when it has lately been told or confirmed."""
        found = self._known.get(image)
        if found is None or time.monotonic() - found[1] > self._trusted_for:
            return None
        return found[0]

    def last(self, image: str) -> ImageInfo | None:
        """The description, however old."""
        found = self._known.get(image)
        return None if found is None else found[0]

    def put(self, image: str, info: ImageInfo) -> None:
        """It is true at this moment."""
        with self._lock:
            self._known[image] = (info, time.monotonic())
            self._known.move_to_end(image)
            if len(self._known) > _MOST:
                self._known.popitem(last=False)

    def forget(self, image: str) -> None:
        """It is no longer true."""
        with self._lock:
            self._known.pop(image, None)
