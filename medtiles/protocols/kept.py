"""Addresses that name a kept rendering: `/r/{hash}` before another address, or a hash within it. Pure."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from medtiles.core.errors import BadRequestError, ImageNotFoundError
from medtiles.core.pyramid import ImageInfo
from medtiles.core.rendering import Rendering
from medtiles.core.tiles import KeptRendering
from medtiles.protocols.parameters import read_query
from medtiles.protocols.rendering_query import PARAMETERS, RenderingWish, rendering_text, rendering_wish
from medtiles.protocols.replies import version_token

PREFIX = "/r/"
_LONE_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")


class KeptAddress(NamedTuple):
    """An address, and the hash of the rendering that it names; empty: none."""

    hash: str
    path: str


def split(path: str) -> KeptAddress:
    """The hash, and what stands behind it."""
    if not path.startswith(PREFIX):
        return KeptAddress("", path)
    name, slash, rest = path.removeprefix(PREFIX).partition("/")
    return KeptAddress(name, f"/{rest}") if slash else KeptAddress("", path)


def kept_text(query: str, info: ImageInfo) -> str:
    """The one text of a rendering that a query string, percent-encoded or not, asks for.

    :raises BadRequestError: it makes no sense, or changes nothing
    """
    return rendering_text(rendering_of(query, info))


def rendering_of(query: str, info: ImageInfo) -> Rendering:
    """The rendering that a query string, percent-encoded or not, asks for and nothing besides.

    :raises BadRequestError: it makes no sense, or changes nothing
    """
    words = read_query(_LONE_PERCENT.sub("%25", query).encode("utf-8", "replace"))
    unknown = words.keys() - PARAMETERS
    if unknown:
        message = f"{min(unknown)[:40]!a} is no parameter of a rendering; there are {', '.join(sorted(PARAMETERS))}"
        raise BadRequestError(message)
    wish = rendering_wish(words)
    rendering = None if wish is None else wish.of(info)
    if rendering is None:
        message = f"the rendering {query[:80]!a} changes nothing"
        raise BadRequestError(message)
    return rendering


def wish_of(kept: KeptRendering) -> RenderingWish | None:
    """The rendering that is kept."""
    return rendering_wish(read_query(kept.text.replace("%", "%25").encode("utf-8", "replace")))


def chosen(address: Any, kept: KeptRendering) -> Any:  # noqa: ANN401 - each protocol has its own address
    """The address of a tile with the rendering as if it were written there, and the version it was made for.

    :raises ImageNotFoundError: it is of another image
    :raises BadRequestError: the address asks for a rendering of its own, too, or cannot have one
    """
    if kept.image != address.image:
        message = f"rendering {kept.hash} is of another image"
        raise ImageNotFoundError(message)
    take = getattr(address.choices, "with_rendering", None)
    if take is None:
        message = "addresses of this protocol name no kept renderings"
        raise BadRequestError(message)
    return address._replace(choices=take(wish_of(kept), version_token(kept.version)))
