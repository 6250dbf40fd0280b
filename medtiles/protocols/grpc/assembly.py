"""Tiles put together again from pieces that come in any order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from medtiles.api.v1 import viewport_pb2 as pb
from medtiles.core.geometry import Size
from medtiles.core.pyramid import TileKey
from medtiles.protocols.grpc import messages
from transcode.codecs import ENCODINGS
from transcode.frames import EncodedFrame

_ENCODINGS = {encoding.name: encoding for encoding in ENCODINGS}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Of which image, and in which rendition, tiles are wanted: their bytes are others in another."""

    image: str
    rendition: bytes


@dataclass
class _Tile:
    frame: EncodedFrame
    """What it is; without its data."""
    version: str
    data: bytearray = field(default_factory=bytearray)
    """From the first byte to the first gap."""
    later: dict[int, bytes] = field(default_factory=dict)
    """What lies beyond the gap, by its place."""
    reduction: int | None = None


class Assembly:
    """What has come of each tile. Safe to be read while another thread adds."""

    def __init__(self) -> None:
        self._tiles: dict[tuple[Wanted, TileKey], _Tile] = {}

    def add(self, wanted: Wanted, key: TileKey, piece: pb.Piece) -> None:
        """More bytes of a tile. Those of another version take the place of the one before."""
        tile = self._tiles.get((wanted, key))
        if tile is None or tile.version != piece.version:
            frame = messages.encoded_frame_of(piece.frame, _ENCODINGS, b"")
            tile = self._tiles[wanted, key] = _Tile(frame, piece.version)
        tile.later[piece.offset] = piece.data
        while (offset := min(tile.later, default=1 << 62)) <= len(tile.data):
            tile.data += tile.later.pop(offset)[len(tile.data) - offset :]
        if piece.HasField("reduction"):
            tile.reduction = piece.reduction

    def prefix(self, wanted: Wanted, key: TileKey) -> bytes:
        """The bytes of a tile from the first to the first gap."""
        tile = self._tiles.get((wanted, key))
        return bytes(tile.data) if tile is not None else b""

    def frame(self, wanted: Wanted, key: TileKey) -> EncodedFrame | None:
        """The same as the picture that it decodes to; None when it decodes to none yet."""
        tile = self._tiles.get((wanted, key))
        if tile is None or tile.reduction is None:
            return None
        size = Size(tile.frame.width, tile.frame.height).reduced(tile.reduction)
        return replace(
            tile.frame, data=bytes(tile.data), reduction=tile.reduction, width=size.width, height=size.height
        )

    def drop(self, image: str, keys: Iterable[TileKey]) -> None:
        """Let go of tiles, in whatever rendition."""
        wanted = {each for each, _ in tuple(self._tiles) if each.image == image}
        for key in keys:
            for each in wanted:
                self._tiles.pop((each, key), None)
