"""Zoomify: `/zoomify/{id}/ImageProperties.xml` and `/zoomify/{id}/TileGroup{n}/{tier}-{column}-{row}.jpg`.

Tiers count from the smallest, which fits one tile, to full resolution; each is half the next one, rounded down. 256
tiles in the order of tiers, rows and columns make a group; that number is not needed to find a tile, and any will do.
The tile size is the stored one, so that stored bytes can go out untouched.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from starlette.requests import Request as HttpRequest
from starlette.routing import Route

from medtiles.core.geometry import Size
from medtiles.core.limits import Limits
from medtiles.core.pyramid import ImageInfo
from medtiles.core.view import Request
from medtiles.protocols import parameters, replies
from medtiles.protocols.async_tiles import AsyncTiles
from medtiles.protocols.formats import media_type
from medtiles.protocols.halvings import halved, halved_view
from medtiles.protocols.replies import Reply
from medtiles.protocols.tile_choices import TileChoices, read_tile_choices
from medtiles.protocols.tile_views import served_square
from medtiles.protocols.versions import require_version

PREFIXES = ("/zoomify/",)
NAME = "zoomify_tile"
IS_NAMED_BY_PATH = False
_GROUP = re.compile(r"TileGroup[0-9]{1,9}", re.ASCII)


class TileAddress(NamedTuple):
    """What the address of a tile says."""

    image: str
    tier: int
    column: int
    row: int
    media_type: str
    choices: TileChoices


def read_tile_address(path: str, query_string: bytes) -> TileAddress | None:
    """What the address of a tile says; None when it is not one.

    :raises BadRequestError: numbers or format make no sense
    :raises ImageNotFoundError: no image can have such an id
    """
    parts = path.split("/", 5)
    if len(parts) != 5 or _GROUP.fullmatch(parts[3]) is None:
        return None
    place, _, suffix = parts[4].partition(".")
    numbers = place.split("-", 3)
    if len(numbers) != 3:
        return None
    return TileAddress(
        parameters.image_id(parts[2]),
        parameters.whole(numbers[0], "tier"),
        parameters.whole(numbers[1], "column"),
        parameters.whole(numbers[2], "row"),
        media_type(suffix),
        read_tile_choices(query_string),
    )


def tile_request(address: TileAddress, info: ImageInfo, _limits: Limits = Limits()) -> Request:
    """What to ask the engine for.

    :raises TileOutOfRangeError: the image has no such tier, tile or plane
    :raises ImageNotFoundError: the address names a version that is gone
    """
    choices = address.choices
    require_version(choices.version, info)
    info.require_plane(choices.plane)
    view = halved_view(info.size, served_square(info), (address.tier, address.column, address.row), choices.plane)
    return choices.request(address.image, view, address.media_type, info)


def tile_headers(_address: TileAddress, _info: ImageInfo, _limits: Limits) -> replies.Headers:
    """Nothing besides."""
    return []


def properties(size: Size, tile: Size) -> bytes:
    """ImageProperties.xml."""
    tiles = sum(tier.grid(tile).area for tier in halved(size, tile))
    return (
        f'<IMAGE_PROPERTIES WIDTH="{size.width}" HEIGHT="{size.height}" NUMTILES="{tiles}" NUMIMAGES="1" '
        f'VERSION="1.8" TILESIZE="{tile.width}" />\n'
    ).encode("ascii")


def routes(tiles: AsyncTiles) -> list[Route]:
    """The route of the properties; tiles go the gateway's fast way."""

    async def get_properties(request: HttpRequest) -> Reply:
        info = await tiles.info(parameters.image_id(request.path_params["image"]))
        return replies.document(properties(info.size, served_square(info)), "application/xml", request.headers)

    return [Route("/zoomify/{image}/ImageProperties.xml", get_properties, name="zoomify_properties")]
