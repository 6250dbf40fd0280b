"""Images as targets: their codestreams opened when they are first asked for, and kept within a bound."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from medtiles.core.cache import TileCache
from medtiles.core.codestreams import CodestreamPlace, Codestreams, CodestreamSet, Held
from medtiles.jpip.answer import Target
from medtiles.jpip.bins import Bins, CodestreamBins, DataBin, Piece, TiledBins
from medtiles.jpip.boxes import MetadataBins
from medtiles.jpip.errors import FieldError
from medtiles.jpip.messages import BinClass
from transcode.codestream import parse, require_decodable

_MOST_OPEN = 32
"""Codestreams of all images; each keeps 16 MB at the most of where its packets lie."""
_INDEX_BYTES = 16 << 20
_MOST_TARGETS = 256
_BLOCK = 1 << 16
_BLOCKS_BYTES = 4 << 20
"""Of each open codestream in a file."""


class _InFile:
    """A codestream in a file, as what is parsed. Small reads come out of blocks, because packets lie side by side."""

    name = "codestream"
    """For messages."""

    def __init__(self, read_file: Callable[[int, int], bytes], offset: int, size: int) -> None:
        self.size = size
        self._read_file = read_file
        self._offset = offset
        self._blocks: TileCache[int, bytes] = TileCache(_BLOCKS_BYTES, len)

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of the codestream."""
        block, start = divmod(offset, _BLOCK)
        if start + length > _BLOCK:
            return self._read_file(self._offset + offset, length)
        data = self._blocks.get_or_make(block, lambda: self._block(block))
        if start + length > len(data):
            return self._read_file(self._offset + offset, length)  # which says what is wrong
        return data[start : start + length]

    def _block(self, block: int) -> bytes:
        start = block * _BLOCK
        return self._read_file(self._offset + start, min(_BLOCK, self.size - start))


@dataclass(frozen=True, slots=True)
class _Kept:
    """The index of a codestream's packets in the cache folder."""

    codestreams: Codestreams
    image: str
    version: str
    number: int

    def load(self, tile: int) -> bytes | None:
        """See `KeptTiles.load`."""
        return self.codestreams.kept_packets(self.image, self.version, self.number, tile)

    def save(self, tile: int, data: bytes) -> None:
        """See `KeptTiles.save`."""
        self.codestreams.keep_packets(self.image, self.version, self.number, tile, data)


class Targets:
    """Safe to use from several threads."""

    def __init__(self, codestreams: Codestreams) -> None:
        self._codestreams = codestreams
        self._targets: TileCache[tuple[str, str, tuple[int, int] | None], Target] = TileCache(_MOST_TARGETS, _one)
        self._open: TileCache[tuple[str, str, int], Bins] = TileCache(_MOST_OPEN, _one)

    def target(self, image: str, subtarget: tuple[int, int] | None = None) -> Target:
        """An image as it is now.

        :param subtarget: first and last byte in its file: only the codestreams between them
        :raises ImageNotFoundError: no such image
        :raises FieldError: there is no codestream in those bytes
        """
        found = self._codestreams.describe(image)
        key = image, found.version, subtarget
        return self._targets.get_or_make(key, lambda: self._target(image, found, subtarget))

    def _target(self, image: str, found: CodestreamSet, subtarget: tuple[int, int] | None) -> Target:
        numbers = range(len(found.places)) if subtarget is None else _within(found, subtarget)

        def read_file(offset: int, length: int) -> bytes:
            return self._codestreams.read(image, found.version, offset, length)

        def bins(position: int) -> Bins:
            number = numbers[position]
            key = image, found.version, number
            return self._open.get_or_make(key, lambda: self._opened(image, found.version, number, found.places[number]))

        metadata = MetadataBins(found.boxes if subtarget is None else (), read_file)
        name = f"{image}\n{found.version}\n{subtarget}"
        tid = hashlib.blake2b(name.encode("utf-8", "backslashreplace"), digest_size=12).hexdigest()
        return Target(tid, len(numbers), bins, metadata, _raw(found, subtarget, read_file))

    def _opened(self, image: str, version: str, number: int, place: CodestreamPlace) -> Bins:
        """A codestream, its structure validated.

        :raises CorruptFrameError: it is broken; naming the marker and its offset
        :raises UnsupportedFeatureError: it uses what no decoder reads
        """
        codestreams = self._codestreams
        if place.held is Held.BY_TILES:
            header = codestreams.header(image, version, number)
            return TiledBins(header, lambda tile: codestreams.tile(image, version, number, tile))
        if place.held is Held.AS_FRAME:
            opened = CodestreamBins.of(codestreams.tile(image, version, number, 0), _INDEX_BYTES)
        else:
            file = _InFile(
                lambda offset, length: codestreams.read(image, version, offset, length), place.offset, place.length
            )
            kept = _Kept(codestreams, image, version, number)
            opened = CodestreamBins(file.read, parse(file), _INDEX_BYTES, kept)
        require_decodable(opened.codestream)
        return opened


def _raw(found: CodestreamSet, subtarget: tuple[int, int] | None, read: Callable[[int, int], bytes]) -> DataBin | None:
    """The file, or the part of it that is the target."""
    ends = [box.offset + box.length for box in found.boxes] or [
        place.offset + place.length for place in found.places if place.held is Held.IN_FILE
    ]
    if not ends:
        return None
    first, last = subtarget or (0, max(ends) - 1)
    return DataBin(BinClass.TILE, 0, (Piece(last - first + 1, first),), read)


def _one(_: object) -> int:
    return 1


def _within(found: CodestreamSet, subtarget: tuple[int, int]) -> list[int]:
    first, last = subtarget
    numbers = [
        number
        for number, place in enumerate(found.places)
        if place.held is Held.IN_FILE and first <= place.offset and place.offset + place.length - 1 <= last
    ]
    if not numbers:
        message = f"subtarget: there is no codestream in bytes {first} to {last}"
        raise FieldError(message)
    return numbers
