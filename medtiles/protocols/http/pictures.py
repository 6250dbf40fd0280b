"""Single pictures: `/images/{id}/thumbnail`, `/images/{id}/associated/{name}`, `/images/{id}/view`."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np
from starlette.requests import Request as HttpRequest
from starlette.routing import Route

from medtiles.core.channels import channel_index, planes_of
from medtiles.core.errors import BadRequestError, ImageNotFoundError
from medtiles.core.geometry import Region, Size
from medtiles.core.pyramid import ImageInfo
from medtiles.core.rendering import MOST_CHANNELS
from medtiles.core.view import AssociatedName, Request, View
from medtiles.protocols import parameters, replies
from medtiles.protocols.async_tiles import AsyncTiles
from medtiles.protocols.formats import media_type
from medtiles.protocols.parameters import Query
from medtiles.protocols.replies import Reply
from medtiles.protocols.tile_choices import tile_choices
from medtiles.protocols.versions import caching, require_version
from transcode.frames import PixelFormat, Samples

RAW = "raw"
RAW_MEDIA_TYPE = "application/octet-stream"
_THUMBNAIL_SIDES = (16, 2048)
_USUAL_THUMBNAIL = 256
_OF_CHANNELS = ("channels", "z", "t", "blend", "project")


def thumbnail_request(image: str, info: ImageInfo, query: Query) -> Request:
    """The whole picture, small; of a stack of slices the middle one.

    :raises BadRequestError: a parameter makes no sense
    :raises TileOutOfRangeError: no such plane
    """
    side = parameters.optional_whole(query, "size", *_THUMBNAIL_SIDES) or _USUAL_THUMBNAIL
    plane = parameters.plane(query)
    if plane is None:
        plane = len(info.planes) // 2 if info.kind == "radiology" else 0
    info.require_plane(plane)
    view = View(Region(0, 0, info.size.width, info.size.height), info.size.fitted(side), plane)
    return tile_choices(query).request(image, view, _media_type(query), info)


def associated_request(image: str, info: ImageInfo, name: str, query: Query) -> Request:
    """A picture that comes with the image.

    :raises BadRequestError: a parameter makes no sense
    :raises ImageNotFoundError: no picture of that name
    """
    if all(picture.name != name for picture in info.associated):
        message = f"no associated image {name[:40]!a}: there are {', '.join(a.name for a in info.associated) or 'none'}"
        raise ImageNotFoundError(message)
    side = parameters.optional_whole(query, "size", *_THUMBNAIL_SIDES)
    return Request(image, AssociatedName(name, side), (_media_type(query),), parameters.quality(query))


def view_request(image: str, info: ImageInfo, query: Query) -> Request:
    """Any rectangle of the full-resolution image at any size; by default all of it as it is.

    :raises BadRequestError: a parameter makes no sense, or the rectangle lies outside the image
    :raises TileOutOfRangeError: no such plane
    """
    plane = parameters.plane(query) or 0
    info.require_plane(plane)
    region = _region(query, info.size)
    view = View(region, _size(query, region.size), plane)
    if query.get("format") == RAW:
        return Request(image, view, (RAW_MEDIA_TYPE,), is_display=False)
    return tile_choices(query).request(image, view, _media_type(query), info)


def channel_views(view: View, info: ImageInfo, query: Query) -> list[tuple[View, int]]:
    """The views of the channels that raw samples are wanted of, and which of their samples each is.

    :raises BadRequestError: no such channel, or too many
    :raises TileOutOfRangeError: a channel has no such plane
    """
    words = query["channels"].split(",", MOST_CHANNELS)
    if len(words) > MOST_CHANNELS:
        message = f"channels: at most {MOST_CHANNELS} in one answer"
        raise BadRequestError(message)
    here = info.planes[view.plane]
    z = parameters.optional_whole(query, "z", 0, parameters.MOST)
    t = parameters.optional_whole(query, "t", 0, parameters.MOST)
    found = []
    for word in words:
        channel = channel_index(info, word.partition(":")[0])
        (plane,) = planes_of(info, channel, here.z if z is None else z, here.t if t is None else t)
        found.append((replace(view, plane=plane), channel if info.pixels.is_colour else 0))
    return found


def raw_reply(array: Samples, pixels: PixelFormat, etag: bytes, cache: str) -> Reply:
    """Samples as little-endian bytes; shape and type in the header.

    Of one plane (rows, columns, samples of a pixel), of several channels (channels, rows, columns).
    """
    little = array.dtype.newbyteorder("<")
    return replies.reply(
        np.ascontiguousarray(array, dtype=little).tobytes(),
        RAW_MEDIA_TYPE,
        etag,
        cache,
        extra=[
            ("x-medtiles-shape", ",".join(map(str, array.shape))),
            ("x-medtiles-dtype", little.str),
            ("x-medtiles-photometric", pixels.photometric.encode("ascii", "replace").decode("ascii")),
        ],
    )


def routes(tiles: AsyncTiles) -> list[Route]:
    """The routes of single pictures."""

    async def picture(asked: Request, info: ImageInfo, query: Query, request: HttpRequest) -> Reply:
        """The picture; 304 when the client has it, before anything is made."""
        version = query.get("v")
        require_version(version, info)
        etag, cache = replies.request_tag(info, asked), caching(version)
        if replies.matches(request.headers.get("if-none-match", "").encode("latin-1"), etag):
            return replies.not_modified(etag, cache)
        if not asked.is_display and isinstance(asked.what, View):
            samples = await tiles.call(tiles.tiles.samples, asked.image, asked.what)
            tiles.require_unchanged(asked.image, info.version)
            return raw_reply(samples.samples, samples.format, etag, cache)
        frame = await tiles.picture(asked, info.version, request.receive)
        return Reply(200, replies.picture_headers(frame, etag, cache), frame.data)

    async def get_thumbnail(request: HttpRequest) -> Reply:
        image, query = _asked(request)
        info = await tiles.info(image)
        return await picture(thumbnail_request(image, info, query), info, query, request)

    async def get_associated(request: HttpRequest) -> Reply:
        image, query = _asked(request)
        info = await tiles.info(image)
        asked = associated_request(image, info, request.path_params["name"], query)
        return await picture(asked, info, query, request)

    async def get_view(request: HttpRequest) -> Reply:
        image, query = _asked(request)
        info = await tiles.info(image)
        if query.get("format") == RAW and "channels" in query:
            return await _raw_channels(tiles, image, info, query, request)
        return await picture(view_request(image, info, query), info, query, request)

    return [
        Route("/images/{image}/thumbnail", get_thumbnail, name="thumbnail"),
        Route("/images/{image}/associated/{name}", get_associated, name="associated"),
        Route("/images/{image}/view", get_view, name="view"),
    ]


async def _raw_channels(tiles: AsyncTiles, image: str, info: ImageInfo, query: Query, request: HttpRequest) -> Reply:
    """Several channels in one answer, for viewers that put them together themselves."""
    version = query.get("v")
    require_version(version, info)
    asked = view_request(image, info, {name: text for name, text in query.items() if name not in _OF_CHANNELS})
    views = channel_views(cast("View", asked.what), info, query)
    etag, cache = replies.entity_tag(info.version, views), caching(version)
    if replies.matches(request.headers.get("if-none-match", "").encode("latin-1"), etag):
        return replies.not_modified(etag, cache)
    parts = []
    for view, sample in views:
        read = await tiles.call(tiles.tiles.samples, image, view)
        parts.append(read.samples[..., sample])
    tiles.require_unchanged(image, info.version)
    return raw_reply(np.stack(parts), info.pixels, etag, cache)


def _asked(request: HttpRequest) -> tuple[str, Query]:
    return parameters.image_id(request.path_params["image"]), parameters.read_query(request.scope["query_string"])


def _media_type(query: Query) -> str:
    return media_type(query.get("format", "jpeg"))


def _region(query: Query, whole: Size) -> Region:
    text = query.get("region")
    if text is None:
        return Region(0, 0, whole.width, whole.height)
    x, y, width, height = parameters.wholes(text, "region", 4)
    region = Region(x, y, width, height)
    if not region.is_within(whole):
        message = f"region {text}: it must lie within the image of {whole.width} x {whole.height} pixels"
        raise BadRequestError(message)
    return region


def _size(query: Query, whole: Size) -> Size:
    """`size=width,height`, or `size=side` for what fits a square."""
    text = query.get("size")
    if text is None:
        return whole
    if "," not in text:
        return whole.fitted(parameters.whole(text, "size", 1))
    return Size(*parameters.wholes(text, "size", 2, least=1))
