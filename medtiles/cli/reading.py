"""`medtiles info`, `tile` and `region`: one image, by the same engine that serves."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from rich.console import Console
from rich.table import Table

from medtiles.app.logs import set_up_logs
from medtiles.app.parts import Engine, build_engine
from medtiles.cli.errors import CommandError, UsageError
from medtiles.cli.output import SAMPLES, media_type, require_writable, samples_file, write
from medtiles.core.geometry import Region, Size
from medtiles.core.pyramid import ImageInfo, TileKey
from medtiles.core.tiles import ImageQuery
from medtiles.core.view import AssociatedName, Request, View
from medtiles.protocols.documents import image_document
from medtiles.protocols.kept import rendering_of
from medtiles.settings import load


@dataclass(frozen=True, slots=True)
class Wish:
    """A picture that somebody wants in a file."""

    file: Path
    out: Path
    accept: tuple[str, ...]
    """Media types; empty: what the suffix of `out` says."""
    is_forced: bool
    quality: int | None = None
    rendering: str = ""
    """As addresses say it."""


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """The whole of an image, no larger than so many pixels a side."""

    side: int
    plane: int

    def view(self, info: ImageInfo) -> View:
        """Of an image."""
        return View(Region(0, 0, info.size.width, info.size.height), info.size.fitted(self.side), self.plane)


def view(region: Region, size: str | None, plane: int) -> View:
    """A region at a size written as W,H.

    :raises UsageError: the size is nothing of the kind
    """
    if size is None:
        return View(region, region.size, plane)
    try:
        width, height = (int(word) for word in size.split(","))
    except ValueError as error:
        message = f"--size {size}: W,H is wanted, such as 800,600"
        raise UsageError(message) from error
    return View(region, Size(width, height), plane)


def print_info(file: Path, config: Path | None, *, as_json: bool) -> None:
    """Print what the server would say of an image."""
    with opened(file, config) as (engine, image):
        info = engine.info(image)
        document = image_document(image, info)
    if as_json:
        print(json.dumps(document, indent=2))  # noqa: T201 - the command's answer
        return
    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    for name, value in _facts(image, info):
        console.print(f"{name:<12} {value}")
    console.print(_levels(info))


def write_picture(wish: Wish, what: TileKey | View | AssociatedName | Thumbnail, config: Path | None) -> None:
    """Write a part of an image to a file, in the encoding that is wanted."""
    with opened(wish.file, config) as (engine, image):
        originals = engine.catalogue.paths(image)
        require_writable(wish.out, originals, is_forced=wish.is_forced)
        part = what.view(engine.info(image)) if isinstance(what, Thumbnail) else what
        if wish.out.suffix.lower() in SAMPLES and not wish.accept:
            if isinstance(part, AssociatedName) or wish.rendering or wish.quality is not None:
                message = (
                    f"{wish.out} holds samples as they are stored, without --associated, --rendering and --quality"
                )
                raise UsageError(message)
            data = samples_file(engine.samples(image, part).samples, wish.out.suffix.lower())
        else:
            accept = wish.accept or (media_type(wish.out),)
            rendering = rendering_of(wish.rendering, engine.info(image)) if wish.rendering else None
            data = engine.produce(Request(image, part, accept, wish.quality, rendering=rendering)).data
    write(wish.out, data, is_forced=wish.is_forced)


@contextmanager
def opened(
    file: Path, config: Path | None, more: Mapping[str, object] = MappingProxyType({})
) -> Iterator[tuple[Engine, str]]:
    """An engine over one file or folder, and the id of the one image in it.

    :param more: settings that suit the command
    :raises CommandError: there is no image in it, or several
    """
    set_up_logs()
    settings = load({"roots": [file], "scan_threads": 0, **more}, config=config).settings
    engine = build_engine(settings)
    try:
        engine.catalogue.rescan()
        yield engine, _only_image(engine, file)
    finally:
        engine.close()


def _only_image(engine: Engine, file: Path) -> str:
    page = engine.images(ImageQuery(limit=3))
    if page.total == 1:
        return page.images[0].id
    if page.total == 0:
        message = f"{file} is no image that can be opened; `medtiles doctor` lists the formats"
        raise CommandError(message)
    names = ", ".join(image.name for image in page.images)
    more = " and others" if page.total > len(page.images) else ""
    message = f"{file} holds {page.total} images ({names}{more}); name a file of one of them"
    raise CommandError(message)


def _facts(image: str, info: ImageInfo) -> Iterator[tuple[str, object]]:
    pixels = info.pixels
    yield "name", info.name
    yield "id", image
    yield "kind", f"{info.kind}, {info.format}"
    yield "size", f"{info.size.width} x {info.size.height} pixels"
    yield "pixels", f"{pixels.samples_per_pixel} x {pixels.bits_stored} bit, {pixels.photometric}"
    yield "planes", len(info.planes)
    if info.spacing_mm is not None:
        yield "spacing", f"{info.spacing_mm[0] * 1000:.4g} x {info.spacing_mm[1] * 1000:.4g} micrometres"
    if info.objective_power is not None:
        yield "objective", f"{info.objective_power:g}x"
    if info.associated:
        yield "associated", ", ".join(f"{each.name} {each.size.width} x {each.size.height}" for each in info.associated)
    if info.dicom is not None:
        yield "modality", info.dicom.modality
        yield "series", info.dicom.series_uid
    yield "version", info.version


def _levels(info: ImageInfo) -> Table:
    table = Table("level", "width", "height", "downsample", "tiles", "tile size", "stored as", box=None, pad_edge=False)
    for number, level in enumerate(info.levels):
        table.add_row(
            str(number),
            str(level.size.width),
            str(level.size.height),
            f"{level.downsample:g}",
            f"{level.grid.width} x {level.grid.height}",
            f"{level.tile_size.width} x {level.tile_size.height}",
            level.media_type or "samples",
        )
    return table
