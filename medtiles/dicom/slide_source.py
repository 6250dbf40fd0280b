"""Whole-slide DICOM: instances as levels of one slide. Stored tiles go out untouched."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from medtiles.core.display import Display
from medtiles.core.errors import ImageNotFoundError
from medtiles.core.geometry import Size
from medtiles.core.pyramid import Associated, ImageInfo, Level, Plane, TileKey
from medtiles.dicom.displays import Displays
from medtiles.dicom.facts import identity, image_name, shown_properties
from medtiles.dicom.instances import Instances, opening
from medtiles.dicom.matrices import PixelMatrix, read_matrices
from medtiles.dicom.optics import absent_colour, icc_profile, objective_power, path_names
from medtiles.dicom.slide_levels import Slide, arrange
from medtiles.dicom.spacing import pixel_spacing
from transcode.codec import Codecs
from transcode.dicom.attributes import text
from transcode.dicom.reader import InstanceReader
from transcode.files import version_of
from transcode.frames import Frame, PixelArray

FORMAT = "dicom-wsi"
_MM_PER_UM = 1e-3


class DicomWsiSource:
    """An open slide."""

    def __init__(self, instances: Instances, info: ImageInfo, slide: Slide, codecs: Codecs) -> None:
        self._instances = instances
        self._codecs = codecs
        self._info = info
        self._slide = slide
        self._displays: dict[int, Display] = {}
        self._lock = threading.Lock()

    @property
    def info(self) -> ImageInfo:
        """What the slide is."""
        return self._info

    def read_tile(self, key: TileKey) -> Frame:
        """A tile as it is stored; samples of the background where a sparse grid has none.

        :raises TileOutOfRangeError: no such tile
        :raises CorruptFrameError: the tile is too small for its place
        :raises DicomFileError, TruncatedFileError, FileChangedError: see InstanceReader.read_frame
        """
        level = self._info.require(key)
        matrix, plane = self._slide.levels[key.level].planes[key.plane]
        frame = matrix.read(self._instances, plane, key.column, key.row)
        if frame is None:
            return self._background(level.tile_region(key.column, key.row).size)
        return frame

    def read_associated(self, name: str) -> Frame:
        """The label, the macro or the thumbnail; as it is stored where it is one frame.

        :raises ImageNotFoundError: no such picture
        :raises CorruptFrameError, DicomFileError, TruncatedFileError, FileChangedError: see `read_tile`
        """
        matrix = self._slide.associated.get(name)
        if matrix is None:
            message = f"the slide has no picture {name!r}"
            raise ImageNotFoundError(message)
        if matrix.tiling.grid.area == 1:
            frame = matrix.read(self._instances, 0, 0, 0)
            if frame is not None and Size(frame.width, frame.height) == matrix.size:
                return frame
        return self._stitched(matrix)

    def _stitched(self, matrix: PixelMatrix) -> PixelArray:
        """All tiles of a small matrix, decoded and cut to its size."""
        size = matrix.size
        canvas = np.zeros((size.height, size.width, matrix.pixels.samples_per_pixel), matrix.pixels.dtype)
        grid = Level(size, matrix.tiling.tile_size)
        for row in range(grid.grid.height):
            for column in range(grid.grid.width):
                frame = matrix.read(self._instances, 0, column, row)
                if frame is not None:
                    samples = self._codecs.decode(frame).samples
                    part = grid.tile_region(column, row)
                    canvas[part.y : part.bottom, part.x : part.right] = samples[: part.height, : part.width]
        return PixelArray(canvas, matrix.pixels)

    def _background(self, size: Size) -> PixelArray:
        pixels = self._info.pixels
        top = (1 << pixels.bits_stored) - 1
        colour = [value * top // 255 for value in self._info.background[: pixels.samples_per_pixel]]
        samples = np.empty((size.height, size.width, pixels.samples_per_pixel), pixels.dtype)
        samples[:] = np.array(colour).astype(pixels.dtype)
        return PixelArray(samples, pixels)

    def display(self, plane: int) -> Display:
        """How a plane is shown.

        :raises TileOutOfRangeError: no such plane
        :raises DicomFileError: an attribute makes no sense; its keyword is named
        """
        self._info.require_plane(plane)
        matrix, number = self._slide.levels[0].planes[plane]
        with self._lock:
            if plane not in self._displays:
                with self._instances.reader(matrix.parts[0].instance) as reader:
                    displays = Displays(reader.header, reader.groups, reader.pixel_format, reader.is_little_endian)
                    self._displays[plane] = displays.of(matrix.tiling.frame(number, 0, 0) or 0)
            return self._displays[plane]

    def close(self) -> None:
        """Let go of all files."""
        self._instances.close()


def open_slide(paths: Sequence[Path], codecs: Codecs) -> DicomWsiSource:
    """Open the instances of one slide.

    :raises UnsupportedFormatError: no pictures, frames that nothing here reads, tiles off their grid
    :raises DamagedImageError: one of the files is broken
    """
    with opening(paths[0].name):
        version = version_of(paths)
        instances = Instances(paths)
        try:
            slide = arrange(read_matrices(instances))
            return DicomWsiSource(instances, _info(instances, slide, version), slide, codecs)
        except BaseException:
            instances.close()
            raise


def _info(instances: Instances, slide: Slide, version: str) -> ImageInfo:
    matrix = slide.levels[0].planes[0][0]
    uids, syntaxes = _addresses(instances)
    with instances.reader(matrix.parts[0].instance) as reader:
        header = reader.header
        return ImageInfo(
            name=image_name(header),
            kind="slide",
            format=FORMAT,
            levels=tuple(each.level for each in slide.levels),
            pixels=matrix.pixels,
            planes=_planes(reader, slide),
            version=version,
            spacing_mm=pixel_spacing(header, reader.groups),
            objective_power=objective_power(header),
            background=absent_colour(header) if matrix.pixels.is_colour else (0, 0, 0),
            associated=tuple(Associated(name, each.size) for name, each in sorted(slide.associated.items())),
            icc_profile=icc_profile(header),
            dicom=identity(header, uids, syntaxes),
            properties=shown_properties(header),
        )


def _addresses(instances: Instances) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """SOP Instance UIDs and transfer syntaxes of all files."""
    uids, syntaxes = [], []
    for number in range(len(instances)):
        with instances.reader(number) as reader:
            uids.append(text(reader.header, "SOPInstanceUID"))
            syntaxes.append(reader.transfer_syntax)
    return tuple(uids), tuple(syntaxes)


def _planes(reader: InstanceReader, slide: Slide) -> tuple[Plane, ...]:
    names = path_names(reader.header)
    paths = list(dict.fromkeys(plane.path for plane in slide.planes))
    depths = sorted({(plane.depth_um, plane.focus) for plane in slide.planes})
    has_depth = len({depth for depth, _ in depths}) > 1
    found = []
    for plane in slide.planes:
        parts = [names.get(plane.path, plane.path)] if len(paths) > 1 else []
        z = depths.index((plane.depth_um, plane.focus))
        if len(depths) > 1:
            parts.append(f"{plane.depth_um:g} µm" if has_depth else f"focal plane {z + 1}")
        found.append(
            Plane(
                name=", ".join(parts),
                channel=paths.index(plane.path),
                z=z,
                position_mm=plane.depth_um * _MM_PER_UM if has_depth else None,
            )
        )
    return tuple(found)
