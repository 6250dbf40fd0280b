"""A test card without a file: every pixel follows from its coordinates, and each cell says where it lies."""

from __future__ import annotations

import dataclasses
import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medtiles.core.display import PLAIN, Display, Windowing
from medtiles.core.errors import DamagedImageError, ImageNotFoundError
from medtiles.core.geometry import Region, Size, ceil_div
from medtiles.core.pyramid import Associated, ImageInfo, Level, Plane, TileKey
from transcode.codec import EncodeOptions, Encoder
from transcode.errors import FileChangedError, TruncatedFileError
from transcode.files import StableFile, version_of
from transcode.frames import RGB8, Frame, PixelArray, PixelFormat

CELL = 256
"""Pixels along one side of a labelled cell, on every level."""
_LABEL = "label"
_LABEL_SIZE = Size(256, 128)
_MOST_BYTES = 4096
_MOST = 1 << 24
_MOST_PLANES = 4096
_MOST_LEVELS = 24
_MOST_STEP = 16
_GLYPH_SCALE = 4
_GLYPHS = {
    "0": (7, 5, 5, 5, 7), "1": (2, 6, 2, 2, 7), "2": (7, 1, 7, 4, 7), "3": (7, 1, 7, 1, 7), "4": (5, 5, 7, 1, 1),
    "5": (7, 4, 7, 1, 7), "6": (7, 4, 7, 5, 7), "7": (7, 1, 1, 1, 1), "8": (7, 5, 7, 5, 7), "9": (7, 5, 7, 1, 7),
    ":": (0, 2, 0, 2, 0), ",": (0, 0, 0, 2, 4),
}  # fmt: skip


@dataclass(frozen=True)
class Card:
    """What a test card looks like.

    :raises ValueError: a size or a number that makes no image
    """

    size: Size = Size(4096, 3072)
    tile_size: Size = Size(256, 256)
    levels: int = 0
    """How many; 0: until a level fits into one tile."""
    step: int = 2
    """Downsample from one level to the next; Aperio's slides have 4."""
    planes: int = 1
    pixels: PixelFormat = RGB8
    is_padded: bool = False
    """Whether tiles at the right and lower edge are stored at full tile size, as TIFF and DICOM have them."""

    def __post_init__(self) -> None:
        """Refuse what makes no image."""
        sides = (self.size.width, self.size.height, self.tile_size.width, self.tile_size.height)
        if min(sides) < 1 or max(sides) > _MOST or self.tile_size.area > _MOST:
            message = f"a test card has sides of 1 to {_MOST} pixels and tiles of at most so many, not {sides}"
            raise ValueError(message)
        for name, value, least, most in (
            ("planes", self.planes, 1, _MOST_PLANES),
            ("levels", self.levels, 0, _MOST_LEVELS),
            ("step", self.step, 2, _MOST_STEP),
        ):
            if not least <= value <= most:
                message = f"a test card has {name} of {least} to {most}, not {value}"
                raise ValueError(message)

    @cached_property
    def grids(self) -> tuple[Level, ...]:
        """The levels, finest first."""
        found: list[Level] = []
        while not found or not self._is_last(found):
            downsample = self.step ** len(found)
            size = Size(ceil_div(self.size.width, downsample), ceil_div(self.size.height, downsample))
            found.append(Level(size, self.tile_size, float(downsample)))
        return tuple(found)

    def _is_last(self, found: list[Level]) -> bool:
        is_enough = len(found) == self.levels if self.levels else found[-1].grid.area == 1
        return is_enough or found[-1].size == Size(1, 1)

    def samples(self, level: int, region: Region, plane: int = 0) -> PixelArray:
        """What any region of a level looks like; beyond the image the pattern goes on.

        The first sample rises from left to right, the second from top to bottom, the third tells cells and planes
        apart; a single sample mixes the three. Each cell is ruled above and at its left, and labelled
        ``level:column,row``.
        """
        picture = self._gradients(level, region, plane)
        for row in range(region.y // CELL, ceil_div(region.bottom, CELL)):
            for column in range(region.x // CELL, ceil_div(region.right, CELL)):
                text = _text(f"{level}:{column},{row}")
                _paint(picture, text, 1.0, column * CELL + 16 - region.x, row * CELL + 16 - region.y)
        picture[-region.y % CELL :: CELL] = 0.0
        picture[:, -region.x % CELL :: CELL] = 0.0
        return PixelArray(_scaled(picture, self.pixels), self.pixels)

    def _gradients(self, level: int, region: Region, plane: int) -> NDArray[np.float64]:
        downsample = self.grids[level].downsample
        x = np.arange(region.x, region.right)
        y = np.arange(region.y, region.bottom)[:, np.newaxis]
        across = np.minimum((x + 0.5) * downsample / self.size.width, 1.0)
        down = np.minimum((y + 0.5) * downsample / self.size.height, 1.0)
        depth = 0.25 * ((x // CELL + y // CELL) % 2) + 0.5 * plane / self.planes
        if self.pixels.is_colour:
            chosen = (across, down, depth, across)[: self.pixels.samples_per_pixel]
            return np.stack(np.broadcast_arrays(*chosen), axis=2)
        return (0.4 * across + 0.3 * down + 0.3 * depth)[:, :, np.newaxis]


def _scaled(picture: NDArray[np.float64], pixels: PixelFormat) -> NDArray[np.generic]:
    if pixels.is_float:
        return picture.astype(pixels.dtype)
    low = -(1 << (pixels.bits_stored - 1)) if pixels.signed else 0
    return np.rint(picture * ((1 << pixels.bits_stored) - 1) + low).astype(pixels.dtype)


def _text(text: str) -> NDArray[np.bool_]:
    rows = [[bool(_GLYPHS[letter][row] >> bit & 1) for letter in text for bit in (3, 2, 1, 0)] for row in range(5)]
    return np.array(rows).repeat(_GLYPH_SCALE, axis=0).repeat(_GLYPH_SCALE, axis=1)


def _paint(picture: NDArray[np.float64], mask: NDArray[np.bool_], value: float, x: int, y: int) -> None:
    """Set the masked samples to a value; what lies outside the picture is left out."""
    height, width = picture.shape[:2]
    mask = mask[max(0, -y) : max(0, height - y), max(0, -x) : max(0, width - x)]
    part = picture[max(0, y) : max(0, y) + mask.shape[0], max(0, x) : max(0, x) + mask.shape[1]]
    part[mask] = value


class SyntheticSource:
    """An image that is drawn on demand; tiles come as samples, or encoded when it is given an encoder."""

    def __init__(self, card: Card, encoder: Encoder | None = None, name: str = "test card", version: str = "") -> None:
        self.card = card
        self._encoder = encoder
        self._is_open = True
        media_type = encoder.encoding.media_type if encoder else None
        label = hashlib.blake2b(repr((card, media_type)).encode(), digest_size=8).hexdigest()
        self._info = ImageInfo(
            name=name,
            kind="slide",
            format=FORMAT.name,
            levels=tuple(dataclasses.replace(level, media_type=media_type) for level in card.grids),
            pixels=card.pixels,
            planes=tuple(Plane(f"plane {index}", z=index) for index in range(card.planes)),
            version=version or label,
            spacing_mm=(0.00025, 0.00025),
            objective_power=40.0,
            associated=(Associated(_LABEL, _LABEL_SIZE),),
        )

    @property
    def info(self) -> ImageInfo:
        """What the card is."""
        return self._info

    def read_tile(self, key: TileKey) -> Frame:
        """Draw a tile.

        :raises TileOutOfRangeError: no such tile
        :raises FileChangedError: the source has been closed
        """
        level = self._info.require(key)
        region = level.tile_region(key.column, key.row)
        if self.card.is_padded:
            region = Region(region.x, region.y, level.tile_size.width, level.tile_size.height)
        return self._frame(self.card.samples(key.level, region, key.plane))

    def read_associated(self, name: str) -> Frame:
        """The label: the first cell of the card.

        :raises ImageNotFoundError: any other name
        """
        if name != _LABEL:
            message = f"a test card has a {_LABEL}, no {name!r}"
            raise ImageNotFoundError(message)
        return self._frame(self.card.samples(0, Region(0, 0, _LABEL_SIZE.width, _LABEL_SIZE.height)))

    def display(self, plane: int) -> Display:
        """The whole range of values.

        :raises TileOutOfRangeError: no such plane
        """
        self._info.require_plane(plane)
        pixels = self.card.pixels
        if pixels.is_float:
            return Display(windowings=(Windowing(0.5, 1.0, "LINEAR_EXACT"),))
        if pixels.bits_stored == 8 and not pixels.signed:
            return PLAIN
        width = 1 << pixels.bits_stored
        return Display(windowings=(Windowing(0.0 if pixels.signed else width / 2, width),))

    def close(self) -> None:
        """Refuse later reads."""
        self._is_open = False

    def _frame(self, samples: PixelArray) -> Frame:
        if not self._is_open:
            message = f"{self._info.name} has been closed"
            raise FileChangedError(message)
        return self._encoder.encode(samples, EncodeOptions()) if self._encoder else samples


class SyntheticFormat:
    """Files ending in .testcard: TOML with any of width, height, tile_width, tile_height, levels, step and planes."""

    name = "synthetic"

    def detects(self, path: Path, head: bytes) -> bool:  # noqa: ARG002 - the name says it all
        """Whether the file is called a test card."""
        return path.suffix.lower() == ".testcard"

    def open(self, paths: Sequence[Path]) -> SyntheticSource:
        """Draw the card that a file describes.

        :raises DamagedImageError: it is not TOML, or asks for what no card has
        """
        path = paths[0]
        try:
            wanted = tomllib.loads(_text_of(path))
            card = _card(wanted)
        except (ValueError, TruncatedFileError) as error:
            message = f"{path.name} describes no test card: {error}"
            raise DamagedImageError(message) from error
        return SyntheticSource(card, name=path.name, version=version_of([path]))


FORMAT = SyntheticFormat()


def _text_of(path: Path) -> str:
    file = StableFile(path)
    try:
        return file.read(0, min(file.size, _MOST_BYTES)).decode()
    finally:
        file.close()


def _card(wanted: Mapping[str, object]) -> Card:
    known = {"width": 4096, "height": 3072, "tile_width": 256, "tile_height": 256, "levels": 0, "step": 2, "planes": 1}
    if unknown := wanted.keys() - known:
        message = f"unknown {', '.join(sorted(unknown))}; known are {', '.join(known)}"
        raise ValueError(message)
    values: dict[str, int] = {}
    for key, default in known.items():
        value = wanted.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool):
            message = f"{key} is not a whole number"
            raise ValueError(message)  # noqa: TRY004 - every fault of the file is one kind of error
        values[key] = value
    return Card(
        size=Size(values["width"], values["height"]),
        tile_size=Size(values["tile_width"], values["tile_height"]),
        levels=values["levels"],
        step=values["step"],
        planes=values["planes"],
    )
