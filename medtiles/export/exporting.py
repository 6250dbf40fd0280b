"""One image into static files, in any of the layouts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from medtiles.export.choices import Choices, pictures
from medtiles.export.dicom import dicom
from medtiles.export.job import Job, Subject, journal_of
from medtiles.export.journal import Journal
from medtiles.export.layouts import LAYOUTS
from medtiles.export.making import Engine, PictureForm, PyramidMaker
from medtiles.export.model import Sink, TileSet, Wanted
from medtiles.export.place import Place
from medtiles.export.running import Progress, Work, run
from medtiles.export.sinks.folder import FolderSink
from medtiles.export.sinks.growing_file import part_of
from medtiles.export.sinks.zip_archive import ZipSink
from medtiles.export.tiff import iip_tiff, ome_tiff


def export(engine: Engine, image: str, choices: Choices, originals: Sequence[Path], progress: Progress) -> Path:
    """Write an export; gives the file that is to be opened.

    :param originals: the files of the image, which are never written over
    :raises ExportError: there is something else in the place of the export
    :raises BadRequestError: a choice makes no sense for the image
    :raises OSError: it cannot be written; what is done so far is gone on with another time
    :raises MedTilesError, TranscodeError: a tile cannot be made
    """
    info = engine.info(image)
    if choices.spacing_um is not None:
        info = replace(info, spacing_mm=(choices.spacing_um / 1000, choices.spacing_um / 1000))
    job = JOBS[choices.layout](Subject(engine, image, info, tuple(originals)), choices)
    job.place.clear(originals, is_forced=choices.is_forced)
    job.place.journal.parent.mkdir(parents=True, exist_ok=True)
    run(job.work, Journal(job.place.journal, choices.header(info)), progress, choices.threads)
    return job.place.document


def _tiles(make: Callable[[Wanted], TileSet], usual: str, subject: Subject, choices: Choices) -> Job:
    """Tiles as files of a folder.

    :param usual: suffix of JPEG
    """
    place = choices.destination
    tiles, work = _tile_set(make, usual, subject, choices)
    folder = place.parent if tiles.tops else place
    parts = tuple(folder / top for top in tiles.tops) or (place,)
    return Job(work(FolderSink(folder, tiles), place), Place(folder / tiles.document, parts, journal_of(place)))


def _tiles_in_archive(make: Callable[[Wanted], TileSet], usual: str, subject: Subject, choices: Choices) -> Job:
    """Tiles as members of a ZIP archive."""
    place = choices.destination
    tiles, work = _tile_set(make, usual, subject, choices)
    archive = place if place.suffix.lower() == ".zip" else place.with_name(f"{place.name}.zip")
    sink = ZipSink(archive, tiles)
    return Job(work(sink, archive), Place(archive, (archive,), journal_of(archive), (part_of(archive),)))


def _tile_set(
    make: Callable[[Wanted], TileSet], usual: str, subject: Subject, choices: Choices
) -> tuple[TileSet, Callable[[Sink, Path], Work]]:
    """The tiles, and what is to be done to bring them to a sink."""
    suffix = choices.suffix or usual
    asked = pictures(choices, subject.image, subject.info, suffix)
    name = choices.destination.name.removesuffix(".zip").removesuffix(".dzi")
    wanted = Wanted(
        subject.info, name, suffix, choices.plane, choices.tile_size, choices.overlap, choices.address.rstrip("/")
    )
    tiles = make(wanted)

    def work(sink: Sink, place: Path) -> Work:
        maker = PyramidMaker(
            subject.engine, PictureForm(subject.engine, asked), tiles, choices.plane, journal_of(place)
        )
        return Work(sum(grid.area for grid in tiles.grids), maker, sink)

    return tiles, work


JOBS: Mapping[str, Callable[[Subject, Choices], Job]] = {
    "dz": partial(_tiles, LAYOUTS["dz"], "jpeg"),
    "dz-zip": partial(_tiles_in_archive, LAYOUTS["dz"], "jpeg"),
    "zoomify": partial(_tiles, LAYOUTS["zoomify"], "jpg"),
    "google": partial(_tiles, LAYOUTS["google"], "jpg"),
    "iiif3": partial(_tiles, LAYOUTS["iiif3"], "jpg"),
    "iip-tiff": iip_tiff,
    "ome-tiff": ome_tiff,
    "dicom": dicom,
}
"""The layouts, as users name them."""
