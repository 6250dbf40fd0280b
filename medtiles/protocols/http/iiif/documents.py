"""info.json of the IIIF Image API: what an image is, and what can be asked of it. Pure."""

from __future__ import annotations

from typing import Any

from medtiles.core.geometry import ceil_div
from medtiles.core.limits import Limits
from medtiles.core.pyramid import ImageInfo
from medtiles.protocols.http.iiif.addresses import FORMATS
from medtiles.protocols.http.iiif.versions import Version

Json = dict[str, Any]
_MORE_FORMATS = tuple(name for name in FORMATS if name not in {"jpg", "png"})
"""Beyond those of level 2."""
_MORE_FEATURES = ("mirroring", "rotationArbitrary", "canonicalLinkHeader", "profileLinkHeader")
_PHYSICAL = "http://iiif.io/api/annex/services/physdim"


def info_document(info: ImageInfo, address: str, version: Version, limits: Limits, rights: str | None) -> Json:
    """The description of an image.

    :param address: of the image, without a slash at the end
    :param rights: address of a licence or a statement of rights
    """
    most = limits.view_side
    shared: Json = {
        "protocol": "http://iiif.io/api/image",
        "width": info.size.width,
        "height": info.size.height,
        "sizes": [
            {"width": level.size.width, "height": level.size.height}
            for level in reversed(info.levels)
            if max(level.size.width, level.size.height) <= most and level.size.area <= limits.view_pixels
        ],
        "tiles": _tiles(info),
    }
    bounds: Json = {"maxWidth": most, "maxHeight": most, "maxArea": limits.view_pixels}
    physical = _physical_scale(info)
    if version.has_caret:
        return {
            "@context": version.context,
            "id": address,
            "type": "ImageService3",
            "profile": "level2",
            **shared,
            **bounds,
            **({"rights": rights} if rights else {}),
            "preferredFormats": ["jpg"],
            "extraFormats": list(_MORE_FORMATS),
            "extraQualities": ["bitonal"],
            "extraFeatures": [*_MORE_FEATURES, "sizeUpscaling"],
            **({"service": [physical]} if physical else {}),
        }
    supported: Json = {
        "formats": list(FORMATS),
        "qualities": ["default", "color", "gray", "bitonal"],
        "supports": [*_MORE_FEATURES, "sizeAboveFull", "regionSquare"],
        **bounds,
    }
    return {
        "@context": version.context,
        "@id": address,
        **shared,
        "profile": [version.profile, supported],
        **({"license": rights} if rights else {}),
        **({"service": physical} if physical else {}),
    }


def _tiles(info: ImageInfo) -> list[Json]:
    """The stored tiles, at every halving: those between stored levels are made."""
    size, tile = info.size, info.levels[0].tile_size
    across = max(ceil_div(size.width, tile.width), ceil_div(size.height, tile.height))
    scales = [1 << halvings for halvings in range((across - 1).bit_length() + 1)]
    return [{"width": tile.width, "height": tile.height, "scaleFactors": scales}]


def _physical_scale(info: ImageInfo) -> Json | None:
    """Millimetres a pixel, where the file tells them and they are the same both ways."""
    if info.spacing_mm is None or info.spacing_mm[0] != info.spacing_mm[1]:
        return None
    return {
        "@context": f"{_PHYSICAL}/1/context.json",
        "profile": _PHYSICAL,
        "physicalScale": info.spacing_mm[0] / 10,
        "physicalUnits": "cm",
    }
