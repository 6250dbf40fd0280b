"""One TIFF directory as a picture: its size, how its samples are stored, and where."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from medtiles.core.errors import DamagedImageError, UnsupportedFormatError
from medtiles.core.geometry import Size, ceil_div
from medtiles.sources.tiff.ifd import Directory
from medtiles.sources.tiff.segments import SegmentTable
from medtiles.sources.tiff.tags import Photometric, SampleKind, Tag
from transcode.frames import PixelFormat

_MOST_SIDE = 1 << 24
_MOST_SEGMENTS = 1 << 26
MOST_DECODED_BYTES = 256 * 1024 * 1024
"""Of a tile, a strip or an associated picture; it would have to be held in memory for any small part of it."""
_MOST_SAMPLES = 512
_WHOLE_PICTURE = (1 << 32) - 1
"""RowsPerStrip when the tag is missing: the picture is one strip."""


@dataclass(frozen=True, slots=True)
class Colours:
    """How uncompressed YCbCr samples are stored and turned into RGB (TIFF 6.0 section 21)."""

    subsampling: tuple[int, int] = (2, 2)
    coefficients: tuple[float, ...] = (0.299, 0.587, 0.114)
    reference: tuple[float, ...] = (0.0, 255.0, 128.0, 255.0, 128.0, 255.0)


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """A picture in a TIFF file. Its tags are at hand; where its tiles lie is read when the first one is wanted."""

    index: int
    """Of its directory, for error messages."""
    size: Size
    segment: Size
    """Of every tile or strip as it is stored; the last strip may be shorter."""
    is_tiled: bool
    segments: SegmentTable
    samples_per_pixel: int
    bits: int
    kind: SampleKind
    photometric: int
    compression: int
    is_planar: bool
    """Whether each sample is stored in tiles of its own (PlanarConfiguration 2)."""
    predictor: int
    fill_order: int
    extra_samples: tuple[int, ...]
    orientation: int
    subfile_type: int
    order: str
    colours: Colours
    jpeg_tables: bytes | None

    @property
    def grid(self) -> Size:
        """Columns and rows of stored tiles or strips (of one sample, when samples are stored apart)."""
        return self.size.grid(self.segment)

    @property
    def segment_samples(self) -> int:
        """Samples of one pixel that lie together in a stored tile."""
        return 1 if self.is_planar else self.samples_per_pixel

    @property
    def row_bytes(self) -> int:
        """Of one row of a stored tile, when it is not compressed."""
        return ceil_div(self.segment.width * self.segment_samples * self.bits, 8)

    @property
    def is_reduced(self) -> bool:
        """Whether it says of itself that it is a smaller version of another page."""
        return bool(self.subfile_type & 1)

    @property
    def is_mask(self) -> bool:
        """Whether it is a transparency mask."""
        return bool(self.subfile_type & 4) or self.photometric == Photometric.MASK

    @property
    def channels(self) -> int:
        """Samples that are channels of their own: all of them, when they are neither colours nor alpha."""
        is_grey = self.photometric in {Photometric.MIN_IS_WHITE, Photometric.MIN_IS_BLACK}
        alphas = sum(1 for extra in self.extra_samples if extra)
        return max(1, self.samples_per_pixel - alphas) if is_grey else 1

    def pixels(self) -> PixelFormat:
        """Of decoded samples, one channel of them or RGB."""
        is_float = self.kind == SampleKind.FLOAT
        allocated = next(width for width in (8, 16, 32, 64) if self.bits <= width)
        if is_float and allocated < 32:
            allocated = 32
        stored = allocated if is_float else self.bits
        signed = self.kind == SampleKind.SIGNED or is_float
        if self.photometric in {Photometric.RGB, Photometric.YCBCR, Photometric.CMYK}:
            return PixelFormat(3, allocated, stored, signed, "RGB", is_float)
        names = {Photometric.MIN_IS_WHITE: "MONOCHROME1", Photometric.PALETTE: "PALETTE COLOR"}
        name = names.get(self.photometric, "MONOCHROME2")  # type: ignore[call-overload]
        return PixelFormat(1, allocated, stored, signed, name, is_float)

    def decoded_bytes(self, pixels: int) -> int:
        """What so many pixels take in memory."""
        return pixels * self.samples_per_pixel * self.pixels().bits_allocated // 8

    def looks_like(self, other: Page) -> bool:
        """Whether it holds the same kind of samples, so that both can be levels or planes of one image."""
        return self.pixels() == other.pixels() and self.channels == other.channels


def read_page(directory: Directory) -> Page:
    """Understand a directory.

    :raises DamagedImageError: its tags contradict one another, or the file
    :raises UnsupportedFormatError: samples are stored in a way that is not read
    """
    size = Size(directory.integer(Tag.WIDTH, 0), directory.integer(Tag.LENGTH, 0))
    is_tiled = Tag.TILE_WIDTH in directory or Tag.TILE_OFFSETS in directory
    segment = _segment_size(directory, size, is_tiled)
    samples = directory.integer(Tag.SAMPLES_PER_PIXEL, 1)
    if not 1 <= samples <= _MOST_SAMPLES:
        message = f"page {directory.index} has {samples} samples per pixel"
        raise DamagedImageError(message)
    is_planar = directory.integer(Tag.PLANAR_CONFIGURATION, 1) == 2 and samples > 1
    bits, kind = _bits(directory), _kind(directory)
    if directory.integer(Tag.IMAGE_DEPTH, 1) != 1:
        message = f"page {directory.index} is a volume (ImageDepth)"
        raise UnsupportedFormatError(message)
    page = Page(
        index=directory.index,
        size=size,
        segment=segment,
        is_tiled=is_tiled,
        segments=_segment_table(directory, size, segment, is_tiled, samples if is_planar else 1),
        samples_per_pixel=samples,
        bits=bits,
        kind=kind,
        photometric=directory.integer(Tag.PHOTOMETRIC, Photometric.MIN_IS_BLACK),
        compression=directory.integer(Tag.COMPRESSION, 1),
        is_planar=is_planar,
        predictor=directory.integer(Tag.PREDICTOR, 1),
        fill_order=directory.integer(Tag.FILL_ORDER, 1),
        extra_samples=tuple(int(value) for value in directory.numbers(Tag.EXTRA_SAMPLES)[:_MOST_SAMPLES]),
        orientation=directory.integer(Tag.ORIENTATION, 1),
        subfile_type=directory.integer(Tag.SUBFILE_TYPE, 0),
        order=directory.order,
        colours=_colours(directory),
        jpeg_tables=directory.raw(Tag.JPEG_TABLES) or None,
    )
    # A strip that is not compressed is read by its rows, whatever its height.
    rows = min(segment.height, 16) if page.compression == 1 and not is_tiled else segment.height
    if page.decoded_bytes(segment.width * rows) > MOST_DECODED_BYTES:
        message = f"page {directory.index} is stored in pieces of {segment.width} x {segment.height}, too large to read"
        raise UnsupportedFormatError(message)
    return page


def _segment_size(directory: Directory, size: Size, is_tiled: bool) -> Size:
    if is_tiled:
        segment = Size(directory.integer(Tag.TILE_WIDTH, 0), directory.integer(Tag.TILE_LENGTH, 0))
    else:
        rows = directory.integer(Tag.ROWS_PER_STRIP, _WHOLE_PICTURE)
        segment = Size(size.width, min(rows, size.height) if rows > 0 else size.height)
    for name, box in (("", size), (" tiles", segment)):
        if not (1 <= box.width <= _MOST_SIDE and 1 <= box.height <= _MOST_SIDE):
            message = f"page {directory.index} claims{name or ' to be'} {box.width} x {box.height} pixels"
            raise DamagedImageError(message)
    return segment


def _segment_table(directory: Directory, size: Size, segment: Size, is_tiled: bool, times: int) -> SegmentTable:
    tags = (Tag.TILE_OFFSETS, Tag.TILE_BYTE_COUNTS) if is_tiled else (Tag.STRIP_OFFSETS, Tag.STRIP_BYTE_COUNTS)
    count = ceil_div(size.width, segment.width) * ceil_div(size.height, segment.height) * times
    offsets, lengths = (directory.entry(tag) for tag in tags)
    if offsets is None or offsets.count < count or count > _MOST_SEGMENTS:
        has = 0 if offsets is None else offsets.count
        message = f"page {directory.index} of {size.width} x {size.height} needs {count} tiles or strips and has {has}"
        raise DamagedImageError(message)
    if lengths is None and count > 1:
        message = f"page {directory.index} does not tell how long its tiles or strips are"
        raise DamagedImageError(message)
    if lengths is not None and lengths.count < count:
        message = f"page {directory.index} tells the length of {lengths.count} tiles or strips, not of {count}"
        raise DamagedImageError(message)
    return SegmentTable(directory.file, directory.order, offsets, lengths, count)


def _bits(directory: Directory) -> int:
    numbers = directory.numbers(Tag.BITS_PER_SAMPLE)[:_MOST_SAMPLES]
    widths = {int(value) for value in numbers} or {1}
    width = widths.pop()
    if widths or not 1 <= width <= 64:
        message = f"page {directory.index} has samples of {sorted({width, *widths})} bits"
        raise UnsupportedFormatError(message)
    return width


def _kind(directory: Directory) -> SampleKind:
    numbers = directory.numbers(Tag.SAMPLE_FORMAT)
    value = int(numbers[0]) if numbers.size else 1
    if value not in set(SampleKind):
        message = f"page {directory.index} has samples of format {value}"
        raise UnsupportedFormatError(message)
    return SampleKind.UNSIGNED if value == SampleKind.UNDEFINED else SampleKind(value)


def _colours(directory: Directory) -> Colours:
    plain = Colours()
    found = []
    for tag, default in (
        (Tag.YCBCR_SUBSAMPLING, plain.subsampling),
        (Tag.YCBCR_COEFFICIENTS, plain.coefficients),
        (Tag.REFERENCE_BLACK_WHITE, plain.reference),
    ):
        numbers = directory.numbers(tag)
        is_sound = numbers.size == len(default) and bool(np.isfinite(numbers).all())
        found.append(tuple(float(value) for value in numbers) if is_sound else default)
    across, down = (int(value) if value in {1, 2, 4} else 1 for value in found[0])
    return Colours((across, down), found[1], found[2])
