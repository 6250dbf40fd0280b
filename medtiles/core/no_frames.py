"""The Frames of an engine without instances."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future

from medtiles.core.errors import ImageNotFoundError
from medtiles.core.frames import FrameRequest, TravelFrame
from transcode.frames import PixelArray


class NoFrames:
    """The Frames of an engine that has no instances."""

    def frame(self, request: FrameRequest) -> TravelFrame:
        """There is none.

        :raises ImageNotFoundError: always
        """
        raise self._refusal(request)

    def answer(self, request: FrameRequest) -> TravelFrame | None:
        """There is none.

        :raises ImageNotFoundError: always
        """
        raise self._refusal(request)

    def submit(self, request: FrameRequest) -> Future[TravelFrame]:
        """There is none.

        :raises ImageNotFoundError: always
        """
        raise self._refusal(request)

    def samples(self, request: FrameRequest, reduction: int = 0) -> PixelArray:  # noqa: ARG002 - the port
        """There is none.

        :raises ImageNotFoundError: always
        """
        raise self._refusal(request)

    def prefetch(self, requests: Iterator[FrameRequest]) -> None:
        """There is nothing to make ready."""

    @staticmethod
    def _refusal(request: FrameRequest) -> ImageNotFoundError:
        return ImageNotFoundError(f"there is no instance {request.instance.uid[:64]!a}")
