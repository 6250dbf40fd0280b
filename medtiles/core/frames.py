"""The port of frames as they travel: a frame of a DICOM instance in a transfer syntax that the client reads."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from medtiles.core.studies import Instance
from transcode.frames import EncodedFrame, PixelArray

AS_STORED = "*"
"""In an accept list: whatever the frame is stored in."""


@dataclass(frozen=True, slots=True)
class FrameRequest:
    """One frame, and how the client wants it. Also the key of caches and of ETags."""

    instance: Instance
    number: int
    """From 1, as DICOM counts."""
    accept: tuple[str, ...] = (AS_STORED,)
    """Transfer Syntax UIDs, best first; `AS_STORED` among them takes stored bytes of any."""
    quality: int | None = None
    """1 to 100 for a lossy transfer syntax that is asked for; None: the policy's."""
    leaves_choice: bool = False
    """Whether the client likes all of `accept` alike: then the policy puts them in order."""


@dataclass(frozen=True, slots=True)
class ResolutionBytes:
    """How much of a codestream completes a resolution."""

    reduction: int
    """Halvings of the picture that is complete then; 0: all of it."""
    width: int
    height: int
    end: int
    """The first byte, within the codestream, that is not needed."""


@dataclass(frozen=True, slots=True, eq=False)
class TravelFrame:
    """A frame ready to be sent."""

    frame: EncodedFrame
    transfer_syntax: str
    """UID of what `frame` is encoded in.

    Native frames are explicit little endian, interleaved, whatever their file is. HTJ2K is called what the codestream
    is: `.202` where it keeps the rules of that, though the file may say `.201`, and never `.202` where it does not.
    """
    is_stored: bool
    """Whether these are the bytes that lie in the file."""
    resolutions: tuple[ResolutionBytes, ...] = ()
    """Coarsest first; empty where the encoding cannot be cut."""
    etag: str = ""
    """Changes with the bytes: stable over restarts and processes."""


class InstanceFiles(Protocol):
    """Where instances lie. Safe to call from several threads."""

    def path(self, instance: Instance) -> Path:
        """The file of an instance, within the served roots.

        :raises ImageNotFoundError, FileChangedError: it is gone, or another
        """


class Frames(Protocol):
    """Frames of DICOM instances. Safe to call from several threads."""

    def frame(self, request: FrameRequest) -> TravelFrame:
        """The frame as it is stored where that is accepted; else in the first accepted transfer syntax that holds its
        samples: encoded anew, compared with its source and kept.

        :raises TileOutOfRangeError: the instance has no such frame
        :raises UnsupportedEncodingError: nothing accepted can hold its samples
        :raises CorruptFrameError: it does not decode; it is never sent then
        :raises ImageNotFoundError, FileChangedError: its file is gone, or another
        :raises ViewTooLargeError: more pixels than the limits allow
        :raises BusyError: the queue is full
        """

    def answer(self, request: FrameRequest) -> TravelFrame | None:
        """The same without waiting, when it takes no decoding: at most a file is read. Raises as `frame` does."""

    def submit(self, request: FrameRequest) -> Future[TravelFrame]:
        """The same, made by workers. Cancelling withdraws: work that nobody waits for stops.

        :raises BusyError: the queue is full
        """

    def samples(self, request: FrameRequest, reduction: int = 0) -> PixelArray:
        """The frame's stored samples, halved so many times; RGB where the encoding stands for that.

        :raises TileOutOfRangeError, CorruptFrameError, ImageNotFoundError, FileChangedError, BusyError: as `frame`
        :raises BadRequestError: fewer than no halvings, or absurdly many
        """

    def prefetch(self, requests: Iterator[FrameRequest]) -> None:
        """Make these ready when nothing else is to be done; dropped when other work waits, or others are named."""
