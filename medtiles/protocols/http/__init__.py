"""The protocols over HTTP. To add one: write its module, and put it into `PROTOCOLS` (and its tiles into `TILES`)."""

from __future__ import annotations

from medtiles.protocols.http import (
    channels,
    dicomweb,
    dzi,
    hotspots,
    iiif,
    iip,
    images,
    jpip,
    pages,
    pictures,
    renderings,
    uploads,
    xyz,
    zoomify,
)

PROTOCOLS = (
    dzi,
    iiif,
    iip,
    zoomify,
    xyz,
    images,
    hotspots,
    uploads,
    channels,
    renderings,
    pictures,
    dicomweb,
    jpip,
    pages,
)
"""Modules with `routes(tiles)`."""

TILES = (dzi, iiif, iip, zoomify, xyz)
"""Modules whose tiles go the fast way, past the router: `PREFIXES`, `NAME`, `read_tile_address`, `tile_request` and
`tile_headers`."""

REFUSALS = dict.fromkeys(iip.PATHS, iip.refusal)
"""Paths whose errors are told in the form of their protocol; all others are problems (RFC 9457)."""
