"""Total pixel matrices: a tiled instance, or a concatenation of several, as one grid of tiles."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from medtiles.core.geometry import Size
from medtiles.dicom.facts import decoded_format
from medtiles.dicom.grouping import flavour
from medtiles.dicom.instances import Instances
from medtiles.dicom.tiling import Tiling, read_tiling
from transcode.dicom.attributes import integer, naming, text, texts
from transcode.dicom.frame_size import stored_size
from transcode.dicom.reader import InstanceReader
from transcode.errors import CorruptFrameError, DicomFileError
from transcode.frames import EncodedFrame, PixelFormat


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a matrix."""

    instance: int
    """Number of the file."""
    first: int
    """The matrix's frame that is the file's first (Concatenation Frame Offset Number)."""
    frames: int


@dataclass(frozen=True, slots=True)
class PixelMatrix:
    """A grid of stored tiles."""

    name: str
    """Of its first file, for error messages."""
    parts: tuple[Part, ...]
    tiling: Tiling
    pixels: PixelFormat
    """Of decoded samples."""
    media_type: str | None
    """Of the stored tiles; None when parts differ."""
    flavour: str
    """VOLUME, THUMBNAIL, LABEL or OVERVIEW."""

    @property
    def size(self) -> Size:
        """The total pixel matrix."""
        return self.tiling.size

    def read(self, instances: Instances, plane: int, column: int, row: int) -> EncodedFrame | None:
        """A stored tile; None where a sparse grid has a hole.

        :raises DicomFileError: the frame, or the part of the concatenation that holds it, is missing
        :raises CorruptFrameError: the tile is too small for its place
        """
        frame = self.tiling.frame(plane, column, row)
        if frame is None:
            return None
        for part in self.parts:
            if part.first <= frame < part.first + part.frames:
                stored = instances.read_frame(part.instance, frame - part.first)
                return self._of_true_size(stored, column, row)
        message = f"{self.name}: frame {frame + 1} is in none of the instances at hand"
        raise DicomFileError(message)

    def _of_true_size(self, frame: EncodedFrame, column: int, row: int) -> EncodedFrame:
        """Tiles at the right and lower edge may be stored cut to the matrix; all others are as large as they say."""
        needed = self._needed(column, row)
        if needed == self.tiling.tile_size:
            return frame
        width, height = stored_size(frame)
        if width < needed.width or height < needed.height:
            message = (
                f"{self.name}: tile {column}, {row} has {width} x {height} pixels, "
                f"its place {needed.width} x {needed.height}"
            )
            raise CorruptFrameError(message)
        return frame if (width, height) == (frame.width, frame.height) else replace(frame, width=width, height=height)

    def _needed(self, column: int, row: int) -> Size:
        size, tile = self.tiling.size, self.tiling.tile_size
        return Size(
            min(tile.width, size.width - column * tile.width), min(tile.height, size.height - row * tile.height)
        )


def read_matrices(instances: Instances) -> list[PixelMatrix]:
    """The matrices in some files, concatenations joined.

    :raises DicomFileError, UnsupportedFormatError: a header or a grid that cannot be
    """
    together: dict[str, list[int]] = defaultdict(list)
    for number in range(len(instances)):
        with instances.reader(number) as reader:
            together[text(reader.header, "ConcatenationUID") or f"file {number}"].append(number)
    return [_matrix(instances, numbers) for numbers in together.values()]


def _matrix(instances: Instances, numbers: Sequence[int]) -> PixelMatrix:
    with ExitStack() as opened:
        readers = {number: opened.enter_context(instances.reader(number)) for number in numbers}
        parts = _parts(readers)
        first = readers[parts[0].instance]
        name = instances.name(parts[0].instance)
        groups = [readers[part.instance].groups for part in parts]
        frames = parts[-1].first + parts[-1].frames
        with naming(name):
            tiling = read_tiling(first.header, groups, frames, Size(first.columns, first.rows))
            if len({(reader.columns, reader.rows, reader.pixel_format) for reader in readers.values()}) > 1:
                message = "the parts of its concatenation differ in Rows, Columns or sample format"
                raise DicomFileError(message)
        media_types = {reader.encoding.media_type for reader in readers.values()}
        return PixelMatrix(
            name=name,
            parts=parts,
            tiling=tiling,
            pixels=decoded_format(first.pixel_format),
            media_type=media_types.pop() if len(media_types) == 1 else None,
            flavour=flavour(texts(first.header, "ImageType")),
        )


def _parts(readers: dict[int, InstanceReader]) -> tuple[Part, ...]:
    """Parts in the order of In-concatenation Number; sparse frames are counted in that order too (C.7.6.16.2.2.4)."""
    numbered = sorted(
        readers.items(), key=lambda each: integer(each[1].header, "InConcatenationNumber", 0, 65535, default=0)
    )
    parts: list[Part] = []
    for number, reader in numbered:
        follows = parts[-1].first + parts[-1].frames if parts else 0
        offset = integer(reader.header, "ConcatenationFrameOffsetNumber", 0, 2**32 - 1, default=follows)
        parts.append(Part(number, offset, reader.number_of_frames))
    return tuple(parts)
