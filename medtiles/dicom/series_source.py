"""Radiology DICOM: a series or a multi-frame instance as planes of one level. Stored frames go out untouched.

JPEG 2000 and HTJ2K frames offer more levels than they were stored with: level k is the same codestream, of which a
decoder leaves out the k finest resolutions.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from medtiles.core.display import Display
from medtiles.core.errors import DamagedImageError, ImageNotFoundError, UnsupportedFormatError
from medtiles.core.geometry import Size
from medtiles.core.pyramid import ImageInfo, Level, Plane, TileKey
from medtiles.dicom.displays import Displays, facts
from medtiles.dicom.facts import decoded_format, identity, image_name, shown_properties
from medtiles.dicom.frame_facts import FrameFacts, frame_facts
from medtiles.dicom.instances import Instances, opening
from medtiles.dicom.spacing import pixel_spacing
from medtiles.dicom.stacking import Placed, Stack, stack
from transcode.codestream import parse, require_decodable
from transcode.dicom.reader import InstanceReader
from transcode.errors import CorruptFrameError
from transcode.files import version_of
from transcode.frames import EncodedFrame, Encoding, Frame, PixelFormat

FORMAT = "dicom-radiology"
_MOST_UNCHECKED_FRAMES = 100_000
"""More frames than this must be there before memory is set aside for them."""
_SMALLEST_LEVEL = 64
"""Levels end with the first whose sides are no longer than this."""
_JPEG_2000 = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (90, 91, 92, 93, 201, 202, 203))


@dataclass(frozen=True, slots=True)
class _Picture:
    """What all instances of an image must share."""

    columns: int
    rows: int
    pixels: PixelFormat


@dataclass(slots=True)
class _Gathered:
    """What the headers of all instances say."""

    frames: list[FrameFacts]
    picture: _Picture | None = None
    encodings: tuple[Encoding, ...] = ()
    transfer_syntaxes: tuple[str, ...] = ()


class DicomRadiologySource:
    """An open series or multi-frame instance."""

    def __init__(self, instances: Instances, info: ImageInfo, ordered: Stack) -> None:
        self._instances = instances
        self._info = info
        self._frames = ordered.frames
        self._displays: dict[int, Display] = {}
        self._alike: dict[tuple[object, ...], Display] = {}
        self._lock = threading.Lock()

    @property
    def info(self) -> ImageInfo:
        """What the image is."""
        return self._info

    def read_tile(self, key: TileKey) -> Frame:
        """The frame of a plane as it is stored; on further levels the same bytes with a reduction.

        :raises TileOutOfRangeError: no such tile
        :raises CorruptFrameError: the frame has fewer resolutions than the image's first
        :raises DicomFileError, TruncatedFileError, FileChangedError: see InstanceReader.read_frame
        """
        self._info.require(key)
        place = self._frames[key.plane].facts
        frame = self._instances.read_frame(place.instance, place.frame)
        if key.level:
            return self._reduced(frame, key)
        return frame

    def _reduced(self, frame: EncodedFrame, key: TileKey) -> EncodedFrame:
        found = parse(frame.data).decompositions
        if found < key.level:
            message = f"{self._info.name}: plane {key.plane} has {found} smaller resolutions, not {key.level}"
            raise CorruptFrameError(message)
        size = self._info.levels[key.level].size
        return replace(frame, width=size.width, height=size.height, reduction=key.level)

    def read_associated(self, name: str) -> Frame:
        """Radiology images come without other pictures.

        :raises ImageNotFoundError: always
        """
        message = f"a radiology image has no associated picture {name!r}"
        raise ImageNotFoundError(message)

    def display(self, plane: int) -> Display:
        """How a plane is shown: the same object for planes that are shown alike.

        :raises TileOutOfRangeError: no such plane
        :raises DicomFileError: an attribute makes no sense; its keyword is named
        """
        self._info.require_plane(plane)
        with self._lock:
            if plane not in self._displays:
                display = self._read_display(self._frames[plane])
                self._displays[plane] = self._alike.setdefault(facts(display), display)
            return self._displays[plane]

    def _read_display(self, placed: Placed) -> Display:
        with self._instances.reader(placed.facts.instance) as reader:
            displays = Displays(reader.header, reader.groups, reader.pixel_format, reader.is_little_endian)
            return displays.of(placed.facts.frame)

    def close(self) -> None:
        """Let go of all files."""
        self._instances.close()


def open_series(paths: Sequence[Path]) -> DicomRadiologySource:
    """Open the instances of one image.

    :raises UnsupportedFormatError: no pictures, or frames that nothing here reads; or instances that differ
    :raises DamagedImageError: one of the files is broken
    """
    with opening(paths[0].name):
        version = version_of(paths)
        instances = Instances(paths)
        try:
            return _source(instances, version)
        except BaseException:
            instances.close()
            raise


def _source(instances: Instances, version: str) -> DicomRadiologySource:
    gathered = _gather(instances)
    ordered = stack(gathered.frames)
    with instances.reader(ordered.frames[0].facts.instance) as first:
        info = _info(first, gathered, ordered, version)
    return DicomRadiologySource(instances, info, ordered)


def _gather(instances: Instances) -> _Gathered:
    gathered = _Gathered([])
    for number in range(len(instances)):
        with instances.reader(number) as reader:
            picture = _Picture(reader.columns, reader.rows, decoded_format(reader.pixel_format))
            if gathered.picture not in (None, picture):
                message = f"{instances.name(number)} has another size or sample format than {instances.name(0)}"
                raise UnsupportedFormatError(message)
            gathered.picture = picture
            count = _count(reader, instances.name(number))
            gathered.frames += frame_facts(reader.header, reader.groups, number, count)
            gathered.encodings = tuple(dict.fromkeys((*gathered.encodings, reader.encoding)))
            gathered.transfer_syntaxes = (*gathered.transfer_syntaxes, reader.transfer_syntax)
    return gathered


def _count(reader: InstanceReader, name: str) -> int:
    """Frames as promised, unless that many would cost memory and are not there."""
    promised = reader.number_of_frames
    if promised > _MOST_UNCHECKED_FRAMES and reader.frames_held() < promised:
        message = f"{name}: NumberOfFrames is {promised}, but Pixel Data holds {reader.frames_held()}"
        raise DamagedImageError(message)
    return promised


def _info(reader: InstanceReader, gathered: _Gathered, ordered: Stack, version: str) -> ImageInfo:
    uids = tuple(dict.fromkeys(placed.facts.sop_instance_uid for placed in ordered.frames))
    return ImageInfo(
        name=image_name(reader.header),
        kind="radiology",
        format=FORMAT,
        levels=_levels(reader, gathered, ordered),
        pixels=decoded_format(reader.pixel_format),
        planes=_planes(ordered),
        version=version,
        spacing_mm=pixel_spacing(reader.header, reader.groups),
        slice_spacing_mm=ordered.slice_spacing_mm,
        background=(0, 0, 0),
        dicom=identity(reader.header, uids, gathered.transfer_syntaxes),
        properties=shown_properties(reader.header),
    )


def _levels(reader: InstanceReader, gathered: _Gathered, ordered: Stack) -> tuple[Level, ...]:
    size = Size(reader.columns, reader.rows)
    if len(gathered.encodings) > 1:
        return (Level(size, size),)
    levels = [Level(size, size, media_type=reader.encoding.media_type)]
    for reduction in range(1, _reductions(reader, ordered.frames[0].facts.frame) + 1):
        if max(levels[-1].size.width, levels[-1].size.height) <= _SMALLEST_LEVEL:
            break
        smaller = size.reduced(reduction)
        levels.append(Level(smaller, smaller, downsample=float(1 << reduction)))
    return tuple(levels)


def _reductions(reader: InstanceReader, frame: int) -> int:
    """How often a decoder can halve the frame while it decodes; 0 when its codestream is not to be understood.

    :raises UnsupportedFeatureError: no decoder here reads what it uses
    """
    if reader.transfer_syntax not in _JPEG_2000:
        return 0
    try:
        codestream = parse(reader.read_frame(frame).data)
    except CorruptFrameError:
        return 0
    require_decodable(codestream)
    whole = Size(*codestream.siz.picture_size)
    halved = [codestream.siz.reduced_size(reduction) for reduction in range(codestream.decompositions + 1)]
    is_regular = all(Size(*each) == whole.reduced(reduction) for reduction, each in enumerate(halved))
    return codestream.decompositions if is_regular and whole == Size(reader.columns, reader.rows) else 0


def _planes(ordered: Stack) -> tuple[Plane, ...]:
    has_slices = any(placed.z for placed in ordered.frames)
    has_times = any(placed.t for placed in ordered.frames)
    return tuple(
        Plane(
            name=_plane_name(placed, has_slices=has_slices, has_times=has_times),
            channel=placed.facts.channel,
            z=placed.z,
            t=placed.t,
            position_mm=placed.position_mm,
            sop_instance_uid=placed.facts.sop_instance_uid,
            frame_number=placed.facts.frame + 1,
        )
        for placed in ordered.frames
    )


def _plane_name(placed: Placed, *, has_slices: bool, has_times: bool) -> str:
    parts = [placed.facts.channel_name] if placed.facts.channel_name else []
    if has_slices:
        parts.append(f"{'image' if placed.position_mm is None else 'slice'} {placed.z + 1}")
    if has_times:
        parts.append(f"time {placed.t + 1}")
    return ", ".join(parts)
