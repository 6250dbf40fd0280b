"""Deep Zoom: `/dzi/{id}.dzi` and `/dzi/{id}_files/{level}/{column}_{row}.{format}`.

Deep Zoom counts its levels from one pixel (dzi_level 0) up to full resolution, each half the size of the next, rounded
up. Tile (c, r) covers [c*T - overlap, (c+1)*T + overlap] of its level, cut to the picture.

Without parameters the tile size is the stored one and the overlap 0, so that stored bytes can go out untouched.
Parameters of the descriptor's address (`tile_size`, `overlap`, `quality`, `plane`, `window`, `format`, `v`) are carried
on to the tiles by OpenSeadragon; `v` names the version of the image that the client has begun to look at.
"""

from __future__ import annotations

from typing import NamedTuple

from starlette.requests import Request as HttpRequest
from starlette.routing import Route

from medtiles.core.errors import BadRequestError, ImageNotFoundError, TileOutOfRangeError
from medtiles.core.geometry import Region, Size
from medtiles.core.limits import Limits
from medtiles.core.pyramid import ImageInfo
from medtiles.core.view import Request, View
from medtiles.protocols import parameters, replies
from medtiles.protocols.async_tiles import AsyncTiles
from medtiles.protocols.formats import media_type
from medtiles.protocols.rendering_query import RenderingWish
from medtiles.protocols.replies import Reply
from medtiles.protocols.tile_choices import TileChoices, tile_choices
from medtiles.protocols.tile_views import LEAST_SIDE, enlarged_view, served_square
from medtiles.protocols.versions import require_version

PREFIXES = ("/dzi/",)
NAME = "dzi_tile"
IS_NAMED_BY_PATH = False
NAMESPACE = "http://schemas.microsoft.com/deepzoom/2008"

_TILE_SIZES = (16, 4096)
_USUAL_TILE_SIZE = 512
_MAX_OVERLAP = 256


class Layout(NamedTuple):
    """How a picture is cut into Deep Zoom tiles."""

    size: Size
    tile_size: int
    overlap: int

    @property
    def max_level(self) -> int:
        """The dzi_level of full resolution."""
        return (max(self.size.width, self.size.height) - 1).bit_length()

    def level_size(self, dzi_level: int) -> Size:
        """The size of a level."""
        return self.size.reduced(self.max_level - dzi_level)

    def grid(self, dzi_level: int) -> Size:
        """Columns and rows of tiles of a level."""
        size = self.level_size(dzi_level)
        return size.grid(Size(self.tile_size, self.tile_size))

    def tile_region(self, dzi_level: int, column: int, row: int) -> Region:
        """What a tile covers on its level.

        :raises TileOutOfRangeError: there is no such tile
        """
        if dzi_level > self.max_level:
            message = f"Deep Zoom level {dzi_level}: the image has levels 0 to {self.max_level}"
            raise TileOutOfRangeError(message)
        grid = self.grid(dzi_level)
        if column >= grid.width or row >= grid.height:
            message = f"tile {column}_{row}: level {dzi_level} has {grid.width} columns and {grid.height} rows"
            raise TileOutOfRangeError(message)
        side = self.tile_size + 2 * self.overlap
        start = Region(column * self.tile_size - self.overlap, row * self.tile_size - self.overlap, side, side)
        return start.cut_to(self.level_size(dzi_level))

    def tile_view(self, dzi_level: int, column: int, row: int, plane: int = 0) -> View:
        """The same as a rectangle of the full-resolution image at a size.

        :raises TileOutOfRangeError: there is no such tile
        """
        return enlarged_view(self.tile_region(dzi_level, column, row), self.max_level - dzi_level, self.size, plane)


class Choices(NamedTuple):
    """What the query string may choose."""

    tile_size: int | None = None
    overlap: int = 0
    tile: TileChoices = TileChoices()

    @property
    def version(self) -> str | None:
        """The version of the image that it names."""
        return self.tile.version

    def with_rendering(self, rendering: RenderingWish | None, version: str) -> Choices:
        """The same with a rendering of the image in this version; see `TileChoices`."""
        return self._replace(tile=self.tile.with_rendering(rendering, version))

    def layout(self, info: ImageInfo) -> Layout:
        """The layout of an image."""
        return Layout(info.size, self.tile_size or default_tile_size(info), self.overlap)


class TileAddress(NamedTuple):
    """What the address of a tile says."""

    image: str
    dzi_level: int
    column: int
    row: int
    media_type: str
    choices: Choices


def default_tile_size(info: ImageInfo) -> int:
    """The stored tile size when it is square and neither tiny nor huge."""
    return served_square(info, _USUAL_TILE_SIZE).width


def read_choices(query_string: bytes) -> Choices:
    """The choices of a query string; unknown parameters are for others.

    :raises BadRequestError: one makes no sense
    """
    if not query_string:
        return Choices()
    query = parameters.read_query(query_string)
    tile_size = parameters.optional_whole(query, "tile_size", *_TILE_SIZES)
    overlap = parameters.optional_whole(query, "overlap", 0, _MAX_OVERLAP) or 0
    if overlap > (tile_size or LEAST_SIDE):
        message = f"overlap is {overlap}: it must not be more than the tile size"
        raise BadRequestError(message)
    return Choices(tile_size, overlap, tile_choices(query))


def read_tile_address(path: str, query_string: bytes) -> TileAddress | None:
    """What the address of a tile says; None when it is not one.

    :raises BadRequestError: numbers or format make no sense
    :raises ImageNotFoundError: no image can have such an id
    """
    parts = path.split("/", 5)
    if len(parts) != 5 or not parts[2].endswith("_files"):
        return None
    place, _, suffix = parts[4].partition(".")
    column, _, row = place.partition("_")
    return TileAddress(
        parameters.image_id(parts[2].removesuffix("_files")),
        parameters.whole(parts[3], "level"),
        parameters.whole(column, "column"),
        parameters.whole(row, "row"),
        media_type(suffix),
        read_choices(query_string),
    )


def tile_request(address: TileAddress, info: ImageInfo, _limits: Limits = Limits()) -> Request:
    """What to ask the engine for.

    :raises TileOutOfRangeError: the image has no such level, tile or plane
    :raises ImageNotFoundError: the address names a version that is gone
    """
    choices = address.choices
    require_version(choices.version, info)
    info.require_plane(choices.tile.plane)
    layout = choices.layout(info)
    view = layout.tile_view(address.dzi_level, address.column, address.row, choices.tile.plane)
    return choices.tile.request(address.image, view, address.media_type, info)


def tile_headers(_address: TileAddress, _info: ImageInfo, _limits: Limits) -> replies.Headers:
    """Nothing besides."""
    return []


def descriptor(layout: Layout, suffix: str) -> bytes:
    """The .dzi document."""
    size = layout.size
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<Image xmlns="{NAMESPACE}" Format="{suffix}" Overlap="{layout.overlap}" TileSize="{layout.tile_size}">'
        f'<Size Height="{size.height}" Width="{size.width}"/></Image>\n'
    ).encode("ascii")


def routes(tiles: AsyncTiles) -> list[Route]:
    """The descriptor's route; tiles go the gateway's fast way, by `read_tile_address` and `tile_request`."""

    async def get_descriptor(request: HttpRequest) -> Reply:
        name = request.path_params["name"]
        if not name.endswith(".dzi"):
            message = f"no {name[:40]!a} here: a Deep Zoom descriptor ends in .dzi"
            raise ImageNotFoundError(message)
        query_string = request.scope["query_string"]
        suffix = parameters.read_query(query_string).get("format", "jpeg")
        media_type(suffix)
        choices = read_choices(query_string)
        info = await tiles.info(parameters.image_id(name.removesuffix(".dzi")))
        require_version(choices.version, info)
        info.require_plane(choices.tile.plane)
        return replies.document(descriptor(choices.layout(info), suffix), "application/xml", request.headers)

    return [Route("/dzi/{name}", get_descriptor, name="dzi_descriptor")]
