"""Images as JSON documents. Pure. Sizes are in pixels, spacings in millimetres, unless the name says otherwise."""

from __future__ import annotations

import math
from typing import Any

from medtiles.core.display import Display, Lut, Windowing
from medtiles.core.geometry import Region
from medtiles.core.pyramid import ImageInfo, Level, Plane
from medtiles.core.tiles import ImagePage, ImageQuery, ImageSummary
from medtiles.protocols.replies import version_token

Document = dict[str, Any]


def page_document(page: ImagePage, query: ImageQuery) -> Document:
    """A page of the listing. `next` is the offset of the next page; null: this is the last."""
    end = query.offset + len(page.images)
    return {
        "images": [summary_document(summary) for summary in page.images],
        "total": page.total,
        "offset": query.offset,
        "next": end if page.images and end < page.total else None,
        "scanning": page.is_scanning,
    }


def summary_document(summary: ImageSummary) -> Document:
    """One line of the listing."""
    return {
        "id": summary.id,
        "name": summary.name,
        "kind": summary.kind,
        "format": summary.format,
        "width": summary.width,
        "height": summary.height,
        "planes": summary.planes,
        "modality": summary.modality,
        "study_uid": summary.study_uid,
        "series_uid": summary.series_uid,
        "problem": summary.problem,
    }


def image_document(image: str, info: ImageInfo) -> Document:
    """Everything about an image but its pixels, its ICC profile and how its planes are displayed."""
    return {
        "id": image,
        "name": info.name,
        "kind": info.kind,
        "format": info.format,
        "version": version_token(info.version),
        "width": info.size.width,
        "height": info.size.height,
        "spacing_mm": _finite_list(info.spacing_mm),
        "slice_spacing_mm": _finite(info.slice_spacing_mm),
        "objective_power": _finite(info.objective_power),
        "pixels": {
            "samples_per_pixel": info.pixels.samples_per_pixel,
            "bits_allocated": info.pixels.bits_allocated,
            "bits_stored": info.pixels.bits_stored,
            "signed": info.pixels.signed,
            "float": info.pixels.is_float,
            "photometric": info.pixels.photometric,
        },
        "levels": [_level_document(level) for level in info.levels],
        "planes": [_plane_document(plane) for plane in info.planes],
        "associated": [
            {"name": picture.name, "width": picture.size.width, "height": picture.size.height}
            for picture in info.associated
        ],
        "background": list(info.background),
        "bounds": _region_document(info.bounds),
        "has_icc_profile": info.icc_profile is not None,
        "dicom": _dicom_document(info),
        "properties": dict(sorted(info.properties.items())),
    }


def display_document(display: Display) -> Document:
    """How a plane is displayed: stored * slope + intercept, or the modality LUT; then a window or the VOI LUT."""
    return {
        "slope": _finite(display.slope),
        "intercept": _finite(display.intercept),
        "units": display.units,
        "windows": [_window_document(window) for window in display.windowings],
        "inverted": display.is_inverted,
        "padding": None if display.padding is None else list(display.padding),
        "colour": None if display.colour is None else list(display.colour),
        "modality_lut": _lut_document(display.modality_lut),
        "voi_lut": _lut_document(display.voi_lut),
        "palette": None if display.palette is None else [_lut_document(lut) for lut in display.palette],
    }


def _level_document(level: Level) -> Document:
    return {
        "width": level.size.width,
        "height": level.size.height,
        "tile_width": level.tile_size.width,
        "tile_height": level.tile_size.height,
        "downsample": _finite(level.downsample),
        "media_type": level.media_type,
    }


def _plane_document(plane: Plane) -> Document:
    return {
        "name": plane.name,
        "channel": plane.channel,
        "z": plane.z,
        "t": plane.t,
        "position_mm": _finite(plane.position_mm),
        "sop_instance_uid": plane.sop_instance_uid,
        "frame_number": plane.frame_number,
    }


def _dicom_document(info: ImageInfo) -> Document | None:
    identity = info.dicom
    if identity is None:
        return None
    return {
        "study_uid": identity.study_uid,
        "series_uid": identity.series_uid,
        "sop_instance_uids": list(identity.sop_instance_uids),
        "sop_class_uid": identity.sop_class_uid,
        "frame_of_reference_uid": identity.frame_of_reference_uid,
        "modality": identity.modality,
        "transfer_syntaxes": list(identity.transfer_syntaxes),
    }


def _region_document(region: Region | None) -> Document | None:
    if region is None:
        return None
    return {"x": region.x, "y": region.y, "width": region.width, "height": region.height}


def _window_document(window: Windowing) -> Document:
    return {
        "centre": _finite(window.centre),
        "width": _finite(window.width),
        "function": window.function,
        "explanation": window.explanation,
    }


def _lut_document(lut: Lut | None) -> Document | None:
    if lut is None:
        return None
    return {"first": lut.first, "bits": lut.bits, "values": lut.values.tolist()}


def _finite(value: float | None) -> float | None:
    """JSON has neither infinity nor NaN."""
    return value if value is not None and math.isfinite(value) else None


def _finite_list(values: tuple[float, float] | None) -> list[float] | None:
    return list(values) if values is not None and all(map(math.isfinite, values)) else None
