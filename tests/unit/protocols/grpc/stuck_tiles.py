"""Tiles whose work a test holds in its hands."""

from __future__ import annotations

import threading
from concurrent.futures import Future

from medtiles.core.errors import BusyError
from medtiles.core.geometry import Size
from medtiles.core.pyramid import ImageInfo, Level
from medtiles.core.view import Request
from tests.unit.protocols.fake_tiles import FakeTiles
from transcode.codecs.jpeg import JPEG
from transcode.frames import RGB8, EncodedFrame

SLIDE = ImageInfo("slow", "slide", "test", (Level(Size(25600, 25600), Size(256, 256)),), RGB8, version="v1")


def frame(data: bytes) -> EncodedFrame:
    return EncodedFrame(data, JPEG, RGB8, 256, 256)


class StuckTiles(FakeTiles):
    """Every picture is submitted, and done when a test says so."""

    def __init__(self, limit: int = 1000) -> None:
        super().__init__()
        self.infos = {"slide": SLIDE}
        self.limit = limit
        self.submitted: list[tuple[Request, Future[EncodedFrame]]] = []
        self._changed = threading.Condition()

    def submit(self, request: Request) -> Future[EncodedFrame]:
        with self._changed:
            if sum(not future.done() for _, future in self.submitted) >= self.limit:
                message = f"{self.limit} requests are waiting already"
                raise BusyError(message)
            future: Future[EncodedFrame] = Future()
            self.submitted.append((request, future))
            future.add_done_callback(self._notify)
            self._changed.notify_all()
        return future

    def _notify(self, _: Future[EncodedFrame]) -> None:
        with self._changed:
            self._changed.notify_all()

    def wait_for(self, count: int) -> list[Future[EncodedFrame]]:
        """The futures, once there are so many."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.submitted) >= count, 20)
            return [future for _, future in self.submitted]

    def wait_for_withdrawal(self, count: int) -> None:
        """Return when so many futures are cancelled."""
        with self._changed:
            assert self._changed.wait_for(lambda: sum(future.cancelled() for _, future in self.submitted) >= count, 20)
