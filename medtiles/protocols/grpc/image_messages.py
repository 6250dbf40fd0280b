"""Images and displays as messages, and back. Pure."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np

from medtiles.api.v1 import display_pb2, images_pb2
from medtiles.core.channels import ChannelReport, ChannelStatistics
from medtiles.core.display import Display, Lut
from medtiles.core.geometry import Region, Size
from medtiles.core.heat import HotTile, HotTiles
from medtiles.core.pyramid import Associated, Channel, DicomIdentity, ImageInfo, Level, Plane
from medtiles.core.tiles import ImageSummary, KeptRendering
from medtiles.protocols.grpc import messages
from medtiles.protocols.grpc.rendering_messages import colour, colour_of
from medtiles.protocols.grpc.renditions import windowing, windowing_of


def text(value: str) -> str:
    """A string that a message holds: what is no Unicode, as in some file names, comes escaped."""
    return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()


def summary(value: ImageSummary) -> images_pb2.ImageSummary:
    """The message of a line of the listing."""
    return images_pb2.ImageSummary(
        id=value.id,
        name=text(value.name),
        kind=value.kind,
        format=value.format,
        width=value.width,
        height=value.height,
        planes=value.planes,
        modality=text(value.modality),
        study_uid=text(value.study_uid),
        series_uid=text(value.series_uid),
        problem=text(value.problem),
    )


def summary_of(message: images_pb2.ImageSummary) -> ImageSummary:
    """The line of the listing of a message."""
    return ImageSummary(
        id=message.id,
        name=message.name,
        kind=message.kind,
        format=message.format,
        width=message.width,
        height=message.height,
        planes=message.planes,
        modality=message.modality,
        study_uid=message.study_uid,
        series_uid=message.series_uid,
        problem=message.problem,
    )


def image(identity: str, info: ImageInfo) -> images_pb2.Image:
    """The message of an image."""
    return images_pb2.Image(
        id=identity,
        name=text(info.name),
        kind=info.kind,
        format=info.format,
        version=info.version,
        pixels=messages.pixel_format(info.pixels),
        levels=[_level(level) for level in info.levels],
        planes=[_plane(plane) for plane in info.planes],
        spacing_mm=images_pb2.Spacing(x=info.spacing_mm[0], y=info.spacing_mm[1]) if info.spacing_mm else None,
        slice_spacing_mm=info.slice_spacing_mm,
        objective_power=info.objective_power,
        background=colour(info.background),
        bounds=messages.region(info.bounds) if info.bounds else None,
        associated=[
            images_pb2.AssociatedImage(name=text(each.name), size=messages.size(each.size)) for each in info.associated
        ],
        icc_profile=info.icc_profile,
        dicom=_dicom(info.dicom) if info.dicom else None,
        properties={text(name): text(value) for name, value in info.properties.items()},
        channels=[_channel(each) for each in info.channels],
    )


def info_of(message: images_pb2.Image) -> ImageInfo:
    """The image of a message."""
    spacing = message.spacing_mm
    return ImageInfo(
        name=message.name,
        kind=message.kind,
        format=message.format,
        levels=tuple(_level_of(level) for level in message.levels),
        pixels=messages.pixel_format_of(message.pixels),
        planes=tuple(_plane_of(plane) for plane in message.planes),
        version=message.version,
        spacing_mm=(spacing.x, spacing.y) if message.HasField("spacing_mm") else None,
        slice_spacing_mm=message.slice_spacing_mm if message.HasField("slice_spacing_mm") else None,
        objective_power=message.objective_power if message.HasField("objective_power") else None,
        background=colour_of(message.background),
        bounds=messages.region_of(message.bounds) if message.HasField("bounds") else None,
        associated=tuple(Associated(each.name, messages.size_of(each.size)) for each in message.associated),
        icc_profile=message.icc_profile if message.HasField("icc_profile") else None,
        dicom=_dicom_of(message.dicom) if message.HasField("dicom") else None,
        properties=MappingProxyType(dict(message.properties)),
        channels=tuple(map(_channel_of, message.channels)),
    )


def channel_report(value: ChannelReport) -> images_pb2.ChannelReport:
    """The message of a channel and its values."""
    known = value.statistics
    return images_pb2.ChannelReport(
        channel=_channel(value.channel),
        bits=value.bits,
        domain_low=value.domain[0],
        domain_high=value.domain[1],
        minimum=known.minimum,
        maximum=known.maximum,
        quantiles=known.quantiles.tolist(),
        counts=known.counts,
    )


def channel_report_of(message: images_pb2.ChannelReport) -> ChannelReport:
    """The channel of a message."""
    known = ChannelStatistics(
        message.minimum, message.maximum, np.array(message.quantiles, np.float64), tuple(message.counts)
    )
    domain = (message.domain_low, message.domain_high)
    return ChannelReport(_channel_of(message.channel), message.bits, domain, known)


def kept_rendering(value: KeptRendering) -> images_pb2.KeptRendering:
    """The message of a rendering that is kept."""
    return images_pb2.KeptRendering(hash=value.hash, image=value.image, version=value.version, query=value.text)


def kept_rendering_of(message: images_pb2.KeptRendering) -> KeptRendering:
    """The rendering of a message."""
    return KeptRendering(message.hash, message.image, message.version, message.query)


def _channel(value: Channel) -> images_pb2.Channel:
    return images_pb2.Channel(
        name=text(value.name),
        fluorophore=text(value.fluorophore),
        emission_nm=value.emission_nm,
        excitation_nm=value.excitation_nm,
        colour=None if value.colour is None else colour(value.colour),
    )


def _channel_of(message: images_pb2.Channel) -> Channel:
    return Channel(
        message.name,
        message.fluorophore,
        message.emission_nm if message.HasField("emission_nm") else None,
        message.excitation_nm if message.HasField("excitation_nm") else None,
        colour_of(message.colour) if message.HasField("colour") else None,
    )


def display(value: Display) -> display_pb2.Display:
    """The message of a display."""
    return display_pb2.Display(
        slope=value.slope,
        intercept=value.intercept,
        modality_lut=_lut(value.modality_lut),
        windowings=[windowing(each) for each in value.windowings],
        voi_lut=_lut(value.voi_lut),
        is_inverted=value.is_inverted,
        palette=_palette(value.palette),
        colour=colour(value.colour) if value.colour else None,
        padding=display_pb2.Padding(first=value.padding[0], last=value.padding[1]) if value.padding else None,
        units=text(value.units),
    )


def display_of(message: display_pb2.Display) -> Display:
    """The display of a message."""
    palette, padding = message.palette, message.padding
    return Display(
        slope=message.slope,
        intercept=message.intercept,
        modality_lut=_lut_of(message.modality_lut) if message.HasField("modality_lut") else None,
        windowings=tuple(windowing_of(each) for each in message.windowings),
        voi_lut=_lut_of(message.voi_lut) if message.HasField("voi_lut") else None,
        is_inverted=message.is_inverted,
        palette=(
            (_lut_of(palette.red), _lut_of(palette.green), _lut_of(palette.blue))
            if message.HasField("palette")
            else None
        ),
        colour=colour_of(message.colour) if message.HasField("colour") else None,
        padding=(padding.first, padding.last) if message.HasField("padding") else None,
        units=message.units,
    )


def _level(level: Level) -> images_pb2.Level:
    return images_pb2.Level(
        size=messages.size(level.size),
        tile_size=messages.size(level.tile_size),
        downsample=level.downsample,
        media_type=level.media_type or "",
    )


def _level_of(message: images_pb2.Level) -> Level:
    return Level(
        messages.size_of(message.size),
        messages.size_of(message.tile_size),
        message.downsample,
        message.media_type or None,
    )


def _plane(plane: Plane) -> images_pb2.Plane:
    return images_pb2.Plane(
        name=text(plane.name),
        channel=plane.channel,
        z=plane.z,
        t=plane.t,
        position_mm=plane.position_mm,
        sop_instance_uid=text(plane.sop_instance_uid),
        frame_number=plane.frame_number,
    )


def _plane_of(message: images_pb2.Plane) -> Plane:
    return Plane(
        name=message.name,
        channel=message.channel,
        z=message.z,
        t=message.t,
        position_mm=message.position_mm if message.HasField("position_mm") else None,
        sop_instance_uid=message.sop_instance_uid,
        frame_number=message.frame_number,
    )


def _dicom(identity: DicomIdentity) -> images_pb2.DicomIdentity:
    return images_pb2.DicomIdentity(
        study_uid=text(identity.study_uid),
        series_uid=text(identity.series_uid),
        sop_instance_uids=[text(uid) for uid in identity.sop_instance_uids],
        sop_class_uid=text(identity.sop_class_uid),
        frame_of_reference_uid=text(identity.frame_of_reference_uid),
        modality=text(identity.modality),
        transfer_syntaxes=[text(uid) for uid in identity.transfer_syntaxes],
    )


def _dicom_of(message: images_pb2.DicomIdentity) -> DicomIdentity:
    return DicomIdentity(
        study_uid=message.study_uid,
        series_uid=message.series_uid,
        sop_instance_uids=tuple(message.sop_instance_uids),
        sop_class_uid=message.sop_class_uid,
        frame_of_reference_uid=message.frame_of_reference_uid,
        modality=message.modality,
        transfer_syntaxes=tuple(message.transfer_syntaxes),
    )


def _lut(lut: Lut | None) -> display_pb2.Lut | None:
    if lut is None:
        return None
    return display_pb2.Lut(first=lut.first, values=np.asarray(lut.values).astype("<u2").tobytes(), bits=lut.bits)


def _lut_of(message: display_pb2.Lut) -> Lut:
    return Lut(message.first, np.frombuffer(message.values, "<u2").astype(np.uint16), message.bits)


def _palette(palette: tuple[Lut, Lut, Lut] | None) -> display_pb2.Palette | None:
    if palette is None:
        return None
    red, green, blue = palette
    return display_pb2.Palette(red=_lut(red), green=_lut(green), blue=_lut(blue))


def hot_tiles(found: HotTiles) -> images_pb2.ListHotTilesResponse:
    """What is looked at most, as a message."""
    return images_pb2.ListHotTilesResponse(
        total=found.total,
        tile_width=found.tile_size.width,
        tile_height=found.tile_size.height,
        tiles=[
            images_pb2.HotTile(
                level=tile.level,
                column=tile.column,
                row=tile.row,
                count=tile.count,
                x=tile.region.x,
                y=tile.region.y,
                width=tile.region.width,
                height=tile.region.height,
            )
            for tile in found.tiles
        ],
    )


def hot_tiles_of(message: images_pb2.ListHotTilesResponse) -> HotTiles:
    """The same, read back."""
    tiles = [
        HotTile(each.level, each.column, each.row, each.count, Region(each.x, each.y, each.width, each.height))
        for each in message.tiles
    ]
    return HotTiles(Size(message.tile_width, message.tile_height), message.total, tuple(tiles))
