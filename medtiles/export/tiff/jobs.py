"""The two layouts of TIFF."""

from __future__ import annotations

import io
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import tifffile

from medtiles.core.channels import channels_of
from medtiles.core.errors import BadRequestError
from medtiles.core.geometry import Region, Size
from medtiles.core.pyramid import Channel, ImageInfo, TileKey
from medtiles.core.view import View
from medtiles.export.choices import Choices, Pictures, pictures
from medtiles.export.job import Job, Subject, journal_of
from medtiles.export.making import PyramidMaker
from medtiles.export.model import Cut, TileLevel, TileSet, Wanted, cut_level
from medtiles.export.place import Place
from medtiles.export.running import Maker, Work
from medtiles.export.several import Several
from medtiles.export.sinks.growing_file import part_of
from medtiles.export.tiff.form import TiffForm
from medtiles.export.tiff.sink import TiffSink
from medtiles.export.tiff.ways import Way, jpeg, lossless, of_stored
from medtiles.protocols.tile_views import served_square
from transcode.frames import EncodedFrame

_STEP = 16
"""Sides of tiles must be multiples of it (TIFF 6.0, section 15)."""
_USUAL = Size(256, 256)
_BIG = 3 << 30
"""Bytes of samples from which on BigTIFF is written; nothing that we write is larger than they are."""
_MM_PER_CM = 10
_UUID = re.compile(rb"urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NAMESPACE = uuid.UUID("7b1c1d0e-3a0d-5c55-9a77-0b7b6f6f3f51")


def iip_tiff(subject: Subject, choices: Choices) -> Job:
    """A picture as IIPImage and most others read it: each page half of the one before.

    :raises BadRequestError: a choice makes no sense for the image
    """
    return _job(subject, choices, ".tif", planes=[choices.plane], is_ome=False)


def ome_tiff(subject: Subject, choices: Choices) -> Job:
    """All planes with their names and scales, or a rendering of them.

    :raises BadRequestError: a choice makes no sense for the image, or its planes do not fill channels, slices and times
    """
    planes = [choices.plane] if choices.rendering else list(_axes(subject.info).planes)
    return _job(subject, choices, ".ome.tif", planes=planes, is_ome=True)


def _job(subject: Subject, choices: Choices, suffix: str, planes: list[int], *, is_ome: bool) -> Job:
    if choices.overlap or choices.suffix:
        message = "tiles of TIFF neither overlap nor have a format; --quality chooses JPEG"
        raise BadRequestError(message)
    info = subject.info
    tile = _tile_size(info, choices)
    asked = pictures(choices, subject.image, info, "jpg")
    levels = _levels(info, tile, planes[0])
    ways = _ways(subject, choices, asked, tile, is_ome=is_ome).only_of(info, levels)
    asked = replace(asked, is_display=ways.is_display)
    name = choices.destination.name
    path = choices.destination.with_name(name if name.lower().endswith((".tif", ".tiff")) else name + suffix)
    journal = journal_of(path)
    makers: list[Maker] = []
    for number, plane in enumerate(planes):
        form = TiffForm(subject.engine, asked, tile, ways.made, ways.stored)
        scratch = journal.with_name(f"{journal.name}.{number}")
        makers.append(PyramidMaker(subject.engine, form, _levels(info, tile, plane), plane, scratch))
    size = sum(level.cut.size.area for level in levels.levels if level.cut is not None) * len(planes)
    is_big = size * ways.made.pixels.samples_per_pixel * ways.made.pixels.dtype.itemsize > _BIG
    writing = _Writing(
        info, tile, levels, ways.of_levels(info, levels), len(planes), is_big, is_ome, bool(choices.rendering)
    )
    sink = TiffSink(path, writing.directories, levels.grids, len(planes), is_big=is_big)
    tiles = sum(grid.area for grid in levels.grids) * len(planes)
    return Job(Work(tiles, Several(makers, len(levels.levels)), sink), Place(path, (path,), journal, (part_of(path),)))


def _tile_size(info: ImageInfo, choices: Choices) -> Size:
    side = choices.tile_size
    if side is not None and side % _STEP:
        message = f"tiles of {side} pixels: in TIFF it must be a multiple of {_STEP}"
        raise BadRequestError(message)
    if side is not None:
        return Size(side, side)
    stored = served_square(info)
    return _USUAL if stored.width % _STEP else stored


def _levels(info: ImageInfo, tile: Size, plane: int) -> TileSet:
    """All halvings down to a single tile."""
    wanted = Wanted(info, "", "", plane)
    levels: list[TileLevel] = []
    while True:
        cut = Cut(info.size.reduced(len(levels)), tile.width, len(levels))
        levels.append(cut_level(wanted, cut, _no_path))
        if cut.size.width <= tile.width and cut.size.height <= tile.height:
            return TileSet(tuple(levels), ())


def _no_path(_column: int, _row: int) -> str:
    return ""


@dataclass(frozen=True)
class _Ways:
    """How the levels of an export lie in the file."""

    made: Way
    stored: Mapping[int, Way]
    """By the index of the level in the image."""
    is_display: bool
    """Whether it is pictures to be looked at that are written, or the samples of the image."""

    def only_of(self, info: ImageInfo, levels: TileSet) -> _Ways:
        """Without stored levels that are none of the export: one that is smaller by a pixel is made anew."""
        cuts = (level.cut for level in levels.levels)
        found = {_stored_level(info, cut) for cut in cuts if cut is not None}
        return replace(self, stored={index: way for index, way in self.stored.items() if index in found})

    def of_levels(self, info: ImageInfo, levels: TileSet) -> list[Way]:
        """For each level of the export."""
        found = []
        for level in levels.levels:
            assert level.cut is not None
            index = _stored_level(info, level.cut)
            found.append(self.made if index is None else self.stored.get(index, self.made))
        return found


def _stored_level(info: ImageInfo, cut: Cut) -> int | None:
    """The level of the image that a level of the export is."""
    for index, (level, reduction) in enumerate(zip(info.levels, info.reductions, strict=True)):
        same = level.size == cut.size and level.tile_size == Size(cut.side, cut.side)
        if reduction == cut.reduction and same:
            return index
    return None


def _ways(subject: Subject, choices: Choices, asked: Pictures, tile: Size, *, is_ome: bool) -> _Ways:
    info = subject.info
    if asked.rendering is not None:
        pixel = subject.engine.pixels(asked.request(View(Region(0, 0, 1, 1), Size(1, 1), choices.plane))).format
        made = (
            lossless(pixel)
            if choices.quality is None
            else _as_jpeg(choices.quality, pixel.bits_stored, pixel.is_colour)
        )
        return _Ways(made, {}, is_display=True)
    pixels = info.pixels
    is_plain = pixels.photometric in {"MONOCHROME1", "MONOCHROME2", "RGB"} or pixels.photometric.startswith("YBR")
    if choices.quality is not None:
        return _Ways(
            _as_jpeg(choices.quality, pixels.bits_stored, pixels.is_colour or not is_plain), {}, is_display=True
        )
    stored = dict(_stored_ways(subject, tile, choices.plane, is_ome=is_ome))
    first = stored.get(0)
    if first is not None and first.compression == "jpeg":
        return _Ways(jpeg(None, is_grey=not first.pixels.is_colour), stored, is_display=True)
    sample = asked if is_plain else replace(asked, is_display=True)
    raw = replace(sample, is_display=not is_plain)
    made = lossless(subject.engine.pixels(raw.request(View(Region(0, 0, 1, 1), Size(1, 1), choices.plane))).format)
    return _Ways(made, stored if first is not None else {}, is_display=not is_plain)


def _as_jpeg(quality: int, bits: int, is_colour: bool) -> Way:
    if bits > 8:
        message = f"JPEG holds 8 bits, the image has {bits}: leave --quality out, or choose a --rendering"
        raise BadRequestError(message)
    return jpeg(quality, is_grey=not is_colour)


def _stored_ways(subject: Subject, tile: Size, plane: int, *, is_ome: bool) -> Iterator[tuple[int, Way]]:
    """Of the levels whose tiles can be copied."""
    for index, level in enumerate(subject.info.levels):
        if level.tile_size != tile or level.media_type is None:
            continue
        frame = subject.engine.stored_tile(subject.image, TileKey(index, 0, 0, plane))
        way = of_stored(frame, tile, may_be_jpeg_2000=is_ome) if isinstance(frame, EncodedFrame) else None
        if way is not None:
            yield index, way


@dataclass(frozen=True)
class _Axes:
    """Channels, slices and time points of an image."""

    sizes: tuple[int, int, int]
    """Times, channels and slices."""
    planes: tuple[int, ...]
    """Indexes of planes: slices first, then channels, then times."""


def _axes(info: ImageInfo) -> _Axes:
    places = {(plane.t, plane.channel, plane.z): index for index, plane in enumerate(info.planes)}
    times, channels, slices = (sorted({place[axis] for place in places}) for axis in range(3))
    order = [(t, c, z) for t in times for c in channels for z in slices]
    if len(places) != len(info.planes) or len(order) != len(places):
        message = f"the {len(info.planes)} planes do not fill times, channels and slices; iip-tiff takes one --plane"
        raise BadRequestError(message)
    return _Axes((len(times), len(channels), len(slices)), tuple(places[place] for place in order))


@dataclass(frozen=True)
class _Writing:
    """What the directories say."""

    info: ImageInfo
    tile: Size
    levels: TileSet
    ways: list[Way]
    planes: int
    is_big: bool
    is_ome: bool
    is_rendered: bool

    def directories(self) -> bytes:
        """The file without a tile."""
        file = io.BytesIO()
        with tifffile.TiffWriter(file, bigtiff=self.is_big, ome=self.is_ome, shaped=False) as tiff:
            for index, (level, way) in enumerate(zip(self.levels.levels, self.ways, strict=True)):
                assert level.cut is not None
                self._write(tiff, index, level.cut, way)
        return _UUID.sub(self._uuid, file.getvalue())  # a new one each time would keep runs of an export apart

    def _uuid(self, _found: re.Match[bytes]) -> bytes:
        version = f"{self.info.name} {self.info.version}"
        return f"urn:uuid:{uuid.uuid5(_NAMESPACE, version)}".encode()

    def _write(self, tiff: tifffile.TiffWriter, index: int, cut: Cut, way: Way) -> None:
        samples = way.pixels.samples_per_pixel
        stack = _axes(self.info).sizes if self.planes > 1 else ()
        is_first = index == 0
        tiff.write(
            (b"" for _ in range(self.planes * cut.size.grid(self.tile).area)),
            shape=(*stack, cut.size.height, cut.size.width, *([samples] if samples > 1 else [])),
            dtype=way.pixels.dtype,
            tile=(self.tile.height, self.tile.width),
            photometric=way.photometric,
            compression=way.compression,
            compressionargs={"outcolorspace": way.photometric} if way.subsampling else None,
            predictor=way.predictor or None,
            subsampling=way.subsampling,
            jpegtables=way.tables,
            planarconfig="contig" if samples > 1 else None,
            iccprofile=None if self.is_rendered else self.info.icc_profile,
            resolution=self._resolution(cut),
            resolutionunit="CENTIMETER" if self.info.spacing_mm else None,
            subfiletype=0 if is_first else 1,
            subifds=len(self.ways) - 1 if is_first and self.is_ome else None,
            software="medtiles",
            metadata=self._metadata() if is_first and self.is_ome else None,
            contiguous=False,
        )

    def _resolution(self, cut: Cut) -> tuple[float, float] | None:
        """Pixels a centimetre."""
        if self.info.spacing_mm is None:
            return None
        x, y = self.info.spacing_mm
        full = self.info.size
        return _MM_PER_CM / (x * full.width / cut.size.width), _MM_PER_CM / (y * full.height / cut.size.height)

    def _metadata(self) -> dict[str, Any]:
        """Of OME-XML."""
        info = self.info
        found: dict[str, Any] = {"Name": info.name}
        colours = "S" if self.ways[0].pixels.samples_per_pixel > 1 else ""
        if info.spacing_mm is not None:
            x, y = (spacing * 1000 for spacing in info.spacing_mm)
            found |= {"PhysicalSizeX": x, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": y, "PhysicalSizeYUnit": "µm"}
        if info.slice_spacing_mm is not None and self.planes > 1:
            found |= {"PhysicalSizeZ": info.slice_spacing_mm * 1000, "PhysicalSizeZUnit": "µm"}
        if self.planes == 1:
            return {**found, "axes": f"YX{colours}"}
        return {**found, "Channel": _channel_metadata(info), "axes": f"TCZYX{colours}"}


def _channel_metadata(info: ImageInfo) -> dict[str, list[Any]]:
    """Attributes of the channels in OME-XML: those that all of them have."""
    channels = [Channel("")] if info.pixels.is_colour else channels_of(info)
    told: dict[str, list[Any]] = {
        "Name": [channel.name or None for channel in channels],
        "Fluor": [channel.fluorophore or None for channel in channels],
        "EmissionWavelength": [channel.emission_nm for channel in channels],
        "ExcitationWavelength": [channel.excitation_nm for channel in channels],
        "Color": [channel.colour and _packed(channel.colour) for channel in channels],
    }
    found = {name: values for name, values in told.items() if None not in values}
    units = {f"{name}Unit": ["nm"] * len(channels) for name in found if name.endswith("Wavelength")}
    return {**found, **units}


def _packed(colour: tuple[int, int, int]) -> int:
    """Red, green, blue and opaque, in one signed number."""
    red, green, blue = colour
    number = red << 24 | green << 16 | blue << 8 | 255
    return number - (1 << 32) if number >> 31 else number
