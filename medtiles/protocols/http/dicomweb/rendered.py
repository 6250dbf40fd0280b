"""Rendered pictures: `rendered` and `thumbnail` of a study, a series, an instance and frames (PS3.18 10.4.1.1.3).

One picture stands for a study, a series or an instance of several frames: the first, as a thumbnail the one in the
middle; a slide is shown as a whole. Several frames are parts.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.routing import Route

from medtiles.core.errors import ImageNotFoundError
from medtiles.core.studies import Instance
from medtiles.protocols import parameters, replies
from medtiles.protocols.async_tiles import AsyncTiles
from medtiles.protocols.http.dicomweb.accept import read_accept
from medtiles.protocols.http.dicomweb.addresses import ROOT, scope_of
from medtiles.protocols.http.dicomweb.frame_addresses import INSTANCE, frame_numbers
from medtiles.protocols.http.dicomweb.multipart import Part, lay_out
from medtiles.protocols.http.dicomweb.painting import Painting, paint, plan
from medtiles.protocols.http.dicomweb.rendering import chosen_form, read_look, shown_first, shown_small
from medtiles.protocols.replies import Reply
from transcode.frames import EncodedFrame

Endpoint = Callable[[HttpRequest], Coroutine[Any, Any, Reply]]

_VARY = ("vary", "accept")
_MOST_PICTURES = 64
_STUDY = ROOT + "/studies/{study}"
_PLACES = (_STUDY, _STUDY + "/series/{series}", INSTANCE, INSTANCE + "/frames/{frames}")


async def picture_reply(
    tiles: AsyncTiles, paintings: list[Painting], request: HttpRequest, *, is_multipart: bool = False
) -> Reply:
    """The pictures, or 304 when the client has them, before anything is decoded."""
    if not is_multipart:
        (only,) = paintings
        etag = only.etag
    else:
        etag = replies.entity_tag("", [each.etag for each in paintings])
    if replies.matches(request.headers.get("if-none-match", "").encode("latin-1"), etag):
        known = replies.not_modified(etag)
        return Reply(known.status, [*known.headers, (b"vary", b"accept")])
    pictures = [await paint(tiles, each, request.receive) for each in paintings]
    if not is_multipart:
        return replies.reply(pictures[0].data, pictures[0].encoding.media_type, etag, extra=[_VARY])
    layout = lay_out([_part(picture, each) for picture, each in zip(pictures, paintings, strict=True)])
    body = layout.joined([picture.data for picture in pictures])
    return replies.reply(body, layout.media_type, etag, extra=[_VARY])


def routes(tiles: AsyncTiles) -> list[Route]:
    """The routes of rendered pictures."""
    kinds = (("rendered", False), ("thumbnail", True))
    return [
        Route(f"{place}/{name}", _get_pictures(tiles, is_thumbnail=is_small), name=f"dicom_{name}")
        for place in _PLACES
        for name, is_small in kinds
    ]


def _part(picture: EncodedFrame, painting: Painting) -> Part:
    return Part(picture.encoding.media_type, len(picture.data), painting.etag.decode("ascii"))


def _get_pictures(tiles: AsyncTiles, *, is_thumbnail: bool) -> Endpoint:
    async def get_pictures(request: HttpRequest) -> Reply:
        query = parameters.read_query(request.scope["query_string"])
        found = await tiles.call(tiles.tiles.studies.instances, scope_of(request))
        instance = shown_small(found) if is_thumbnail else shown_first(found)
        numbers = _numbers(request, instance)
        ranges = read_accept(", ".join(request.headers.getlist("accept")), query.get("accept"))
        form = chosen_form(ranges, len(numbers))
        look = read_look(query, form.media_type, is_thumbnail=is_thumbnail)
        paintings = [await plan(tiles, instance, number, look) for number in numbers]
        return await picture_reply(tiles, paintings, request, is_multipart=form.is_multipart)

    return get_pictures


def _numbers(request: HttpRequest, instance: Instance) -> tuple[int | None, ...]:
    if not instance.frames:
        message = "there is no picture: the instance has no pixels"
        raise ImageNotFoundError(message)
    text = request.path_params.get("frames")
    return (None,) if text is None else frame_numbers(text, instance, _MOST_PICTURES)
