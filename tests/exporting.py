"""Exports an image file by library call."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medtiles.app.parts import Engine, build_engine
from medtiles.core.geometry import Region, Size
from medtiles.core.pyramid import ImageInfo
from medtiles.core.tiles import ImageQuery
from medtiles.core.view import View
from medtiles.export.choices import Choices
from medtiles.export.exporting import export
from medtiles.settings import Settings


class Silent:
    """Nobody looks on."""

    def begin(self, tiles: int, done: int) -> None:
        """See `Progress`."""

    def advance(self, tiles: int, size: int) -> None:
        """See `Progress`."""


class Opened:
    """An image file and its engine."""

    def __init__(self, file: Path, cache: Path) -> None:
        self.file = file
        self.engine: Engine = build_engine(Settings(roots=(file,), cache=cache))
        self.engine.catalogue.rescan()
        (self.image,) = (each.id for each in self.engine.images(ImageQuery()).images)

    @property
    def info(self) -> ImageInfo:
        return self.engine.info(self.image)

    def samples(self, plane: int = 0, size: Size | None = None) -> NDArray[np.generic]:
        """Of a whole plane, at a size."""
        full = self.info.size
        view = View(Region(0, 0, full.width, full.height), size or full, plane)
        return self.engine.samples(self.image, view).samples

    def export(self, layout: str, destination: Path, **more: object) -> Path:
        choices = Choices(layout, destination, **more)  # type: ignore[arg-type]
        return export(self.engine, self.image, choices, [self.file], Silent())
