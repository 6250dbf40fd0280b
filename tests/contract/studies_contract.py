"""What every `Studies` promises, near or far: subclass, and give a fixture `studies` over what `write_archive` writes.

Besides its files the archive holds `bulky.dcm`.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from medtiles.core.errors import BadRequestError, ImageNotFoundError
from medtiles.core.studies import Instance, QueryScope, Scope, Studies, StudyQuery
from tests.studies_files import CANARY, OTHER_STUDY, SERIES, STUDY
from transcode.errors import FileChangedError

BULKY = Scope("1.2.7", "1.2.7.1", "1.2.7.1.1")
HOSTILE = ("..", "../../etc", "1.2.3'; DROP TABLE files; --", "%", "1.2.3\0", "x" * 5000, "1" * 65, "\r\nX: y")
STUDIES, OF_SERIES, INSTANCES = QueryScope.STUDIES, QueryScope.SERIES, QueryScope.INSTANCES


def uids(studies: Studies, query: StudyQuery) -> list[str]:
    """What a search finds, by the UIDs of its level."""
    tag = {STUDIES: "0020000D", OF_SERIES: "0020000E", INSTANCES: "00080018"}[query.level]
    return [each[tag]["Value"][0] for each in studies.search(query).found]


class StudiesContract:
    """Subclass with fixtures `studies` and `archive`."""

    def test_studies_come_latest_first_with_their_counts(self, studies: Studies) -> None:
        page = studies.search(StudyQuery(STUDIES))
        assert [each["0020000D"]["Value"] for each in page.found] == [[STUDY], ["1.2.7"], [OTHER_STUDY]]
        first = page.found[0]
        assert (page.total, page.is_scanning) == (3, False)
        assert first["00080061"] == {"vr": "CS", "Value": ["CT", "SR"]}
        assert (first["00201206"]["Value"], first["00201208"]["Value"]) == ([2], [4])
        assert first["00100010"] == {"vr": "PN", "Value": [{"Alphabetic": f"{CANARY}^Jörg"}]}
        assert first["00081190"] == {"vr": "UR", "Value": [f"studies/{STUDY}"]}
        assert first["00080056"] == {"vr": "CS", "Value": ["ONLINE"]}

    def test_series_of_a_study_come_by_their_number(self, studies: Studies) -> None:
        page = studies.search(StudyQuery(OF_SERIES, Scope(STUDY)))
        assert [each["00080060"]["Value"] for each in page.found] == [["CT"], ["SR"]]
        assert page.found[0]["00201209"]["Value"] == [3]
        assert page.found[1]["0008103E"] == {"vr": "LO"}
        assert "00100010" not in page.found[0]

    def test_series_of_all_studies_are_told_with_their_studies(self, studies: Studies) -> None:
        found = studies.search(StudyQuery(OF_SERIES, matches=(("Modality", "MR"),))).found
        assert [each["00100020"]["Value"] for each in found] == [["P2"]]

    def test_instances_have_what_the_tables_want(self, studies: Studies) -> None:
        found = studies.search(StudyQuery(INSTANCES, Scope(STUDY, SERIES))).found
        assert [each["00200013"]["Value"] for each in found] == [[1], [2], [3]]
        assert (found[0]["00280010"]["Value"], found[0]["00280011"]["Value"]) == ([4], [6])
        assert found[0]["00083002"] == {"vr": "UI", "Value": ["1.2.840.10008.1.2.1"]}
        assert found[0]["00081190"]["Value"] == [f"studies/{STUDY}/series/{SERIES}/instances/{SERIES}.1"]

    @pytest.mark.parametrize(
        ("name", "value", "level", "wanted"),
        [
            ("PatientID", f"{CANARY}-1", STUDIES, [STUDY, "1.2.7"]),
            ("00100020", "P2", STUDIES, [OTHER_STUDY]),
            ("PatientName", f"{CANARY.lower()}*", STUDIES, [STUDY, "1.2.7"]),
            ("PatientName", "roe^richard", STUDIES, [OTHER_STUDY]),
            ("StudyDate", "20200101-20231231", STUDIES, [OTHER_STUDY]),
            ("StudyDate", "-20200101", STUDIES, [OTHER_STUDY]),
            ("StudyTime", "10", STUDIES, [STUDY, "1.2.7", OTHER_STUDY]),
            ("AccessionNumber", "A2", STUDIES, [OTHER_STUDY]),
            ("StudyDescription", "?nee", STUDIES, [OTHER_STUDY]),
            ("ModalitiesInStudy", "SR", STUDIES, [STUDY]),
            ("ModalitiesInStudy", "SR,MR", STUDIES, [STUDY, OTHER_STUDY]),
            ("StudyInstanceUID", f"{STUDY}\\{OTHER_STUDY}", STUDIES, [STUDY, OTHER_STUDY]),
            ("NumberOfStudyRelatedSeries", "2", STUDIES, [STUDY]),
            ("Modality", "SR", STUDIES, [STUDY]),
            ("SOPInstanceUID", "1.2.9.1.1", STUDIES, [OTHER_STUDY]),
            ("PatientID", "", STUDIES, [STUDY, "1.2.7", OTHER_STUDY]),
            ("00400275.00400007", "*chest", OF_SERIES, [SERIES, "1.2.3.5", "1.2.7.1", "1.2.9.1"]),
            ("RequestAttributesSequence.RequestedProcedureID", "R8", OF_SERIES, []),
            ("BodyPartExamined", "CHEST", OF_SERIES, [SERIES, "1.2.3.5", "1.2.7.1", "1.2.9.1"]),
            ("SOPClassUID", "1.2.840.10008.5.1.4.1.1.88.11", INSTANCES, ["1.2.3.5.1"]),
            ("InstanceNumber", "3", INSTANCES, [f"{SERIES}.3"]),
            ("ContentDate", "20240302", INSTANCES, [f"{SERIES}.2"]),
            ("StudyDescription", "Knee", INSTANCES, ["1.2.9.1.1"]),
            ("PatientName", "*'--*", STUDIES, []),
        ],
    )
    def test_attributes_are_matched(
        self, studies: Studies, name: str, value: str, level: QueryScope, wanted: list[str]
    ) -> None:
        assert uids(studies, StudyQuery(level, matches=((name, value),))) == wanted

    def test_all_that_is_searched_must_match(self, studies: Studies) -> None:
        both = (("PatientID", f"{CANARY}-1"), ("ModalitiesInStudy", "SR"))
        assert uids(studies, StudyQuery(STUDIES, matches=both)) == [STUDY]

    def test_fuzzy_names_match_when_asked_to(self, studies: Studies) -> None:
        query = StudyQuery(STUDIES, matches=(("PatientName", "rishard roe"),), fuzzy=True)
        assert uids(studies, query) == [OTHER_STUDY]
        assert uids(studies, replace(query, fuzzy=False)) == []

    def test_pages_join_to_the_whole(self, studies: Studies) -> None:
        whole = uids(studies, StudyQuery(INSTANCES))
        pages = [studies.search(StudyQuery(INSTANCES, offset=start, limit=2)) for start in range(0, 6, 2)]
        assert [each["00080018"]["Value"][0] for page in pages for each in page.found] == whole
        assert {page.total for page in pages} == {6}
        assert studies.search(StudyQuery(STUDIES, offset=7)).found == ()

    def test_fields_beyond_the_usual_ones_come_when_asked_for(self, studies: Studies) -> None:
        def found(*fields: str) -> set[str]:
            return set(studies.search(StudyQuery(OF_SERIES, Scope(STUDY), fields=fields)).found[0])

        assert "00180015" not in found()
        assert {"00180015", "00100010"} <= found("BodyPartExamined", "00100010")
        assert {"00180015", "00100010", "00080020"} <= found("all")

    @pytest.mark.parametrize(
        ("name", "value"),
        [("NoSuchThing", "x"), ("0010", "x"), ("StudyDate", "yesterday"), ("PixelData", "x"), ("a.b", "x"), ("", "x")],
    )
    def test_what_cannot_be_searched_is_refused_and_not_repeated(self, studies: Studies, name: str, value: str) -> None:
        with pytest.raises(BadRequestError) as refused:
            studies.search(StudyQuery(STUDIES, matches=((name, value),)))
        assert "yesterday" not in str(refused.value)

    @pytest.mark.parametrize("uid", HOSTILE)
    def test_hostile_uids_find_nothing(self, studies: Studies, uid: str) -> None:
        for scope in (Scope(uid), Scope(STUDY, uid), Scope(STUDY, SERIES, uid)):
            with pytest.raises((ImageNotFoundError, BadRequestError)):
                studies.instances(scope)
            assert studies.search(StudyQuery(INSTANCES, scope)).found == ()

    def test_instances_come_in_the_order_of_their_slices(self, studies: Studies) -> None:
        found = studies.instances(Scope(STUDY))
        assert [each.uid for each in found] == [f"{SERIES}.3", f"{SERIES}.2", f"{SERIES}.1", "1.2.3.5.1"]
        assert [each.position_mm for each in found] == [2.5, 5.0, 7.5, None]
        assert [each.frames for each in found] == [1, 1, 1, 0]
        assert [bool(each.image) for each in found] == [True, True, True, False]
        assert (found[0].rows, found[0].columns, found[0].number) == (4, 6, 3)

    def test_the_file_of_an_instance_comes_as_it_is(self, studies: Studies, archive: Path) -> None:
        (instance,) = studies.instances(Scope(STUDY, SERIES, f"{SERIES}.2"))
        length, pieces = studies.file(instance)
        data = b"".join(pieces)
        assert data == (archive / "slice2.dcm").read_bytes()
        assert length == len(data) == instance.size

    def test_metadata_tell_values_and_name_bulk_data(self, studies: Studies) -> None:
        (instance,) = studies.instances(BULKY)
        found = studies.metadata(instance)
        json.dumps(found, allow_nan=False)
        assert found["00100010"]["Value"] == [{"Alphabetic": f"{CANARY}^Jörg"}]
        assert found["00281202"]["InlineBinary"] == "AQIDBA=="
        assert found["00189073"]["Value"] == ["NaN"]
        assert found["00091002"]["Value"] == ["private words"]
        assert found["00080005"]["Value"] == ["ISO_IR 192"]
        assert {found[tag]["BulkDataURI"] for tag in ("00281201", "00091001", "7FE00010")} == {
            "bulkdata/00281201", "bulkdata/00091001", "bulkdata/7FE00010",
        }  # fmt: skip

    def test_bulk_data_are_found_by_their_address(self, studies: Studies) -> None:
        (instance,) = studies.instances(BULKY)
        assert studies.bulk_data(instance, "00281201") == np.arange(1024, dtype="<u2").tobytes()
        assert studies.bulk_data(instance, "00480105/2/00282000") == b"profile of a path "
        assert len(studies.bulk_data(instance, "7FE00010")) == 48

    @pytest.mark.parametrize(
        "path", ["", "..", "../../x", "00281203", "00480105/3/00282000", "00480105/0/00282000", "7FE00008", "x" * 9999]
    )
    def test_there_are_no_other_bulk_data(self, studies: Studies, path: str) -> None:
        (instance,) = studies.instances(BULKY)
        with pytest.raises(ImageNotFoundError):
            studies.bulk_data(instance, path)

    def test_another_version_of_a_file_is_told(self, studies: Studies) -> None:
        (instance,) = studies.instances(BULKY)
        old = replace(instance, version="0123456789abcdef")
        for ask in (studies.metadata, studies.file, lambda each: studies.bulk_data(each, "7FE00010")):
            with pytest.raises(FileChangedError):
                ask(old)

    def test_an_instance_that_is_none_is_not_found(self, studies: Studies) -> None:
        gone = Instance(STUDY, SERIES, "1.2.3.4.77", "", "", 1, 1, 1, "v")
        with pytest.raises(ImageNotFoundError):
            studies.metadata(gone)
