"""`report.ndjson`: everything comes back, nothing is lost when a batch is killed and goes on."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.transcode.batch.outcomes import outcome
from transcode.batch.model import Outcome, Quality, Status
from transcode.batch.report_lines import ReportError, ReportWriter, as_document, from_document, read_report


def written(path: Path, *outcomes: Outcome) -> Path:
    with ReportWriter(path) as writer:
        for one in outcomes:
            writer.add(one)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "report.ndjson"


def test_the_first_line_names_the_schema(path: Path) -> None:
    lines = written(path, outcome()).read_text().splitlines()
    assert json.loads(lines[0]) == {"schema": "medtiles.transcode.report", "version": 1}
    assert len(lines) == 2


def test_the_first_job_and_an_empty_destination_are_written(path: Path) -> None:
    one = outcome(0, destination="", status=Status.FAILED, bytes_read=0)
    assert list(read_report(written(path, one))) == [one]


def test_check_sums_are_hexadecimal(path: Path) -> None:
    one = outcome(checksums=((0, 0xDEADBEEF), (1,)))
    assert as_document(one)["checksums"] == [["00000000", "deadbeef"], ["00000001"]]
    assert list(read_report(written(path, one))) == [one]


def test_an_infinite_ratio_is_null(path: Path) -> None:
    one = outcome(quality=Quality(math.inf, 1.0, 0))
    assert as_document(one)["quality"]["psnr_db"] is None
    assert list(read_report(written(path, one))) == [one]


def test_a_resumed_batch_appends_and_the_last_line_of_a_file_counts(path: Path) -> None:
    written(path, outcome(1, status=Status.FAILED), outcome(2))
    written(path, outcome(1))
    assert list(read_report(path)) == [outcome(2), outcome(1)]
    assert len(path.read_text().splitlines()) == 4


@pytest.mark.parametrize("kept", [0, 1, 10, -1, -20])
def test_half_a_line_of_a_killed_batch_is_cut_off(path: Path, kept: int) -> None:
    whole = written(path, outcome(1), outcome(2)).read_bytes()
    lines = whole.splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1] + lines[2][:kept])
    assert [one.number for one in read_report(path)] == [1]
    written(path, outcome(3))
    assert [one.number for one in read_report(path)] == [1, 3]


def test_a_batch_killed_before_its_first_line_was_whole_begins_anew(path: Path) -> None:
    path.write_bytes(b'{"schema": "medt')
    written(path, outcome(1))
    assert [one.number for one in read_report(path)] == [1]


def test_a_very_long_half_line_is_cut_off(path: Path) -> None:
    with written(path, outcome(1)).open("ab") as file:
        file.write(b"x" * 300_000)
    written(path, outcome(2))
    assert [one.number for one in read_report(path)] == [1, 2]


@pytest.mark.parametrize(
    "content",
    [
        "hello\n",
        "[1]\n",
        '{"schema": "other", "version": 1}\n',
        '{"schema": "medtiles.transcode.report", "version": 2}\n',
    ],
)
def test_what_is_no_report_is_neither_read_nor_written_to(path: Path, content: str) -> None:
    path.write_text(content)
    with pytest.raises(ReportError):
        ReportWriter(path)
    with pytest.raises(ReportError):
        list(read_report(path))
    assert path.read_text() == content


@pytest.mark.parametrize(
    "line", ["{}", "[]", "null", "nonsense", '{"number": 1, "name": "a", "destination": "", "status": "odd"}']
)
def test_a_damaged_line_is_named(path: Path, line: str) -> None:
    written(path, outcome(1))
    with path.open("a") as file:
        file.write(line + "\n")
    with pytest.raises(ReportError, match="line 3"):
        list(read_report(path))


def test_fields_of_later_versions_are_dropped() -> None:
    assert from_document({**as_document(outcome(5)), "novelty": 1}) == outcome(5)


texts = st.text(max_size=20)
numbers = st.integers(0, 2**62)
qualities = st.builds(Quality, st.floats(0, 200) | st.just(math.inf), st.floats(-1, 1), st.integers(0, 2**32))
outcomes: st.SearchStrategy[Outcome] = st.builds(
    Outcome,
    number=numbers,
    name=texts,
    destination=texts,
    status=st.sampled_from(Status),
    message=texts,
    bytes_read=numbers,
    encode_seconds=st.floats(0, 1e9),
    quality=st.none() | qualities,
    warnings=st.lists(texts, max_size=3).map(tuple),
    is_lossy=st.booleans(),
    checksums=st.lists(st.lists(st.integers(0, 2**32 - 1), min_size=1).map(tuple), max_size=3).map(tuple),
)


@given(outcomes)
def test_every_outcome_comes_back_from_its_line(one: Outcome) -> None:
    line: dict[str, Any] = json.loads(json.dumps(as_document(one), allow_nan=False))
    assert from_document(line) == one


def test_a_name_that_is_no_unicode_does_not_end_the_batch(path: Path) -> None:
    written(path, outcome(1, name="caf\udce9.dcm"))
    assert next(iter(read_report(path))).name == "caf?.dcm"
