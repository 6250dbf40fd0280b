"""The metadata of a virtual instance (PS3.3 A.32.8), in the DICOM JSON Model. Nothing in them names a patient."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from medtiles.core.studies import Instance
from medtiles.virtual.slide import VirtualLevel, VirtualSlide

Json = dict[str, Any]
PROFILE = "00480105/1/00282000"
"""Where the ICC profile is found among the bulk data."""
_PATH = "1"
_THICKNESS_MM = 0.001
"""Of the imaged volume, which no other format tells."""
_LONGEST = 64


def metadata_of(slide: VirtualSlide, instance: Instance, level: VirtualLevel) -> Json:
    """The whole data set."""
    return dict(sorted({**_general(slide, instance), **_image(level), **_microscopy(slide, level)}.items()))


def _general(slide: VirtualSlide, instance: Instance) -> Json:
    name = slide.name[:_LONGEST]
    empty = {
        "00080020": "DA", "00080023": "DA", "00080030": "TM", "00080033": "TM", "00080050": "SH", "00080070": "LO",
        "00080090": "PN", "00100010": "PN", "00100020": "LO", "00100030": "DA", "00100040": "CS",
    }  # fmt: skip
    return {
        **{tag: {"vr": vr} for tag, vr in empty.items()},
        "00080005": _of("CS", "ISO_IR 192"),
        "00080016": _of("UI", instance.sop_class),
        "00080018": _of("UI", instance.uid),
        "00080060": _of("CS", "SM"),
        "00081030": _of("LO", name),
        "0008103E": _of("LO", name),
        "00083002": _of("UI", instance.transfer_syntax),
        "0020000D": _of("UI", slide.study),
        "0020000E": _of("UI", slide.series),
        "00200010": _of("SH", slide.image[:16]),
        "00200011": _of("IS", 1),
        "00200013": _of("IS", instance.number),
        "00200052": _of("UI", slide.frame_of_reference),
        "00201040": _of("LO", "SLIDE_CORNER"),
        "00400512": _of("LO", slide.image),
    }


def _image(level: VirtualLevel) -> Json:
    pixels, tile = level.pixels, level.level.tile_size
    colours: Json = {"00280006": _of("US", 0)} if pixels.is_colour else {}
    return {
        **colours,
        "00209311": _of("CS", "TILED_FULL"),
        "00280002": _of("US", pixels.samples_per_pixel),
        "00280004": _of("CS", pixels.photometric),
        "00280008": _of("IS", level.frames),
        "00280010": _of("US", tile.height),
        "00280011": _of("US", tile.width),
        "00280100": _of("US", pixels.bits_allocated),
        "00280101": _of("US", pixels.bits_stored),
        "00280102": _of("US", pixels.bits_stored - 1),
        "00280103": _of("US", 0),
        "00282110": _of("CS", "01"),
    }


def _microscopy(slide: VirtualSlide, level: VirtualLevel) -> Json:
    from medtiles.dicom.slide_defaults import (  # noqa: PLC0415 - with it comes pydicom, 38 MB
        USUAL_ORIENTATION,
        brightfield_path,
        origin,
        pixel_measures,
    )

    size = level.level.size
    kind = (
        ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"] if level.index == 0 else ["DERIVED", "PRIMARY", "VOLUME", "RESAMPLED"]
    )
    path = brightfield_path(_PATH)
    if slide.info.icc_profile is not None:
        path["00282000"] = {"vr": "OB", "BulkDataURI": f"bulkdata/{PROFILE}"}
    shared: Json = {
        "00400710": _items({"00089007": _of("CS", *kind)}),
        "00480207": _items({"00480106": _of("SH", _PATH)}),
    }
    found: Json = {
        "00080008": _of("CS", *kind),
        "00480006": _of("UL", size.width),
        "00480007": _of("UL", size.height),
        "00480008": origin(),
        "00480010": _of("CS", "NO"),
        "00480011": _of("CS", "AUTO"),
        "00480012": _of("CS", "NO"),
        "00480102": _of("DS", *USUAL_ORIENTATION),
        "00480105": _items(dict(sorted(path.items()))),
        "00480302": _of("UL", 1),
        "00480303": _of("UL", 1),
    }
    if level.spacing_mm is not None:
        x, y = level.spacing_mm
        shared["00289110"] = pixel_measures(y, x)
        volume = {"00480001": x * size.width, "00480002": y * size.height, "00480003": _THICKNESS_MM}
        found |= {tag: _of("FL", value) for tag, value in volume.items()}
    return {**found, "52009229": _items(dict(sorted(shared.items())))}


def _of(vr: str, *values: str | float) -> Json:
    return {"vr": vr, "Value": list(values)}


def _items(*items: Mapping[str, Any]) -> Json:
    return {"vr": "SQ", "Value": list(items)}
