"""An open TIFF file: levels, planes and associated pictures; tiles as they are stored wherever that can be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from medtiles.core.display import PLAIN, Display, Lut, Windowing
from medtiles.core.errors import DamagedImageError, ImageNotFoundError, TileOutOfRangeError, UnsupportedFormatError
from medtiles.core.privacy import public_properties
from medtiles.core.pyramid import Associated, Channel, ImageInfo, Level, TileKey
from medtiles.pyramids import PlaneOverviews, PyramidFolder
from medtiles.sources.tiff import orientation
from medtiles.sources.tiff.ifd import Directory
from medtiles.sources.tiff.leaves import Leaf
from medtiles.sources.tiff.page import MOST_DECODED_BYTES, Page
from medtiles.sources.tiff.picture import Layer, Picture, downsample_of, first_page
from medtiles.sources.tiff.readers import MissingTiles, TileReader, reader_of, whole
from medtiles.sources.tiff.reduced import PageBands, can_be_reduced, reduced_levels
from medtiles.sources.tiff.tags import Tag
from transcode.codec import Codecs
from transcode.errors import CorruptFrameError, TruncatedFileError
from transcode.files import StableFile
from transcode.frames import Frame, PixelFormat

_MOST_ASSOCIATED = 32
_TEXTS = {"Make": Tag.MAKE, "Model": Tag.MODEL, "Software": Tag.SOFTWARE, "DateTime": Tag.DATE_TIME}
_CHANNEL_COLOURS = (
    (0, 0, 255), (0, 255, 0), (255, 0, 0), (0, 255, 255), (255, 0, 255), (255, 255, 0), (255, 128, 0), (255, 255, 255),
)  # fmt: skip
"""Of fluorescence channels that the file gives no colour: nuclei, which come first, blue."""


class TiffSource:
    """An open TIFF file. Safe to use from several threads."""

    def __init__(
        self,
        file: StableFile,
        version: str,
        leaves: Sequence[Leaf],
        picture: Picture,
        codecs: Codecs,
        cache: PyramidFolder | None = None,
    ) -> None:
        """Make what reads each plane of each level.

        :param cache: where smaller levels are kept that the file lacks; None: it has those of the file alone

        :raises UnsupportedFormatError: a level is stored in a way that is not read
        :raises DamagedImageError: the planes of a level are not alike
        """
        self._file = file
        self._codecs = codecs
        self._picture = picture
        self._readers = tuple(_readers(layers, file, codecs) for layers in picture.levels)
        self._associated = _associated(picture, file, codecs)
        self._palette = _palette(leaves[0].directory, picture.base)
        self._levels = self._stored_levels()
        self._reduced: PlaneOverviews | None = None
        coarsest = first_page(picture.levels[-1])
        if cache is not None and can_be_reduced(coarsest, self._levels[-1]):
            key = f"{file.path.resolve()} {version}"
            self._reduced = reduced_levels(cache, key, coarsest, self._levels[-1])
        self._has_channels = any(plane.channel for plane in picture.planes)
        self._info = self._described(version, leaves[0].directory)

    @property
    def info(self) -> ImageInfo:
        """What the image is."""
        return self._info

    def read_tile(self, key: TileKey) -> Frame:
        """A tile as it is stored (tables joined, colours marked), or decoded where it is no picture of its own.

        :raises TileOutOfRangeError: no such tile
        :raises CorruptFrameError, DamagedImageError, TruncatedFileError: naming level, column and row
        :raises FileChangedError: the file has changed or is closed
        """
        self._info.require(key)
        try:
            if key.level < len(self._readers):
                return self._readers[key.level][key.plane].read(key.column, key.row)
            return self._reduced_tile(key)
        except (CorruptFrameError, TruncatedFileError) as error:
            place = f"{self._file.name}, level {key.level}, column {key.column}, row {key.row}, plane {key.plane}"
            message = f"{place}: {error}"
            raise type(error)(message) from error

    def read_associated(self, name: str) -> Frame:
        """A picture that comes with the image; as it is stored when it is one tile or strip.

        :raises ImageNotFoundError: no such picture
        :raises CorruptFrameError, DamagedImageError, TruncatedFileError: it is broken
        """
        reader = self._associated.get(name)
        if reader is None:
            message = f"{self._file.name} has no picture {name!r}"
            raise ImageNotFoundError(message)
        try:
            if reader.media_type and reader.tile_size == reader.size:
                return reader.read(0, 0)
            return whole(reader, self._codecs)
        except (CorruptFrameError, TruncatedFileError) as error:
            message = f"{self._file.name}, {name}: {error}"
            raise type(error)(message) from error

    def display(self, plane: int) -> Display:
        """The palette, the channel's colour and the window that the file gives.

        :raises TileOutOfRangeError: no such plane
        """
        channel = self._info.require_plane(plane).channel
        is_inverted = self._info.pixels.photometric == "MONOCHROME1"
        colour = self._colour(channel)
        window = self._picture.windows.get(channel)
        if not is_inverted and colour is None and window is None and self._palette is None:
            return PLAIN
        windowings = (Windowing((window[0] + window[1]) / 2, window[1] - window[0], "LINEAR_EXACT"),) if window else ()
        return Display(windowings=windowings, is_inverted=is_inverted, palette=self._palette, colour=colour)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
        if self._reduced is not None:
            self._reduced.close()

    def _reduced_tile(self, key: TileKey) -> Frame:
        """A tile of a level that the file lacks."""
        if self._reduced is None:
            message = f"{self._file.name} has no level {key.level}"
            raise TileOutOfRangeError(message)
        made, base = key.level - len(self._readers), self._readers[-1][key.plane]
        if isinstance(base, MissingTiles):
            return base.blank(self._reduced.levels[made].tile_size)
        return self._reduced.read_tile(PageBands(base, self._codecs), TileKey(made, key.column, key.row, key.plane))

    def _colour(self, channel: int) -> tuple[int, int, int] | None:
        """Of a channel, where there are several; the file's own, or one of the usual ones."""
        if not self._has_channels or self._picture.base.pixels().is_colour:
            return None
        return self._picture.colours.get(channel, _CHANNEL_COLOURS[channel % len(_CHANNEL_COLOURS)])

    def _channels(self, pixels: PixelFormat) -> tuple[Channel, ...]:
        """What the file tells of each channel, its colour among it."""
        if pixels.is_colour:
            return ()
        told = self._picture.channels
        count = 1 + max(plane.channel for plane in self._picture.planes)
        channels = [told[index] if index < len(told) else Channel() for index in range(count)]
        return tuple(replace(channel, colour=self._colour(index)) for index, channel in enumerate(channels))

    def _stored_levels(self) -> tuple[Level, ...]:
        """The levels that the file has."""
        base = self._readers[0][0]
        return tuple(
            Level(
                readers[0].size,
                readers[0].tile_size,
                downsample_of(readers[0].size, base.size) if number else 1.0,
                readers[0].media_type,
            )
            for number, readers in enumerate(self._readers)
        )

    def _described(self, version: str, directory: Directory) -> ImageInfo:
        picture, base = self._picture, self._readers[0][0]
        pixels = picture.base.pixels()
        is_slide = picture.base.is_tiled or len(self._levels) > 1 or picture.format != "tiff"
        texts = {f"tiff.{name}": text for name, tag in _TEXTS.items() if (text := directory.text(tag).strip())}
        spacing = picture.spacing_mm
        if spacing is not None and base.size != picture.base.size:
            spacing = spacing[::-1]
        return ImageInfo(
            name=self._file.name,
            kind="slide" if is_slide else "picture",
            format=picture.format,
            levels=self._levels + (self._reduced.levels if self._reduced else ()),
            pixels=pixels,
            planes=picture.planes,
            channels=self._channels(pixels),
            version=version,
            spacing_mm=spacing,
            slice_spacing_mm=picture.slice_spacing_mm,
            objective_power=picture.objective_power,
            background=(255, 255, 255) if pixels.is_colour else (0, 0, 0),
            associated=tuple(Associated(name, reader.size) for name, reader in self._associated.items()),
            icc_profile=directory.raw(Tag.ICC_PROFILE) or None,
            properties=public_properties(texts | dict(picture.properties)),
        )


def _readers(layers: Sequence[Layer], file: StableFile, codecs: Codecs) -> tuple[TileReader, ...]:
    """What reads each plane of a level."""
    base = first_page(layers)
    first = _reader(base, file, codecs, 0)
    found: list[TileReader] = []
    for layer in layers:
        if layer.page is None:
            found.append(MissingTiles(base, first.size, first.tile_size))
            continue
        reader = _reader(layer.page, file, codecs, layer.channel)
        if (reader.size, reader.tile_size) != (first.size, first.tile_size) or not layer.page.looks_like(base):
            message = f"{file.name}: pages {base.index} and {layer.page.index} are planes of one level, but differ"
            raise DamagedImageError(message)
        found.append(reader)
    return tuple(found)


def _reader(page: Page, file: StableFile, codecs: Codecs, channel: int) -> TileReader:
    reader = reader_of(page, file, codecs, channel)
    return orientation.Upright(reader, page.orientation, codecs) if orientation.is_turned(page.orientation) else reader


def _associated(picture: Picture, file: StableFile, codecs: Codecs) -> dict[str, TileReader]:
    """What reads the pictures that come along; those that cannot be read, or are no small pictures, are left out."""
    found: dict[str, TileReader] = {}
    for name, page in picture.associated.items():
        if page.decoded_bytes(page.size.area) > MOST_DECODED_BYTES or len(found) == _MOST_ASSOCIATED:
            continue
        try:
            found[name] = _reader(page, file, codecs, 0)
        except UnsupportedFormatError:
            continue
    return found


def _palette(directory: Directory, page: Page) -> tuple[Lut, Lut, Lut] | None:
    """ColorMap: all reds, all greens, all blues, of 16 bits each; some writers fill only the low 8 of them.

    :raises DamagedImageError: there is no entry for every sample value
    """
    if page.pixels().photometric != "PALETTE COLOR":
        return None
    entries = directory.numbers(Tag.COLOR_MAP)
    count = 1 << page.bits
    if entries.size < 3 * count or entries.dtype.kind != "u":
        message = f"a palette of {entries.size} numbers for samples of {page.bits} bits"
        raise DamagedImageError(message)
    values = entries[: 3 * count].astype(np.uint16).reshape(3, count)
    bits = 8 if bool((values < 256).all()) else 16
    red, green, blue = (Lut(0, row, bits) for row in values)
    return red, green, blue
