"""A whole level of a source, put together from its tiles: what a test compares with another reader's array."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from medtiles.core.pyramid import TileKey
from medtiles.core.source import Source
from tests.contract.source_contract import codecs
from transcode.colour import to_rgb
from transcode.frames import EncodedFrame, Frame


def samples_of(frame: Frame) -> NDArray[np.generic]:
    """Decoded samples, RGB where they are colours."""
    return to_rgb(codecs().decode(frame) if isinstance(frame, EncodedFrame) else frame).samples


def whole_level(source: Source, level: int = 0, plane: int = 0) -> NDArray[np.generic]:
    """(rows, columns, samples) of a level."""
    described = source.info.levels[level]
    rows = []
    for row in range(described.grid.height):
        tiles = []
        for column in range(described.grid.width):
            region = described.tile_region(column, row)
            samples = samples_of(source.read_tile(TileKey(level, column, row, plane)))
            tiles.append(samples[: region.height, : region.width])
        rows.append(np.concatenate(tiles, axis=1))
    return np.concatenate(rows)
