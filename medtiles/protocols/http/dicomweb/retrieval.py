"""Frames for a client: the instance found, what Accept says asked for, the next frames of the series made ready."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from medtiles.core.errors import MedTilesError, ViewTooLargeError
from medtiles.core.frames import FrameRequest, TravelFrame
from medtiles.core.studies import Instance, Scope
from medtiles.protocols.async_tiles import AsyncTiles, Receive
from medtiles.protocols.http.dicomweb.read_ahead import ReadAhead, Stretch
from medtiles.protocols.http.dicomweb.syntaxes import HTJ2K_RPCL
from medtiles.protocols.http.dicomweb.thumbnails import beginning, encoded, reduction_for
from medtiles.protocols.http.dicomweb.wishes import Ask, Label, Wishes
from transcode.errors import TranscodeError, UnsupportedEncodingError, UnsupportedFeatureError

_MOST_BYTES = 64 * 1024 * 1024
"""Of several frames in one answer, which are in memory together."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which frames, and how."""

    instance: Instance
    numbers: tuple[int, ...]
    wishes: Wishes
    quality: int | None = None
    is_thumbnail: bool = False

    def requests(self, ask: Ask) -> list[FrameRequest]:
        """What to ask the engine for."""
        first = FrameRequest(self.instance, self.numbers[0], ask.accept, self.quality, ask.leaves_choice)
        return [replace(first, number=number) for number in self.numbers]


@dataclass(frozen=True, slots=True)
class Labelled:
    """A frame, and what the client calls it."""

    frame: TravelFrame
    label: Label


class FrameReader:
    """Used on one event loop."""

    def __init__(self, tiles: AsyncTiles) -> None:
        self._tiles = tiles
        self._read_ahead = ReadAhead()
        self._background: set[asyncio.Task[None]] = set()

    async def instances(self, scope: Scope) -> Sequence[Instance]:
        """The instances of a scope, in the order of their slices.

        :raises ImageNotFoundError: there is none
        """
        return await self._tiles.call(self._tiles.tiles.studies.instances, scope)

    async def read(self, wanted: Wanted, receive: Receive) -> list[Labelled]:
        """The frames in the form that the client likes best of those that can be had.

        :raises UnsupportedEncodingError: it likes none of them; says what there is
        :raises ViewTooLargeError: too many bytes for one answer
        """
        unread: UnsupportedFeatureError | None = None
        for ask in wanted.wishes.asks():
            try:
                frames = await self._frames(wanted, ask, receive)
            except UnsupportedFeatureError as error:
                unread = error
            except UnsupportedEncodingError:
                continue
            else:
                labelled = _labelled(frames, wanted)
                if labelled is not None:
                    self._look_ahead(wanted, ask)
                    return labelled
        if unread is not None:
            raise unread
        raise UnsupportedEncodingError(wanted.wishes.refusal())

    async def _frames(self, wanted: Wanted, ask: Ask, receive: Receive) -> list[TravelFrame]:
        reduction = reduction_for(wanted.instance) if wanted.is_thumbnail else 0
        requests = wanted.requests(ask)
        if not reduction:
            return await self._whole(requests, receive)
        return [await self._thumbnail(each, reduction, receive) for each in requests]

    async def _whole(self, requests: Sequence[FrameRequest], receive: Receive) -> list[TravelFrame]:
        found: list[TravelFrame] = []
        size = 0

        def take(frame: TravelFrame) -> None:
            nonlocal size
            size += len(frame.frame.data)
            found.append(frame)
            if len(found) > 1 and size > _MOST_BYTES:
                message = f"the frames have more than {_MOST_BYTES} bytes together: ask for fewer at a time"
                raise ViewTooLargeError(message)

        await self._tiles.frames(requests, receive, take)
        return found

    async def _thumbnail(self, request: FrameRequest, reduction: int, receive: Receive) -> TravelFrame:
        if request.accept == (HTJ2K_RPCL,):
            (whole,) = await self._whole([request], receive)
            small = beginning(whole, reduction)
            if small is not None:
                return small
        return await self._tiles.call(self._encoded, request, reduction)

    def _encoded(self, request: FrameRequest, reduction: int) -> TravelFrame:
        return encoded(self._tiles.tiles.frames.samples(request, reduction), request.accept[0])

    def _look_ahead(self, wanted: Wanted, ask: Ask) -> None:
        if len(wanted.numbers) > 1 or wanted.is_thumbnail:
            return
        stretch = self._read_ahead.note(wanted.instance, wanted.numbers[0])
        if stretch is not None:
            task = asyncio.get_running_loop().create_task(self._prefetch(wanted, ask, stretch))
            self._background.add(task)
            task.add_done_callback(self._background.discard)

    async def _prefetch(self, wanted: Wanted, ask: Ask, stretch: Stretch) -> None:
        """Nobody waits for it: what goes wrong is told to who asks for the frame."""
        with suppress(MedTilesError, TranscodeError, TimeoutError):
            await self._tiles.call(self._name_next, wanted, ask, stretch)

    def _name_next(self, wanted: Wanted, ask: Ask, stretch: Stretch) -> None:
        first = wanted.requests(ask)[0]
        instance = wanted.instance
        if instance.frames > 1:
            numbers = [number for number in stretch.positions() if 1 <= number <= instance.frames]
            requests = [replace(first, number=number) for number in numbers]
        else:
            series = self._tiles.tiles.studies.instances(Scope(instance.study, instance.series))
            by_number = {each.number: each for each in series if each.frames == 1}
            found = (by_number.get(number) for number in stretch.positions())
            requests = [replace(first, instance=each) for each in found if each is not None]
        if requests:
            self._tiles.tiles.frames.prefetch(_one_by_one(requests))


def _one_by_one(requests: list[FrameRequest]) -> Iterator[FrameRequest]:
    yield from requests


def _labelled(frames: Sequence[TravelFrame], wanted: Wanted) -> list[Labelled] | None:
    found: list[Labelled] = []
    for frame in frames:
        label = wanted.wishes.label(frame.transfer_syntax, len(frames))
        if label is None:
            return None
        found.append(Labelled(frame, label))
    return found
