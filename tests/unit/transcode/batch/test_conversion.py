"""A batch from plan to end, in this process: what is published, recorded, resumed, and left alone."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.dicom_files import gradient, image, save
from tests.unit.transcode.batch.jobs import (
    archive,
    convert_all,
    obey,
    plan_of,
    reverse,
    reversed_tree,
    settings_of,
    tree,
)
from tests.unit.transcode.batch.test_discover import DICOM, zip_of
from transcode.batch.conversion import Conversion, Options, kept_plan
from transcode.batch.engines import InlineEngine
from transcode.batch.errors import JournalError, PlanError
from transcode.batch.execute import Summary
from transcode.batch.journal import State
from transcode.batch.model import Job, JobSettings, Outcome, Status
from transcode.batch.plan_file import read_plan
from transcode.batch.shards import Shard
from transcode.batch.stopping import Stop
from transcode.batch.task import JobFiles

RESUMES = Options(resumes=True)


def run(conversion: Conversion, stop: Stop | None = None) -> Summary:
    return conversion.run(obey, InlineEngine(), stop or Stop(), lambda _outcome: None)


def test_the_whole_tree_is_converted(tmp_path: Path) -> None:
    source = archive(tmp_path / "in", {"a/1": b"one", "b": b"", "c.dcm": b"two"})
    summary, outcomes = convert_all(source, tmp_path / "out", reverse)
    assert summary.exit_code == 0
    assert tree(tmp_path / "out") == reversed_tree(source)
    assert {outcome.status for outcome in outcomes.values()} == {Status.WRITTEN}


def test_members_of_containers_are_converted_and_nothing_stays_unpacked(tmp_path: Path) -> None:
    source = archive(tmp_path / "in", {"a": b"one"})
    zip_of(source / "s.zip", {"x/1": b"12", "../y": b"34"})
    convert_all(source, tmp_path / "out", reverse)
    assert tree(tmp_path / "out") == {"a": b"eno", "s.zip/x/1": b"21", "s.zip/y": b"43"}
    assert not (tmp_path / "out" / ".transcode" / "spool").exists()


@pytest.mark.parametrize(
    ("order", "status", "message", "code"),
    [
        ("damaged", Status.FAILED, "a marker is missing", 1),
        ("surprise", Status.FAILED, "KeyError: 'nobody expected this'", 1),
        ("memory", Status.FAILED, "it needs more than 1024 MB of memory", 1),
        ("wrong", Status.REFUSED, "frame 1 differs", 3),
    ],
)
def test_a_file_that_fails_fails_alone(tmp_path: Path, order: str, status: Status, message: str, code: int) -> None:
    source = archive(tmp_path / "in", {"a": b"one", "b": order.encode(), "c": b"two"})
    summary, outcomes = convert_all(source, tmp_path / "out")
    assert (summary.exit_code, outcomes["b"].status, outcomes["b"].message) == (code, status, message)
    assert tree(tmp_path / "out") == {"a": b"eno", "c": b"owt"}


def test_a_full_disk_stops_the_batch_and_it_goes_on_later(tmp_path: Path) -> None:
    source = archive(tmp_path / "in", {"a": b"one", "b": b"full", "c": b"two"})
    summary, _ = convert_all(source, tmp_path / "out")
    assert (summary.exit_code, summary.stopped) == (75, "b: No space left on device")
    assert summary.counts[State.PENDING] == 2
    assert tree(tmp_path / "out") == {"a": b"eno"}

    summary, _ = convert_all(source, tmp_path / "out", reverse, RESUMES)

    assert summary.exit_code == 0
    assert tree(tmp_path / "out") == reversed_tree(source)


def test_a_file_that_is_there_already_is_not_replaced(tmp_path: Path) -> None:
    source = archive(tmp_path / "in", {"a": b"one", "b": b"two"})
    archive(tmp_path / "out", {"b": b"foreign"})
    summary, outcomes = convert_all(source, tmp_path / "out")
    assert (summary.exit_code, tree(tmp_path / "out")) == (1, {"a": b"eno", "b": b"foreign"})
    assert "there already" in outcomes["b"].message


def test_many_files_that_are_there_already_do_not_end_the_batch(tmp_path: Path) -> None:
    source = archive(tmp_path / "in", {f"{number}": b"12" for number in range(10)})
    archive(tmp_path / "out", {f"{number}": b"foreign" for number in range(9)})
    summary, _ = convert_all(source, tmp_path / "out")
    assert (summary.counts[State.FAILED], summary.counts[State.DONE]) == (9, 1)


def test_a_file_that_is_there_already_is_replaced_when_it_may_be(tmp_path: Path) -> None:
    source = archive(tmp_path / "in", {"b": b"two"})
    archive(tmp_path / "out", {"b": b"foreign"})
    convert_all(source, tmp_path / "out", options=Options(overwrites=True))
    assert tree(tmp_path / "out") == {"b": b"owt"}


def test_what_was_published_and_not_recorded_is_made_again(tmp_path: Path) -> None:
    source = archive(tmp_path / "in", {"a": b"one"})
    plan = plan_of(source, tmp_path / "out")
    with Conversion(plan, settings_of(plan), Options()) as conversion:
        conversion.journal.claim([1])
        archive(tmp_path / "out", {"a": b"eno", ".part-none": b"", f".part-{conversion._batch}-1-2-00": b"half"})
    with Conversion(plan, settings_of(plan), RESUMES) as conversion:
        assert run(conversion).exit_code == 0
    assert tree(tmp_path / "out") == {"a": b"eno", ".part-none": b""}


def test_a_job_that_is_done_is_not_done_again(tmp_path: Path) -> None:
    source = archive(tmp_path / "in", {"a": b"one"})
    convert_all(source, tmp_path / "out")
    before = (tmp_path / "out" / "a").stat()
    summary, _ = convert_all(source, tmp_path / "out", options=RESUMES)
    assert summary.counts[State.DONE] == 1
    assert (tmp_path / "out" / "a").stat().st_ino == before.st_ino


def test_what_failed_is_done_again_when_asked_for(tmp_path: Path) -> None:
    source = archive(tmp_path / "in", {"a": b"damaged"})
    assert convert_all(source, tmp_path / "out")[0].exit_code == 1
    assert convert_all(source, tmp_path / "out", reverse, RESUMES)[0].exit_code == 1
    assert convert_all(source, tmp_path / "out", reverse, Options(resumes=True, retries=True))[0].exit_code == 0


def test_a_batch_that_was_begun_before_is_not_begun_again(tmp_path: Path) -> None:
    source = archive(tmp_path / "in", {"a": b"one"})
    convert_all(source, tmp_path / "out")
    with pytest.raises(JournalError, match=r"begun before \(1 done\)"):
        convert_all(source, tmp_path / "out")


def test_a_destination_of_another_source_is_refused(tmp_path: Path) -> None:
    first = archive(tmp_path / "in", {"a": b"one"})
    second = archive(tmp_path / "other", {"a": b"one"})
    convert_all(first, tmp_path / "out")
    with pytest.raises(JournalError, match="of another"):
        convert_all(second, tmp_path / "out", options=RESUMES)


def test_a_batch_is_resumed_by_the_plan_that_it_kept(tmp_path: Path) -> None:
    source = archive(tmp_path / "in", {"a": b"one"})
    plan = plan_of(source, tmp_path / "out")
    Conversion(plan, settings_of(plan), Options()).close()
    archive(source, {"later": b""})
    kept = kept_plan(tmp_path / "out")
    assert kept == plan == read_plan(tmp_path / "out" / ".transcode" / "plan.ndjson")
    with Conversion(kept, settings_of(kept), RESUMES) as conversion:
        run(conversion)
    assert tree(tmp_path / "out") == {"a": b"eno"}


def test_there_must_be_something_to_resume(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="nothing to resume"):
        kept_plan(tmp_path)


def test_shards_together_are_the_whole(tmp_path: Path) -> None:
    source = archive(tmp_path / "in", {f"{number}": b"%d" % number for number in range(40)})
    for index in (2, 0, 1):
        summary, outcomes = convert_all(source, tmp_path / "out", options=Options(Shard(index, 3)))
        assert summary.exit_code == 0
        assert 0 < len(outcomes) < 40
    assert tree(tmp_path / "out") == reversed_tree(source)


@pytest.mark.parametrize("other", [Shard(0, 3), Shard(0, 1)])
def test_a_destination_in_other_shards_is_refused(tmp_path: Path, other: Shard) -> None:
    source = archive(tmp_path / "in", {"a": b"one"})
    convert_all(source, tmp_path / "out", options=Options(Shard(0, 2)))
    with pytest.raises(JournalError, match="in other shards"):
        convert_all(source, tmp_path / "out", options=Options(other))


def test_a_shard_of_another_plan_is_refused(tmp_path: Path) -> None:
    source = archive(tmp_path / "in", {"a": b"one"})
    convert_all(source, tmp_path / "out", options=Options(Shard(0, 2)))
    archive(source, {"b": b"two"})
    with pytest.raises(JournalError, match="have another plan"):
        convert_all(source, tmp_path / "out", options=Options(Shard(1, 2)))


def test_a_plan_that_was_only_looked_at_gives_way(tmp_path: Path) -> None:
    source = archive(tmp_path / "in", {"a": b"one"})
    archive(tmp_path / "out" / ".transcode", {"plan.ndjson": b'{"id": "of another time"}'})
    assert convert_all(source, tmp_path / "out")[0].exit_code == 0
    assert len(kept_plan(tmp_path / "out").jobs) == 1


def test_a_batch_that_is_asked_to_stop_begins_nothing_new(tmp_path: Path) -> None:
    source = archive(tmp_path / "in", {f"{number}": b"12" for number in range(9)})
    plan = plan_of(source, tmp_path / "out")
    stop = Stop()
    with Conversion(plan, settings_of(plan), Options()) as conversion:
        summary = conversion.run(obey, InlineEngine(), stop, lambda _outcome: stop.ask())
        assert summary.counts[State.RUNNING] == 0
        assert 0 < summary.counts[State.DONE] < 9
        assert len(tree(tmp_path / "out")) == summary.counts[State.DONE]


def images(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        save(folder / f"{number}.dcm", image(gradient(1, 8, 8 + number)))
    return folder


def test_in_place_replaces_images_and_leaves_all_else(tmp_path: Path) -> None:
    source = images(tmp_path / "in", 2)
    archive(source, {"notes": b"abc"})
    zip_of(source / "s.zip", {"x": DICOM})
    before = tree(source)
    inode = (source / "notes").stat().st_ino
    summary, outcomes = convert_all(source, source, reverse)
    assert summary.exit_code == 0
    changed = {name: data[::-1] for name, data in before.items() if name.endswith(".dcm")}
    assert tree(source) == {**before, **changed}
    assert (source / "notes").stat().st_ino == inode
    assert outcomes["notes"].message == "left as it is"


def test_what_was_converted_in_place_just_before_a_crash_is_not_converted_again(tmp_path: Path) -> None:
    source = images(tmp_path / "in", 2)
    before = tree(source)
    plan = plan_of(source, source)
    with Conversion(plan, settings_of(plan, in_place=True), Options()) as conversion:
        conversion.run(reverse, InlineEngine(), Stop(), lambda _outcome: None)
    # as if the driver had died between the rename and its record
    receipts = source / ".transcode" / "receipts"
    journal = source / ".transcode" / "journal.sqlite"
    assert sorted(path.name for path in receipts.iterdir()) == []
    journal.unlink()
    with Conversion(plan, settings_of(plan, in_place=True), Options()) as conversion:
        conversion.journal.claim([1])
        stat = (source / "0.dcm").stat()
        outcome = {"number": 1, "name": "0.dcm", "destination": "0.dcm", "status": "written"}
        receipt = {"inode": stat.st_ino, "size": stat.st_size, "outcome": outcome}
        receipts.mkdir(exist_ok=True)
        (receipts / "1.json").write_text(json.dumps(receipt))
        (receipts / "2.json").write_text(json.dumps({**receipt, "inode": 1}))
    with Conversion(plan, settings_of(plan, in_place=True), RESUMES) as conversion:
        conversion.run(reverse, InlineEngine(), Stop(), lambda _outcome: None)
    assert tree(source) == {"0.dcm": before["0.dcm"][::-1], "1.dcm": before["1.dcm"]}


def grown(job: Job, settings: JobSettings, files: JobFiles) -> Outcome:
    files.source.write_bytes(files.source.read_bytes() + b"more")
    return reverse(job, settings, files)


def test_a_source_that_changes_while_it_is_converted_in_place_stays(tmp_path: Path) -> None:
    source = images(tmp_path / "in", 1)
    before = tree(source)
    summary, outcomes = convert_all(source, source, grown)
    assert (summary.exit_code, tree(source)) == (1, {"0.dcm": before["0.dcm"] + b"more"})
    assert "changed while" in outcomes["0.dcm"].message


def test_no_descriptor_stays_open(tmp_path: Path) -> None:
    source = archive(tmp_path / "in", {"a": b"one"})
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0  # noqa: PTH112, PTH208
    convert_all(source, tmp_path / "out")
    after = len(os.listdir("/proc/self/fd")) if before else 0  # noqa: PTH208
    assert after == before


def test_a_source_is_not_replaced_unasked(tmp_path: Path) -> None:
    source = archive(tmp_path / "in", {"a": b"1"})
    for plan in (plan_of(source, source), plan_of(source / "a", source)):
        with pytest.raises(PlanError, match="take the place of its source a "):
            Conversion(plan, settings_of(plan), Options())
    assert tree(source) == {"a": b"1"}


def test_an_output_does_not_take_the_place_of_another_source(tmp_path: Path) -> None:
    archive(tmp_path / "in", {"a": b"1", "in/a": b"2"})
    plan = plan_of(tmp_path / "in", tmp_path)
    with pytest.raises(PlanError, match="take the place of its source in/a "):
        Conversion(plan, settings_of(plan), Options(overwrites=True))


def test_what_is_not_in_place_is_not_taken_for_it(tmp_path: Path) -> None:
    plan = plan_of(archive(tmp_path / "in", {"a": b"1"}), tmp_path / "out")
    with pytest.raises(PlanError, match="not in place"):
        Conversion(plan, settings_of(plan, in_place=True), Options())
