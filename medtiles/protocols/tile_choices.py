"""What the query string of a tile may choose, whatever the protocol."""

from __future__ import annotations

from typing import NamedTuple

from medtiles.core.display import Windowing
from medtiles.core.errors import BadRequestError
from medtiles.core.pyramid import ImageInfo
from medtiles.core.view import Finish, Request, View
from medtiles.protocols import parameters
from medtiles.protocols.parameters import Query
from medtiles.protocols.rendering_query import RenderingWish, rendering_wish


class TileChoices(NamedTuple):
    """The choices that make sense for any tile."""

    quality: int | None = None
    plane: int = 0
    windowing: Windowing | None = None
    version: str | None = None
    rendering: RenderingWish | None = None
    kept: str = ""
    """The hash of a kept rendering that the address names."""

    def with_rendering(self, rendering: RenderingWish | None, version: str) -> TileChoices:
        """The same with a rendering of the image in this version.

        :raises BadRequestError: another one is chosen already
        """
        if self.rendering is not None or self.windowing is not None:
            message = "the address names a kept rendering, and asks for another one in its query string"
            raise BadRequestError(message)
        return self._replace(rendering=rendering, version=self.version or version)

    def request(
        self, image: str, view: View, media_type: str, info: ImageInfo, finish: Finish | None = None
    ) -> Request:
        """What to ask the engine for.

        :raises BadRequestError: the image has no such channel
        """
        rendering = None if self.rendering is None else self.rendering.of(info)
        return Request(
            image, view, (media_type,), self.quality, windowing=self.windowing, finish=finish, rendering=rendering
        )


def read_tile_choices(query_string: bytes) -> TileChoices:
    """The choices of a query string; unknown parameters are for others.

    :raises BadRequestError: one makes no sense
    """
    if not query_string:
        return TileChoices()
    return tile_choices(parameters.read_query(query_string))


def tile_choices(query: Query) -> TileChoices:
    """The same of a query string that has been read.

    :raises BadRequestError: one makes no sense
    """
    window, rendering = parameters.windowing(query), rendering_wish(query)
    return TileChoices(parameters.quality(query), parameters.plane(query) or 0, window, query.get("v"), rendering)
