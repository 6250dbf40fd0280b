"""What the query string of a tile may choose, whatever the protocol."""

from __future__ import annotations

from typing import NamedTuple

from medtiles.core.display import Windowing
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
