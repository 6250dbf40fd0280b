"""Files that belong to a slide are no images of their own, and lead nowhere outside."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from medtiles.catalogue import FileCatalogue
from medtiles.core.errors import DamagedImageError
from medtiles.core.tiles import ImageQuery
from tests.unit.catalogue.conftest import FakeFormat, MakeCatalogue

SUFFIXES = (".mrxs", ".vms", ".jpg", ".ome.tif", ".dat")


@pytest.fixture
def names_in(root: Path, catalogue_of: MakeCatalogue) -> Callable[[], list[str]]:
    """Lists a folder in which all files of slides would be recognised."""

    def find() -> list[str]:
        catalogue = catalogue_of(root, formats=[FakeFormat(suffixes=SUFFIXES)])
        return [image.name for image in catalogue.images(ImageQuery()).images]

    return find


def opened(catalogue: FileCatalogue, name: str) -> None:
    (image,) = catalogue.images(ImageQuery(search=name)).images
    catalogue.open(image.id).close()


def test_the_folder_of_a_mirax_slide_is_hidden(root: Path, names_in: Callable[[], list[str]]) -> None:
    (root / "slide.mrxs").write_text("3 4")
    (root / "slide" / "deep").mkdir(parents=True)
    for name in ("slide/Data0000.dat", "slide/preview.jpg", "slide/deep/tile.jpg", "other.jpg"):
        (root / name).write_text("3 4")
    (root / "slide" / "Slidedat.ini").write_text("[DATAFILE]\nFILE_0 = Data0000.dat\n")
    assert names_in() == ["other.jpg", "slide.mrxs"]


def test_the_pictures_of_a_vms_slide_are_hidden(root: Path, names_in: Callable[[], list[str]]) -> None:
    (root / "slide.vms").write_text(
        "[Virtual Microscope Specimen]\r\nImageFile=img.jpg\r\nImageFile(1,0)=img10.jpg\r\nMapFile=map.jpg\r\n"
        "MacroImage=macro.jpg\r\nOptimisationFile=\r\nSourceLens=20\r\n"
    )
    for name in ("img", "img10", "map", "macro", "other"):
        (root / f"{name}.jpg").write_text("3 4")
    assert names_in() == ["other.jpg", "slide.vms"]


def test_the_tiles_of_a_deep_zoom_image_are_hidden(root: Path, names_in: Callable[[], list[str]]) -> None:
    (root / "scan.dzi").write_text("<Image/>")
    (root / "scan_files" / "0").mkdir(parents=True)
    (root / "scan_files" / "0" / "0_0.jpg").write_text("3 4")
    assert names_in() == []


def test_ome_tiffs_that_name_one_another_are_images_each(root: Path, names_in: Callable[[], list[str]]) -> None:
    for name in ("a.ome.tif", "b.ome.tif"):
        (root / name).write_bytes(b'II*\0 <UUID FileName="a.ome.tif"/><UUID FileName="b.ome.tif"/>')
    assert names_in() == ["a.ome.tif", "b.ome.tif"]


def test_a_vms_slide_that_names_a_file_outside_is_refused(
    root: Path, catalogue_of: MakeCatalogue, tmp_path: Path
) -> None:
    (tmp_path / "secret.jpg").write_text("3 4")
    (root / "slide.vms").write_text("[Virtual Microscope Specimen]\nImageFile=../secret.jpg\n")
    with pytest.raises(DamagedImageError, match=r"slide\.vms refers to a file outside the served folders"):
        opened(catalogue_of(root, formats=[FakeFormat(suffixes=SUFFIXES)]), "slide")


def test_a_mirax_slide_whose_ini_names_a_file_outside_is_refused(root: Path, catalogue_of: MakeCatalogue) -> None:
    (root / "slide.mrxs").write_text("3 4")
    (root / "slide").mkdir()
    (root / "slide" / "Slidedat.ini").write_text("[DATAFILE]\nFILE_0 = ../../../etc/passwd\n")
    with pytest.raises(DamagedImageError, match="outside"):
        opened(catalogue_of(root, formats=[FakeFormat(suffixes=SUFFIXES)]), "slide")


def test_a_mirax_slide_whose_data_file_is_a_link_outside_is_refused(
    root: Path, catalogue_of: MakeCatalogue, tmp_path: Path
) -> None:
    (tmp_path / "secret.dat").write_text("secret")
    (root / "slide.mrxs").write_text("3 4")
    (root / "slide").mkdir()
    (root / "slide" / "Data0000.dat").symlink_to(tmp_path / "secret.dat")
    with pytest.raises(DamagedImageError, match="outside"):
        opened(catalogue_of(root, formats=[FakeFormat(suffixes=SUFFIXES)]), "slide")


def test_a_slide_served_alone_may_use_the_files_beside_it(root: Path, catalogue_of: MakeCatalogue) -> None:
    (root / "slide.mrxs").write_text("3 4")
    (root / "slide").mkdir()
    (root / "slide" / "Slidedat.ini").write_text("[DATAFILE]\nFILE_0 = Data0000.dat\n")
    (root / "slide" / "Data0000.dat").write_text("data")
    opened(catalogue_of(root / "slide.mrxs", formats=[FakeFormat(suffixes=SUFFIXES)]), "slide")
