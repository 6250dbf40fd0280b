"""Maps' tiles: `/xyz/{id}/{z}/{x}/{y}.png` and a TileJSON, `/xyz/{id}/tilejson.json`.

At z 0 the whole image fits one tile of 256 pixels a side, at each further z it is twice as large, to full resolution.
Tiles at the right and lower edge are filled up: transparent where the format can tell that, else with the background.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from starlette.requests import Request as HttpRequest
from starlette.routing import Route

from medtiles.core.errors import TileOutOfRangeError
from medtiles.core.geometry import Size, ceil_div
from medtiles.core.limits import Limits
from medtiles.core.pyramid import ImageInfo
from medtiles.core.view import Finish, Request, View
from medtiles.protocols import parameters, replies
from medtiles.protocols.async_tiles import AsyncTiles
from medtiles.protocols.formats import media_type
from medtiles.protocols.origin import origin_of
from medtiles.protocols.replies import Reply
from medtiles.protocols.tile_choices import TileChoices, read_tile_choices
from medtiles.protocols.tile_views import enlarged_view, tile_part
from medtiles.protocols.versions import require_version

PREFIXES = ("/xyz/",)
NAME = "xyz_tile"
IS_NAMED_BY_PATH = False
SIDE = 256


class TileAddress(NamedTuple):
    """What the address of a tile says."""

    image: str
    z: int
    x: int
    y: int
    media_type: str
    choices: TileChoices


def max_z(size: Size, side: int = SIDE) -> int:
    """The z of full resolution, of tiles with so many pixels a side."""
    return (ceil_div(max(size.width, size.height), side) - 1).bit_length()


def tile_view(size: Size, place: tuple[int, int, int], plane: int = 0, side: int = SIDE) -> View:
    """What there is of a tile, as a rectangle of the full-resolution image at a size.

    :param place: z, x and y
    :raises TileOutOfRangeError: there is no such tile
    """
    z, most = place[0], max_z(size, side)
    if z > most:
        message = f"z {z}: the image has z from 0 to {most}"
        raise TileOutOfRangeError(message)
    return enlarged_view(tile_part(size.reduced(most - z), Size(side, side), place), most - z, size, plane)


def read_tile_address(path: str, query_string: bytes) -> TileAddress | None:
    """What the address of a tile says; None when it is not one.

    :raises BadRequestError: numbers or format make no sense
    :raises ImageNotFoundError: no image can have such an id
    """
    parts = path.split("/", 6)
    if len(parts) != 6:
        return None
    row, _, suffix = parts[5].partition(".")
    return TileAddress(
        parameters.image_id(parts[2]),
        parameters.whole(parts[3], "z"),
        parameters.whole(parts[4], "x"),
        parameters.whole(row, "y"),
        media_type(suffix),
        read_tile_choices(query_string),
    )


def tile_request(address: TileAddress, info: ImageInfo, _limits: Limits = Limits()) -> Request:
    """What to ask the engine for.

    :raises TileOutOfRangeError: the image has no such tile or plane
    :raises ImageNotFoundError: the address names a version that is gone
    """
    choices = address.choices
    require_version(choices.version, info)
    info.require_plane(choices.plane)
    view = tile_view(info.size, (address.z, address.x, address.y), choices.plane)
    full = Size(SIDE, SIDE)
    finish = None if view.size == full else Finish(padded=full)
    return choices.request(address.image, view, address.media_type, info, finish)


def tile_headers(_address: TileAddress, _info: ImageInfo, _limits: Limits) -> replies.Headers:
    """Nothing besides."""
    return []


def tilejson(info: ImageInfo, name: str, address: str, side: int = SIDE) -> dict[str, Any]:
    """The description of the tiles.

    :param address: of a tile, with {z}, {x} and {y} in it
    """
    return {
        "tilejson": "3.0.0",
        "name": name,
        "scheme": "xyz",
        "tiles": [address],
        "minzoom": 0,
        "maxzoom": max_z(info.size, side),
        "tileSize": side,
        "width": info.size.width,
        "height": info.size.height,
    }


def routes(tiles: AsyncTiles) -> list[Route]:
    """The route of the TileJSON; tiles go the gateway's fast way."""

    async def get_tilejson(request: HttpRequest) -> Reply:
        image = parameters.image_id(request.path_params["image"])
        info = await tiles.info(image)
        address = f"{origin_of(request)}/xyz/{image}/{{z}}/{{x}}/{{y}}.png"
        document = tilejson(info, info.name, address)
        return replies.json_document(document, request.headers)

    return [Route("/xyz/{image}/tilejson.json", get_tilejson, name="xyz_tilejson")]
