"""The layout of whole-slide DICOM."""

from __future__ import annotations

import hashlib
import io
import socket
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeGuard

import numpy as np
from PIL import Image

from medtiles.core.errors import BadRequestError
from medtiles.core.geometry import Size
from medtiles.core.pyramid import ImageInfo, TileKey
from medtiles.export.choices import Choices
from medtiles.export.dicom.metadata import Loss, Stack, Told, header_of
from medtiles.export.dicom.sink import DicomSink, Instance
from medtiles.export.job import Job, Subject, journal_of
from medtiles.export.model import Block, rows_of
from medtiles.export.place import Place
from medtiles.export.running import Work
from medtiles.export.sinks.growing_file import part_of
from medtiles.virtual.full_tiles import ENCODERS, JPEG_BASELINE, filled, stored_pixels, syntax_of
from medtiles.virtual.offered import spacing_of
from medtiles.virtual.slide import VirtualLevel, VirtualSlide
from transcode.archive import archive_encoders
from transcode.codecs.jpeg import JPEG
from transcode.frames import EncodedFrame, Frame, PixelArray
from transcode.targets import ArchiveOptions

_JPEG_LS = "1.2.840.10008.1.2.4.80"
_ALIKE = 95
"""Quality of the few frames that lie among stored ones, but are not stored so."""
_LONGEST = 65535
_METHODS = {"image/jpeg": "ISO_10918_1", "image/j2c": "ISO_15444_1", "image/jphc": "ISO_15444_15"}
"""Of lossy compression, by media type (PS3.3 C.7.6.1.1.5.1)."""
_SAMPLED = 16
"""Tiles of a level that tell how far it is compressed."""


def dicom(subject: Subject, choices: Choices) -> Job:
    """A folder of instances, the finest level first.

    :raises BadRequestError: a choice makes no sense for the image, or DICOM cannot hold it
    """
    info = subject.info
    _require(info, choices)
    levels = [_form_of(subject, index, choices.quality) for index in _levels(info)]
    stack = _stack(info)
    slide = VirtualSlide(_identity(subject, choices), info.name, info, tuple(level.virtual for level in levels))
    acquired = datetime.fromtimestamp(min(path.stat().st_mtime for path in subject.paths)).astimezone()
    folder = choices.destination
    instances = [
        _instance(folder / f"level-{number}.dcm", slide, level, Told(stack, acquired, level.loss))
        for number, level in enumerate(levels, 1)
    ]
    maker = _Frames(subject, levels, _planes(info), choices.quality)
    work = Work(sum(instance.frames for instance in instances), maker, DicomSink(instances))
    growing = tuple(part_of(instance.path) for instance in instances)
    return Job(work, Place(instances[0].path, (folder,), journal_of(folder), growing))


def _identity(subject: Subject, choices: Choices) -> str:
    """What UIDs are made of: the machine, the file and what it is now, so that another file has others."""
    words = f"{socket.gethostname()} {subject.paths[0].resolve()} {subject.info.version} {choices.quality}"
    return hashlib.blake2b(words.encode(), digest_size=8).hexdigest()


def _instance(path: Path, slide: VirtualSlide, form: _Form, told: Told) -> Instance:
    pixels, virtual = form.virtual.pixels, form.virtual
    frame_bytes = virtual.level.tile_size.area * pixels.samples_per_pixel * pixels.dtype.itemsize
    return Instance(path, partial(header_of, slide, virtual, told), virtual.frames * told.stack.planes, frame_bytes)


@dataclass(frozen=True)
class _Form:
    """How the frames of a level are written."""

    virtual: VirtualLevel
    is_copied: bool
    """Whether stored tiles are its frames."""
    loss: Loss | None
    """What has been lost on the way from the scanner to the file; None: nothing, as far as the image tells."""


def _require(info: ImageInfo, choices: Choices) -> None:
    """Refuse what whole-slide DICOM cannot hold, or is already."""
    if choices.overlap or choices.suffix or choices.tile_size or choices.rendering or choices.plane:
        message = "dicom has the tiles and planes of the image; of the options it takes --quality"
        raise BadRequestError(message)
    if info.dicom is not None:
        message = f"{info.name} is DICOM already; `medtiles transcode` changes its encoding"
        raise BadRequestError(message)
    _require_pixels(info, choices.quality)
    if info.spacing_mm is None:
        message = f"{info.name} does not tell how large its pixels are, as whole-slide DICOM must: --spacing does"
        raise BadRequestError(message)
    if any(plane.t for plane in info.planes):
        message = "whole-slide DICOM has no place for points in time"
        raise BadRequestError(message)


def _require_pixels(info: ImageInfo, quality: int | None) -> None:
    pixels = info.pixels
    is_colour = pixels.photometric == "RGB" and pixels.bits_stored == 8
    is_grey = pixels.photometric == "MONOCHROME2" and not pixels.signed and not pixels.is_float
    if not (is_colour or (is_grey and pixels.bits_allocated in {8, 16})):
        message = (
            f"whole-slide DICOM holds grey of 8 or 16 bits and RGB of 8, not {pixels.photometric} of {pixels.dtype}"
        )
        raise BadRequestError(message)
    if quality is not None and pixels.bits_stored > 8:
        message = f"JPEG holds 8 bits, the image has {pixels.bits_stored}: leave --quality out"
        raise BadRequestError(message)
    for level in info.levels:
        if max(level.tile_size.width, level.tile_size.height) > _LONGEST:
            message = f"tiles of {level.tile_size.width} x {level.tile_size.height} are too large for DICOM"
            raise BadRequestError(message)


def _levels(info: ImageInfo) -> Iterator[int]:
    """Their indexes, without those that have the size of another one."""
    seen = set()
    for index, level in enumerate(info.levels):
        if level.size not in seen:
            seen.add(level.size)
            yield index


def _form_of(subject: Subject, index: int, quality: int | None) -> _Form:
    info = subject.info
    level = info.levels[index]
    frame = subject.engine.stored_tile(subject.image, TileKey(index, 0, 0))
    is_copied = quality is None and _is_frame(frame, syntax_of(frame), level.tile_size)
    syntax = syntax_of(frame) if is_copied else JPEG_BASELINE if quality is not None else _JPEG_LS
    if is_copied and isinstance(frame, EncodedFrame):
        pixels = stored_pixels(frame)
    else:
        shape = (16, 16, info.pixels.samples_per_pixel)
        sample = PixelArray(np.zeros(shape, info.pixels.dtype), info.pixels)
        pixels = archive_encoders().for_transfer_syntax(syntax).encode(sample, ArchiveOptions()).format
    virtual = VirtualLevel(index, level, syntax, pixels, spacing_of(info, index))
    return _Form(virtual, is_copied, _loss(subject, virtual, frame, quality))


def _is_frame(frame: Frame, syntax: str, size: Size) -> TypeGuard[EncodedFrame]:
    """Whether a stored tile is a frame of a transfer syntax as it lies there."""
    if not isinstance(frame, EncodedFrame) or (frame.width, frame.height) != (size.width, size.height):
        return False
    return frame.format.bits_stored == 8 and syntax_of(frame) == syntax and _is_named(frame)


def _is_named(frame: EncodedFrame) -> bool:
    """Whether its encoding is that of its transfer syntax: `syntax_of` says JPEG of all that it does not know."""
    return syntax_of(frame) != JPEG_BASELINE or frame.encoding is JPEG


def _loss(subject: Subject, virtual: VirtualLevel, frame: Frame, quality: int | None) -> Loss | None:
    """What is known of it: from some tiles, which are alike enough for a ratio that PS3.3 calls approximate."""
    stored = frame.encoding if isinstance(frame, EncodedFrame) else None
    if quality is None and (stored is None or stored.lossless):
        return None
    grid, sizes = virtual.level.grid, []
    for number in range(0, grid.area, max(1, grid.area // _SAMPLED)):
        row, column = divmod(number, grid.width)
        key = TileKey(virtual.index, column, row)
        tile: Frame
        if quality is None:
            tile = subject.engine.stored_tile(subject.image, key)
        else:
            pixels = subject.engine.samples(subject.image, key)
            encoder = archive_encoders().for_transfer_syntax(virtual.transfer_syntax)
            tile = encoder.encode(pixels, ArchiveOptions(quality))
        if isinstance(tile, EncodedFrame):
            sizes.append(len(tile.data) / (tile.width * tile.height))
    bytes_of_pixel = subject.info.pixels.samples_per_pixel * subject.info.pixels.dtype.itemsize
    media_type = JPEG.media_type if quality is not None or stored is None else stored.media_type
    return Loss(_METHODS.get(media_type, ""), bytes_of_pixel / statistics.mean(sizes))


def _stack(info: ImageInfo) -> Stack:
    """Channels and slices.

    :raises BadRequestError: not every channel has every slice
    """
    channels = tuple(sorted({plane.channel for plane in info.planes}))
    slices = sorted({plane.z for plane in info.planes})
    if len(channels) * len(slices) != len({(plane.channel, plane.z) for plane in info.planes}):
        message = f"the {len(info.planes)} planes do not fill channels and slices, as whole-slide DICOM wants"
        raise BadRequestError(message)
    return Stack(channels, len(slices), info.slice_spacing_mm)


def _planes(info: ImageInfo) -> list[int]:
    """Their indexes in the order of frames: slices of a channel, then those of the next (PS3.3 C.7.6.17.3)."""
    return sorted(range(len(info.planes)), key=lambda index: (info.planes[index].channel, info.planes[index].z))


class _Frames:
    """Makes the frames. Safe to call from several threads. Rows of tiles of all planes are one below the other."""

    def __init__(self, subject: Subject, forms: Sequence[_Form], planes: Sequence[int], quality: int | None) -> None:
        self._engine, self._image = subject.engine, subject.image
        self._background = subject.info.background
        self._forms = forms
        self._planes = planes
        self._options = ArchiveOptions(_ALIKE if quality is None else quality)

    def blocks(self) -> Iterator[Block]:
        """See `Maker.blocks`."""
        for number, form in enumerate(self._forms):
            grid = form.virtual.level.grid
            yield from rows_of(number, Size(grid.width, grid.height * len(self._planes)), grid.width)

    def make(self, block: Block) -> Iterator[bytes]:
        """See `Maker.make`."""
        for number, column, row in block.places():
            form = self._forms[number]
            behind, row_of_plane = divmod(row, form.virtual.level.grid.height)
            yield self._frame(form, TileKey(form.virtual.index, column, row_of_plane, self._planes[behind]))

    def flush(self) -> None:
        """See `Maker.flush`."""

    def finish(self) -> None:
        """See `Maker.finish`."""

    def _frame(self, form: _Form, key: TileKey) -> bytes:
        syntax, size = form.virtual.transfer_syntax, form.virtual.level.tile_size
        if form.is_copied:
            frame = self._engine.stored_tile(self._image, key)
            if _is_frame(frame, syntax, size) and stored_pixels(frame) == form.virtual.pixels:
                return frame.data
        pixels = filled(self._engine.samples(self._image, key), size, self._background)
        if form.is_copied and form.virtual.pixels.photometric == "RGB" and syntax == JPEG_BASELINE:
            return _jpeg_of_rgb(pixels)
        encoder = archive_encoders().for_transfer_syntax(ENCODERS.get(syntax, syntax))
        return encoder.encode(pixels, self._options).data


def _jpeg_of_rgb(pixels: PixelArray) -> bytes:
    """Red, green and blue, not made luminance and chrominance: among stored frames that are so."""
    file = io.BytesIO()
    Image.fromarray(pixels.samples).save(file, "JPEG", quality=_ALIKE, keep_rgb=True)
    return file.getvalue()
