"""Searches in an archive of 100,000 instances, and what a scan costs beyond reading the headers."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from medtiles.catalogue.roots import Roots
from medtiles.catalogue.studies import FileStudies
from medtiles.catalogue.studies.filling import SeenFile
from medtiles.core.studies import QueryScope, Scope, StudyQuery
from medtiles.dicom.head_reader import read_facts
from medtiles.dicom.records import InstanceRecord
from tests.bench.conftest import Table, microseconds
from tests.dicom_files import save
from tests.studies_files import slice_of

pytestmark = [pytest.mark.bench, pytest.mark.timeout(300)]
STUDIES = 2000
SERIES = 2
SLICES = 25
LEVEL = QueryScope.STUDIES


def records(like: InstanceRecord) -> Iterator[InstanceRecord]:
    """Studies that differ in what people search for."""
    for number in range(STUDIES):
        study = f"1.2.3.{number}"
        date = f"20{number % 25:02}{number % 12 + 1:02}{number % 28 + 1:02}"
        of_study = _with(
            like.of_study, **{"0020000D": study, "00100020": f"ID{number}", "00080020": date},
            **{"00100010": {"Alphabetic": f"Patient{number}^Given{number % 97}"}},
        )  # fmt: skip
        for series in (f"{study}.{each}" for each in range(SERIES)):
            of_series = _with(like.of_series, **{"0020000E": series, "00080060": "CT" if number % 3 else "MR"})
            for index in range(SLICES):
                uid = f"{series}.{index}"
                yield replace(
                    like, study=study, series=series, uid=uid, number=index, of_study=of_study, of_series=of_series,
                    own=_with(like.own, **{"00080018": uid}),
                )  # fmt: skip


def _with(text: str, **values: object) -> str:
    found = json.loads(text)
    for tag, value in values.items():
        found[tag]["Value"] = [value]
    return json.dumps(found)


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FileStudies]:
    root = tmp_path_factory.mktemp("archive")
    facts = read_facts(save(root / "one.dcm", slice_of(1)))
    assert facts is not None
    assert facts[1] is not None
    made = FileStudies(Roots([root]), tmp_path_factory.mktemp("cache"), "bench", lambda: False)
    files = [SeenFile(f"{root}/{each.uid}", "i", "v", each) for each in records(facts[1])]
    walked = time.time()
    for begin in range(0, len(files), 256):
        made.put(files[begin : begin + 256], walked)
    made.settle({file.path for file in files}, {}, walked)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("what", "query", "most"),
    [
        ("page of 100", lambda _: StudyQuery(LEVEL, limit=100), 15_000),
        ("Patient ID", lambda turn: StudyQuery(LEVEL, matches=(("PatientID", f"ID{turn % STUDIES}"),)), 1_000),
        ("a year of Study Date", lambda _: StudyQuery(LEVEL, matches=(("StudyDate", "20100101-20101231"),)), 10_000),
        ("part of a name", lambda turn: StudyQuery(LEVEL, matches=(("PatientName", f"*ient{turn % 99}^*"),)), 60_000),
        ("series of a study", lambda turn: StudyQuery(QueryScope.SERIES, Scope(f"1.2.3.{turn % STUDIES}")), 2_000),
        ("instances of a series", lambda turn: StudyQuery(QueryScope.INSTANCES, _series(turn)), 8_000),
        (
            "a date of the instances",
            lambda _: StudyQuery(QueryScope.INSTANCES, matches=(("ContentDate", "20200101-"),)),
            600_000,
        ),
        ("page 900 of instances", lambda _: StudyQuery(QueryScope.INSTANCES, offset=90_000, limit=100), 60_000),
    ],
)
def test_searches_take_milliseconds(
    studies: FileStudies, table: Table, what: str, query: Callable[[int], StudyQuery], most: int
) -> None:
    took = microseconds(lambda turn: studies.search(query(turn)), 20)
    line = f"QIDO in 100,000 instances: {what}"
    table.add(line, f"{took / 1000:.2f} ms", "-", f"≤ {most / 1000:g} ms", is_met=took <= most)


def _series(turn: int) -> Scope:
    study = f"1.2.3.{turn % STUDIES}"
    return Scope(study, f"{study}.1")


def test_a_header_is_read_for_the_index_in_milliseconds(tmp_path: Path, table: Table) -> None:
    path = save(tmp_path / "one.dcm", slice_of(1))
    took = microseconds(lambda _: read_facts(path), 50)
    table.add("a DICOM header, for both indexes", f"{took / 1000:.2f} ms", "-", "≤ 8 ms", is_met=took <= 8000)
