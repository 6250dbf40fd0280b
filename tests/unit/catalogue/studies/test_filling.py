"""The index follows the files: what is new, gone, replaced, copied; deleted, damaged and shared index files."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from medtiles.catalogue import CatalogueOptions, FileCatalogue
from medtiles.core.errors import ImageNotFoundError
from medtiles.core.studies import QueryScope, Scope, StudyQuery
from medtiles.dicom import head_reader, metadata
from medtiles.sources import formats
from tests.dicom_files import save
from tests.studies_files import CANARY, OTHER_STUDY, SERIES, STUDY, slice_of, write_archive
from transcode.errors import DicomFileError, FileChangedError, TruncatedFileError

Make = Callable[[], FileCatalogue]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    folder = tmp_path / "archive"
    folder.mkdir()
    return write_archive(folder)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def make(archive: Path, cache: Path) -> Iterator[Make]:
    made: list[FileCatalogue] = []

    def start() -> FileCatalogue:
        made.append(FileCatalogue([archive], formats(None), CatalogueOptions(cache=cache, threads=0)))
        made[-1].rescan()
        return made[-1]

    yield start
    for each in made:
        each.close()


def counts(catalogue: FileCatalogue) -> dict[str, int]:
    """Instances by study."""
    found = catalogue.studies.search(StudyQuery(QueryScope.STUDIES)).found
    return {each["0020000D"]["Value"][0]: each["00201208"]["Value"][0] for each in found}


def index_of(cache: Path) -> Path:
    (path,) = cache.glob("studies-*.sqlite")
    return path


def test_a_new_file_is_counted(make: Make, archive: Path) -> None:
    catalogue = make()
    save(archive / "slice4.dcm", slice_of(4))
    catalogue.rescan()
    assert counts(catalogue) == {STUDY: 5, OTHER_STUDY: 1}


def test_a_file_that_is_gone_is_no_instance_any_more(make: Make, archive: Path) -> None:
    catalogue = make()
    (instance,) = catalogue.studies.instances(Scope(OTHER_STUDY))
    (archive / "other.dcm").unlink()
    with pytest.raises(ImageNotFoundError):
        catalogue.studies.metadata(instance)
    catalogue.rescan()
    assert counts(catalogue) == {STUDY: 4}
    with pytest.raises(ImageNotFoundError):
        catalogue.studies.instances(Scope(OTHER_STUDY))


def test_a_file_that_is_replaced_is_told_then_read_anew(make: Make, archive: Path) -> None:
    catalogue = make()
    (before,) = catalogue.studies.instances(Scope(OTHER_STUDY))
    attributes = {"StudyInstanceUID": OTHER_STUDY, "SOPInstanceUID": before.uid, "SeriesInstanceUID": before.series}
    save(archive / "new.tmp", slice_of(1, **attributes, PatientID="other"))
    (archive / "new.tmp").replace(archive / "other.dcm")
    for ask in (catalogue.studies.metadata, catalogue.studies.file):
        with pytest.raises(FileChangedError):
            ask(before)
    catalogue.rescan()
    (after,) = catalogue.studies.instances(Scope(OTHER_STUDY))
    assert after.version != before.version
    assert catalogue.studies.metadata(after)["00100020"]["Value"] == ["other"]


def test_a_file_that_is_replaced_while_it_is_read_ends_the_reading(make: Make, archive: Path) -> None:
    catalogue = make()
    (instance,) = catalogue.studies.instances(Scope(OTHER_STUDY))
    with (archive / "other.dcm").open("ab") as file:
        file.write(bytes(1 << 20))
    catalogue.rescan()
    (instance,) = catalogue.studies.instances(Scope(OTHER_STUDY))
    length, pieces = catalogue.studies.file(instance)
    read = len(next(pieces))
    assert read < length
    with (archive / "other.dcm").open("r+b") as file:
        file.write(b"x")
    with pytest.raises(FileChangedError):
        list(pieces)


def test_of_two_files_with_one_instance_the_first_path_is_shown(make: Make, archive: Path) -> None:
    save(archive / "a copy.dcm", slice_of(1, StudyDescription="copy"))
    catalogue = make()
    assert counts(catalogue)[STUDY] == 4
    (instance,) = catalogue.studies.instances(Scope(STUDY, SERIES, f"{SERIES}.1"))
    assert catalogue.studies.metadata(instance)["00081030"]["Value"] == ["copy"]
    (archive / "a copy.dcm").unlink()
    catalogue.rescan()
    (instance,) = catalogue.studies.instances(Scope(STUDY, SERIES, f"{SERIES}.1"))
    assert catalogue.studies.metadata(instance)["00081030"]["Value"] == ["Thorax"]
    assert counts(catalogue)[STUDY] == 4


def test_a_copy_in_another_study_hides_and_gives_back_the_instance(make: Make, archive: Path) -> None:
    catalogue = make()
    save(archive / "a copy.dcm", slice_of(1, StudyInstanceUID="1.2.50"))
    catalogue.rescan()
    assert counts(catalogue) == {STUDY: 3, "1.2.50": 1, OTHER_STUDY: 1}
    (archive / "a copy.dcm").unlink()
    catalogue.rescan()
    assert counts(catalogue) == {STUDY: 4, OTHER_STUDY: 1}


@pytest.mark.parametrize("uid", ["", "../../etc/passwd", "1.2.x", "1" * 65])
def test_files_without_valid_uids_are_left_out_and_counted_in_the_log(
    make: Make, archive: Path, caplog: pytest.LogCaptureFixture, uid: str
) -> None:
    save(archive / f"{CANARY}.dcm", slice_of(8, SOPInstanceUID="1.2.8", StudyInstanceUID=uid))
    catalogue = make()
    assert counts(catalogue) == {STUDY: 4, OTHER_STUDY: 1}
    assert "1 DICOM files without valid UIDs" in caplog.text
    assert CANARY not in caplog.text


def test_each_file_is_parsed_once_however_many_processes_there_are(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []
    read = head_reader.read_facts

    def counted(path: Path) -> Any:
        parsed.append(path.name)
        return read(path)

    monkeypatch.setattr(head_reader, "read_facts", counted)
    first, second = make(), make()
    assert sorted(parsed) == ["other.dcm", "report.dcm", "slice1.dcm", "slice2.dcm", "slice3.dcm"]
    assert counts(first) == counts(second)


def test_what_one_process_has_seen_another_finds(make: Make, archive: Path) -> None:
    first, second = make(), make()
    save(archive / "slice4.dcm", slice_of(4))
    first.rescan()
    assert counts(second)[STUDY] == 5


def test_a_process_with_an_older_view_does_not_undo_what_another_has_seen(make: Make, archive: Path) -> None:
    catalogue = make()
    old = {str(path) for path in archive.glob("*.dcm")}
    save(archive / "slice4.dcm", slice_of(4))
    catalogue.rescan()
    catalogue.studies.settle(old, {}, walked=1.0)
    assert counts(catalogue)[STUDY] == 5


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"rubbish" * 1000)])
def test_an_index_that_is_deleted_or_damaged_between_runs_is_made_anew(
    make: Make, cache: Path, damage: Callable[[Path], object]
) -> None:
    make().close()
    for path in (index_of(cache), *cache.glob("studies-*-*")):
        if path.exists():
            damage(path)
    assert counts(make()) == {STUDY: 4, OTHER_STUDY: 1}


def test_an_index_that_is_deleted_while_it_is_used_is_made_anew_by_the_next_scan(make: Make, cache: Path) -> None:
    catalogue = make()
    for path in list(cache.glob("studies-*")):
        path.unlink()
    assert counts(catalogue) == {STUDY: 4, OTHER_STUDY: 1}
    catalogue.rescan()
    assert index_of(cache).exists()
    assert counts(catalogue) == {STUDY: 4, OTHER_STUDY: 1}


def test_when_the_disk_is_full_the_index_goes_on_in_memory(make: Make, archive: Path) -> None:
    catalogue = make()
    catalogue.studies._store._writer.execute("PRAGMA max_page_count = 1")
    for number in range(4, 9):
        save(archive / f"slice{number}.dcm", slice_of(number, PatientComments="x" * 5000, StudyID=f"{number}" * 9))
    catalogue.rescan()
    catalogue.rescan()
    assert counts(catalogue) == {STUDY: 9, OTHER_STUDY: 1}


def test_only_the_owner_may_read_the_index(make: Make, cache: Path) -> None:
    make()
    assert {path.stat().st_mode & 0o777 for path in cache.glob("studies-*")} == {0o600}


def test_the_index_of_roots_that_nobody_serves_is_deleted_in_the_end(make: Make, cache: Path) -> None:
    cache.mkdir()
    stale, recent = cache / "studies-1-00.sqlite", cache / "studies-1-01.sqlite"
    for path in (stale, recent):
        path.touch()
    os.utime(stale, (0, time.time() - 61 * 86400))
    make()
    assert (stale.exists(), recent.exists()) == (False, True)


def test_servers_of_other_roots_share_the_folder_and_not_the_studies(make: Make, tmp_path: Path, cache: Path) -> None:
    make()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    save(elsewhere / "one.dcm", slice_of(1, StudyInstanceUID="1.2.77"))
    other = FileCatalogue([elsewhere], formats(None), CatalogueOptions(cache=cache, threads=0))
    other.rescan()
    assert counts(other) == {"1.2.77": 1}
    other.close()


def test_logs_never_name_a_patient(make: Make, archive: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    save(archive / "odd.dcm", slice_of(1, SOPInstanceUID="1.2.3.4.9", PatientBirthDate=f"{CANARY}!"))
    caplog.clear()  # what pydicom says of writing it
    catalogue = make()
    (instance,) = catalogue.studies.instances(Scope(STUDY, SERIES, "1.2.3.4.9"))
    catalogue.studies.metadata(instance)
    assert CANARY not in caplog.text


@pytest.mark.parametrize("kind", [DicomFileError, TruncatedFileError, FileChangedError])
def test_errors_name_neither_the_file_nor_a_patient(
    make: Make, monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    def fail(_header: object) -> None:
        raise kind(f"{CANARY}.dcm: no number: {CANARY}")

    monkeypatch.setattr(metadata, "metadata_of", fail)
    catalogue = make()
    (instance,) = catalogue.studies.instances(Scope(OTHER_STUDY))
    with pytest.raises(kind) as raised:
        catalogue.studies.metadata(instance)
    assert CANARY not in str(raised.value)


def test_slices_that_do_not_lie_parallel_come_by_number(make: Make, archive: Path) -> None:
    save(archive / "localizer.dcm", slice_of(9, ImageOrientationPatient=[0.0, 1.0, 0.0, 0.0, 0.0, 1.0]))
    found = make().studies.instances(Scope(STUDY, SERIES))
    assert [each.number for each in found] == [1, 2, 3, 9]
    assert [each.position_mm for each in found] == [7.5, 5.0, 2.5, None]


def test_whether_there_may_be_more_is_told(archive: Path) -> None:
    catalogue = FileCatalogue([archive], formats(None), CatalogueOptions(threads=0))
    query = StudyQuery(QueryScope.STUDIES)
    assert catalogue.studies.search(query).is_scanning
    seen: list[bool] = []
    catalogue.rescan(lambda *_: seen.append(catalogue.studies.search(query).is_scanning))
    assert seen == [True]
    assert not catalogue.studies.search(query).is_scanning
    catalogue.close()


def test_progress_is_told(archive: Path) -> None:
    told: list[tuple[int, int]] = []
    catalogue = FileCatalogue([archive], formats(None), CatalogueOptions(threads=0))
    catalogue.rescan(lambda done, total: told.append((done, total)))
    catalogue.close()
    assert told == [(5, 5)]
