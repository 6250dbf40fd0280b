"""Answers that are files: the window as a codestream or in boxes, or the target's own bytes (ISO/IEC 15444-9 C.7.3).

A file says all at once, so it tells a client nothing of what may be left out: such answers neither use a model nor
change it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from medtiles.core.errors import ViewTooLargeError
from medtiles.jpip.answer import Answer, Target
from medtiles.jpip.arrived import Arrived
from medtiles.jpip.assembly import Assembly
from medtiles.jpip.bins import Read
from medtiles.jpip.boxed import boxed, plain_file
from medtiles.jpip.errors import FieldError
from medtiles.jpip.messages import BinClass, EndOfResponse, MessageReader, Reason
from medtiles.jpip.model import CacheModel
from medtiles.jpip.request import JpipRequest, MetadataBoxes, StreamType

RAW = "raw"
_BARE = {"image/j2c": False, "image/jphc": True}
_BOXED = {"image/jp2": False, "image/jpx": False, "image/jph": True}
_HIGH_THROUGHPUT = {**_BARE, **_BOXED}
"""Kinds, and whether their codestreams are of the block coder of Part 15."""
_MOST_BYTES = 256 << 20
_PIECE = 1 << 16
_JPP = (StreamType("jpp-stream"),)


def file_kind(target: Target, request: JpipRequest) -> str | None:
    """The kind of file that a request prefers to a stream; None: a stream comes first, or no kind that there is."""
    for kind in request.type:
        name = kind.name if kind.name.startswith("image/") or kind.name == RAW else f"image/{kind.name}"
        if kind.name.endswith("-stream"):
            return None
        if name == RAW:
            return RAW
        if name in _HIGH_THROUGHPUT:
            stream = request.stream[0].first if request.stream else 0
            header = target.bins(stream).main_header() if stream < target.codestreams else None
            if header is not None:
                coder = Assembly(header.read(0, header.length)).is_high_throughput
                if coder == _HIGH_THROUGHPUT[name]:
                    return name
    return None


class FileAnswer:
    """One response, as `Answer` is one."""

    def __init__(self, target: Target, request: JpipRequest, kind: str) -> None:
        """Find what is asked for.

        :param kind: one of `file_kind`
        :raises FieldError, UnsupportedFieldError, CorruptFrameError: as of `Answer`
        """
        self._target = target
        self._request = request
        self._kind = kind
        everything = (MetadataBoxes(("*",)),) if kind in _BOXED else ()
        asked = replace(request, type=_JPP, len=None, metareq=everything, is_metadata_only=False, model=None)
        self._inner = Answer(target, asked, CacheModel())
        self.media_type = "application/octet-stream" if kind == RAW else kind
        self.headers = {**self._inner.headers, "JPIP-type": kind}
        self.reason: Reason = Reason.WINDOW_DONE
        self.sent = 0

    def pieces(self, stop: Callable[[], Reason | None] = lambda: None) -> Iterator[bytes]:
        """The file.

        :param stop: asked now and then; a reason ends the response, which then is no whole file
        :raises CorruptFrameError: a codestream is broken where it is wanted
        :raises ViewTooLargeError: it is too much for one answer
        :raises FieldError: it is more than `len` allows
        """
        raw = self._target.raw if self._kind == RAW else None
        if raw is not None:
            yield from self._sent(raw.read, raw.length, stop)
        else:
            data = self._file()
            yield from self._sent(lambda offset, length: data[offset : offset + length], len(data), stop)

    def _sent(self, read: Read, length: int, stop: Callable[[], Reason | None]) -> Iterator[bytes]:
        most = self._request.len
        if most is not None and most < length:
            text = f"len: the answer is a file of {length} bytes, and part of it is no use: ask for a stream"
            raise FieldError(text)
        for offset in range(0, length, _PIECE):
            if (reason := stop()) is not None:
                self.reason = reason
                return
            piece = read(offset, min(_PIECE, length - offset))
            self.sent += len(piece)
            yield piece

    def _file(self) -> bytes:
        arrived, reader, stream = Arrived(), MessageReader(), self._inner.streams[0] if self._inner.streams else 0
        for piece in self._inner.pieces():
            for message in reader.feed(piece):
                if not isinstance(message, EndOfResponse):
                    arrived.take(message)
            if arrived.nbytes > _MOST_BYTES:
                text = f"more than {_MOST_BYTES >> 20} MB as one file: ask for a region, or for a stream"
                raise ViewTooLargeError(text)

        def codestream(number: int) -> bytes:
            return Assembly(arrived.data(number, BinClass.MAIN_HEADER, 0)).codestream(
                lambda tile: arrived.data(number, BinClass.TILE_HEADER, tile),
                lambda precinct: arrived.data(number, BinClass.PRECINCT, precinct),
            )

        if self._kind not in _BOXED:
            return codestream(stream)
        if self._target.codestreams == 1 and arrived.data(0, BinClass.METADATA, 0):
            return boxed(arrived.metadata, codestream)
        return plain_file(codestream(stream))
