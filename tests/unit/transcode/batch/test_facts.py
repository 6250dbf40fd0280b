"""What is known of a file before a frame of it is decoded."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future
from pathlib import Path
from typing import Any

import imagecodecs
import pytest
from pydicom.dataset import Dataset

from tests.dicom_files import CT, encapsulated, gradient, image, item, put, save
from tests.unit.transcode.batch.jobs import archive
from transcode.batch.discover import Discovery
from transcode.batch.engines import InlineEngine
from transcode.batch.facts import directory_entries, facts_of
from transcode.batch.survey import missing_of_directories, survey
from transcode.policy import Facts

SYNTAX = "1.2.840.10008.1.2.4."
IMAGE = gradient(1, 16, 24)


def facts(path: Path, dataset: Dataset, syntax: str = "1.2.840.10008.1.2.1") -> Facts:
    found = facts_of(save(path, dataset, syntax))
    assert isinstance(found, Facts)
    return found


def test_an_image_is_told_by_its_header(tmp_path: Path) -> None:
    dataset = image(gradient(3, 16, 24, "u2"), BitsStored=12, HighBit=11, Modality="CT", SOPClassUID=CT)
    put(dataset, {"BurnedInAnnotation": "yes"})
    found = facts(tmp_path / "a", dataset)
    assert (found.width, found.height, found.frames, found.bits_allocated, found.pixels.bits_stored) == (
        24,
        16,
        3,
        16,
        12,
    )
    assert (found.modality, found.sop_class, found.burned_in) == ("CT", CT, "YES")
    assert not found.is_lossy
    assert not found.has_embedded_overlay


def test_an_instance_that_says_it_lost_something_did(tmp_path: Path) -> None:
    assert facts(tmp_path / "a", image(IMAGE, LossyImageCompression="01")).is_lossy


@pytest.mark.parametrize(("syntax", "near", "is_lossy"), [("80", 0, False), ("81", 0, False), ("81", 2, True)])
def test_jpeg_ls_lost_what_its_stream_says(tmp_path: Path, syntax: str, near: int, is_lossy: bool) -> None:
    stream = bytes(imagecodecs.jpegls_encode(IMAGE[0], level=near))
    assert facts(tmp_path / "a", encapsulated(image(IMAGE), [stream]), SYNTAX + syntax).is_lossy is is_lossy


@pytest.mark.parametrize("syntax", ["90", "91", "203"])
@pytest.mark.parametrize("is_reversible", [False, True])
def test_jpeg_2000_lost_what_its_stream_says(tmp_path: Path, syntax: str, is_reversible: bool) -> None:
    if syntax == "203":
        stream = imagecodecs.htj2k_encode(IMAGE[0], reversible=is_reversible)
    else:
        stream = imagecodecs.jpeg2k_encode(
            IMAGE[0], level=0 if is_reversible else 40, codecformat="j2k", reversible=is_reversible
        )
    found = facts(tmp_path / "a", encapsulated(image(IMAGE), [bytes(stream)]), SYNTAX + syntax)
    assert found.is_lossy is not is_reversible


def test_a_stream_that_cannot_be_read_may_have_lost_something(tmp_path: Path) -> None:
    assert facts(tmp_path / "a", encapsulated(image(IMAGE), [b"\xff\x4f nothing"]), SYNTAX + "91").is_lossy


@pytest.mark.parametrize(
    ("syntax", "is_lossy"), [("50", True), ("51", True), ("57", False), ("70", False), ("110", False), ("112", True)]
)
def test_other_encodings_tell_by_their_name(tmp_path: Path, syntax: str, is_lossy: bool) -> None:
    path = save(tmp_path / "a", encapsulated(image(IMAGE), [b"12"]), f"{SYNTAX}201")
    path.write_bytes(path.read_bytes().replace(f"{SYNTAX}201\0".encode(), f"{SYNTAX}{syntax}\0\0".encode()[:24]))
    found = facts_of(path)
    assert isinstance(found, Facts)
    assert found.is_lossy is is_lossy


@pytest.mark.parametrize("has_data", [False, True])
def test_an_overlay_in_bits_of_the_samples_is_seen(tmp_path: Path, has_data: bool) -> None:
    dataset = image(gradient(1, 16, 16, "u2"), BitsStored=12, HighBit=11)
    dataset.add_new(0x60020010, "US", 16)
    dataset.add_new(0x60020011, "US", 16)
    dataset.add_new(0x60020100, "US", 1 if has_data else 16)
    dataset.add_new(0x60020102, "US", 0 if has_data else 12)
    if has_data:
        dataset.add_new(0x60023000, "OW", bytes(32))
    assert facts(tmp_path / "a", dataset).has_embedded_overlay is not has_data


def test_what_is_not_dicom_says_so(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    assert facts_of(tmp_path / "a") == "not DICOM"


def test_a_report_has_no_pixels(tmp_path: Path) -> None:
    dataset = image(IMAGE, Modality="SR")
    del dataset.PixelData
    assert facts_of(save(tmp_path / "a", dataset)) == "DICOM without Pixel Data, SR"


def test_a_video_is_of_no_codec_here(tmp_path: Path) -> None:
    found = facts_of(save(tmp_path / "a", encapsulated(image(IMAGE), [b"12"]), SYNTAX + "102"))
    assert found == f"a: no codec for transfer syntax {SYNTAX}102"


def test_damage_is_told(tmp_path: Path) -> None:
    found = facts_of(save(tmp_path / "a", image(IMAGE, Rows=None)))
    assert found == "a: Rows is missing"


def directory(folder: Path, *names: list[str]) -> None:
    dataset = Dataset()
    dataset.FileSetID = ""
    dataset.DirectoryRecordSequence = [item(DirectoryRecordType="IMAGE", ReferencedFileID=name) for name in names]
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.1.3.10", "1.2.3"
    save(folder / "DICOMDIR", dataset)


def test_a_dicomdir_is_an_index_and_what_it_lists_in_vain_is_told(tmp_path: Path) -> None:
    archive(tmp_path, {"CD/IMAGES/IM1": b""})
    directory(tmp_path / "CD", ["IMAGES", "IM1"], ["IMAGES", "IM2"], ["..", "..", "etc", "passwd"])
    items = list(Discovery(tmp_path).items())
    assert "an index of a file-set" in str(facts_of(tmp_path / "CD" / "DICOMDIR"))
    assert directory_entries(tmp_path / "CD" / "DICOMDIR") == ("IMAGES/IM1", "IMAGES/IM2", "../../etc/passwd")
    (problem,) = missing_of_directories(tmp_path, items)
    assert (problem.name, problem.message) == ("CD/DICOMDIR", "lists 2 files that are not there, such as IMAGES/IM2")


def test_a_survey_keeps_the_order_and_tells_what_cannot_be_read(tmp_path: Path) -> None:
    archive(tmp_path, {f"{number:03}": b"" for number in range(200)})
    items = list(Discovery(tmp_path).items())
    (tmp_path / "007").unlink()
    surveyed = list(survey(tmp_path, items, tmp_path / "spool", InlineEngine()))
    assert [item for item, _ in surveyed] == items
    assert [facts for _, facts in surveyed if facts != "not DICOM"] == ["No such file or directory"]


@pytest.mark.corpus
def test_every_shared_radiograph_has_facts(shared_data: Callable[[str], Path]) -> None:
    folder = shared_data("radiology")
    assert all(isinstance(facts_of(path), Facts) for path in folder.rglob("*.dcm"))


class Brittle(InlineEngine):
    """Loses its processes over every task, and over one file also when that runs alone."""

    lost: tuple[type[BaseException], ...] = (BrokenExecutor,)

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_exception(BrokenExecutor())
        return future

    def submit_alone(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        is_poison = args[1][0].path == "007"
        return self.submit(function, *args) if is_poison else InlineEngine().submit(function, *args, **kwargs)

    def renew(self) -> str:
        return "Segmentation fault"


def test_a_header_that_kills_is_the_fault_of_one_file(tmp_path: Path) -> None:
    archive(tmp_path, {f"{number:03}": b"" for number in range(70)})
    items = list(Discovery(tmp_path).items())
    surveyed = list(survey(tmp_path, items, tmp_path / "spool", Brittle()))
    assert [item for item, _ in surveyed] == items
    odd = [(item.path, facts) for item, facts in surveyed if facts != "not DICOM"]
    assert odd == [("007", "its header is the end of the process that reads it: Segmentation fault")]
