"""An export as a whole: what is exported, what is to be done, and where it goes."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from medtiles.core.pyramid import ImageInfo
from medtiles.export.making import Engine
from medtiles.export.place import Place
from medtiles.export.running import Work


class Subject(NamedTuple):
    """What is exported."""

    engine: Engine
    image: str
    info: ImageInfo
    paths: tuple[Path, ...]
    """Its files."""


class Job(NamedTuple):
    """An export that can be begun, or gone on with."""

    work: Work
    place: Place


def journal_of(path: Path) -> Path:
    """The journal of an export to a file or folder."""
    return path.with_name(f".{path.name}.export")
