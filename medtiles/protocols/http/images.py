"""What images there are, and what each is: `/images`, `/images/{id}` and its `display/{plane}` and `icc`."""

from __future__ import annotations

from starlette.requests import Request as HttpRequest
from starlette.routing import Route

from medtiles.core.errors import BadRequestError, ImageNotFoundError
from medtiles.core.tiles import ImageQuery
from medtiles.protocols import documents, parameters, replies
from medtiles.protocols.async_tiles import AsyncTiles
from medtiles.protocols.replies import Reply

KINDS = ("slide", "radiology", "picture")
_MAX_PAGE = 1000


def read_listing(query_string: bytes) -> ImageQuery:
    """Which images a query string asks to list.

    :raises BadRequestError: a parameter makes no sense
    """
    query = parameters.read_query(query_string)
    kind = query.get("kind", "")
    if kind and kind not in KINDS:
        message = f"kind {kind[:16]!a}: it must be one of {', '.join(KINDS)}"
        raise BadRequestError(message)
    return ImageQuery(
        search=query.get("search", ""),
        kind=kind,
        study_uid=query.get("study", ""),
        offset=parameters.optional_whole(query, "offset", 0, parameters.MOST) or 0,
        limit=parameters.optional_whole(query, "limit", 1, _MAX_PAGE) or ImageQuery().limit,
    )


def routes(tiles: AsyncTiles) -> list[Route]:
    """The routes of listings and metadata."""

    async def list_images(request: HttpRequest) -> Reply:
        query = read_listing(request.scope["query_string"])
        page = await tiles.call(tiles.tiles.images, query)
        document = documents.page_document(page, query)
        if tiles.uploads is not None:
            document["uploads"] = {"most_bytes": tiles.uploads.most_bytes}
        return replies.json_document(document, request.headers)

    async def get_image(request: HttpRequest) -> Reply:
        image = parameters.image_id(request.path_params["image"])
        info = await tiles.info(image)
        document = documents.image_document(image, info)
        document["display"] = documents.display_document(await tiles.call(tiles.tiles.display, image, 0))
        if tiles.heat is not None:
            document["hotspots"] = f"/images/{image}/hotspots"
        return replies.json_document(document, request.headers)

    async def get_display(request: HttpRequest) -> Reply:
        image = parameters.image_id(request.path_params["image"])
        plane = parameters.whole(request.path_params["plane"], "plane")
        (await tiles.info(image)).require_plane(plane)
        display = await tiles.call(tiles.tiles.display, image, plane)
        return replies.json_document(documents.display_document(display), request.headers)

    async def get_icc(request: HttpRequest) -> Reply:
        image = parameters.image_id(request.path_params["image"])
        profile = (await tiles.info(image)).icc_profile
        if profile is None:
            message = f"image {image} has no ICC profile"
            raise ImageNotFoundError(message)
        return replies.document(profile, "application/vnd.iccprofile", request.headers)

    return [
        Route("/images", list_images, name="images"),
        Route("/images/{image}", get_image, name="image"),
        Route("/images/{image}/display/{plane}", get_display, name="display"),
        Route("/images/{image}/icc", get_icc, name="icc"),
    ]
