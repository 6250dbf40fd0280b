"""An image of a JPIP server, as its parts come."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

from medtiles.core.errors import BadRequestError, BusyError, ImageNotFoundError
from medtiles.jpip.boxed import boxed, plain_file
from medtiles.jpip.client.conversation import Conversation
from medtiles.jpip.client.picture import Look, Picture, Step
from medtiles.jpip.fields import pair
from medtiles.jpip.messages import BinClass
from medtiles.jpip.window import Window
from transcode.codec import Codecs
from transcode.frames import Samples

_ALL = Look()
_MOST_LEVELS = 16


@dataclass(frozen=True, slots=True)
class Stage:
    """A window, as good as it is so far."""

    reduction: int
    """Halvings from full resolution that are complete."""
    layers: int
    """Quality layers that are complete at that resolution."""
    window: Window
    """What was asked for."""
    received: int
    """Bytes that came for it until now."""
    seconds: float
    """Since it was asked for."""
    is_last: bool
    """Whether this is all that was asked for."""
    _picture: Picture = field(repr=False)

    @property
    def pixels(self) -> Samples:
        """Samples, (rows, columns, components): decoded when they are asked for, of all that has come until then.

        :raises CorruptFrameError: what has come does not decode
        :raises ViewTooLargeError: more samples than one array may have
        """
        return self._picture.pixels(self.window, self._picture.decompositions - self.reduction)


class JpipImage:
    """`JpipClient` opens it. Not safe for threads, but for `cancel`; `close` it, or use it as a context manager."""

    def __init__(self, conversation: Conversation, codecs: Codecs) -> None:
        self._conversation = conversation
        self._codecs = codecs
        self._pictures: dict[int, Picture] = {}
        self._cancelled = threading.Event()
        kept, had = conversation.arrived, conversation.arrived.nbytes
        self.picture()
        self.had = had if conversation.arrived is kept else 0
        """Bytes of bodies that were kept from before, and still are those of the server's image."""

    @property
    def tid(self) -> str:
        """The target-id: another one when the bytes are others; 0: the server does not tell."""
        return self._conversation.tid or "0"

    @property
    def is_session(self) -> bool:
        """Whether the server remembers what it has sent."""
        return self._conversation.cid is not None

    @property
    def received(self) -> int:
        """Bytes of all answers."""
        return self._conversation.received

    @property
    def repeated(self) -> int:
        """Bytes that came though they were here."""
        return self._conversation.arrived.repeated

    @property
    def requests(self) -> int:
        """Requests until now."""
        return self._conversation.requests

    def picture(self, stream: int = 0) -> Picture:
        """One of its codestreams: its sizes, components and layers. The server is asked where the header is not here.

        :raises ImageNotFoundError, BadRequestError, ForbiddenError, BusyError: so the server says
        :raises CorruptFrameError: the codestream is broken
        """
        found = self._pictures.get(stream)
        if found is None:
            if not (self._conversation.is_checked and self._has_header(stream)):
                for _ in self._conversation.ask(stream, {}):
                    pass
            if not self._has_header(stream):
                message = f"the server sends no main header of codestream {stream}: it has none of that number"
                raise ImageNotFoundError(message)
            found = Picture(self._conversation.arrived, stream, self._codecs)
            self._pictures[stream] = found
        return found

    def levels(self, most: int = _MOST_LEVELS) -> list[Picture]:
        """Codestreams that show the same picture, each smaller than the one before, from number 0 on.

        Servers of slides may offer each level as a codestream of its own, as medtiles does. Others have one level.

        :raises BusyError, CorruptFrameError: as of `picture`
        """
        found = [self.picture(0)]
        while len(found) < most:
            try:
                following = self.picture(len(found))
            except (ImageNotFoundError, BadRequestError):
                break
            if not _is_smaller(following.sizes[0], found[-1].sizes[0]):
                break
            found.append(following)
        return found

    def _has_header(self, stream: int) -> bool:
        return self._conversation.arrived.is_complete(stream, BinClass.MAIN_HEADER, 0)

    def stages(self, look: Look = _ALL) -> Iterator[Stage]:
        """What is wanted, each time that it is better: coarse resolutions first, then the finest by quality layers.

        Parts that are here are not asked for. Who ends the loop early, or calls `cancel`, ends the answer too: what is
        on its way is kept, and the next window comes at once.

        :raises BadRequestError: there is no such region, reduction, component or codestream
        :raises CorruptFrameError: what comes cannot be believed
        :raises FileChangedError: the image was replaced on the server meanwhile; open it again
        :raises BusyError: the server cannot be reached, or has too much to do
        """
        self._cancelled.clear()
        picture = self.picture(look.stream)
        window = picture.window(look)
        before, start = self.received, time.monotonic()

        def stage(step: Step, *, is_last: bool) -> Stage:
            came, seconds = self.received - before, time.monotonic() - start
            reduction = picture.decompositions - step.j2k_resolution
            return Stage(reduction, step.layers, window, came, seconds, is_last, picture)

        needed = picture.needed(window)
        way = _Way(picture, needed)
        best = way.go()
        if best is not None:
            yield stage(best, is_last=not way.left)
        if not way.left:
            return
        for _ in self._conversation.ask(look.stream, _fields(needed, picture)):
            best = way.go()
            if best is not None:
                yield stage(best, is_last=not way.left)
            if self._cancelled.is_set():
                return
        if way.left:  # the server has no more, as it understands the window
            yield stage(way.left[-1], is_last=True)

    def fetch(self, look: Look = _ALL) -> Samples:
        """What is wanted, when all of it is here: samples, (rows, columns, components).

        Errors are those of `stages`; besides:

        :raises BusyError: it was cancelled
        """
        last = None
        for stage in self.stages(look):
            last = stage
        if last is None or not last.is_last:
            message = "cancelled before all had come"
            raise BusyError(message)
        return last.pixels

    def cancel(self) -> None:
        """End the loop over `stages`, which may be in another thread, when something next comes."""
        self._cancelled.set()

    def codestream(self, stream: int = 0) -> bytes:
        """All that has come of a codestream, as one that any decoder reads; its packets are those of the original.

        :raises CorruptFrameError: what has come cannot be believed
        """
        return self.picture(stream).codestream()

    def file(self) -> bytes:
        """All that has come, as a file: JP2, JPX or JPH, with the boxes of the original where it has some.

        :raises CorruptFrameError: what has come cannot be believed
        """
        for _ in self._conversation.ask(0, {"metareq": "[*]!!"}):
            pass
        arrived = self._conversation.arrived
        if not arrived.data(0, BinClass.METADATA, 0):
            return plain_file(self.codestream())
        return boxed(arrived.metadata, self.codestream)

    def close(self) -> None:
        """End the session."""
        self._conversation.close()

    def __enter__(self) -> Self:
        """It is open."""
        return self

    def __exit__(self, *_: object) -> None:
        """See `close`."""
        self.close()


class _Way:
    """How far a window has come."""

    def __init__(self, picture: Picture, window: Window) -> None:
        self.left = deque(picture.steps(window))
        self._picture = picture
        self._window = window
        self._tiles: deque[int] = deque(picture.tiles(window))

    def go(self) -> Step | None:
        """The best step that has been reached since; None: no further one."""
        best = None
        while self.left:
            while self._tiles and self._picture.has(self._window, self.left[0], self._tiles[0]):
                self._tiles.popleft()
            if self._tiles:
                break
            best = self.left.popleft()
            self._tiles.extend(self._picture.tiles(self._window))
        return best


def _is_smaller(size: tuple[int, int], than: tuple[int, int]) -> bool:
    """Whether a picture may be a smaller one of the same: sides are rounded, by one in each halving."""
    if size[0] >= than[0] or size[1] > than[1]:
        return False
    scale = than[0] / size[0]
    return abs(than[1] / scale - size[1]) <= 2


def _fields(window: Window, picture: Picture) -> dict[str, str]:
    """The fields of a window; what is not limited is not spoken of."""
    found = {"fsiz": pair(window.frame_size)}
    if (window.offset, window.size) != ((0, 0), window.frame_size):
        found |= {"roff": pair(window.offset), "rsiz": pair(window.size)}
    if len(window.components) < len(picture.siz.components):
        found["comps"] = ",".join(map(str, window.components))
    if window.layers < picture.layers:
        found["layers"] = str(window.layers)
    return found
