"""What a request is answered with: the window that is really there, and messages in the order of their use.

Order: metadata, main headers, then for each resolution, for each quality layer, tiles and precincts by their distance
from the window's centre. Whatever the client has already, by its model, is left out.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from medtiles.jpip import fields
from medtiles.jpip.bins import Bins, DataBin, TilePrecincts
from medtiles.jpip.boxes import MetadataBins
from medtiles.jpip.errors import FieldError, UnsupportedFieldError
from medtiles.jpip.fields import Range
from medtiles.jpip.messages import BinClass, Message, MessageWriter, Reason, end_of_response
from medtiles.jpip.model import COMPLETE, CacheModel, Place, TilePartModel
from medtiles.jpip.request import JpipRequest
from medtiles.jpip.window import Window, precincts_under, squared_distance, tiles_under, window_of
from transcode.errors import CorruptFrameError

JPP, JPT = "jpp-stream", "jpt-stream"
STREAMS = (JPP, JPT)
_LONGEST_HEADER = 64
"""Bytes of a message before its body."""
_MOST_STREAMS = 4096
"""Codestreams of one request."""
_STREAM_OF_LAYER = "jpxl"


@dataclass(frozen=True, slots=True)
class Target:
    """What a request speaks of. Safe to use from several threads."""

    tid: str
    """Another one when the bytes are others."""
    codestreams: int
    bins: Callable[[int], Bins]
    """Those of a codestream, opened when it is first asked for."""
    metadata: MetadataBins = field(default_factory=MetadataBins)
    raw: DataBin | None = None
    """The bytes of its file, where its codestreams lie in one."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A data-bin, as far as it is wanted."""

    stream: int
    data: DataBin
    end: int
    place: Place | None = None


class Answer:
    """One response. `headers` are known at once; `pieces` gives the body, and what is sent is noted in the model."""

    def __init__(
        self,
        target: Target,
        request: JpipRequest,
        model: CacheModel,
        *,
        most_bytes: int | None = None,
        chunk: int = 1 << 16,
    ) -> None:
        """Find what is asked for.

        :param model: what the client has; of its session, or of this request alone
        :param most_bytes: of the body, whatever the request says; then it ends with RESPONSE_LIMIT
        :param chunk: bytes of a message at the most
        :raises FieldError, UnsupportedFieldError: a field makes no sense, or insists on what there is not
        :raises CorruptFrameError: a codestream is broken
        """
        self._target = target
        self._request = request
        self._model = model
        self._chunk = chunk
        self.kind, self._is_extended = _stream_type(request)
        self.media_type = f"image/{self.kind}"
        self._most = most_bytes
        self._tile_parts = TilePartModel("tpmodel", request.tpmodel) if request.tpmodel else None
        self._need = _need(request)
        self._needed_parts = TilePartModel("tpneed", request.tpneed) if request.tpneed else None
        self.streams = () if request.is_metadata_only else _streams(target, request)
        self._bins = {stream: target.bins(stream) for stream in self.streams}
        self.windows: dict[int, Window] = {}
        for stream, bins in self._bins.items():
            window = window_of(request, bins.siz, bins.decompositions, bins.layers)
            if window is not None:
                self.windows[stream] = window
        self._mset = self._named_models()
        if self._mset is not None:
            model.keep(self._mset.union(self.streams))
        self.reason: Reason = Reason.WINDOW_DONE
        """Why it ended, or will have."""
        self.sent = 0
        """Bytes of messages."""
        self.headers = self._found_headers()

    def pieces(self, stop: Callable[[], Reason | None] = lambda: None) -> Iterator[bytes]:
        """The body, message by message, and the end of the response.

        :param stop: asked before each message; a reason ends the response
        :raises CorruptFrameError: a codestream is broken where it is wanted
        """
        writer = MessageWriter()
        limit, reason = self._limit()
        self.reason = self._whole_reason()
        for message in self._messages():
            stopped = stop()
            if stopped is not None:
                self.reason = stopped
                break
            fitted = self._fitted(writer, message, limit)
            if fitted is not None:
                data = writer.write(fitted)
                self._note(fitted)
                self.sent += len(data)
                yield data
            if fitted is not message:
                self.reason = reason
                break
        yield end_of_response(self.reason)

    def _limit(self) -> tuple[int | None, Reason]:
        """Bytes of messages that may be sent, and what it is called when they do not suffice."""
        asked, most = self._request.len, self._most
        if most is not None and (asked is None or asked > most):
            return most, Reason.RESPONSE_LIMIT
        return asked, Reason.BYTE_LIMIT

    def _fitted(self, writer: MessageWriter, message: Message, limit: int | None) -> Message | None:
        if limit is None:
            return message
        fitted = writer.fitted(message, limit - self.sent)
        if fitted is message or not self._request.align:
            return fitted
        return None  # it would end within what belongs together

    # -- what is wanted -----------------------------------------------------------------------------------------

    def _messages(self) -> Iterator[Message]:
        for wanted in self._order():
            yield from self._rest(wanted)

    def _order(self) -> Iterator[_Wanted]:
        root = self._target.metadata.root
        yield _Wanted(0, root, root.length)
        for data in self._target.metadata.asked(self._request.metareq):
            yield _Wanted(0, data, data.length)
        for stream, bins in self._bins.items():
            header = bins.main_header(of_tile_parts=self.kind == JPT)
            yield _Wanted(stream, header, header.length)
        yield from self._pictures(list(self.windows))

    def _pictures(self, streams: Sequence[int]) -> Iterator[_Wanted]:
        """The precincts or tiles of some codestreams, coarse ones first."""
        tiles = {stream: self._tiles(stream) for stream in streams}
        r = 0
        while any(tiles.values()):
            for stream in streams:
                if self.kind == JPT:
                    yield from self._tiles_to(stream, tiles[stream], r)
                    is_finest = r >= self._bins[stream].decompositions - self.windows[stream].reduction
                    tiles[stream] = [] if is_finest else tiles[stream]
                else:
                    tiles[stream] = yield from self._resolution(stream, tiles[stream], r)
            r += 1

    def _resolution(self, stream: int, tiles: list[int], r: int) -> Generator[_Wanted, None, list[int]]:
        """A resolution of some tiles, their headers first; those that have finer ones, which are wanted too."""
        finer = []
        for layer in range(self.windows[stream].layers):
            for tile in tiles:
                if not (r or layer):
                    header = self._bins[stream].tile_header(tile)
                    yield _Wanted(stream, header, header.length)
                found = self._bins[stream].precincts(tile, r)
                if not layer and r < self._finest(stream, found):
                    finer.append(tile)
                yield from self._precincts(stream, tile, found, (r, layer))
        return finer

    def _finest(self, stream: int, found: TilePrecincts) -> int:
        window = self.windows[stream]
        return max(len(found.layout.grids[c]) for c in window.components) - 1 - window.reduction

    def _tiles(self, stream: int) -> list[int]:
        window, siz = self.windows[stream], self._bins[stream].siz
        if not window.components:
            return []
        return sorted(tiles_under(window, siz), key=lambda tile: squared_distance(window, siz, tile))

    def _precincts(self, stream: int, tile: int, found: TilePrecincts, stage: tuple[int, int]) -> Iterator[_Wanted]:
        """Those of a tile at a resolution, as far as a quality layer; nearest first."""
        bins, window, (r, layer) = self._bins[stream], self.windows[stream], stage
        under = precincts_under(window, bins.siz, found.layout, bins.reach, r)
        for number, _, _ in sorted(under, key=lambda each: each.distance):
            data = found.precinct(number)
            is_last = layer + 1 >= window.layers == bins.layers
            end = data.length if is_last or layer >= len(data.ends) else data.ends[layer]
            component = found.layout.component[number]
            within = number - found.layout.grids[component][r].first
            yield _Wanted(stream, data, end, Place(tile, component, r, within))

    def _tiles_to(self, stream: int, tiles: list[int], r: int) -> Iterator[_Wanted]:
        bins = self._bins[stream]
        is_all = r >= bins.decompositions
        for tile in tiles:
            data = bins.tile(tile)
            end = data.length if is_all else bins.tile_end(tile, r)
            if self._request.align and data.ends:
                end = next((each for each in data.ends if each >= end), data.length)
            yield _Wanted(stream, data, end)

    # -- what is missing ----------------------------------------------------------------------------------------

    def _rest(self, wanted: _Wanted) -> Iterator[Message]:
        data = wanted.data
        held = self._held(wanted)
        end = min(wanted.end, self._needed(wanted))
        if held == COMPLETE or (held >= end and not (held == end == data.length)):
            return
        if end < 0 or (end == 0 and data.length):
            return
        while True:
            stop = self._stop(data, held, end)
            body = data.read(held, stop - held)
            if len(body) < stop - held:
                message = f"codestream {wanted.stream}: a data-bin of {data.length} bytes ends after {held + len(body)}"
                raise CorruptFrameError(message)
            yield self._message(wanted, held, body, is_last=stop == data.length)
            held = stop
            if held >= end:
                return

    def _stop(self, data: DataBin, start: int, end: int) -> int:
        """Where a message that begins somewhere ends."""
        stop = min(end, start + self._chunk)
        if self._request.align and stop < end:
            stop = next((each for each in data.ends if each > start), end)
            stop = min(stop, end)
        return stop

    def _message(self, wanted: _Wanted, offset: int, body: bytes, *, is_last: bool) -> Message:
        data, bin_class, aux = wanted.data, wanted.data.bin_class, None
        if self._is_extended and bin_class is BinClass.PRECINCT:
            bin_class, aux = BinClass.EXTENDED_PRECINCT, bisect_right(data.ends, offset + len(body))
        elif self._is_extended and bin_class is BinClass.TILE:
            bin_class, aux = BinClass.EXTENDED_TILE, bisect_right(data.ends, offset + len(body))
        return Message(bin_class, wanted.stream, data.bin_id, offset, body, is_last, aux)

    def _held(self, wanted: _Wanted) -> int:
        data = wanted.data
        held = _in_bytes(self._model.held(wanted.stream, data.bin_class, data.bin_id, wanted.place), data)
        if self._tile_parts is not None and data.bin_class is BinClass.TILE:
            held = max(held, _ends_of(self._tile_parts, data))
        return held

    def _needed(self, wanted: _Wanted) -> int:
        """How far the client wants it; all of it, when it says nothing of its needs."""
        data = wanted.data
        if self._needed_parts is not None and data.bin_class is BinClass.TILE:
            needed = [end for part, end in enumerate(data.ends) if (data.bin_id, part) in self._needed_parts]
            return needed[-1] if needed else -1
        if self._need is None:
            return data.length
        need = self._need.held(wanted.stream, data.bin_class, data.bin_id, wanted.place)
        return min(_in_bytes(need, data), data.length) if need else -1

    def _note(self, message: Message) -> None:
        end = COMPLETE if message.is_last else message.offset + len(message.body)
        self._model.note(message.codestream, message.bin_class & ~1, message.bin_id, end)

    # -- what is told -------------------------------------------------------------------------------------------

    def _whole_reason(self) -> Reason:
        whole = len(self.windows) == self._target.codestreams
        for stream, window in self.windows.items():
            bins = self._bins[stream]
            is_whole = window.offset == (0, 0) and window.size == window.frame_size and not window.reduction
            whole &= is_whole and len(window.components) == len(bins.siz.components)
            if window.layers < bins.layers:
                is_by_quality = self._request.quality is not None and self._request.layers is None
                return Reason.QUALITY_LIMIT if is_by_quality else Reason.WINDOW_DONE
        return Reason.IMAGE_DONE if whole else Reason.WINDOW_DONE

    def _named_models(self) -> frozenset[int] | None:
        """Codestreams whose models the client wants to be kept, of those that there are; None: it names none."""
        if self._request.mset is None:
            return None
        spans = dict.fromkeys(self._request.mset)
        return frozenset().union(*(span.within(self._target.codestreams) for span in spans))

    def _least(self) -> int | None:
        """Bytes that a response needs at the least, where its limit is less; None: it is not, or nothing is to come."""
        most = self._request.len
        if not most or (not self._request.align and most >= _LONGEST_HEADER):
            return None
        first = next(self._messages(), None)
        if first is None or self._fitted(MessageWriter(), first, most) is not None:
            return None
        return len(MessageWriter().write(first))

    def _found_headers(self) -> dict[str, str]:
        """What is otherwise than it was asked for (Annex D.2)."""
        request, found = self._request, {}
        if request.tid != self._target.tid and (request.tid is not None or request.cid is None):
            found["JPIP-tid"] = self._target.tid
        if request.qid is not None:
            found["JPIP-qid"] = str(request.qid)
        if len(request.type) != 1 or request.type[0].is_extended != self._is_extended:
            extended = {JPP: ";ptype=ext", JPT: ";ttype=ext"}[self.kind] if self._is_extended else ""
            found["JPIP-type"] = self.kind + extended
        if _names_more(request.stream, self._target.codestreams):
            found["JPIP-stream"] = _joined(self.streams)
        if request.context:
            found["JPIP-context"] = ";".join(f"{_STREAM_OF_LAYER}<{stream}>={stream}" for stream in self.streams)
        if self.windows:
            found |= self._window_headers(next(iter(self.windows.items())))
        return found | self._field_headers()

    def _field_headers(self) -> dict[str, str]:
        request, found = self._request, {}
        if request.roi is not None:
            found["JPIP-roi"] = "roi=no-roi"  # images here have no regions with names
        if self._mset is not None:
            kept = self._mset.union(self.streams)
            if _names_more(request.mset, self._target.codestreams) or len(kept) > len(self._mset):
                found["JPIP-mset"] = _joined(sorted(kept))
        least = self._least()
        if least is not None:
            found["JPIP-len"] = str(least)
        if request.handled:
            found["JPIP-handled"] = ",".join(HANDLED)
        return found

    def _window_headers(self, first: tuple[int, Window]) -> dict[str, str]:
        request, (stream, window), found = self._request, first, {}
        assert request.fsiz is not None
        if window.frame_size != (request.fsiz.width, request.fsiz.height):
            found["JPIP-fsiz"] = fields.pair(window.frame_size)
        if window.offset != (request.roff or (0, 0)):
            found["JPIP-roff"] = fields.pair(window.offset)
        if window.size != (request.rsiz or window.frame_size):
            found["JPIP-rsiz"] = fields.pair(window.size)
        bins = self._bins[stream]
        if _names_more(request.comps, len(bins.siz.components)):
            found["JPIP-comps"] = _joined(window.components)
        if request.layers is not None and window.layers < request.layers:
            found["JPIP-layers"] = str(window.layers)
        if request.quality is not None:
            found["JPIP-quality"] = str(request.quality if bins.layers > 1 else -1)
            if window.layers < bins.layers:
                found["JPIP-layers"] = str(window.layers)
        return found


# fmt: off
HANDLED = (
    "target", "subtarget", "tid", "cid", "cnew", "cclose", "qid", "fsiz", "roff", "rsiz", "comps", "stream",
    "context", "roi", "layers", "metareq", "len", "quality", "align", "wait", "type", "model",
    "tpmodel", "need", "tpneed", "mset", "cap", "pref", "handled",
)
# fmt: on
"""Fields that this server honours."""


def _stream_type(request: JpipRequest) -> tuple[str, bool]:
    """The first of the client's kinds that there is.

    :raises UnsupportedFieldError: there is none
    """
    if not request.type:
        return JPP, False
    for kind in request.type:
        if kind.name in STREAMS:
            return kind.name, kind.is_extended
    asked = ", ".join(kind.name for kind in request.type)[:200]
    message = f"type: none of {asked} can be made of this codestream, but {' and '.join(STREAMS)} of any"
    raise UnsupportedFieldError(message)


def _names_more(spans: Iterable[Range] | None, count: int) -> bool:
    """Whether numbers are named that are not there; where no end is named, none is missing."""
    return any(span.last is not None and span.last >= count for span in spans or ())


def _streams(target: Target, request: JpipRequest) -> tuple[int, ...]:
    """The codestreams of a request that there are.

    :raises FieldError: a context is none, or there are too many
    """
    spans = list(request.stream or ())
    for context in request.context:
        name, _, ids = context.partition("<")
        if name != _STREAM_OF_LAYER or not ids.endswith(">"):
            message = f"context: {context[:60]!r} is none that is known, as {_STREAM_OF_LAYER}<0-2> is"
            raise FieldError(message)
        spans.append(fields.sampled_span("context", ids[:-1]))
    if not spans:
        return (0,)
    found = dict.fromkeys(stream for span in dict.fromkeys(spans) for stream in span.within(target.codestreams))
    if len(found) > _MOST_STREAMS:
        message = f"stream: {len(found)} codestreams, {_MOST_STREAMS} are sent at once"
        raise FieldError(message)
    return tuple(found)


def _need(request: JpipRequest) -> CacheModel | None:
    if request.need is None:
        return None
    need = CacheModel()
    need.update("need", request.need, request.stream or CacheModel.FIRST)
    return need


def _in_bytes(held: int, data: DataBin) -> int:
    """What a model says of a data-bin; quality layers as bytes."""
    if held >= 0:
        return held
    return data.ends[min(-held, len(data.ends)) - 1] if data.ends else 0


def _ends_of(parts: TilePartModel, data: DataBin) -> int:
    """Bytes of the tile-parts that are held, from the first on without a gap."""
    held = 0
    for part, end in enumerate(data.ends):
        if (data.bin_id, part) not in parts:
            break
        held = end
    return held


def _joined(values: Sequence[int]) -> str:
    """Numbers as ranges."""
    spans: list[list[int]] = []
    for value in values:
        if spans and value == spans[-1][1] + 1:
            spans[-1][1] = value
        else:
            spans.append([value, value])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)
