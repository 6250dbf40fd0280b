"""IIIF Image API 3.0 (`/iiif/3/...`) and 2.1 (`/iiif/2/...`), level 2 and most of what lies beside it.

`{id}` leads on to `{id}/info.json`; `{id}/{region}/{size}/{rotation}/{quality}.{format}` is a picture. The tiles that
info.json offers are the stored ones, which go out untouched. Manifests of the Presentation API 3.0 say what belongs
together: `/iiif/presentation/3/{id}/manifest`, and of a study `/iiif/presentation/3/studies/{uid}/manifest`.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

from starlette.requests import Request as HttpRequest
from starlette.routing import Route

from medtiles.core.errors import ImageNotFoundError, MedTilesError
from medtiles.core.limits import Limits
from medtiles.core.pyramid import ImageInfo
from medtiles.core.tiles import ImageQuery
from medtiles.core.view import Request
from medtiles.protocols import replies
from medtiles.protocols.async_tiles import AsyncTiles
from medtiles.protocols.http.iiif.addresses import Identifier, PictureAddress, identifier_of, picture_of
from medtiles.protocols.http.iiif.documents import Json, info_document
from medtiles.protocols.http.iiif.manifests import CONTEXT, Surroundings, manifest_of
from medtiles.protocols.http.iiif.versions import V3, Version, version_of
from medtiles.protocols.origin import origin_of
from medtiles.protocols.parameters import image_id
from medtiles.protocols.replies import Reply
from medtiles.protocols.tile_choices import TileChoices, read_tile_choices
from medtiles.protocols.versions import require_version
from transcode.errors import TranscodeError

ROOT = "/iiif"
PREFIXES = (f"{ROOT}/",)
NAME = "iiif_picture"
IS_NAMED_BY_PATH = False
_WORDS = 8
"""Between the slashes of a picture's address, the empty one before the first slash counted."""
_PRESENTATION = f"{ROOT}/presentation/3"
_JSON_LD = "application/ld+json"
_MOST_IMAGES = 1000
"""Of a study in one manifest."""


class TileAddress(NamedTuple):
    """What the address of a picture says."""

    image: str
    words: PictureAddress
    choices: TileChoices = TileChoices()


def read_tile_address(path: str, query_string: bytes) -> TileAddress | None:
    """What the address of a picture says; None when it is not one.

    :raises ImageNotFoundError: no version, or no image, can be called so
    :raises BadRequestError: what stands behind the semicolon of an id names no plane
    """
    parts = path.split("/", _WORDS)
    if len(parts) != _WORDS or parts[2] == "presentation":
        return None
    _, _, version, name, region, size, rotation, last = parts
    identifier = identifier_of(name)
    quality, _, suffix = last.rpartition(".")
    words = PictureAddress(version_of(version), identifier, region, size, rotation, quality, suffix)
    choices = read_tile_choices(query_string)._replace(kept=identifier.kept)
    return TileAddress(identifier.image, words, choices)


def tile_request(address: TileAddress, info: ImageInfo, limits: Limits) -> Request:
    """What to ask the engine for.

    :raises BadRequestError, ViewTooLargeError, TileOutOfRangeError: see `picture_of`
    :raises ImageNotFoundError: the address names a version that is gone
    """
    require_version(address.choices.version, info)
    picture = picture_of(address.words, info, limits)
    return address.choices.request(address.image, picture.view, picture.media_type, info, picture.finish)


def tile_headers(address: TileAddress, info: ImageInfo, limits: Limits) -> replies.Headers:
    """The canonical address of the same picture (4.7), and what it complies with."""
    canonical = f"{ROOT}/{picture_of(address.words, info, limits).canonical(info, limits)}"
    return [(b"link", f'<{canonical}>;rel="canonical", '.encode("ascii") + _profile(address.words.version))]


def routes(tiles: AsyncTiles) -> list[Route]:
    """The routes of descriptions and manifests; pictures go the gateway's fast way, by `read_tile_address`."""

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
        if identifier.kept:
            await tiles.call(tiles.tiles.kept_rendering, identifier.kept)
        address = f"{origin_of(request)}{ROOT}/{version.number}/{identifier}"
        document = info_document(info, address, version, tiles.limits, tiles.rights)
        found = _told(document, version.context, request)
        return replace(found, headers=[*found.headers, (b"link", _profile(version))])

    base = f"{ROOT}/{{version}}/{{identifier}}"
    return [
        *_presentation_routes(tiles),
        Route(base, get_base, name="iiif_base"),
        Route(f"{base}/info.json", get_info, name="iiif_info"),
    ]


def _presentation_routes(tiles: AsyncTiles) -> list[Route]:
    def manifest(request: HttpRequest, name: str, label: str, images: list[tuple[str, ImageInfo]]) -> Reply:
        origin = origin_of(request)
        around = Surroundings(f"{origin}{ROOT}/{V3.number}", tiles.limits, tiles.rights)
        document = manifest_of(f"{origin}{_PRESENTATION}/{name}/manifest", label, images, around)
        return _told(document, CONTEXT, request)

    async def get_manifest(request: HttpRequest) -> Reply:
        image = image_id(request.path_params["image"])
        info = await tiles.info(image)
        return manifest(request, image, info.name, [(image, info)])

    async def get_study(request: HttpRequest) -> Reply:
        uid = request.path_params["study"]
        page = await tiles.call(tiles.tiles.images, ImageQuery(study_uid=uid, limit=_MOST_IMAGES))
        usable = []
        for each in page.images:
            with suppress(MedTilesError, TranscodeError):  # those that cannot be opened are left out
                usable.append((each.id, await tiles.info(each.id)))
        if not usable:
            message = "no images of such a study"
            raise ImageNotFoundError(message)
        return manifest(request, f"studies/{uid}", f"Study {uid}", usable)

    return [
        Route(f"{_PRESENTATION}/studies/{{study}}/manifest", get_study, name="iiif_study"),
        Route(f"{_PRESENTATION}/{{image}}/manifest", get_manifest, name="iiif_manifest"),
    ]


def _named(request: HttpRequest) -> tuple[Version, Identifier]:
    return version_of(request.path_params["version"]), identifier_of(request.path_params["identifier"])


def _told(document: Json, context: str, request: HttpRequest) -> Reply:
    """A description; JSON-LD is named by its own media type to who asks for it (5.1)."""
    is_linked = _JSON_LD in request.headers.get("accept", "")
    media_type = f'{_JSON_LD};profile="{context}"' if is_linked else "application/json"
    found = replies.json_document(document, request.headers, media_type=media_type)
    return replace(found, headers=[*found.headers, (b"vary", b"accept")])


def _profile(version: Version) -> bytes:
    return f'<{version.profile}>;rel="profile"'.encode("ascii")
