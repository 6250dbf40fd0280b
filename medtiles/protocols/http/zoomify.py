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

from medtiles.core.errors import TileOutOfRangeError
from medtiles.core.geometry import Region, Size, ceil_div
from medtiles.core.limits import Limits
from medtiles.core.pyramid import ImageInfo
from medtiles.core.view import Request, View
from medtiles.protocols import parameters, replies
from medtiles.protocols.async_tiles import AsyncTiles
from medtiles.protocols.formats import media_type
from medtiles.protocols.replies import Reply
from medtiles.protocols.tile_choices import TileChoices, read_tile_choices
from medtiles.protocols.versions import require_version

PREFIX = "/zoomify/"
NAME = "zoomify_tile"
_TILE_SIZES = range(64, 2049)
_USUAL_TILE_SIZE = 256
_GROUP = re.compile(r"TileGroup[0-9]{1,9}", re.ASCII)


class TileAddress(NamedTuple):
    """What the address of a tile says."""

    image: str
    tier: int
    column: int
    row: int
    media_type: str
    choices: TileChoices


def tile_size_of(info: ImageInfo) -> int:
    """The stored one when it is square and neither tiny nor huge."""
    stored = info.levels[0].tile_size
    is_usable = stored.width == stored.height and stored.width in _TILE_SIZES
    return stored.width if is_usable else _USUAL_TILE_SIZE


def tiers_of(size: Size, tile_size: int) -> tuple[Size, ...]:
    """The sizes of all tiers, the smallest first."""
    found = [size]
    while max(found[-1].width, found[-1].height) > tile_size:
        found.append(Size(max(1, found[-1].width // 2), max(1, found[-1].height // 2)))
    return tuple(reversed(found))


def tile_view(size: Size, tile_size: int, place: tuple[int, int, int], plane: int = 0) -> View:
    """A tile as a rectangle of the full-resolution image at a size.

    :param place: tier, column and row
    :raises TileOutOfRangeError: there is no such tile
    """
    tier, column, row = place
    tiers = tiers_of(size, tile_size)
    if tier >= len(tiers):
        message = f"Zoomify tier {tier}: the image has tiers 0 to {len(tiers) - 1}"
        raise TileOutOfRangeError(message)
    of_tier = tiers[tier]
    columns, rows = ceil_div(of_tier.width, tile_size), ceil_div(of_tier.height, tile_size)
    if column >= columns or row >= rows:
        message = f"tile {column}-{row}: tier {tier} has {columns} columns and {rows} rows"
        raise TileOutOfRangeError(message)
    part = Region(column * tile_size, row * tile_size, tile_size, tile_size).cut_to(of_tier)
    halvings = len(tiers) - 1 - tier
    base = Region(part.x << halvings, part.y << halvings, part.width << halvings, part.height << halvings)
    return View(base.cut_to(size), part.size, plane)


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
    view = tile_view(info.size, tile_size_of(info), (address.tier, address.column, address.row), choices.plane)
    return Request(address.image, view, (address.media_type,), choices.quality, windowing=choices.windowing)


def tile_headers(_address: TileAddress, _info: ImageInfo, _limits: Limits) -> replies.Headers:
    """Nothing besides."""
    return []


def properties(info: ImageInfo) -> bytes:
    """ImageProperties.xml."""
    tile_size = tile_size_of(info)
    tiles = sum(
        ceil_div(tier.width, tile_size) * ceil_div(tier.height, tile_size) for tier in tiers_of(info.size, tile_size)
    )
    return (
        f'<IMAGE_PROPERTIES WIDTH="{info.size.width}" HEIGHT="{info.size.height}" NUMTILES="{tiles}" NUMIMAGES="1" '
        f'VERSION="1.8" TILESIZE="{tile_size}" />\n'
    ).encode("ascii")


def routes(tiles: AsyncTiles) -> list[Route]:
    """The route of the properties; tiles go the gateway's fast way."""

    async def get_properties(request: HttpRequest) -> Reply:
        info = await tiles.info(parameters.image_id(request.path_params["image"]))
        return replies.document(properties(info), "application/xml", request.headers)

    return [Route("/zoomify/{image}/ImageProperties.xml", get_properties, name="zoomify_properties")]
