"""Requests for a tile, read once however often they come. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from medtiles.api.v1 import tiles_pb2
from medtiles.core.pyramid import TileKey
from medtiles.core.view import Request
from medtiles.protocols.grpc import messages
from medtiles.protocols.grpc.renditions import Rendition, rendition_of

_LONGEST_KEPT = 512
"""Bytes of a request that is remembered; nobody needs longer ones twice."""


@dataclass(frozen=True, slots=True, eq=False)
class AskedTile:
    """What a GetTileRequest asks for."""

    key: TileKey
    request: Request
    rendition: Rendition
    if_none_match: str
    version: str


def asked_tile(message: tiles_pb2.GetTileRequest) -> AskedTile:
    """What a message asks for. Looking it up by its bytes costs a fifth of reading it field by field.

    :raises BadRequestError: see `rendition_of`
    """
    serialized = message.SerializeToString()
    return _kept(serialized) if len(serialized) <= _LONGEST_KEPT else _read(serialized)


def _read(serialized: bytes) -> AskedTile:
    message = tiles_pb2.GetTileRequest.FromString(serialized)
    rendition, key = rendition_of(message.rendition), messages.tile_key_of(message.key)
    request = rendition.request(message.image, key)
    return AskedTile(key, request, rendition, message.if_none_match, message.version)


_kept = lru_cache(maxsize=4096)(_read)
