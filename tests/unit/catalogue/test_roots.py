"""Nothing outside the served folders is ever opened."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from medtiles.core.errors import DamagedImageError, ImageNotFoundError
from medtiles.core.tiles import ImageQuery
from tests.unit.catalogue.conftest import FakeFormat, MakeCatalogue


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A file that is not served."""
    path = tmp_path / "outside" / "secret.fake"
    path.parent.mkdir()
    path.write_text("7 7")
    return path


def names_of(make: MakeCatalogue, *roots: Path) -> list[str]:
    return [image.name for image in make(*roots).images(ImageQuery()).images]


def test_a_symbolic_link_that_leads_out_is_refused(root: Path, outside: Path, catalogue_of: MakeCatalogue) -> None:
    (root / "link.fake").symlink_to(outside)
    (root / "folder").symlink_to(outside.parent)
    assert names_of(catalogue_of, root) == []


def test_a_folder_whose_name_begins_like_the_root_is_outside(root: Path, catalogue_of: MakeCatalogue) -> None:
    neighbour = root.with_name(root.name + "-private")
    neighbour.mkdir()
    (neighbour / "a.fake").write_text("3 4")
    (root / "link.fake").symlink_to(neighbour / "a.fake")
    assert names_of(catalogue_of, root) == []


def test_a_symbolic_link_within_the_root_is_followed_when_its_file_is_not_listed(
    root: Path, catalogue_of: MakeCatalogue
) -> None:
    (root / ".store").mkdir()
    (root / ".store" / "abc.fake").write_text("3 4")
    (root / "shown.fake").symlink_to(root / ".store" / "abc.fake")
    assert names_of(catalogue_of, root) == ["shown.fake"]


def test_a_file_with_symbolic_links_to_it_is_listed_once(root: Path, catalogue_of: MakeCatalogue) -> None:
    (root / "b.fake").write_text("3 4")
    (root / "a.fake").symlink_to(root / "b.fake")
    (root / "folder").symlink_to(root)
    assert names_of(catalogue_of, root) == ["b.fake"]


def test_links_in_a_circle_end(root: Path, catalogue_of: MakeCatalogue) -> None:
    (root / "one").mkdir()
    (root / "two").mkdir()
    (root / "one" / "to-two").symlink_to(root / "two")
    (root / "two" / "to-one").symlink_to(root / "one")
    (root / "self.fake").symlink_to(root / "self.fake")
    (root / "one" / "a.fake").write_text("3 4")
    assert names_of(catalogue_of, root) == ["a.fake"]


def test_fifos_sockets_and_devices_are_left_alone(
    root: Path, catalogue_of: MakeCatalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(root / "fifo.fake")
    monkeypatch.chdir(root)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.fake")
        assert names_of(catalogue_of, root) == []


def test_a_link_put_in_the_place_of_a_file_is_not_opened(
    root: Path, outside: Path, catalogue_of: MakeCatalogue, fake: FakeFormat
) -> None:
    (root / "a.fake").write_text("3 4")
    catalogue = catalogue_of(root)
    image = catalogue.images(ImageQuery()).images[0].id
    (root / "a.fake").unlink()
    (root / "a.fake").symlink_to(outside)
    with pytest.raises(ImageNotFoundError, match="gone"):
        catalogue.open(image)
    assert fake.opened == []


def test_a_link_put_in_the_place_of_a_folder_is_not_followed(
    root: Path, outside: Path, catalogue_of: MakeCatalogue, fake: FakeFormat
) -> None:
    (root / "sub").mkdir()
    (root / "sub" / "secret.fake").write_text("3 4")
    catalogue = catalogue_of(root)
    image = catalogue.images(ImageQuery()).images[0].id
    (root / "sub").rename(root.parent / "moved")
    (root / "sub").symlink_to(outside.parent)
    with pytest.raises(ImageNotFoundError, match="gone"):
        catalogue.open(image)
    assert fake.opened == []


def test_a_fifo_put_in_the_place_of_a_file_does_not_hang(root: Path, catalogue_of: MakeCatalogue) -> None:
    (root / "a.fake").write_text("3 4")
    catalogue = catalogue_of(root)
    image = catalogue.images(ImageQuery()).images[0].id
    (root / "a.fake").unlink()
    os.mkfifo(root / "a.fake")
    with pytest.raises(ImageNotFoundError, match="gone"):
        catalogue.open(image)


def test_a_file_swapped_between_check_and_open_is_never_served(
    root: Path, outside: Path, catalogue_of: MakeCatalogue, fake: FakeFormat
) -> None:
    path = root / "a.fake"
    path.write_text("3 4")
    catalogue = catalogue_of(root)
    image = catalogue.images(ImageQuery()).images[0].id

    def swap(_: Path) -> None:
        path.rename(root / "kept")
        path.symlink_to(outside)

    def swap_back(_: Path) -> None:
        path.unlink()
        (root / "kept").rename(path)

    fake.before, fake.after = swap, swap_back
    with pytest.raises(DamagedImageError, match="changes all the time"):
        catalogue.open(image)
    assert len(fake.opened) == 3


def test_a_root_that_is_itself_a_link_is_served(root: Path, catalogue_of: MakeCatalogue) -> None:
    (root / "a.fake").write_text("3 4")
    link = root.with_name("link")
    link.symlink_to(root)
    assert names_of(catalogue_of, link) == ["a.fake"]
