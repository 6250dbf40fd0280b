"""The frames of a series in an order, few at a time, each handed on as soon as it is its turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass

from medtiles.core.errors import BusyError
from medtiles.core.frames import FrameRequest, Frames, TravelFrame
from medtiles.core.studies import Instance

_AHEAD = 4
"""Frames of one stream that the engine may have at a time: enough to keep it busy, few enough to be fair."""

Outcome = TravelFrame | Exception
_Begun = Outcome | Future[TravelFrame]


@dataclass(frozen=True, slots=True)
class FramePlace:
    """A frame of a series."""

    index: int
    instance: Instance
    number: int


def places_of(instances: Sequence[Instance]) -> list[FramePlace]:
    """All frames of a series: those of each instance in turn."""
    places: list[FramePlace] = []
    for instance in instances:
        places += [FramePlace(len(places) + frame, instance, frame + 1) for frame in range(instance.frames)]
    return places


class SeriesFrames:
    """Frames one after the other, while the engine makes those that come next. Used in one thread."""

    def __init__(
        self,
        frames: Frames,
        request: Callable[[FramePlace], FrameRequest],
        wait: Callable[[Future[TravelFrame]], TravelFrame],
    ) -> None:
        """`wait` gives what a future holds, or raises because the call is over."""
        self._frames = frames
        self._request = request
        self._wait = wait

    def outcomes(self, places: Iterator[FramePlace]) -> Iterator[tuple[FramePlace, Outcome]]:
        """Each frame, or why there is none.

        :raises CancelledError, TimeoutError: the call is over
        """
        begun: deque[tuple[FramePlace, _Begun]] = deque()
        try:
            for place in places:
                begun.append((place, self._begun(place)))
                if len(begun) > _AHEAD:
                    yield self._finished(*begun.popleft())
            while begun:
                yield self._finished(*begun.popleft())
        finally:
            for _, each in begun:
                if isinstance(each, Future):
                    each.cancel()

    def _begun(self, place: FramePlace) -> _Begun:
        request = self._request(place)
        try:
            return self._frames.submit(request)
        except Exception as error:  # noqa: BLE001 - one bad frame does not spoil the rest; the caller tells why it failed
            return error

    def _finished(self, place: FramePlace, begun: _Begun) -> tuple[FramePlace, Outcome]:
        try:
            if isinstance(begun, BusyError):  # by others: this one waits for its turn
                begun = self._frames.frame(self._request(place))
            return place, self._wait(begun) if isinstance(begun, Future) else begun
        except (CancelledError, TimeoutError):
            raise
        except Exception as error:  # noqa: BLE001 - as above
            return place, error
