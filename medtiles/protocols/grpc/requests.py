"""Requests of the core as messages, for a far engine. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from medtiles.api.v1 import images_pb2, tiles_pb2
from medtiles.core.errors import BadRequestError, ImageNotFoundError
from medtiles.core.geometry import Region
from medtiles.core.pyramid import TileKey
from medtiles.core.view import AssociatedName, Request, View
from medtiles.protocols.grpc import messages
from medtiles.protocols.grpc.renditions import rendition

PictureRequest = tiles_pb2.GetTileRequest | tiles_pb2.GetRegionRequest | images_pb2.GetAssociatedImageRequest


def picture_request(request: Request, version: str) -> PictureRequest:
    """The message that asks for a picture of a version of an image.

    :raises ImageNotFoundError, TileOutOfRangeError, BadRequestError: it asks for what no image has, nor a message holds
    """
    image = image_id(request.image)
    how = rendition(request)
    match request.what:
        case TileKey() as key:
            return tiles_pb2.GetTileRequest(image=image, key=messages.tile_key(key), rendition=how, version=version)
        case AssociatedName(name, max_side):
            return images_pb2.GetAssociatedImageRequest(
                image=image, name=image_id(name), max_side=_int32(max_side, "max_side"), rendition=how, version=version
            )
        case View(region, size, plane):
            return tiles_pb2.GetRegionRequest(
                image=image,
                region=messages.region(region),
                size=messages.size(size),
                plane=plane_index(plane),
                rendition=how,
                version=version,
            )


def samples_request(image: str, what: View | TileKey, version: str) -> tiles_pb2.ReadRegionRequest:
    """The message that asks for samples.

    :raises ImageNotFoundError, TileOutOfRangeError, BadRequestError: as above
    """
    message = tiles_pb2.ReadRegionRequest(image=image_id(image), as_samples=True, version=version)
    if isinstance(what, TileKey):
        message.tile.CopyFrom(messages.tile_key(what))
        return message
    message.region.CopyFrom(messages.region(what.region))
    message.size.CopyFrom(messages.size(what.size))
    message.plane = plane_index(what.plane)
    return message


def region_samples_request(image: str, view: View, version: str) -> tiles_pb2.GetRegionRequest:
    """The message that asks for samples that fit into one answer.

    :raises ImageNotFoundError, TileOutOfRangeError, BadRequestError: as above
    """
    return tiles_pb2.GetRegionRequest(
        image=image_id(image),
        region=messages.region(view.region),
        size=messages.size(view.size),
        plane=plane_index(view.plane),
        as_samples=True,
        version=version,
    )


def tiles_request(image: str, keys: Sequence[TileKey], version: str) -> tiles_pb2.GetTilesRequest:
    """The message that asks for tiles, without saying how they are wanted.

    :raises ImageNotFoundError, TileOutOfRangeError: as above
    """
    return tiles_pb2.GetTilesRequest(
        image=image_id(image), keys=[messages.tile_key(key) for key in keys], version=version
    )


def refinements_request(image: str, key: TileKey, offset: int, version: str) -> tiles_pb2.StreamRefinementsRequest:
    """The message that asks for the rest of a codestream.

    :raises ImageNotFoundError, TileOutOfRangeError, BadRequestError: as above
    """
    if not -(2**63) <= offset < 2**63:
        message = f"offset {offset}: no codestream is so long"
        raise BadRequestError(message)
    return tiles_pb2.StreamRefinementsRequest(
        image=image_id(image), key=messages.tile_key(key), offset=offset, version=version
    )


def image_id(text: str) -> str:
    """An id or a name that a message can hold.

    :raises ImageNotFoundError: it is no Unicode, so nothing is called so
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        message = f"no image {text!a}"
        raise ImageNotFoundError(message) from error
    return text


def plane_index(plane: int) -> int:
    """The index of a plane, as a message can hold it.

    :raises TileOutOfRangeError: no image has so many
    """
    messages.tile_key(TileKey(0, 0, 0, plane))
    return plane


def _int32(value: int | None, name: str) -> int | None:
    if value is not None:
        try:
            messages.region(Region(value, 0, 0, 0))
        except BadRequestError:
            message = f"{name} {value}: no picture is so large"
            raise BadRequestError(message) from None
    return value
