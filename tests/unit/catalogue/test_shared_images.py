"""The catalogue over the shared test images, with the real table of formats."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from medtiles.catalogue import CatalogueOptions, FileCatalogue
from medtiles.core.tiles import ImageQuery, ImageSummary
from medtiles.sources import formats

pytestmark = pytest.mark.corpus


@pytest.fixture(scope="module")
def catalogue(shared_data: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[FileCatalogue]:
    """All shared images, each opened once."""
    cache = tmp_path_factory.mktemp("cache")
    made = FileCatalogue([shared_data(".")], formats(cache), CatalogueOptions(cache=cache))
    made.rescan()
    made.probe()
    assert made.wait_until_known(60)
    yield made
    made.close()


def listed(catalogue: FileCatalogue) -> dict[str, ImageSummary]:
    return {image.name: image for image in catalogue.images(ImageQuery(limit=1000)).images}


def test_slides_studies_and_pictures_are_found(catalogue: FileCatalogue) -> None:
    found = listed(catalogue)
    aperio = found["CMU-1-Small-Region.svs"]
    assert (aperio.kind, aperio.format, aperio.width, aperio.height) == ("slide", "aperio", 2220, 2967)
    flair = found["sT2W/FLAIR"]
    assert (flair.kind, flair.modality, flair.planes) == ("radiology", "MR", 22)


def test_the_pictures_that_a_slide_is_made_of_are_no_images(catalogue: FileCatalogue) -> None:
    found = listed(catalogue)
    assert "slide.vms" in found
    assert not {"img.jpg", "map.jpg", "macro.jpg"} & found.keys()


def test_ids_are_unique_and_free_of_slashes(catalogue: FileCatalogue) -> None:
    page = catalogue.images(ImageQuery(limit=1000))
    ids = [image.id for image in page.images]
    assert len(set(ids)) == page.total
    assert all(image.isalnum() for image in ids)


def test_every_source_states_the_version_that_the_catalogue_computes(catalogue: FileCatalogue) -> None:
    for image in catalogue.images(ImageQuery(limit=1000)).images:
        if not image.problem:
            source = catalogue.open(image.id)
            assert source.info.version == catalogue.version(image.id), image.name
            source.close()


def test_no_conformance_codestream_is_called_damaged(
    catalogue: FileCatalogue, shared_data: Callable[[str], Path]
) -> None:
    names = {path.name for path in shared_data("codestreams").glob("*/*.j2?")}
    problems = [image.problem for name, image in listed(catalogue).items() if name in names and image.problem]
    assert len(problems) == 17
    assert [problem for problem in problems if "is not supported here: HTJ2K with" not in problem] == []


def test_no_problem_names_a_folder_of_the_server(catalogue: FileCatalogue, shared_data: Callable[[str], Path]) -> None:
    folder = str(shared_data(".").parent)
    assert [image.problem for image in catalogue.images(ImageQuery(limit=1000)).images if folder in image.problem] == []
