"""The Internet Imaging Protocol: `/iip?FIF={id}&...`, and `/fcgi-bin/iipsrv.fcgi` for pages that know it by that name.

Level 0 is the smallest, each is half the next one, rounded down, and tiles have the stored size, so that stored bytes
go out untouched. Errors are told in its own form, `Error/{length}:{code} {words}`, by the status of HTTP.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request as HttpRequest
from starlette.routing import Route

from medtiles.core.errors import BadRequestError, TileOutOfRangeError, ViewTooLargeError
from medtiles.core.geometry import Region, Size
from medtiles.core.limits import Limits
from medtiles.core.pyramid import ImageInfo
from medtiles.core.rendering import NOTHING
from medtiles.core.view import Finish, Request, View, turned_size
from medtiles.protocols import replies
from medtiles.protocols.async_tiles import AsyncTiles
from medtiles.protocols.halvings import halved, halved_view
from medtiles.protocols.http.iip.commands import (
    TILE_COMMANDS,
    BlockWish,
    TileWish,
    UnknownCommandError,
    UnknownObjectError,
    Wishes,
    read_commands,
)
from medtiles.protocols.http.iip.objects import JSON, LINES, Answer, Subject, answer
from medtiles.protocols.http.iip.probes import PixelWish, line_probe, pixel_probe, profile, spectra, values_at
from medtiles.protocols.replies import Reply
from medtiles.protocols.status import Status
from medtiles.protocols.tile_views import served_tile

PATHS = ("/iip", "/fcgi-bin/iipsrv.fcgi")
PREFIXES = ("/iip", "/fcgi-bin/")
NAME = "iip_picture"
IS_NAMED_BY_PATH = True
XML = "application/xml"
_MOST_TILES = 64
"""In one answer to TIL."""
_QUALITIES = {"image/jpeg", "image/webp", "image/avif"}
"""Media types that have one."""
_MARGIN = 0.999
"""Of a size that is made to fit the limits, for rounding."""
_NO_FILE_NAME = re.compile(r"[^A-Za-z0-9._-]+", re.ASCII)
_JPEG_IN_NETFPX = bytes((2, 0, 0, 0, 0, 0x11, 0, 0))
"""Compression type and subtype before each tile of TIL, as IIPImage writes them."""


class _Choices(NamedTuple):
    """No address of IIP names a version."""

    version: str | None = None


class TileAddress(NamedTuple):
    """What the address of a picture says."""

    image: str
    wishes: Wishes
    choices: _Choices = _Choices()


def read_tile_address(path: str, query_string: bytes) -> TileAddress | None:
    """What the address of a picture, JTL or CVT, says; None when it is not one.

    :raises BadRequestError, ImageNotFoundError: see `read_commands`
    """
    if path not in PATHS:
        return None
    wishes = read_commands(query_string)
    return TileAddress(wishes.image, wishes) if wishes.tile or wishes.export else None


def tile_request(address: TileAddress, info: ImageInfo, limits: Limits) -> Request:
    """What to ask the engine for.

    :raises BadRequestError: the region is empty or lies outside the image
    :raises TileOutOfRangeError: the image has no such level, tile or plane
    """
    wishes = address.wishes
    info.require_plane(wishes.plane)
    if wishes.tile is not None:
        return _tile_request(address.image, wishes, wishes.tile, info)
    view = _exported_view(wishes, info, limits)
    return _request(address.image, wishes, view, wishes.export or TILE_COMMANDS["JTL"])


def tile_headers(address: TileAddress, info: ImageInfo, limits: Limits) -> replies.Headers:
    """A name for who keeps what CVT made."""
    wishes = address.wishes
    if wishes.export is None:
        return []
    size = _exported_view(wishes, info, limits).size
    name = _NO_FILE_NAME.sub("_", info.name.rsplit(".", 1)[0])[:80].strip("_.") or "image"
    suffix = wishes.export.partition("/")[2]
    line = f'inline;filename="{name}_{size.width}x{size.height}.{suffix}"'
    return [(b"content-disposition", line.encode("ascii"))]


def refusal(error: Exception, status: Status, extra: Iterable[tuple[str, str]]) -> Reply:
    """An error in IIP's form: 1 3 unavailable, 2 1 malformed, 2 2 no such command, 3 2 no such object."""
    if isinstance(error, UnknownCommandError):
        words = f"2 2 {error}"
    elif isinstance(error, UnknownObjectError):
        words = f"3 2 {error}"
    else:
        words = f"{'2 1' if isinstance(error, BadRequestError) else '1 3'} {status.detail}"
    shown = ascii(words)[1:-1]
    body = f"Error/{len(shown)}:{shown}\r\n".encode("ascii")
    made = replies.reply(body, LINES, cache=replies.NEVER, extra=extra)
    return Reply(status.http, made.headers, made.body)


def routes(tiles: AsyncTiles) -> list[Route]:
    """The routes of OBJ, TIL, PFL and SPECTRA; tiles and CVT go the gateway's fast way, by `read_tile_address`."""

    async def get(request: HttpRequest) -> Reply:
        wishes = read_commands(request.scope["query_string"])
        image = await tiles.image_named(wishes.image)
        info = await tiles.info(image)
        if wishes.block is not None:
            found = await _block(tiles, image, wishes, wishes.block, request)
        elif wishes.line is not None or wishes.pixel is not None:
            found = await _values(tiles, image, wishes, info)
        else:
            degrees = wishes.finish.degrees if wishes.finish else 0.0
            found = answer(wishes.objects, Subject(info, degrees, tiles.rights))
        return replies.document(found.body, found.media_type, request.headers)

    return [Route(path, get, name="iip") for path in PATHS]


async def _values(tiles: AsyncTiles, image: str, wishes: Wishes, info: ImageInfo) -> Answer:
    """What PFL or SPECTRA asks for."""
    probe = line_probe(wishes.line, info) if wishes.line else pixel_probe(wishes.pixel or PixelWish(), info)
    values: list[NDArray[np.generic]] = []
    for view in probe.views:
        values += values_at(probe.points, await tiles.call(tiles.tiles.samples, image, view))
    tiles.require_unchanged(image, info.version)
    return Answer(profile(values), JSON) if wishes.line else Answer(spectra(values, info.pixels), XML)


async def _block(tiles: AsyncTiles, image: str, wishes: Wishes, block: BlockWish, request: HttpRequest) -> Answer:
    """What TIL asks for."""
    info = await tiles.info(image)
    info.require_plane(wishes.plane)
    parts = []
    for index in _block_indexes(block, info):
        asked = _tile_request(image, wishes, TileWish(block.level, index, TILE_COMMANDS["JTL"]), info)
        frame = await tiles.picture(asked, info.version, request.receive)
        head = f"Tile,{block.level},{index},0/{len(frame.data) + len(_JPEG_IN_NETFPX)}:".encode("ascii")
        parts += [head, _JPEG_IN_NETFPX, frame.data, b"\r\n"]
    return Answer(b"".join(parts), LINES)


def _tile_request(image: str, wishes: Wishes, wish: TileWish, info: ImageInfo) -> Request:
    tile = served_tile(info)
    levels = halved(info.size, tile)
    columns = levels[min(wish.level, len(levels) - 1)].grid(tile).width
    row, column = divmod(wish.index, columns)
    view = halved_view(info.size, tile, (wish.level, column, row), wishes.plane)
    return _request(image, wishes, view, wish.media_type)


def _request(image: str, wishes: Wishes, view: View, media_type: str) -> Request:
    quality = wishes.quality if media_type in _QUALITIES else None
    finish = None if wishes.finish == Finish() else wishes.finish
    rendering = None if wishes.rendering == NOTHING else wishes.rendering
    return Request(image, view, (media_type,), quality, finish=finish, rendering=rendering)


def _exported_view(wishes: Wishes, info: ImageInfo, limits: Limits) -> View:
    """What CVT shows: the region, fitted into WID and HEI; without them as large as it is and the limits allow."""
    region = _region(wishes, info.size)
    across = math.inf if wishes.width is None else wishes.width / region.width
    down = math.inf if wishes.height is None else wishes.height / region.height
    scale = min(across, down)
    if math.isinf(scale):
        scale = 1.0
    degrees = wishes.finish.degrees if wishes.finish else 0.0
    wanted = region.size.scaled(scale)
    turned = turned_size(wanted, degrees)
    too_large = max(turned.width / limits.view_side, turned.height / limits.view_side, turned.area / limits.view_pixels)
    if too_large > 1:
        if scale > 1:
            most_told = f"at most {limits.view_side} a side and {limits.view_pixels} in all"
            message = f"WID, HEI: {wanted.width} x {wanted.height} pixels, {most_told}"
            raise ViewTooLargeError(message)
        fitting = min(limits.view_side / max(turned.width, turned.height), math.sqrt(limits.view_pixels / turned.area))
        wanted = region.size.scaled(scale * fitting * _MARGIN)
    return View(region, wanted, wishes.plane)


def _region(wishes: Wishes, whole: Size) -> Region:
    if wishes.region is None:
        return Region(0, 0, whole.width, whole.height)
    x, y, width, height = wishes.region
    left, top = round(x * whole.width), round(y * whole.height)
    found = Region(left, top, round(width * whole.width), round(height * whole.height)).cut_to(whole)
    if found.width < 1 or found.height < 1:
        message = f"RGN={x:g},{y:g},{width:g},{height:g}: it must cover a part of the image"
        raise BadRequestError(message)
    return found


def _block_indexes(block: BlockWish, info: ImageInfo) -> list[int]:
    """The tiles of the rectangle that the first and last one span, column by column as IIPImage gives them.

    :raises TileOutOfRangeError: there is no such level or tile
    :raises ViewTooLargeError: too many tiles for one answer
    """
    tile = served_tile(info)
    levels = halved(info.size, tile)
    if block.level >= len(levels):
        message = f"level {block.level}: the image has levels 0 to {len(levels) - 1}"
        raise TileOutOfRangeError(message)
    grid = levels[block.level].grid(tile)
    if max(block.first, block.last) >= grid.area:
        message = f"tile {max(block.first, block.last)}: level {block.level} has tiles 0 to {grid.area - 1}"
        raise TileOutOfRangeError(message)
    rows, columns = zip(divmod(block.first, grid.width), divmod(block.last, grid.width), strict=True)
    top, bottom, left, right = min(rows), max(rows), min(columns), max(columns)
    if (bottom - top + 1) * (right - left + 1) > _MOST_TILES:
        message = f"TIL={block.level},{block.first}-{block.last}: at most {_MOST_TILES} tiles in one answer"
        raise ViewTooLargeError(message)
    return [row * grid.width + column for column in range(left, right + 1) for row in range(top, bottom + 1)]
