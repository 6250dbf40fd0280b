"""Hot spots while they come: `/images/{id}/hotspots` as JSON, and `/images/{id}/hotspots/{level}/{column}_{row}.png`.

Tiles of the map are counted as Deep Zoom counts its own: level 0 is one pixel, 256 pixels a side, no overlap.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.routing import Route

from medtiles.core.errors import TileOutOfRangeError
from medtiles.core.geometry import Size
from medtiles.core.heat import HeatLook, HotTiles
from medtiles.core.view import View
from medtiles.protocols import parameters, replies
from medtiles.protocols.async_tiles import AsyncTiles
from medtiles.protocols.replies import Reply
from medtiles.protocols.tile_views import enlarged_view, tile_part

TILE = 256
MOST_TILES = 10_000
_USUAL = 1000
_MOST_LEVEL = 32


def routes(tiles: AsyncTiles) -> list[Route]:
    """The routes, where a server counts."""
    if tiles.heat is None:
        return []
    heat = tiles.heat

    async def get_hotspots(request: HttpRequest) -> Reply:
        image = parameters.image_id(request.path_params["image"])
        await tiles.info(image)
        query = parameters.read_query(request.scope["query_string"])
        limit = parameters.optional_whole(query, "limit", 1, MOST_TILES) or _USUAL
        level = parameters.optional_whole(query, "level", 0, _MOST_LEVEL)
        found = await tiles.call(heat.tiles, image, limit, level)
        return replies.json_document(hotspots_document(image, found), request.headers)

    async def get_tile(request: HttpRequest) -> Reply:
        words = request.path_params
        image = parameters.image_id(words["image"])
        info = await tiles.info(image)
        place = [parameters.whole(words[name], name) for name in ("level", "column", "row")]
        view = map_view(info.size, (place[0], place[1], place[2]))
        data = await tiles.call(heat.picture, image, view.region, view.size, read_look(request.scope["query_string"]))
        return replies.reply(data, "image/png", cache=replies.NEVER)

    return [
        Route("/images/{image}/hotspots", get_hotspots, name="hotspots"),
        Route("/images/{image}/hotspots/{level}/{column}_{row}.png", get_tile, name="hotspots_tile"),
    ]


def map_view(size: Size, place: tuple[int, int, int]) -> View:
    """A tile of the map as a rectangle of the full-resolution image at a size.

    :param place: level, column and row
    :raises TileOutOfRangeError: there is no such tile
    """
    reduction = (max(size.width, size.height) - 1).bit_length() - place[0]
    if reduction < 0:
        message = f"level {place[0]}: the map has levels 0 to {place[0] + reduction}"
        raise TileOutOfRangeError(message)
    return enlarged_view(tile_part(size.reduced(reduction), Size(TILE, TILE), place), reduction, size, 0)


def read_look(query_string: bytes) -> HeatLook:
    """How a map is wanted.

    :raises BadRequestError: a number makes no sense
    """
    query = parameters.read_query(query_string)
    usual = HeatLook()
    return HeatLook(
        colours=query.get("colours", usual.colours),
        gamma=parameters.decimal(query["gamma"], "gamma") if "gamma" in query else usual.gamma,
        scale=query.get("scale", usual.scale),
        level=parameters.optional_whole(query, "level", 0, _MOST_LEVEL),
    )


def hotspots_document(image: str, found: HotTiles) -> dict[str, Any]:
    """What `/images/{id}/hotspots` tells; `x, y, width, height` are pixels of full resolution."""
    return {
        "image": image,
        "tile_width": found.tile_size.width,
        "tile_height": found.tile_size.height,
        "total": found.total,
        "tiles": [
            {
                "level": tile.level,
                "column": tile.column,
                "row": tile.row,
                "count": tile.count,
                "x": tile.region.x,
                "y": tile.region.y,
                "width": tile.region.width,
                "height": tile.region.height,
            }
            for tile in found.tiles
        ],
    }
