"""The protocols over HTTP. To add one: write its module, and put it into `PROTOCOLS` (and its tiles into `TILES`)."""

from __future__ import annotations

from medtiles.protocols.http import dicomweb, dzi, iiif, images, pages, pictures, xyz, zoomify

PROTOCOLS = (dzi, iiif, zoomify, xyz, images, pictures, dicomweb, pages)
"""Modules with `routes(tiles)`."""

TILES = (dzi, iiif, zoomify, xyz)
"""Modules whose tiles go the fast way, past the router: `PREFIX`, `NAME`, `read_tile_address`, `tile_request` and
`tile_headers`."""
