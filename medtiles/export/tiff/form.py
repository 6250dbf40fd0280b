"""Tiles as they lie in a TIFF file."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from medtiles.core.geometry import Size
from medtiles.core.pyramid import TileKey
from medtiles.engine.planning import stored_tile
from medtiles.export.choices import Pictures
from medtiles.export.drawn import Drawn
from medtiles.export.making import Engine, Single
from medtiles.export.model import Tile
from medtiles.export.tiff.ways import Way, deflated, encoded_alike, is_like, laid, padded
from transcode.codec import EncodeOptions
from transcode.codecs.jpeg import encode_ycbcr
from transcode.frames import EncodedFrame, PixelArray
from transcode.ycbcr import as_rgb


class TiffForm:
    """See `Form`. Tiles are always whole: those at the right and lower edge are filled up."""

    def __init__(self, engine: Engine, asked: Pictures, tile: Size, made: Way, stored: Mapping[int, Way]) -> None:
        """Of a plane.

        :param made: how tiles lie that are made
        :param stored: how those of levels lie that are stored so, by the index of the level in the image
        """
        self.asked = asked
        self._engine = engine
        self._info = engine.info(asked.image)
        self._tile = tile
        self._made = made
        self._stored = stored

    def single(self, sample: Tile) -> Single | None:
        """See `Form.single`."""
        key = stored_tile(self._info, sample.view)
        if self.asked.rendering is not None:
            return self.produced
        return partial(self._stored_tile, key.level) if key is not None and key.level in self._stored else None

    def produced(self, tile: Tile, _column: int, _row: int) -> bytes:
        """See `Form.produced`."""
        return self.encoded(self._engine.pixels(self.asked.request(tile.view)), tile)

    def _stored_tile(self, level: int, tile: Tile, column: int, row: int) -> bytes:
        way = self._stored[level]
        frame = self._engine.stored_tile(self.asked.image, TileKey(level, column, row, tile.view.plane))
        if isinstance(frame, EncodedFrame) and is_like(frame, way, self._tile):
            return laid(frame.data, way)
        return encoded_alike(self._engine.pixels(self.asked.request(tile.view)), way, self._tile)

    def encoded(self, drawn: Drawn, tile: Tile) -> bytes:
        """See `Form.encoded`."""
        is_whole = (tile.view.size.width, tile.view.size.height) == (self._tile.width, self._tile.height)
        if not isinstance(drawn, PixelArray):
            if is_whole:
                return laid(encode_ycbcr(drawn, EncodeOptions(self.asked.quality)).data, self._made)
            drawn = as_rgb(drawn)
        if self._made.compression == "jpeg":
            pixels = padded(drawn, self._tile)
            return laid(self._engine.encoded(self.asked.request(tile.view), pixels).data, self._made)
        return deflated(drawn, self._made, self._tile)
