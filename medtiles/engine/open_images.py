"""Image id → open source. The least used are closed; a replaced file is opened anew."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from medtiles.core.catalogue import Catalogue
from medtiles.core.pyramid import ImageInfo
from medtiles.core.source import ReadsRegions, Source

_TRUSTED_FOR = 1.0
"""Seconds for which an open file is taken to be still the one in the catalogue."""


class OpenImage:
    """A source in use. Closed when it is retired and the last user has let go."""

    __slots__ = ("checked", "info", "is_retired", "plain_planes", "region_reader", "source", "users")

    def __init__(self, source: Source, edition: str = "") -> None:
        self.source = source
        self.info: ImageInfo = source.info
        if edition:
            self.info = replace(source.info, version=f"{source.info.version} {edition}")
        self.region_reader = source if isinstance(source, ReadsRegions) else None
        self.checked = time.monotonic()
        self.users = 0
        self.is_retired = False
        self.plain_planes: dict[int, bool] = {}
        """Which planes are shown as they are stored, as far as it has been asked."""


class OpenImages:
    """At most `capacity` sources open. Safe to call from several threads."""

    def __init__(self, catalogue: Catalogue, capacity: int = 64, edition: str = "") -> None:
        """:param edition: what pictures of all images depend on besides their files; part of `info.version`"""
        self._edition = edition
        self._catalogue = catalogue
        self._capacity = capacity
        self._lock = threading.Lock()
        self._open: OrderedDict[str, OpenImage] = OrderedDict()
        self._opening: dict[str, threading.Lock] = {}

    def known_info(self, image: str) -> ImageInfo | None:
        """The description of an image that is open and was lately seen unchanged."""
        found = self._open.get(image)
        if found is None or time.monotonic() - found.checked > _TRUSTED_FOR:
            return None
        return found.info

    @contextmanager
    def lease(self, image: str) -> Iterator[OpenImage]:
        """An open image for as long as the block runs; see `take`."""
        opened = self.take(image)
        try:
            yield opened
        finally:
            self.give_back(opened)

    def take(self, image: str) -> OpenImage:
        """An open image, to be given back.

        :raises ImageNotFoundError: no such image, or its file is gone
        :raises UnsupportedFormatError, DamagedImageError: it cannot be opened
        """
        opened = self._use(image)
        if opened is not None:
            return opened
        with self._lock:
            turn = self._opening.setdefault(image, threading.Lock())
        try:
            with turn:
                return self._use(image) or self._open_anew(image)
        finally:
            with self._lock:
                self._opening.pop(image, None)

    def give_back(self, opened: OpenImage) -> None:
        """End one use; a retired image is closed with its last one."""
        with self._lock:
            opened.users -= 1
            is_over = opened.is_retired and opened.users == 0
        if is_over:
            opened.source.close()

    def forget(self, image: str) -> None:
        """Close an image as soon as nobody uses it; the next lease opens its file anew."""
        with self._lock:
            opened = self._open.pop(image, None)
            is_idle = opened is not None and self._retire(opened)
        if opened is not None and is_idle:
            opened.source.close()

    def close(self) -> None:
        """Close all."""
        for image in list(self._open):
            self.forget(image)

    def _use(self, image: str) -> OpenImage | None:
        """Count one more user of an image that is open and still what its file is."""
        with self._lock:
            opened = self._open.get(image)
            if opened is None:
                return None
            opened.users += 1
            self._open.move_to_end(image)
        now = time.monotonic()
        if now - opened.checked <= _TRUSTED_FOR:
            return opened
        try:
            is_same = self._catalogue.version(image) == opened.source.info.version
        except BaseException:
            self.give_back(opened)
            self.forget(image)
            raise
        if is_same:
            opened.checked = now
            return opened
        self.give_back(opened)
        self.forget(image)
        return None

    def _open_anew(self, image: str) -> OpenImage:
        opened = OpenImage(self._catalogue.open(image), self._edition)
        opened.users = 1
        idle = []
        with self._lock:
            self._open[image] = opened
            while len(self._open) > self._capacity:
                _, oldest = self._open.popitem(last=False)
                if self._retire(oldest):
                    idle.append(oldest)
        for oldest in idle:
            oldest.source.close()
        return opened

    @staticmethod
    def _retire(opened: OpenImage) -> bool:
        opened.is_retired = True
        return opened.users == 0
