"""DICOMweb (PS3.18) under `/dicomweb`. To add a resource: write its module, and put it into `RESOURCES`."""

from __future__ import annotations

from starlette.routing import Route

from medtiles.protocols.async_tiles import AsyncTiles
from medtiles.protocols.http.dicomweb import bulkdata, frames, instances, metadata, qido, rendered, wado_uri

RESOURCES = (frames, rendered, qido, metadata, bulkdata, instances, wado_uri)
"""Modules with `routes(tiles)`."""


def routes(tiles: AsyncTiles) -> list[Route]:
    """The routes of all resources."""
    return [route for module in RESOURCES for route in module.routes(tiles)]
