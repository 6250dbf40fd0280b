"""How one frame is made ready to travel: stored bytes, a kept one, or a new one."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from medtiles.core.cache import TileCache
from medtiles.core.frames import FrameRequest, ResolutionBytes, TravelFrame
from medtiles.core.studies import Instance
from medtiles.engine.frames.choice import Choice, choices
from medtiles.engine.frames.derived import DerivedFolder
from medtiles.engine.frames.facts import decoded_format, facts_of, resolutions_of
from medtiles.engine.frames.gate import require_sound
from medtiles.engine.frames.recoding import ENCODERS, Recoder, native
from medtiles.engine.frames.seen import Seen, SeenFrames
from medtiles.engine.frames.stored_frame import StoredFrame, plain_format
from transcode.codec import Codecs
from transcode.codecs import RAW
from transcode.errors import CorruptFrameError, UnsupportedEncodingError, UnsupportedPixelsError
from transcode.frames import EncodedFrame
from transcode.policy import Facts, Policy
from transcode.targets import ArchiveOptions

if TYPE_CHECKING:
    from transcode.dicom.reader import InstanceReader

_REMEMBERED = 16384
"""Frames whose structure is held in memory."""
_FAILED_FOR = 60.0
"""Seconds for which a frame that did not decode is not tried again: it may cost as long as the limits allow."""


@dataclass(frozen=True, slots=True)
class _Sound:
    """What a stored frame was when its structure was looked at; its file has not changed since."""

    like: EncodedFrame
    """Without its bytes."""
    length: int
    offset: int | None
    """Where it lies in one piece, as it is sent; None: it does not."""
    resolutions: tuple[ResolutionBytes, ...]


class FrameMaker:
    """Safe to call from several threads."""

    def __init__(
        self, codecs: Codecs, policy: Policy, most_pixels: int, folder: DerivedFolder | None, memory_bytes: int
    ) -> None:
        self.codecs = codecs
        self._policy = policy
        self._most_pixels = most_pixels
        self._folder = folder
        self._seen = SeenFrames(folder)
        self._kept: TileCache[str, TravelFrame] = TileCache(memory_bytes, lambda frame: len(frame.frame.data) + 512)
        self._facts: TileCache[tuple[str, bool], Facts] = TileCache(1024, lambda _: 1)
        self._sound: TileCache[tuple[str, int], _Sound] = TileCache(_REMEMBERED, lambda _: 1)
        self._failed: TileCache[tuple[str, int], tuple[float, str]] = TileCache(_REMEMBERED, lambda _: 1)

    def statistics(self) -> dict[str, int]:
        """Figures for monitoring: derived frames in memory."""
        return {
            "derived_cache_bytes": self._kept.size,
            "derived_cache_hits": self._kept.hits,
            "derived_cache_misses": self._kept.misses,
        }

    def make(
        self, reader: InstanceReader, request: FrameRequest, is_wanted: Callable[[], bool] | None
    ) -> TravelFrame | None:
        """The frame of a request.

        :param is_wanted: whether somebody still waits; None: only what takes no decoding, and None when it does
        :raises TileOutOfRangeError, ViewTooLargeError, CorruptFrameError, UnsupportedEncodingError: see `Frames.frame`
        """
        stored = StoredFrame(reader, request.number)
        instance = key_of(request.instance)
        seen = self._known(stored, instance, may_decode=is_wanted is not None)
        if seen is None:
            return None
        problem = ""
        for choice in choices(request, stored.names(seen), self._facts_of(reader, instance, seen), self._policy):
            if choice.is_stored:
                return self._as_stored(stored, instance, choice)
            try:
                return self._derived(stored, request, choice, is_wanted)
            except UnsupportedPixelsError as error:
                problem = f": {error}"
        message = f"nothing accepted ({', '.join(request.accept)[:200]}) can hold the frame{problem}"
        raise UnsupportedEncodingError(message)

    def _known(self, stored: StoredFrame, instance: str, *, may_decode: bool) -> Seen | None:
        """What is known of a frame that decodes.

        :raises CorruptFrameError: it does not
        """
        key = instance, stored.number
        if stored.reader.encoding is RAW and (sound := self._sound.get(key)) is not None:
            return Seen(is_rgb=sound.like.format.photometric == "RGB")  # it will be read, and its length judged, once
        seen = self._seen.get(*key)
        if seen is not None or not (may_decode or stored.reader.encoding is RAW):
            return seen
        failed = self._failed.get(key)
        if failed is not None and time.monotonic() < failed[0]:
            raise CorruptFrameError(failed[1])
        try:
            seen = stored.examine(self.codecs, self._most_pixels)
        except CorruptFrameError as error:
            message = f"frame {stored.number}: {error}"
            self._failed.put(key, (time.monotonic() + _FAILED_FOR, message))
            raise CorruptFrameError(message) from error
        if stored.reader.encoding is not RAW:
            self._seen.put(*key, seen)
        return seen

    def _facts_of(self, reader: InstanceReader, instance: str, seen: Seen) -> Facts:
        def find() -> Facts:
            return facts_of(reader, plain_format(decoded_format(reader.pixel_format, seen)))

        return self._facts.get_or_make((instance, seen.is_rgb), find)

    def _as_stored(self, stored: StoredFrame, instance: str, choice: Choice) -> TravelFrame:
        key = instance, stored.number
        sound = self._sound.get(key)
        if sound is None:
            frame = stored.read
            place = stored.reader.place(stored.number - 1)
            offset = None if place is None else place.offset
            sound = _Sound(replace(frame, data=b""), len(frame.data), offset, stored.resolutions())
            self._sound.put(key, sound)
        elif sound.offset is not None:
            data, like = stored.reader.read_place(sound.offset, sound.length), sound.like
            frame = EncodedFrame(data, like.encoding, like.format, like.width, like.height)
        else:
            frame = stored.reader.read_frame(stored.number - 1)
        if frame.encoding is RAW and stored.reader.pixels.bits_allocated == 1:
            frame = native(self.codecs.decode(frame))
        etag = _digest(f"{instance} {stored.number} stored {choice.transfer_syntax}")
        return TravelFrame(frame, choice.transfer_syntax, stored.lies_so, sound.resolutions, etag)

    def _derived(
        self, stored: StoredFrame, request: FrameRequest, choice: Choice, is_wanted: Callable[[], bool] | None
    ) -> TravelFrame | None:
        """A frame encoded anew, or kept from before; None when it would have to be made and must not.

        :raises UnsupportedPixelsError: it cannot be encoded so
        """
        options = ArchiveOptions(request.quality or self._policy.quality, self._policy.near)
        how = "" if choice.is_lossless else f" {options.quality} {options.near}"
        key = f"{key_of(request.instance)} {stored.number} {choice.transfer_syntax}{how} {ENCODERS}"
        found = self._kept.get(key) or self._fetched(key)
        if found is not None or is_wanted is None:
            return found
        stored.require_small(self._most_pixels)
        frame = Recoder(self.codecs, options).recode(stored.read, lambda: stored.pixels(self.codecs), choice, is_wanted)
        travel = TravelFrame(
            frame,
            choice.transfer_syntax,
            is_stored=False,
            resolutions=resolutions_of(require_sound(frame)),
            etag=_digest(key),
        )
        self._kept.put(key, travel)
        if self._folder is not None and choice.encoder is not None:
            self._folder.put(key, travel)
        return travel

    def _fetched(self, key: str) -> TravelFrame | None:
        found = self._folder.get(key) if self._folder is not None else None
        if found is not None:
            self._kept.put(key, found)
        return found


def key_of(instance: Instance) -> str:
    """An instance, and the version of its file."""
    return f"{instance.version} {instance.uid}"


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
