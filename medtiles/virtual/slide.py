"""What a virtual slide is: UIDs, levels, instances. Plain values."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from medtiles.core.pyramid import ImageInfo, Level, TileKey
from medtiles.core.studies import Instance
from transcode.frames import PixelFormat

WHOLE_SLIDE_STORAGE = "1.2.840.10008.5.1.4.1.1.77.1.6"
_NAMESPACE = uuid.UUID("0f6a2c51-7d0c-5b8e-9b0e-3a4d6f1c2e77")


@lru_cache(maxsize=1 << 17)
def uid_of(image: str, part: str) -> str:
    """A UID under 2.25 (PS3.5 B.2), always the same for a part of an image."""
    return f"2.25.{uuid.uuid5(_NAMESPACE, f'{image} {part}').int}"


@dataclass(frozen=True, slots=True)
class VirtualLevel:
    """A level as an instance."""

    index: int
    """In the pyramid of the image."""
    level: Level
    transfer_syntax: str
    """Of all its frames."""
    pixels: PixelFormat
    """As encoded; the photometric interpretation is what (0028,0004) says."""
    spacing_mm: tuple[float, float] | None
    """Millimetres per pixel of this level, (x, y)."""

    @property
    def frames(self) -> int:
        """All tiles of the grid, along the rows, then down the columns."""
        return self.level.grid.area

    def tile(self, number: int) -> TileKey:
        """The tile that is a frame, counted from 1."""
        row, column = divmod(number - 1, self.level.grid.width)
        return TileKey(self.index, column, row)


@dataclass(frozen=True)
class VirtualSlide:
    """An image as a study of one series."""

    image: str
    name: str
    info: ImageInfo
    levels: tuple[VirtualLevel, ...]

    @property
    def study(self) -> str:
        """Study Instance UID."""
        return uid_of(self.image, "study")

    @property
    def series(self) -> str:
        """Series Instance UID."""
        return uid_of(self.image, "series")

    @property
    def frame_of_reference(self) -> str:
        """Frame of Reference UID."""
        return uid_of(self.image, "frame of reference")

    def uid(self, level: VirtualLevel) -> str:
        """SOP Instance UID of a level."""
        return uid_of(self.image, f"level {level.index}")

    def instances(self) -> Iterator[tuple[Instance, VirtualLevel]]:
        """One for each level, the largest first."""
        for number, each in enumerate(self.levels, 1):
            yield (
                Instance(
                    self.study,
                    self.series,
                    self.uid(each),
                    WHOLE_SLIDE_STORAGE,
                    each.transfer_syntax,
                    each.frames,
                    each.level.tile_size.height,
                    each.level.tile_size.width,
                    self.info.version,
                    self.image,
                    number,
                ),
                each,
            )
