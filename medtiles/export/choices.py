"""What a user may choose of an export."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medtiles.core.pyramid import ImageInfo
from medtiles.core.rendering import Rendering
from medtiles.core.view import Finish, Request, View
from medtiles.protocols.formats import media_type
from medtiles.protocols.kept import rendering_of


@dataclass(frozen=True, slots=True)
class Choices:
    """How an image is exported."""

    layout: str
    destination: Path
    """The file or folder; layouts of several files side by side take its name for theirs."""
    suffix: str = ""
    """Of tiles; empty: JPEG, as the layout spells it."""
    quality: int | None = None
    """1 to 100; None: stored bytes as they are, and the codec's default for others."""
    tile_size: int | None = None
    overlap: int = 0
    plane: int = 0
    rendering: str = ""
    """As addresses say it, such as `channels=DAPI:p1-p99&blend=add`."""
    address: str = ""
    """Where it will be found, for documents that tell."""
    threads: int = 0
    """0: one for each processor."""
    spacing_um: float | None = None
    """Micrometres per pixel, in place of what the image tells or does not."""
    is_forced: bool = False
    """Whether what is there may be replaced."""

    def header(self, info: ImageInfo) -> Mapping[str, Any]:
        """What tells this export from another one, in values of JSON."""
        return {
            "medtiles export": 1,
            "layout": self.layout,
            "version": info.version,
            "suffix": self.suffix,
            "quality": self.quality,
            "tile_size": self.tile_size,
            "overlap": self.overlap,
            "plane": self.plane,
            "rendering": self.rendering,
            "address": self.address,
            "spacing_um": self.spacing_um,
        }


@dataclass(frozen=True, slots=True)
class Pictures:
    """The requests for the pictures of an export."""

    image: str
    accept: tuple[str, ...]
    quality: int | None
    rendering: Rendering | None
    is_display: bool = True
    """As people look at it; else the samples of the image."""

    def request(self, view: View, finish: Finish | None = None) -> Request:
        """What to ask an engine for."""
        return Request(
            self.image, view, self.accept, self.quality, self.is_display, finish=finish, rendering=self.rendering
        )


def pictures(choices: Choices, image: str, info: ImageInfo, suffix: str) -> Pictures:
    """How the pictures of an export are asked for.

    :raises BadRequestError: the format, the rendering or the plane make no sense for the image
    """
    info.require_plane(choices.plane)
    rendering = rendering_of(choices.rendering, info) if choices.rendering else None
    return Pictures(image, (media_type(suffix),), choices.quality, rendering)
