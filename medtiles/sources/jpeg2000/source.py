"""Files of the JPEG 2000 family, recognised, opened and read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from medtiles.core.display import PLAIN, Display, Windowing
from medtiles.core.errors import DamagedImageError, ImageNotFoundError, UnsupportedFormatError
from medtiles.core.pyramid import ImageInfo, Plane, TileKey
from medtiles.pyramids import LARGEST_SIDE, MOST_PIXELS, DecodedPicture, PictureFile, PyramidFolder, format_of
from medtiles.sources.jpeg2000.stored import Stored, read_structure
from medtiles.sources.jpeg2000.tiles import (
    ComponentPlanes,
    CutTiles,
    DecodedTiles,
    Tiles,
    WholeCodestream,
    has_even_grid,
)
from transcode.errors import CorruptFrameError, UnsupportedFeatureError
from transcode.files import StableFile, version_of
from transcode.frames import Frame
from transcode.jp2_boxes import top_boxes


class Jpeg2000Format:
    """Codestreams, bare or in boxes."""

    name = "jpeg2000"

    def __init__(self, cache: PyramidFolder | None) -> None:
        """:param cache: where pyramids of large pictures of one codestream tile are kept; None: those are refused"""
        self._cache = cache

    def detects(self, path: Path, head: bytes) -> bool:  # noqa: ARG002 - the bytes say it all
        """Whether the file begins with the signature of JP2, or with SOC and SIZ."""
        return format_of(head) == "jpeg2000"

    def open(self, paths: Sequence[Path]) -> Jpeg2000Source:
        """Open a file.

        :raises UnsupportedFormatError: components that make no picture, more pixels than are decoded at once, or what
            no decoder here reads
        :raises DamagedImageError: the codestream's structure is broken
        :raises FileChangedError: it changed meanwhile
        """
        path = paths[0]
        version = version_of([path])
        file = StableFile(path)
        try:
            stored = read_structure(file)
            picture = PictureFile(path, version, stored.size, stored.pixels)
            tiles = self._tiles(picture, stored)
            picture.require_unchanged()
            return Jpeg2000Source(path.name, version, stored, tiles)
        except UnsupportedFeatureError as error:
            file.close()
            message = f"{path.name} is not supported here: {error}"
            raise UnsupportedFormatError(message) from error
        except CorruptFrameError as error:
            file.close()
            message = f"{path.name} is broken: {error}"
            raise DamagedImageError(message) from error
        except BaseException:
            file.close()
            raise

    def _tiles(self, file: PictureFile, stored: Stored) -> Tiles:
        if stored.planes > 1:
            return ComponentPlanes(stored)
        if stored.is_plain and has_even_grid(stored.codestream):
            return CutTiles(stored)
        if stored.is_plain and max(stored.size.width, stored.size.height) <= LARGEST_SIDE:
            return WholeCodestream(stored)
        if stored.size.area > MOST_PIXELS:
            message = (
                f"{file.path.name} has {stored.size.area} pixels in one piece; they are decoded up to {MOST_PIXELS}"
            )
            raise UnsupportedFormatError(message)
        decoded = DecodedPicture(file, stored.decode if stored.is_plain else stored.decode_flat, self._cache)
        return DecodedTiles(decoded, stored.file)


class Jpeg2000Source:
    """One open file."""

    def __init__(self, name: str, version: str, stored: Stored, tiles: Tiles) -> None:
        self._tiles = tiles
        self._file = stored.file
        self.boxes = top_boxes(stored.file)
        self.codestreams = tuple(
            (box.offset + box.header_length, box.length - box.header_length) for box in self.boxes if box.kind == "jp2c"
        ) or ((0, stored.file.size),)
        self._info = ImageInfo(
            name=name,
            kind="picture",
            format="htj2k" if stored.codestream.is_htj2k else "jpeg2000",
            levels=tiles.levels,
            pixels=stored.pixels,
            planes=_planes(stored.planes),
            version=version,
            spacing_mm=stored.spacing_mm,
            icc_profile=stored.boxed.icc_profile if stored.is_plain else None,
        )

    @property
    def info(self) -> ImageInfo:
        """What the picture is."""
        return self._info

    def read_tile(self, key: TileKey) -> Frame:
        """The codestream, or a tile of it as a codestream, to be decoded with the level as its reduction.

        Of planes and of what has a pyramid in the cache folder: samples.

        :raises TileOutOfRangeError: no such tile
        :raises CorruptFrameError, DamagedImageError: the file is broken there
        :raises FileChangedError: it has changed, or the source has been closed
        """
        self._info.require(key)
        return self._tiles.read_tile(key)

    def read_bytes(self, offset: int, length: int) -> bytes:
        """Bytes of the file.

        :raises FileChangedError: it has changed, or the source has been closed
        """
        return self._file.read(offset, length)

    def read_associated(self, name: str) -> Frame:
        """There is none.

        :raises ImageNotFoundError: always
        """
        message = f"{self._info.name} has no associated picture {name!r}"
        raise ImageNotFoundError(message)

    def display(self, plane: int) -> Display:
        """Eight bits and fewer over their range; deeper samples are stretched, since few use all of their bits.

        :raises TileOutOfRangeError: no such plane
        """
        self._info.require_plane(plane)
        pixels = self._info.pixels
        if pixels.signed or pixels.bits_stored > 8:
            return Display()
        width = 1 << pixels.bits_stored
        return PLAIN if pixels.bits_stored == 8 else Display(windowings=(Windowing(width / 2, width),))

    def close(self) -> None:
        """Let go of the file."""
        self._tiles.close()


def _planes(count: int) -> tuple[Plane, ...]:
    if count == 1:
        return (Plane(),)
    return tuple(Plane(f"component {number + 1}", channel=number) for number in range(count))
