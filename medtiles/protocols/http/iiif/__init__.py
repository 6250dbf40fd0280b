"""IIIF Image API 3.0 (`/iiif/3/...`) and 2.1 (`/iiif/2/...`), level 2 and most of what lies beside it.

`{id}` leads on to `{id}/info.json`; `{id}/{region}/{size}/{rotation}/{quality}.{format}` is a picture. The tiles that
info.json offers are the stored ones, which go out untouched.
"""

from __future__ import annotations

import json
from dataclasses import replace

from starlette.requests import Request as HttpRequest
from starlette.routing import Route

from medtiles.protocols import replies
from medtiles.protocols.async_tiles import AsyncTiles
from medtiles.protocols.http.iiif.addresses import Identifier, PictureAddress, identifier_of, picture_of
from medtiles.protocols.http.iiif.documents import info_document
from medtiles.protocols.http.iiif.versions import Version, version_of
from medtiles.protocols.origin import origin_of
from medtiles.protocols.replies import Reply
from medtiles.protocols.versions import caching

ROOT = "/iiif"
_JSON_LD = "application/ld+json"


def routes(tiles: AsyncTiles) -> list[Route]:
    """The routes of both versions."""

    async def get_base(request: HttpRequest) -> Reply:
        """The image's own address: its description is elsewhere (2.1)."""
        version, identifier = _named(request)
        await tiles.info(identifier.image)
        location = f"{origin_of(request)}{ROOT}/{version.number}/{identifier}/info.json"
        return replies.redirect(location, 303)

    async def get_info(request: HttpRequest) -> Reply:
        version, identifier = _named(request)
        info = await tiles.info(identifier.image)
        info.require_plane(identifier.plane)
        address = f"{origin_of(request)}{ROOT}/{version.number}/{identifier}"
        document = info_document(info, address, version, tiles.limits, tiles.rights)
        body = json.dumps(document, ensure_ascii=False, indent=1).encode()
        media_type = f'{_JSON_LD};profile="{version.context}"' if _wants_json_ld(request) else "application/json"
        found = replies.document(body, media_type, request.headers)
        return replace(found, headers=[*found.headers, (b"link", _profile(version)), (b"vary", b"accept")])

    async def get_picture(request: HttpRequest) -> Reply:
        version, identifier = _named(request)
        words = request.path_params
        quality, _, suffix = words["last"].rpartition(".")
        address = PictureAddress(
            version, identifier, words["region"], words["size"], words["rotation"], quality, suffix
        )
        info = await tiles.info(identifier.image)
        picture = picture_of(address, info, tiles.limits)
        asked = picture.request
        etag, cache = replies.request_tag(info, asked), caching(None)
        if replies.matches(request.headers.get("if-none-match", "").encode("latin-1"), etag):
            return replies.not_modified(etag, cache)
        frame = await tiles.picture(asked, info.version, request.receive)
        canonical = f"{ROOT}/{picture.canonical(info, tiles.limits)}"
        link = f'<{canonical}>;rel="canonical", '.encode("ascii") + _profile(version)
        return Reply(200, [*replies.picture_headers(frame, etag, cache), (b"link", link)], frame.data)

    base = f"{ROOT}/{{version}}/{{identifier}}"
    return [
        Route(base, get_base, name="iiif_base"),
        Route(f"{base}/info.json", get_info, name="iiif_info"),
        Route(f"{base}/{{region}}/{{size}}/{{rotation}}/{{last}}", get_picture, name="iiif_picture"),
    ]


def _named(request: HttpRequest) -> tuple[Version, Identifier]:
    return version_of(request.path_params["version"]), identifier_of(request.path_params["identifier"])


def _wants_json_ld(request: HttpRequest) -> bool:
    """Whether JSON-LD is named by its own media type (5.1)."""
    return _JSON_LD in request.headers.get("accept", "")


def _profile(version: Version) -> bytes:
    return f'<{version.profile}>;rel="profile"'.encode("ascii")
