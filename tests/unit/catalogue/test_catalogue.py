"""The catalogue: what is listed, under which ids, and how changes are noticed."""

from __future__ import annotations

import multiprocessing
import os
import re
import shutil
import threading
import time
from pathlib import Path

import pytest

from medtiles.catalogue import CatalogueOptions, FileCatalogue
from medtiles.core.errors import BadRequestError, DamagedImageError, ImageNotFoundError
from medtiles.core.tiles import ImageQuery, ImageSummary
from tests.unit.catalogue.conftest import FakeFormat, MakeCatalogue


def listed(catalogue: FileCatalogue, **query: object) -> list[ImageSummary]:
    return list(catalogue.images(ImageQuery(**query)).images)  # type: ignore[arg-type]


def names(catalogue: FileCatalogue, **query: object) -> list[str]:
    return [image.name for image in listed(catalogue, **query)]


def probed(catalogue: FileCatalogue) -> list[ImageSummary]:
    catalogue.probe()
    assert catalogue.wait_until_known(10)
    return listed(catalogue)


def test_images_of_folders_and_single_files_are_listed_by_name(root: Path, catalogue_of: MakeCatalogue) -> None:
    (root / "sub").mkdir()
    for name in ("b.fake", "A.fake", "sub/c.fake", "notes.txt"):
        (root / name).write_text("3 4")
    single = root.parent / "single.fake"
    single.write_text("3 4")
    assert names(catalogue_of(root, single)) == ["A.fake", "b.fake", "c.fake", "single.fake"]


def test_an_id_has_no_slash_and_reveals_no_path(root: Path, catalogue_of: MakeCatalogue) -> None:
    (root / "secret.fake").write_text("3 4")
    (image,) = listed(catalogue_of(root))
    assert re.fullmatch(r"[a-z2-7]{16}", image.id)


def test_ids_stay_when_the_folder_is_moved_and_scanned_anew(root: Path, catalogue_of: MakeCatalogue) -> None:
    for name in ("a.fake", "b.fake"):
        (root / name).write_text("3 4")
    before = {image.name: image.id for image in listed(catalogue_of(root))}
    moved = root.parent / "elsewhere" / root.name
    moved.parent.mkdir()
    shutil.move(root, moved)
    assert {image.name: image.id for image in listed(catalogue_of(moved))} == before


def test_a_file_given_alone_has_the_id_it_has_in_its_folder(root: Path, catalogue_of: MakeCatalogue) -> None:
    (root / "a.fake").write_text("3 4")
    assert listed(catalogue_of(root / "a.fake"))[0].id == listed(catalogue_of(root))[0].id


def test_roots_of_the_same_name_keep_their_images_apart_in_any_order(
    tmp_path: Path, catalogue_of: MakeCatalogue
) -> None:
    roots = [tmp_path / "x" / "slides", tmp_path / "y" / "slides"]
    for number, folder in enumerate(roots):
        folder.mkdir(parents=True)
        (folder / "a.fake").write_text(f"3 {number + 1}")
    first = {image.height: image.id for image in probed(catalogue_of(*roots))}
    second = {image.height: image.id for image in probed(catalogue_of(*reversed(roots)))}
    assert len(first) == 2
    assert first == second


def test_a_root_within_another_lists_nothing_twice(root: Path, catalogue_of: MakeCatalogue) -> None:
    (root / "sub").mkdir()
    (root / "sub" / "a.fake").write_text("3 4")
    assert names(catalogue_of(root / "sub", root, root / "sub" / "a.fake")) == ["a.fake"]


def test_a_root_that_does_not_exist_is_refused(tmp_path: Path, fake: FakeFormat) -> None:
    with pytest.raises(ImageNotFoundError, match="nowhere does not exist"):
        FileCatalogue([tmp_path / "nowhere"], [fake])


@pytest.mark.parametrize(
    "name", [".hidden.fake", "a.fake.part", "a.fake.zip", "a.fake~", ".git/a.fake", "@eaDir/a.fake", "empty.fake"]
)
def test_hidden_unfinished_archived_and_empty_files_are_left_out(
    root: Path, catalogue_of: MakeCatalogue, name: str
) -> None:
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_text("" if name.startswith("empty") else "3 4")
    catch_all = FakeFormat(suffixes=("",))
    assert names(catalogue_of(root, formats=[catch_all])) == []


def test_sizes_are_learned_in_the_background(root: Path, catalogue_of: MakeCatalogue) -> None:
    (root / "a.fake").write_text("30 40")
    catalogue = catalogue_of(root)
    assert listed(catalogue)[0].width == 0
    (image,) = probed(catalogue)
    assert (image.kind, image.format, image.width, image.height, image.problem) == ("picture", "fake", 30, 40, "")


def test_a_broken_file_is_listed_with_its_problem(root: Path, catalogue_of: MakeCatalogue) -> None:
    (root / "a.fake").write_text("broken")
    (image,) = probed(catalogue_of(root))
    assert image.problem == "a.fake is broken"


@pytest.mark.parametrize("content", ["other", "not supported"])
def test_a_file_that_nothing_here_opens_is_not_called_damaged(
    root: Path, catalogue_of: MakeCatalogue, content: str
) -> None:
    (root / "a.fake").write_text(content)
    (image,) = probed(catalogue_of(root))
    told = {"other": "not supported here: a.fake is of another format"}
    assert image.problem == told.get(content, "a.fake is not supported here: it says so")


def test_a_fault_in_a_source_is_told_without_its_details(root: Path, catalogue_of: MakeCatalogue) -> None:
    (root / "a.fake").write_text("bug")
    (image,) = probed(catalogue_of(root))
    assert image.problem == "the file cannot be opened (KeyError)"


def test_a_file_that_cannot_be_read_is_listed_with_its_problem(
    root: Path, catalogue_of: MakeCatalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "a.fake").write_text("3 4")

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("medtiles.catalogue.roots._open", refuse)
    (image,) = listed(catalogue_of(root))
    assert image.problem == "the file cannot be read: Permission denied"


def test_the_next_format_is_tried_when_the_first_refuses(
    root: Path, catalogue_of: MakeCatalogue, fake: FakeFormat
) -> None:
    class Refusing(FakeFormat):
        def open(self, paths: object) -> object:  # type: ignore[override]
            self.before(Path())
            from medtiles.core.errors import UnsupportedFormatError

            raise UnsupportedFormatError("not mine")

    (root / "a.fake").write_text("3 4")
    (image,) = probed(catalogue_of(root, formats=[Refusing("first"), fake]))
    assert (image.format, image.width) == ("fake", 3)


def test_listing_is_paged_and_filtered(root: Path, catalogue_of: MakeCatalogue) -> None:
    for number in range(5):
        (root / f"Slide-{number}.fake").write_text("3 4")
    catalogue = catalogue_of(root)
    probed(catalogue)
    page = catalogue.images(ImageQuery(offset=1, limit=2, search="slide", kind="picture"))
    assert ([image.name for image in page.images], page.total) == (["Slide-1.fake", "Slide-2.fake"], 5)
    assert names(catalogue, search="-4") == ["Slide-4.fake"]
    assert names(catalogue, kind="slide") == []
    assert names(catalogue, study_uid="1.2") == []
    assert names(catalogue, offset=7) == []


def test_an_image_is_found_by_its_path_below_a_root(tmp_path: Path, catalogue_of: MakeCatalogue) -> None:
    root, sibling = tmp_path / "data" / "slides", tmp_path / "data" / "slides2"
    for folder in (root / "a b", sibling):
        folder.mkdir(parents=True)
        (folder / "x.fake").write_bytes(b"fake")
    (root / "top.fake").write_bytes(b"fake")
    catalogue = catalogue_of(root)

    def named(path: str) -> list[str]:
        return [image.name for image in catalogue.images(ImageQuery(path=path)).images]

    assert (named("a b/x.fake"), named("top.fake")) == (["x.fake"], ["top.fake"])
    hostile = (
        "x.fake",
        "a b",
        "../slides2/x.fake",
        "2/x.fake",
        str(root / "top.fake"),
        "/top.fake",
        "./top.fake",
        "a b/../top.fake",
        "a b//x.fake",
        "top.fake\0",
        "top.fake/",
        "\udcff",
        "TOP.fake",
    )
    for path in hostile:
        assert named(path) == []


def test_a_negative_offset_is_refused(root: Path, catalogue_of: MakeCatalogue) -> None:
    with pytest.raises(BadRequestError, match="offset"):
        catalogue_of(root).images(ImageQuery(offset=-1))


def test_scanning_is_told_until_the_first_scan_is_over(root: Path, fake: FakeFormat) -> None:
    catalogue = FileCatalogue([root], [fake])
    assert catalogue.images(ImageQuery()).is_scanning
    catalogue.rescan()
    assert not catalogue.images(ImageQuery()).is_scanning
    catalogue.close()


def test_new_changed_and_removed_files_are_noticed(root: Path, catalogue_of: MakeCatalogue) -> None:
    for name in ("changed.fake", "removed.fake", "same.fake"):
        (root / name).write_text("3 4")
    catalogue = catalogue_of(root)
    probed(catalogue)
    (root / "changed.fake").write_text("50 60")
    (root / "removed.fake").unlink()
    (root / "new.fake").write_text("3 4")
    assert catalogue.rescan()
    assert {image.name: image.width for image in probed(catalogue)} == {
        "changed.fake": 50,
        "new.fake": 3,
        "same.fake": 3,
    }


def test_nothing_is_opened_again_when_nothing_has_changed(
    root: Path, catalogue_of: MakeCatalogue, fake: FakeFormat
) -> None:
    (root / "a.fake").write_text("3 4")
    catalogue = catalogue_of(root)
    probed(catalogue)
    assert not catalogue.rescan()
    probed(catalogue)
    assert fake.opened == ["a.fake"]


def test_the_watching_thread_finds_images_by_itself(root: Path, fake: FakeFormat) -> None:
    seen = threading.Event()
    fake.after = lambda path: seen.set()
    (root / "a.fake").write_text("3 4")
    catalogue = FileCatalogue([root], [fake], CatalogueOptions(interval=0.01))
    catalogue.start()
    assert seen.wait(10)
    seen.clear()
    (root / "b.fake").write_text("3 4")
    assert seen.wait(10)
    catalogue.close()


def test_version_is_that_of_the_open_source_and_follows_the_file(
    root: Path, catalogue_of: MakeCatalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    (root / "a.fake").write_text("3 4")
    catalogue = catalogue_of(root)
    image = listed(catalogue)[0].id
    before = catalogue.version(image)
    assert catalogue.open(image).info.version == before
    (root / "a.fake").write_text("5 6")
    now[0] += 1.1
    assert catalogue.version(image) != before
    assert catalogue.version(image) == catalogue.open(image).info.version


def test_a_file_that_is_gone_is_not_found(root: Path, catalogue_of: MakeCatalogue) -> None:
    (root / "a.fake").write_text("3 4")
    catalogue = catalogue_of(root)
    image = listed(catalogue)[0].id
    (root / "a.fake").unlink()
    with pytest.raises(ImageNotFoundError, match=r"a\.fake is gone"):
        catalogue.open(image)
    with pytest.raises(ImageNotFoundError, match=r"a\.fake is gone"):
        catalogue.version(image)


@pytest.mark.parametrize("image", ["", "..", "../../etc/passwd", "%2e%2e", "a\0b", "/etc/passwd", "x" * 5000])
def test_hostile_ids_are_not_found(root: Path, catalogue_of: MakeCatalogue, image: str) -> None:
    with pytest.raises(ImageNotFoundError) as caught:
        catalogue_of(root).open(image)
    assert len(str(caught.value)) < 300


def test_an_image_that_another_process_has_found_is_found_on_demand(
    root: Path, catalogue_of: MakeCatalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    mine = catalogue_of(root)
    (root / "new.fake").write_text("3 4")
    image = listed(catalogue_of(root))[0].id
    with pytest.raises(ImageNotFoundError):
        mine.open(image)  # has looked a moment ago
    now[0] += 10
    assert mine.open(image).info.name == "new.fake"


def test_names_show_no_control_characters(root: Path, catalogue_of: MakeCatalogue) -> None:
    (root / "a\r\nSet-Cookie: x\x1b[31m.fake").write_text("3 4")
    assert names(catalogue_of(root)) == ["a\ufffd\ufffdSet-Cookie: x\ufffd[31m.fake"]


def test_a_name_that_is_no_text_can_be_listed_and_opened(root: Path, catalogue_of: MakeCatalogue) -> None:
    path = os.fsdecode(os.fsencode(root) + b"/\xff\xfe.fake")
    Path(path).write_text("3 4")
    catalogue = catalogue_of(root)
    (image,) = listed(catalogue)
    assert image.name.isprintable()
    assert catalogue.open(image.id).info.size.width == 3


# -- the index -------------------------------------------------------------------------------------------------------


def test_a_restart_opens_nothing_that_is_known(root: Path, catalogue_of: MakeCatalogue, tmp_path: Path) -> None:
    (root / "a.fake").write_text("3 4")
    probed(catalogue_of(root, cache=tmp_path / "cache"))
    again = FakeFormat()
    (image,) = probed(catalogue_of(root, cache=tmp_path / "cache", formats=[again]))
    assert (image.width, again.opened) == (3, [])


def test_a_later_start_tries_broken_images_again(
    root: Path, catalogue_of: MakeCatalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "a.fake").write_text("broken")
    probed(catalogue_of(root, cache=tmp_path / "cache"))
    at_once, later = FakeFormat(), FakeFormat()
    assert probed(catalogue_of(root, cache=tmp_path / "cache", formats=[at_once]))[0].problem
    real = time.time
    monkeypatch.setattr("time.time", lambda: real() + 61)
    assert probed(catalogue_of(root, cache=tmp_path / "cache", formats=[later]))[0].problem
    assert (at_once.opened, later.opened) == ([], ["a.fake"])


def test_the_index_holds_no_path(root: Path, catalogue_of: MakeCatalogue, tmp_path: Path) -> None:
    (root / "a.fake").write_text("3 4")
    probed(catalogue_of(root, cache=tmp_path / "cache"))
    content = b"".join(path.read_bytes() for path in (tmp_path / "cache").iterdir())
    assert os.fsencode(root) not in content


@pytest.mark.parametrize("damage", [b"", b"junk" * 4096, b"SQLite format 3\0" + bytes(8192)])
def test_a_damaged_index_is_made_anew(
    root: Path, catalogue_of: MakeCatalogue, tmp_path: Path, damage: bytes, fake: FakeFormat
) -> None:
    (root / "a.fake").write_text("3 4")
    catalogue = catalogue_of(root, cache=tmp_path / "cache")
    probed(catalogue)
    catalogue.close()
    for path in (tmp_path / "cache").iterdir():
        path.write_bytes(damage)
    probed(catalogue_of(root, cache=tmp_path / "cache"))
    assert fake.opened == ["a.fake", "a.fake"]
    probed(catalogue_of(root, cache=tmp_path / "cache"))
    assert fake.opened == ["a.fake", "a.fake"]


def test_without_a_usable_cache_folder_everything_still_works(
    root: Path, catalogue_of: MakeCatalogue, tmp_path: Path
) -> None:
    (root / "a.fake").write_text("3 4")
    (tmp_path / "cache").write_text("a file, not a folder")
    assert probed(catalogue_of(root, cache=tmp_path / "cache"))[0].width == 3


def test_other_formats_forget_what_was_recognised(root: Path, catalogue_of: MakeCatalogue, tmp_path: Path) -> None:
    (root / "a.more").write_text("3 4")
    assert names(catalogue_of(root, cache=tmp_path)) == []
    more = FakeFormat("more", (".more",))
    assert names(catalogue_of(root, cache=tmp_path, formats=[FakeFormat(), more])) == ["a.more"]


def _die_opening(root: Path, cache: Path) -> None:
    fake = FakeFormat()
    fake.before = lambda path: os._exit(9)
    catalogue = FileCatalogue([root], [fake], CatalogueOptions(cache=cache))
    catalogue.rescan()
    catalogue.probe()
    catalogue.wait_until_known(10)


@pytest.mark.slow
def test_an_image_that_ends_processes_is_not_opened_for_ever(
    root: Path, catalogue_of: MakeCatalogue, tmp_path: Path, fake: FakeFormat
) -> None:
    (root / "poison.fake").write_text("3 4")
    for _ in range(3):
        process = multiprocessing.get_context("spawn").Process(target=_die_opening, args=(root, tmp_path / "cache"))
        process.start()
        process.join(30)
        assert process.exitcode == 9
    catalogue = catalogue_of(root, cache=tmp_path / "cache")
    (image,) = probed(catalogue)
    assert "has ended 3 processes" in image.problem
    with pytest.raises(DamagedImageError, match="has ended 3 processes"):
        catalogue.open(image.id)
    assert fake.opened == []


def _list(root: Path, cache: Path, answers: multiprocessing.Queue[list[tuple[str, int]]]) -> None:
    catalogue = FileCatalogue([root], [FakeFormat()], CatalogueOptions(cache=cache))
    catalogue.rescan()
    while any(not image.width for image in listed(catalogue)):
        catalogue.probe()
        catalogue.wait_until_known(10)
        catalogue.rescan()
    answers.put([(image.id, image.width) for image in listed(catalogue)])
    catalogue.close()


@pytest.mark.slow
def test_processes_share_one_index_and_agree(root: Path, tmp_path: Path) -> None:
    for number in range(40):
        (root / f"{number:02}.fake").write_text(f"{number + 1} 1")
    spawn = multiprocessing.get_context("spawn")
    answers = spawn.Queue()
    processes = [spawn.Process(target=_list, args=(root, tmp_path / "cache", answers)) for _ in range(3)]
    for process in processes:
        process.start()
    first, *others = [answers.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(30)
    answers.close()
    assert [width for _, width in first] == list(range(1, 41))
    assert all(other == first for other in others)
