"""Renderings that are kept: `POST /images/{id}/renderings`, and `/r/{hash}`, which tells of one.

`/r/{hash}/dzi/...`, `/r/{hash}/zoomify/...`, `/r/{hash}/xyz/...` and `/iiif/3/{id};{hash}/...` show the image so.
Such addresses never change what they mean, so their pictures may be kept for ever.
"""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.routing import Route

from medtiles.core.errors import BadRequestError
from medtiles.core.tiles import KeptRendering
from medtiles.protocols import bodies, parameters, replies
from medtiles.protocols.async_tiles import AsyncTiles
from medtiles.protocols.kept import PREFIX, kept_text
from medtiles.protocols.replies import Reply

_MOST_BYTES = 16 * 1024
_JSON = "application/json"


def query_of(body: bytes) -> str:
    """The query string in a body such as `{"query": "channels=0,1&blend=max"}`.

    :raises BadRequestError: it is none
    """
    try:
        query = json.loads(body)["query"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        message = 'the body must be JSON such as {"query": "channels=0:p1-p99.8:0000FF,1:300-12000&blend=max"}'
        raise BadRequestError(message) from error
    if not isinstance(query, str):
        message = "query: it must be a text"
        raise BadRequestError(message)
    return query


def rendering_document(kept: KeptRendering) -> dict[str, Any]:
    """What `/r/{hash}` tells."""
    under = f"{PREFIX}{kept.hash}"
    return {
        "hash": kept.hash,
        "image": kept.image,
        "query": kept.text,
        "dzi": f"{under}/dzi/{kept.image}.dzi",
        "zoomify": f"{under}/zoomify/{kept.image}/ImageProperties.xml",
        "xyz": f"{under}/xyz/{kept.image}/tilejson.json",
        "iiif": f"/iiif/3/{kept.image};{kept.hash}/info.json",
    }


async def _body(request: HttpRequest) -> bytes:
    """:raises BadRequestError: it is no JSON, or too long"""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _JSON:
        message = f"Content-Type must be {_JSON}"
        raise BadRequestError(message)
    return await bodies.whole(request, _MOST_BYTES)


def routes(tiles: AsyncTiles) -> list[Route]:
    """The routes."""

    async def post_rendering(request: HttpRequest) -> Reply:
        image = parameters.image_id(request.path_params["image"])
        query = query_of(await _body(request))
        info = await tiles.info(image)
        kept = await tiles.call(tiles.tiles.keep_rendering, image, kept_text(query, info))
        made = replies.json_document(rendering_document(kept), {}, replies.NEVER)
        location = (b"location", f"{PREFIX}{kept.hash}".encode("ascii"))
        return Reply(201, [*made.headers, location], made.body)

    async def get_rendering(request: HttpRequest) -> Reply:
        kept = await tiles.call(tiles.tiles.kept_rendering, request.path_params["hash"])
        return replies.json_document(rendering_document(kept), request.headers, replies.FOREVER)

    return [
        Route("/images/{image}/renderings", post_rendering, methods=["POST"], name="renderings"),
        Route(f"{PREFIX}{{hash}}", get_rendering, name="rendering"),
    ]
