"""What the client for programs offers of DICOM frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from medtiles.core.frames import AS_STORED, FrameRequest, TravelFrame
from medtiles.core.series_order import FIRST_TO_LAST, SeriesOrder
from medtiles.core.studies import Instance, Scope
from medtiles.core.view import Refinement
from medtiles.protocols.grpc.remote_frames import RemoteFrames, SeriesPass, SeriesPiece
from transcode.codecs import builtin
from transcode.errors import UnsupportedEncodingError
from transcode.frames import Samples
from transcode.growing import decode_prefix

EXPLICIT = "1.2.840.10008.1.2.1"
"""Transfer syntax of native frames."""
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
JPEG_LS = "1.2.840.10008.1.2.4.80"
HTJ2K_RPCL = "1.2.840.10008.1.2.4.202"
"""HTJ2K by resolution, without loss."""


@dataclass(frozen=True, slots=True, eq=False)
class GrowingArray:
    """A frame as far as it has come."""

    samples: Samples
    """(rows, columns, samples per pixel)."""
    reduction: int
    """How often its sides are halved."""
    bytes_so_far: int
    is_last: bool


class FrameVerbs:
    """Part of `medtiles.client.Client`. Safe to use from several threads."""

    def __init__(self, frames: RemoteFrames) -> None:
        self._frames = frames
        self._codecs = builtin()

    def frame(
        self,
        instance: Instance,
        number: int = 1,
        *,
        accept: Sequence[str] = (AS_STORED,),
        quality: int | None = None,
        leaves_choice: bool = False,
    ) -> TravelFrame:
        """One frame of a DICOM instance: as it is stored where that is accepted, else encoded anew and verified.

        :param number: from 1, as DICOM counts
        :param accept: Transfer Syntax UIDs, best first; `*`: as stored, whatever that is
        :param quality: 1 to 100 for a lossy one that is accepted; None: lossy only when nothing else is accepted
        :param leaves_choice: whether all of `accept` are liked alike: the server's policy then puts them in order
        :raises TileOutOfRangeError: the instance has no such frame
        :raises UnsupportedEncodingError: nothing accepted can hold its samples
        :raises CorruptFrameError: it is damaged
        """
        return self._frames.frame(FrameRequest(instance, number, tuple(accept), quality, leaves_choice))

    def frame_samples(self, instance: Instance, number: int = 1, reduction: int = 0) -> Samples:
        """The stored samples of a frame, halved so many times: an array (rows, columns, samples per pixel)."""
        return self._frames.samples(FrameRequest(instance, number), reduction).samples

    def stream_frame(
        self,
        instance: Instance,
        number: int = 1,
        *,
        accept: Sequence[str] = (AS_STORED,),
        offset: int = 0,
        until_reduction: int = 0,
        etag: str = "",
    ) -> tuple[TravelFrame, Iterator[Refinement]]:
        """What a frame is, without its bytes, and its bytes, one piece for each resolution that they complete.

        To go on after an interruption, name the bytes at hand as `offset`, and the frame's `etag`.

        :param until_reduction: the last piece completes this one
        :raises FileChangedError: the frame is no longer that of the entity tag
        """
        request = FrameRequest(instance, number, tuple(accept))
        return self._frames.stream(request, offset, until_reduction, etag)

    def stream_series(  # noqa: PLR0913 - an address, then keywords with defaults that serve
        self,
        study: str,
        series: str,
        *,
        accept: Sequence[str] = (AS_STORED,),
        order: SeriesOrder = FIRST_TO_LAST,
        first_reduction: int = 0,
        until_reduction: int = 0,
        have: Mapping[int, tuple[int, str]] | None = None,
    ) -> Iterator[SeriesPiece]:
        """The frames of a series in an order; leaving the loop ends the work for the rest.

        :param first_reduction: every frame comes as far as this before any comes further; 0: each comes whole at once
        :param have: bytes at hand, and the entity tag of the frame, by index of the frame: they are not sent again
        """
        like = FrameRequest(Instance(study, series, "", "", "", 0, 0, 0, ""), 1, tuple(accept))
        how = SeriesPass(order, first_reduction, until_reduction)
        return self._frames.series(Scope(study, series), like, how, have or {})

    def growing_frame(
        self, instance: Instance, number: int = 1, *, accept: Sequence[str] | None = None
    ) -> Iterator[GrowingArray]:
        """A frame as arrays of growing resolution, each as soon as its bytes are here; leaving the loop saves the rest.

        For programs that may know enough before the whole frame has come. The last array is all of it; where a frame
        cannot be cut, or its samples are indices into a palette, it is the only one.

        :param accept: None: HTJ2K by resolution, or as it is stored where that holds no such samples
        """
        try:
            travel, pieces = self.stream_frame(instance, number, accept=accept or (HTJ2K_RPCL,))
        except UnsupportedEncodingError:
            if accept is not None:
                raise
            travel, pieces = self.stream_frame(instance, number)
        data = bytearray()
        for piece in pieces:
            data += piece.data
            if not piece.is_last and travel.frame.format.photometric == "PALETTE COLOR":
                continue
            frame = replace(travel.frame, data=bytes(data))
            pixels = decode_prefix(frame, piece.reduction, self._codecs)
            yield GrowingArray(pixels.samples, piece.reduction, len(data), piece.is_last)

    def prefetch(self, frames: Iterable[tuple[Instance, int]], *, accept: Sequence[str] = (AS_STORED,)) -> None:
        """Have the server make frames ready when it has nothing else to do; the last call takes the place of others."""
        self._frames.prefetch(FrameRequest(instance, number, tuple(accept)) for instance, number in frames)
