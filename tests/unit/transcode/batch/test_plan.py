"""Plans: every file has one place of its own, every job one shard, and a plan is what was written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.transcode.batch.jobs import ENCODE, FACTS, archive, choose, obey, plan_of, settings_of
from transcode.batch.containers import safe_parts
from transcode.batch.destinations import Destinations
from transcode.batch.discover import Problem
from transcode.batch.engines import InlineEngine
from transcode.batch.errors import PlanError
from transcode.batch.estimate import Measured, estimate, sampled
from transcode.batch.model import Item, Job
from transcode.batch.plan import Plan, make_jobs, shares
from transcode.batch.plan_file import read_plan, write_plan
from transcode.batch.records import from_record, to_record
from transcode.batch.sampling import measuring
from transcode.batch.shards import Shard
from transcode.dicom.offset_tables import OffsetTable
from transcode.policy import Action, Decision

parts = st.sampled_from(["a", "A", "b", "b~2", "c.dcm", "c~2.dcm", "x.dcm.gz"])
paths = st.lists(parts, min_size=1, max_size=3).map("/".join)
hostile = st.text(st.sampled_from([*"aA./\\:~ \0\n", "é", "\udc80"]), max_size=12)


def is_tree(names: list[str]) -> bool:
    """Whether files of these names can lie beside one another on any disk."""
    folded = [name.casefold() for name in names]
    folders = {name[:index] for name in folded for index, letter in enumerate(name) if letter == "/"}
    return len(set(folded)) == len(folded) and not folders & set(folded)


@given(st.lists(st.one_of(paths, hostile), max_size=12))
def test_members_of_containers_never_collide(members: list[str]) -> None:
    names = Destinations()
    assert is_tree([names.give(Item("s.zip", member)) for member in members if member])


@given(st.lists(hostile, max_size=12))
def test_names_within_containers_lead_nowhere_else(members: list[str]) -> None:
    for member in members:
        for part in safe_parts(member):
            assert part not in {"", ".", ".."}
            assert not set(part) & set("/\\\0\n")
            assert not part.startswith((".part-", ".transcode"))


@pytest.mark.parametrize(
    ("member", "place"),
    [
        ("a/b.dcm", "a/b.dcm"),
        ("../../etc/passwd", "etc/passwd"),
        ("/etc/passwd", "etc/passwd"),
        ("C:\\Windows\\x", "Windows/x"),
        ("c:x", "x"),
        ("a//./b", "a/b"),
        ("a\0b", "a_b"),
        ("..", "_"),
        ("...", "_"),
        (".transcode/plan.ndjson", "_.transcode/plan.ndjson"),
        ("x" * 300 + ".dcm", "x" * 196 + ".dcm"),
    ],
)
def test_a_name_within_a_container_is_made_safe(member: str, place: str) -> None:
    assert "/".join(safe_parts(member)) == place


def jobs_of(*items: Item) -> list[str]:
    return [job.destination for job in make_jobs([(item, FACTS) for item in items], choose, in_place=False)]


def test_the_tree_of_the_source_is_kept() -> None:
    assert jobs_of(Item("a"), Item("A"), Item("b/c.dcm"), Item("s.zip", "x/y")) == ["a", "A", "b/c.dcm", "s.zip/x/y"]


def test_what_is_unpacked_gives_way_to_files_that_lie_by_themselves() -> None:
    assert jobs_of(Item("a.dcm.gz", is_gzipped=True), Item("a.dcm")) == ["a~2.dcm", "a.dcm"]


def test_a_file_and_a_folder_of_one_name_are_told_apart() -> None:
    assert jobs_of(Item("s.zip", "a"), Item("s.zip", "a/b"), Item("s.zip", "a/c")) == [
        "s.zip/a",
        "s.zip/a~2/b",
        "s.zip/a~2/c",
    ]


def test_names_are_given_the_same_each_time() -> None:
    items = [Item("s.zip", name) for name in ("x", "X", "x/y", "../x")]
    assert jobs_of(*items) == jobs_of(*items) == ["s.zip/x", "s.zip/X~2", "s.zip/x~3/y", "s.zip/x~4"]


@given(st.lists(st.text(), unique=True), st.integers(1, 7))
def test_shards_are_a_partition(names: list[str], count: int) -> None:
    holders = [[shard for shard in range(count) if Shard(shard, count).holds(name)] for name in names]
    assert all(len(holder) == 1 for holder in holders)


def test_shards_are_of_similar_size() -> None:
    sizes = [sum(Shard(index, 4).holds(f"IM{number:05}") for number in range(4000)) for index in range(4)]
    assert min(sizes) > 900


@pytest.mark.parametrize("text", ["", "1", "4/4", "a/b", "-1/4", "1/0", "1/2/3"])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="shard"):
        Shard.of(text)


def test_a_shard_is_read() -> None:
    assert Shard.of("3/4") == Shard(3, 4)


def test_a_plan_is_read_as_it_was_written(tmp_path: Path) -> None:
    copied = Decision(Action.COPY, "no image", "not DICOM")
    plan = Plan(
        "/in",
        "/out",
        (
            Job(1, Item("a", size=3), "a", ENCODE, FACTS),
            Job(2, Item("s.zip", "b\udc80", 5, offset=512), "s.zip/b", copied),
        ),
        (Problem("link", "not followed"),),
        OffsetTable.EXTENDED,
        keep_smaller=True,
    )
    write_plan(plan, tmp_path / "plan.ndjson")
    assert read_plan(tmp_path / "plan.ndjson") == plan


def test_a_plan_says_what_it_is_in_its_first_line(tmp_path: Path) -> None:
    write_plan(Plan("/in", "/out", ()), tmp_path / "plan.ndjson")
    header = json.loads((tmp_path / "plan.ndjson").read_text().splitlines()[0])
    assert (header["format"], header["version"], header["jobs"]) == ("medtiles transcode plan", 2, 0)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: "", "is no plan"),
        (lambda text: '{"format": "else"}', "is no plan"),
        (lambda text: text.replace('"version": 2', '"version": 9'), "of version 9"),
        (lambda text: "\n".join(text.splitlines()[:-1]), "is not what was written: 0 of 1 jobs"),
        (lambda text: text.replace('"any"', '"other"'), "changed ones"),
        (lambda text: text.replace('"basic"', '"empty"'), "changed ones"),
        (lambda text: text.replace('"basic"', '"none"'), "'none' is not a valid OffsetTable"),
        (lambda text: text.replace('"member"', '"part"'), "part: not of Item"),
        (lambda text: text.replace('"size": 3', '"size": "3"'), "'3' is no int"),
    ],
)
def test_a_plan_that_is_not_what_was_written_is_refused(tmp_path: Path, damage: object, message: str) -> None:
    path = tmp_path / "plan.ndjson"
    write_plan(Plan("/in", "/out", (Job(1, Item("a", size=3), "a", ENCODE, FACTS),)), path)
    path.write_text(damage(path.read_text()))  # type: ignore[operator]
    with pytest.raises(PlanError, match=message):
        read_plan(path)


def test_values_come_back_from_their_records() -> None:
    job = Job(1, Item("a"), "a", ENCODE, FACTS)
    assert from_record(Job, json.loads(json.dumps(to_record(job)))) == job


def test_what_loses_something_has_a_line_of_its_own_and_comes_first() -> None:
    lossy = Decision(Action.ENCODE, "colour", "", "jpeg", is_lossy=True)
    facts = [FACTS, FACTS, FACTS, FACTS]
    decisions = iter([ENCODE, ENCODE, lossy, Decision(Action.ENCODE, "colour", "", "jpeg")])
    surveyed = [(Item(str(index), size=10), fact) for index, fact in enumerate(facts)]
    jobs = make_jobs([*surveyed, (Item("notes", size=1), "not DICOM")], lambda _: next(decisions), in_place=False)
    lines = [(share.kind.label, share.files, share.bytes) for share in shares(jobs)]
    assert lines == [
        ("LOSSY, encoded as jpeg (colour)", 1, 10),
        ("encoded as reversed (any)", 2, 20),
        ("copied unchanged: not DICOM", 1, 1),
        ("encoded as jpeg (colour)", 1, 10),
    ]


def test_reasons_that_name_the_file_make_one_class() -> None:
    jobs = make_jobs([(Item(f"x/{n}"), f"{n}: Rows is missing") for n in "ab"], choose, in_place=False)
    assert [share.kind.label for share in shares(jobs)] == ["copied unchanged: Rows is missing"]


def test_the_estimate_is_concluded_from_a_sample() -> None:
    surveyed = [(Item(str(n), size=100 * n), FACTS) for n in range(1, 11)]
    jobs = make_jobs([*surveyed, (Item("notes", size=7), "not DICOM")], choose, in_place=False)
    asked: list[int] = []

    def measure(job: Job) -> Measured:
        asked.append(job.item.size)
        return Measured(job.item.size // 2, job.item.size / 1000)

    found = estimate(jobs, measure)

    assert (asked, found.bytes_written) == ([200, 600, 900], 5500 // 2 + 7)
    assert found.seconds(2) == pytest.approx(2.75)


def test_an_estimate_without_a_sample_takes_sizes_as_they_are() -> None:
    jobs = make_jobs([(Item("a", size=9), FACTS)], choose, in_place=False)
    assert estimate(jobs, lambda _job: None).bytes_written == 9


def test_the_sample_is_the_same_each_time() -> None:
    jobs = list(make_jobs([(Item(str(n), size=n % 7), FACTS) for n in range(50)], choose, in_place=False))
    assert sampled(jobs, 3) == sampled(jobs[::-1], 3)


def test_the_plan_of_an_archive_is_the_same_each_time(tmp_path: Path) -> None:
    source = archive(tmp_path / "in", {"b": b"1", "a/c": b"2"})
    first, second = (plan_of(source, tmp_path / "out") for _ in range(2))
    assert first.id == second.id
    assert [job.item.path for job in first.jobs] == ["a/c", "b"]


def test_a_sample_is_done_into_a_scratch_file_that_goes(tmp_path: Path) -> None:
    source = archive(tmp_path / "in", {"a": b"damaged", "b": b"12345"})
    plan = plan_of(source, tmp_path / "out")
    scratch = archive(tmp_path / "scratch", {})
    scratch.mkdir()
    measure = measuring(obey, settings_of(plan), scratch, InlineEngine())
    failing, fine = (measure(job) for job in plan.jobs)
    assert failing is None
    assert fine is not None
    assert (fine.bytes_written, list(scratch.iterdir())) == (5, [])
    assert not (tmp_path / "out").exists()
