"""An engine of slides that a test makes: JPEG tiles of 64 x 64 pixels, short ones and holes at the edges."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from medtiles.core.errors import ImageNotFoundError
from medtiles.core.geometry import Size
from medtiles.core.pyramid import ImageInfo, Level, Plane, TileKey
from medtiles.core.tiles import ImagePage, ImageQuery, ImageSummary
from transcode.archive import archive_encoders
from transcode.frames import RGB8, EncodedFrame, Frame, PixelArray
from transcode.targets import ArchiveOptions

PROFILE = b"profile of the scanner".ljust(200, b".")
TILE = Size(64, 64)
STORED, SHORT, HOLE = TileKey(0, 0, 0), TileKey(0, 2, 1), TileKey(0, 1, 1)
INFO = ImageInfo(
    "slide.svs",
    "slide",
    "aperio",
    (Level(Size(170, 100), TILE, 1.0, "image/jpeg"), Level(Size(85, 50), TILE, 2.0, "image/jpeg")),
    RGB8,
    version="v1",
    spacing_mm=(0.0005, 0.00025),
    icc_profile=PROFILE,
)


def samples(width: int = 64, height: int = 64) -> PixelArray:
    rows, columns = np.mgrid[:height, :width].astype(np.uint8)
    return PixelArray(np.stack([rows, columns, rows + columns], axis=2), RGB8)


def jpeg(pixels: PixelArray) -> EncodedFrame:
    return archive_encoders().for_transfer_syntax("1.2.840.10008.1.2.4.50").encode(pixels, ArchiveOptions(95))


class FakeImages:
    """Slides by id. Everything else about them is that of `slide`, but for what a test changes."""

    def __init__(self, **infos: ImageInfo) -> None:
        self.infos = infos
        self.is_scanning = False
        self.format = "aperio"
        self.broken: set[str] = set()
        self.is_damaged = False
        self.opened = 0

    def images(self, query: ImageQuery) -> ImagePage:
        assert query.kind == "slide"
        found = tuple(
            ImageSummary(image, info.name, info.kind, self.format, info.size.width, info.size.height, len(info.planes))
            for image, info in self.infos.items()
        )
        return ImagePage(found, len(found), self.is_scanning)

    def info(self, image: str) -> ImageInfo:
        if image not in self.infos or image in self.broken:
            raise ImageNotFoundError(image)
        self.opened += 1
        return self.infos[image]

    def stored_tile(self, image: str, key: TileKey) -> Frame:
        self.infos[image].require(key)
        if self.is_damaged:
            whole = jpeg(samples())
            return replace(whole, data=whole.data[:-100])
        if key == HOLE:
            return samples()
        return jpeg(samples(42, 36)) if key == SHORT else jpeg(samples())


def of_planes(count: int) -> ImageInfo:
    return replace(INFO, planes=tuple(Plane(z=z) for z in range(count)))
