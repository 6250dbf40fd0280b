"""The Frames of this process."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from pathlib import Path

from medtiles.core.errors import BadRequestError, MedTilesError
from medtiles.core.frames import FrameRequest, InstanceFiles, TravelFrame
from medtiles.core.limits import Limits
from medtiles.engine.flights import Flights
from medtiles.engine.frames.choice import DEFAULT_POLICY
from medtiles.engine.frames.derived import MOST_BYTES, derived_folder
from medtiles.engine.frames.maker import FrameMaker
from medtiles.engine.frames.opened import OpenInstances
from medtiles.engine.frames.prefetching import Prefetcher
from medtiles.engine.frames.stored_frame import StoredFrame
from transcode.codec import Codecs
from transcode.errors import TranscodeError
from transcode.frames import PixelArray
from transcode.policy import Policy
from transcode.samples.shrinking import shrunk

_MOST_REDUCTION = 32


@dataclass(frozen=True, slots=True)
class FrameOptions:
    """What frames may use."""

    cache: Path | None = None
    """The cache folder; None: derived frames are kept in memory only."""
    cache_bytes: int = MOST_BYTES
    """That derived frames may take on disk."""
    memory_bytes: int = 32 * 1024 * 1024
    """That derived frames may take in the memory of the process."""
    limits: Limits = Limits()
    policy: Policy = DEFAULT_POLICY
    threads: int = 0
    """Workers; 0: one for each CPU."""
    open_instances: int = 64


class FrameEngine:
    """Frames of instances, out of their files. Safe to call from several threads."""

    def __init__(self, files: InstanceFiles, codecs: Codecs, options: FrameOptions | None = None) -> None:
        """`files` says where instances lie; `codecs` decode, in children where that is dangerous."""
        options = options or FrameOptions()
        self._open = OpenInstances(files, options.open_instances)
        folder = derived_folder(options.cache, options.cache_bytes)
        self._most_pixels = options.limits.view_pixels
        self._maker = FrameMaker(codecs, options.policy, self._most_pixels, folder, options.memory_bytes)
        self._flights: Flights[FrameRequest, TravelFrame] = Flights(
            options.threads or os.cpu_count() or 1, options.limits.queue
        )
        self._prefetcher: Prefetcher[FrameRequest] = Prefetcher(self._prepare, lambda: self._flights.waiting == 0)

    def frame(self, request: FrameRequest) -> TravelFrame:
        """See `Frames.frame`. Decoding and encoding is done by the workers, reading in the caller's thread."""
        return self.answer(request) or self._flights.join(request, functools.partial(self._make, request)).result()

    def answer(self, request: FrameRequest) -> TravelFrame | None:
        """See `Frames.answer`."""
        with self._open.reader(request.instance) as reader:
            return self._maker.make(reader, request, None)

    def submit(self, request: FrameRequest) -> Future[TravelFrame]:
        """See `Frames.submit`."""
        return self._flights.join(request, functools.partial(self._make, request))

    def samples(self, request: FrameRequest, reduction: int = 0) -> PixelArray:
        """See `Frames.samples`. Made in the caller's thread."""
        if not 0 <= reduction <= _MOST_REDUCTION:
            message = f"reduction {reduction}: it must be from 0 to {_MOST_REDUCTION}"
            raise BadRequestError(message)
        codecs = self._maker.codecs
        with self._open.reader(request.instance) as reader:
            stored = StoredFrame(reader, request.number)
            stored.require_small(self._most_pixels)
            frame = stored.read
            by_codec = min(reduction, codecs.of(frame.encoding).max_reduction)
            pixels = codecs.decode(frame, by_codec)
        is_palette = pixels.format.photometric == "PALETTE COLOR"
        return PixelArray(shrunk(pixels.samples, reduction - by_codec, is_palette=is_palette), pixels.format)

    def prefetch(self, requests: Iterator[FrameRequest]) -> None:
        """See `Frames.prefetch`."""
        self._prefetcher.want(requests)

    def statistics(self) -> dict[str, int]:
        """Figures for monitoring."""
        return {**self._maker.statistics(), "frames_waiting": self._flights.waiting}

    def close(self) -> None:
        """Finish what has started and let go of all files."""
        self._prefetcher.close()
        self._flights.close()
        self._open.close()

    def _make(self, request: FrameRequest, is_wanted: Callable[[], bool]) -> TravelFrame:
        with self._open.reader(request.instance) as reader:
            made = self._maker.make(reader, request, is_wanted)
        if made is None:
            message = "a frame that may be made has not been made"
            raise MedTilesError(message)
        return made

    def _prepare(self, request: FrameRequest) -> None:
        """Make a frame ready; given up as soon as somebody waits for another. Errors are told to who asks for it."""
        with contextlib.suppress(MedTilesError, TranscodeError, CancelledError):
            if self.answer(request) is None:
                self._make(request, lambda: self._flights.waiting == 0)
