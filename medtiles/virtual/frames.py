"""The port of frames over files and virtual slides together."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import Future

from medtiles.core.errors import BadRequestError, TileOutOfRangeError
from medtiles.core.frames import FrameRequest, Frames, TravelFrame
from medtiles.engine.flights import Flights
from medtiles.engine.frames.choice import Choice, choices, names_of
from medtiles.engine.frames.facts import resolutions_of
from medtiles.engine.frames.frame_engine import FrameOptions
from medtiles.engine.frames.gate import require_sound
from medtiles.engine.frames.recoding import ENCODERS, Recoder
from medtiles.virtual.full_tiles import FullTiles
from medtiles.virtual.offered import Images, Offered
from medtiles.virtual.slide import WHOLE_SLIDE_STORAGE, VirtualLevel, VirtualSlide
from medtiles.virtual.studies import level_of
from transcode.errors import UnsupportedEncodingError, UnsupportedPixelsError
from transcode.frames import EncodedFrame, PixelArray
from transcode.policy import Facts
from transcode.samples.shrinking import shrunk
from transcode.targets import ArchiveOptions

_MOST_REDUCTION = 32


class SlideFrames:
    """Frames of files, and of virtual slides. Safe to call from several threads."""

    def __init__(
        self,
        files: Frames,
        images: Images,
        offered: Offered,
        tiles: FullTiles,
        options: FrameOptions | None = None,
    ) -> None:
        """`files` answers for all instances that are no virtual slides."""
        options = options or FrameOptions()
        self._files = files
        self._images = images
        self._offered = offered
        self._tiles = tiles
        self._policy = options.policy
        self._flights: Flights[FrameRequest, TravelFrame] = Flights(
            options.threads or os.cpu_count() or 1, options.limits.queue
        )

    def frame(self, request: FrameRequest) -> TravelFrame:
        """See `Frames.frame`."""
        slide = self._offered.slide(request.instance.study)
        if slide is None:
            return self._files.frame(request)
        return self._stored(slide, request) or self.submit(request).result()

    def answer(self, request: FrameRequest) -> TravelFrame | None:
        """See `Frames.answer`."""
        slide = self._offered.slide(request.instance.study)
        return self._files.answer(request) if slide is None else self._stored(slide, request)

    def submit(self, request: FrameRequest) -> Future[TravelFrame]:
        """See `Frames.submit`."""
        slide = self._offered.slide(request.instance.study)
        if slide is None:
            return self._files.submit(request)
        return self._flights.join(request, lambda _: self._made(slide, request))

    def samples(self, request: FrameRequest, reduction: int = 0) -> PixelArray:
        """See `Frames.samples`."""
        slide = self._offered.slide(request.instance.study)
        if slide is None:
            return self._files.samples(request, reduction)
        if not 0 <= reduction <= _MOST_REDUCTION:
            message = f"reduction {reduction}: it must be from 0 to {_MOST_REDUCTION}"
            raise BadRequestError(message)
        level = _level(slide, request)
        pixels = self._tiles.codecs.decode(self._full(slide, level, request.number)[0])
        return PixelArray(shrunk(pixels.samples, reduction, is_palette=False), pixels.format)

    def prefetch(self, requests: Iterator[FrameRequest]) -> None:
        """See `Frames.prefetch`. Tiles of slides need none: they go out as they are stored."""
        self._files.prefetch(each for each in requests if self._offered.slide(each.instance.study) is None)

    def close(self) -> None:
        """Finish what has started."""
        self._flights.close()

    def _stored(self, slide: VirtualSlide, request: FrameRequest) -> TravelFrame | None:
        """The stored tile, when that is what the client gets."""
        level = _level(slide, request)
        choice = next(self._choices(slide, level, request), None)
        if choice is None or not choice.is_stored:
            return None
        tile = self._images.stored_tile(slide.image, level.tile(request.number))
        if not self._tiles.is_as_stored(tile, level.transfer_syntax, level.level.tile_size):
            return None
        assert isinstance(tile, EncodedFrame)
        return _travelling(tile, request, choice, is_stored=True)

    def _made(self, slide: VirtualSlide, request: FrameRequest) -> TravelFrame:
        level = _level(slide, request)
        frame, is_stored = self._full(slide, level, request.number)
        recoder = Recoder(self._tiles.codecs, ArchiveOptions(request.quality or self._policy.quality))
        problem = ""
        for choice in self._choices(slide, level, request):
            if choice.is_stored:
                return _travelling(frame, request, choice, is_stored=is_stored)
            try:
                found = recoder.recode(frame, lambda: self._tiles.codecs.decode(frame), choice, lambda: True)
            except UnsupportedPixelsError as error:
                problem = f": {error}"
            else:
                return _travelling(found, request, choice, is_stored=False)
        message = f"nothing accepted ({', '.join(request.accept)[:200]}) can hold the frame{problem}"
        raise UnsupportedEncodingError(message)

    def _full(self, slide: VirtualSlide, level: VirtualLevel, number: int) -> tuple[EncodedFrame, bool]:
        """A frame in the transfer syntax of its instance, and whether it lies so in the file."""
        tile = self._images.stored_tile(slide.image, level.tile(number))
        size, syntax = level.level.tile_size, level.transfer_syntax
        if self._tiles.is_as_stored(tile, syntax, size):
            require_sound(tile)
            return tile, True
        return self._tiles.made(tile, syntax, size, slide.info.background), False

    def _choices(self, slide: VirtualSlide, level: VirtualLevel, request: FrameRequest) -> Iterator[Choice]:
        tile = level.level.tile_size
        facts = Facts(
            tile.width,
            tile.height,
            level.frames,
            slide.info.pixels,
            slide.info.pixels.bits_allocated,
            level.transfer_syntax,
            is_lossy=True,
            modality="SM",
            sop_class=WHOLE_SLIDE_STORAGE,
        )
        return choices(request, names_of(level.transfer_syntax), facts, self._policy)


def _level(slide: VirtualSlide, request: FrameRequest) -> VirtualLevel:
    """The level of a request.

    :raises ImageNotFoundError, FileChangedError: the slide has no such instance, or was replaced
    :raises TileOutOfRangeError: the instance has no such frame
    """
    _, level = level_of(slide, request.instance)
    if not 1 <= request.number <= level.frames:
        message = f"frame {request.number}: the instance has frames 1 to {level.frames}"
        raise TileOutOfRangeError(message)
    return level


def _travelling(frame: EncodedFrame, request: FrameRequest, choice: Choice, *, is_stored: bool) -> TravelFrame:
    """A frame ready to be sent.

    :raises CorruptFrameError: it is cut, or contradicts its header
    """
    codestream = require_sound(frame)
    instance = request.instance
    how = "stored" if is_stored else f"{request.quality} {ENCODERS}"
    words = f"{instance.version} {instance.uid} {request.number} {choice.transfer_syntax} {how}"
    etag = hashlib.blake2b(words.encode(), digest_size=12).hexdigest()
    return TravelFrame(frame, choice.transfer_syntax, is_stored, resolutions_of(codestream), etag)
