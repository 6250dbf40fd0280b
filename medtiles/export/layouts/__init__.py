"""The layouts of folders of tiles, by the names that users give them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from medtiles.export.layouts.deep_zoom import deep_zoom
from medtiles.export.layouts.google import google
from medtiles.export.layouts.iiif3 import iiif3
from medtiles.export.layouts.zoomify import zoomify
from medtiles.export.model import TileSet, Wanted

LAYOUTS: Mapping[str, Callable[[Wanted], TileSet]] = {
    "dz": deep_zoom,
    "zoomify": zoomify,
    "google": google,
    "iiif3": iiif3,
}
"""Each raises `BadRequestError` when an option makes no sense for it."""

__all__ = ["LAYOUTS"]
