"""DICOMweb's resources: statuses, media types, header lines; what is cut, conditional, hostile."""

from __future__ import annotations

import email
import email.policy
import json
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import httpx
import pytest
from pydicom import Dataset, dcmread

from medtiles.access_log import Answer, format_combined, format_json
from tests.studies_files import CANARY, SERIES, STUDY
from tests.unit.protocols.dicomweb.conftest import Get

SLICE = f"/studies/{STUDY}/series/{SERIES}/instances/{SERIES}.2"
BULKY = "/studies/1.2.7/series/1.2.7.1/instances/1.2.7.1.1"
ROOT = "http://pacs.example:8080/dicomweb"
DICOM = "multipart/related; type=application/dicom"
XML = 'multipart/related; type="application/dicom+xml"'
NATIVE = "{http://dicom.nema.org/PS3.19/models/NativeDICOM}"


def parts(answer: httpx.Response) -> list[tuple[str, bytes]]:
    """Content-Type and content of each part."""
    head = f"Content-Type: {answer.headers['content-type']}\r\n\r\n".encode()
    read = email.message_from_bytes(head + answer.content, policy=email.policy.HTTP)
    # The package puts quotes around what it reads; the spelling is tested by bytes.
    found = [(str(part["Content-Type"]), part.get_payload(decode=True)) for part in read.iter_parts()]
    return [(name.replace('"', ""), content) for name, content in found if isinstance(content, bytes)]


# -- QIDO-RS --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "count"),
    [
        ("/studies", 3),
        ("/series", 4),
        ("/instances", 6),
        (f"/studies/{STUDY}/series", 2),
        (f"/studies/{STUDY}/instances", 4),
        (f"/studies/{STUDY}/series/{SERIES}/instances", 3),
        ("/studies?PatientID=P2", 1),
        ("/studies?00100020=P2", 1),
        ("/studies?PatientName=roe%5Er*&fuzzymatching=false", 1),
        ("/studies?PatientName=rishard%20roe&fuzzymatching=true", 1),
        ("/studies?ModalitiesInStudy=SR%5CMR&includefield=all", 2),
        ("/series?00400275.00400007=CT*&includefield=00400275,BodyPartExamined&includefield=00080070", 4),
    ],
)
def test_searches_find(get: Get, path: str, count: int) -> None:
    answer = get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/dicom+json"
    assert len(answer.json()) == count
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert [Dataset.from_json(each) for each in answer.json()]


@pytest.mark.parametrize("path", ["/studies?PatientID=none", "/studies/1.2.99/series", "/studies?offset=50"])
def test_a_search_that_finds_nothing_has_no_content(get: Get, path: str) -> None:
    answer = get(path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert "content-length" not in answer.headers


def test_the_retrieve_url_is_whole(get: Get) -> None:
    (found,) = get(f"/studies/{STUDY}/series/{SERIES}/instances?InstanceNumber=2").json()
    assert found["00081190"]["Value"] == [f"{ROOT}{SLICE}"]
    (behind,) = get(f"/studies?StudyInstanceUID={STUDY}", x_forwarded_proto="https").json()
    assert behind["00081190"]["Value"] == [f"https{ROOT[4:]}/studies/{STUDY}"]


@pytest.mark.parametrize("host", ["a b", "x/../y", "x\"'<>", "x:y"])
def test_a_host_that_is_none_is_not_repeated(get: Get, host: str) -> None:
    (found,) = get(f"/studies?StudyInstanceUID={STUDY}", host=host).json()
    assert found["00081190"]["Value"] == [f"/dicomweb/studies/{STUDY}"]


def test_an_answer_that_is_cut_says_so_and_names_the_next(get: Get) -> None:
    answer = get("/instances?limit=4&PatientName=*")
    assert len(answer.json()) == 4
    assert answer.headers["warning"] == '299 medtiles "There are 2 additional results that can be requested"'
    link = answer.headers["link"]
    assert link == '</dicomweb/instances?limit=4&PatientName=*&offset=4>; rel="next"'
    rest = get(link[1:].partition(">")[0].removeprefix("/dicomweb"))
    assert len(rest.json()) == 2
    assert "link" not in rest.headers


def test_searches_are_told_as_xml_to_those_who_ask(get: Get) -> None:
    answer = get(f"/studies?PatientID={CANARY}-1&ModalitiesInStudy=SR", accept=XML)
    ((media_type, content),) = parts(answer)
    assert media_type == "application/dicom+xml"
    document = ElementTree.fromstring(content)
    assert document.tag == f"{NATIVE}NativeDicomModel"
    name = document.find(f"{NATIVE}DicomAttribute[@keyword='PatientName']/{NATIVE}PersonName/{NATIVE}Alphabetic")
    assert name is not None
    assert [(part.tag.removeprefix(NATIVE), part.text) for part in name] == [
        ("FamilyName", CANARY), ("GivenName", "Jörg"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "query",
    [
        "NoSuchKeyword=1",
        "PatientID=a&PatientID=b",
        "limit=-1",
        "limit=x",
        "offset=1e3",
        "fuzzymatching=perhaps",
        "StudyDate=yesterday",
        "PatientName=%ff",
        "=x",
        "includefield=Nonsense",
        "&".join(f"a{index}=1" for index in range(200)),
        "PatientName=" + "a*" * 100,
    ],
)
def test_a_search_that_makes_no_sense_is_a_problem(get: Get, query: str) -> None:
    answer = get(f"/studies?{query}")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("*/*", 200),
        ("application/dicom+json", 200),
        ("application/json", 200),
        ("text/html, application/dicom+json;q=0.1", 200),
        ("text/html", 406),
        ("application/dicom+json;q=0", 406),
        ("multipart/related; type=image/jpeg", 406),
        ("rubbish", 400),
        ("a/b," * 300, 400),
        ("a/b; x=" + "y" * 1024, 406),
    ],
)
def test_what_is_accepted_decides(get: Get, accept: str, status: int) -> None:
    assert get("/studies", accept=accept).status_code == status


def test_the_parameter_accept_wins(get: Get) -> None:
    assert get("/studies?accept=application/dicom%2Bjson", accept="text/html").status_code == 200
    assert get("/studies?accept=application/dicom+json", accept="text/html").status_code == 200
    assert get("/studies?accept=text/html", accept="*/*").status_code == 406


# -- metadata and bulk data -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "count"), [(f"/studies/{STUDY}", 4), (f"/studies/{STUDY}/series/{SERIES}", 3), (SLICE, 1)]
)
def test_metadata_are_those_of_the_files(get: Get, path: str, count: int) -> None:
    answer = get(f"{path}/metadata")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/dicom+json"
    assert len(answer.json()) == count
    assert len(parts(get(f"{path}/metadata", accept=XML))) == count


def test_metadata_are_not_sent_to_those_who_have_them(get: Get) -> None:
    for accept in ("application/dicom+json", XML):
        first = get(f"{SLICE}/metadata", accept=accept)
        again = get(f"{SLICE}/metadata", accept=accept, if_none_match=first.headers["etag"])
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]


def test_bulk_data_lie_where_the_metadata_say(get: Get, archive: Path) -> None:
    (found,) = get(f"{BULKY}/metadata").json()
    dataset = dcmread(archive / "bulky.dcm")
    for tag in ("00281201", "00091001", "7FE00010"):
        uri = found[tag]["BulkDataURI"]
        assert uri.startswith(f"{ROOT}{BULKY}/bulkdata/")
        path = uri.removeprefix(ROOT)
        value = dataset[int(tag, 16)].value
        assert get(path).content == value
        multipart = get(path, accept='multipart/related; type="application/octet-stream"; transfer-syntax=*')
        assert parts(multipart) == [("application/octet-stream", value)]
        again = get(path, if_none_match=get(path).headers["etag"])
        assert again.status_code == 304


def test_the_profile_of_an_optical_path_is_bulk_data(get: Get) -> None:
    (found,) = get(f"{BULKY}/metadata").json()
    uri = found["00480105"]["Value"][1]["00282000"]["BulkDataURI"]
    assert get(uri.removeprefix(ROOT)).content == b"profile of a path "


# -- instances ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "accept", ["*/*", DICOM, f"{DICOM}; transfer-syntax=*", f"{DICOM};transfer-syntax=1.2.840.10008.1.2.1"]
)
def test_an_instance_comes_as_it_is_stored(get: Get, archive: Path, accept: str) -> None:
    answer = get(SLICE, accept=accept)
    ((media_type, content),) = parts(answer)
    assert media_type == "application/dicom; transfer-syntax=1.2.840.10008.1.2.1"
    assert content == (archive / "slice2.dcm").read_bytes()
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert b"\r\nContent-Type: application/dicom" in answer.content
    assert get(SLICE, accept=accept).content == answer.content


def test_an_instance_comes_by_itself_to_those_who_ask(get: Get, archive: Path) -> None:
    answer = get(SLICE, accept="application/dicom")
    assert answer.content == (archive / "slice2.dcm").read_bytes()
    assert answer.headers["content-type"].startswith("application/dicom;")


@pytest.mark.parametrize(("path", "count"), [(f"/studies/{STUDY}", 4), (f"/studies/{STUDY}/series/{SERIES}", 3)])
def test_studies_and_series_come_as_parts(get: Get, path: str, count: int) -> None:
    answer = get(path)
    found = [dcmread(BytesIO(content)) for _, content in parts(answer)]
    assert len({each.SOPInstanceUID for each in found}) == count
    assert int(answer.headers["content-length"]) == len(answer.content)


def test_another_transfer_syntax_than_the_stored_one_is_not_acceptable(get: Get) -> None:
    assert get(SLICE, accept=f"{DICOM}; transfer-syntax=1.2.840.10008.1.2.4.90").status_code == 406
    assert get(f"/studies/{STUDY}", accept="application/dicom").status_code == 406


def test_head_says_what_get_would(get: Get) -> None:
    for path in (SLICE, f"{SLICE}/metadata", "/studies"):
        whole, head = get(path), get(path, method="HEAD")
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == whole.headers["content-length"]
        assert head.headers["etag"] == whole.headers["etag"]


# -- hostile --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/studies/..%2f..%2fetc/metadata",
        "/studies/1.2.3%00/metadata",
        f"/studies/{'1' * 65}/metadata",
        "/studies/1.2.99/metadata",
        "/studies/1.2.99",
        f"/studies/{STUDY}/series/1.2.7.1",
        f"{SLICE}/bulkdata/00281201",
        f"{SLICE}/bulkdata/..%2f..%2fx",
        f"{SLICE}/bulkdata/",
        f"{SLICE}/nonsense",
        "/studies/'; DROP TABLE files; --/series/1",
        "/",
    ],
)
def test_what_is_not_there_is_not_found(get: Get, path: str) -> None:
    answer = get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_neither_errors_nor_the_access_log_name_patients(
    get: Get, records: list[Answer], caplog: pytest.LogCaptureFixture
) -> None:
    queries = [
        f"PatientName={CANARY}*", f"limit={CANARY}", f"StudyDate={CANARY}", CANARY, f"offset=1&{CANARY}",
        f"window={CANARY}", f"format={CANARY}", f"includefield={CANARY}", f"fuzzymatching={CANARY}",
    ]  # fmt: skip
    for query in queries:
        answer = get(f"/studies?{query}", accept="*/*", referer=f"http://viewer/?{CANARY}")
        if answer.status_code != 200:
            told = json.dumps(answer.json()) if answer.content else ""
            assert CANARY not in told or query == f"limit={CANARY}", query
    lines = [line(record) for record in records for line in (format_combined, format_json)]
    assert len(lines) == 2 * len(queries)
    assert not [line for line in lines if CANARY in line]
    assert CANARY not in caplog.text
