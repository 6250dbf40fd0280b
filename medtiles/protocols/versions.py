"""Addresses that name a version of an image, so that nobody ever sees two versions mixed in one view."""

from __future__ import annotations

from medtiles.core.errors import ImageNotFoundError
from medtiles.core.pyramid import ImageInfo
from medtiles.protocols.replies import FOREVER, REVALIDATE, version_token


def require_version(token: str | None, info: ImageInfo) -> None:
    """Refuse an address that names another version than the present one.

    :raises ImageNotFoundError: the image has changed
    """
    if token is not None and token != version_token(info.version):
        message = "the image has changed since it was opened; open it again"
        raise ImageNotFoundError(message)


def caching(token: str | None, max_age: int = 0) -> str:
    """The Cache-Control of a picture: for ever when its address names the version.

    `max_age`: seconds that an address without a version may be kept unasked.
    """
    if token is not None:
        return FOREVER
    return f"private, max-age={max_age}" if max_age else REVALIDATE
