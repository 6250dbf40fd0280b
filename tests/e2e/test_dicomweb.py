"""DICOMweb as its Python client uses it, against real servers: one with the engine, and a gateway far from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from dicomweb_client.api import DICOMwebClient
from pydicom import Dataset, dcmread

from medtiles.client import Client, QueryScope
from tests.dicom_files import save
from tests.e2e.serving import Server, serving
from tests.studies_files import CANARY, SERIES, STUDY, bulky, slice_of, write_archive

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("default::DeprecationWarning"),  # of the client's own dependencies
    pytest.mark.filterwarnings("default::UserWarning"),
]
ANY_PORT = ("--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_archive(tmp_path_factory.mktemp("archive"))
    save(folder / "bulky.dcm", bulky())
    return folder


@pytest.fixture(scope="module")
def near(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("near")
    words = ("serve", archive, *ANY_PORT, "--workers", 2, "--access-log", folder / "access.log")
    with serving(*words, cache=folder / "cache") as server:
        yield server


@pytest.fixture(scope="module")
def far(near: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    words = ("gateway", "--http", "127.0.0.1:0", "--workers", 1, "--engine", near.grpc)
    with serving(*words, cache=tmp_path_factory.mktemp("far")) as server:
        yield server


@pytest.fixture(params=["near", "far"])
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def client(server: Server) -> DICOMwebClient:
    return DICOMwebClient(f"{server.url}/dicomweb")


def uids(found: Iterable[Mapping[str, Any]], tag: str) -> list[str]:
    return [each[tag]["Value"][0] for each in found]


def test_studies_series_and_instances_are_found(client: DICOMwebClient) -> None:
    assert uids(client.search_for_studies(), "0020000D") == [STUDY, "1.2.7", "1.2.9"]
    assert uids(client.search_for_series(STUDY), "0020000E") == [SERIES, "1.2.3.5"]
    assert uids(client.search_for_instances(STUDY, SERIES), "00080018") == [
        f"{SERIES}.{number}" for number in (1, 2, 3)
    ]
    assert len(client.search_for_instances(limit=2, get_remaining=True)) == 6


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        ({"PatientName": f"{CANARY.lower()}*"}, [STUDY, "1.2.7"]),
        ({"PatientID": "P2"}, ["1.2.9"]),
        ({"StudyDate": "20240101-20241231", "ModalitiesInStudy": "SR"}, [STUDY]),
        ({"00100010": "nobody"}, []),
    ],
)
def test_studies_are_found_by_their_attributes(
    client: DICOMwebClient, filters: dict[str, str], wanted: list[str]
) -> None:
    assert uids(client.search_for_studies(search_filters=filters), "0020000D") == wanted


def test_fuzzy_names_and_more_fields(client: DICOMwebClient) -> None:
    found = client.search_for_studies(
        search_filters={"PatientName": "rishard roe"}, fuzzymatching=True, fields=["PatientBirthDate", "all"]
    )
    assert uids(found, "00100020") == ["P2"]


def test_metadata_give_back_the_data_set(client: DICOMwebClient, archive: Path) -> None:
    found = Dataset.from_json(client.retrieve_instance_metadata(STUDY, SERIES, f"{SERIES}.2"))
    stored = dcmread(archive / "slice2.dcm", stop_before_pixels=True)
    del found["PixelData"]
    del found["AvailableTransferSyntaxUID"]
    stored.SpecificCharacterSet = "ISO_IR 192"
    assert found.to_json_dict() == stored.to_json_dict()
    assert len(client.retrieve_series_metadata(STUDY, SERIES)) == 3
    assert len(client.retrieve_study_metadata(STUDY)) == 4


def test_bulk_data_come_from_where_metadata_say(client: DICOMwebClient) -> None:
    found = client.retrieve_instance_metadata("1.2.7", "1.2.7.1", "1.2.7.1.1")
    (value,) = client.retrieve_bulkdata(found["00281201"]["BulkDataURI"])
    assert value == np.arange(1024, dtype="<u2").tobytes()


def test_instances_come_equal(client: DICOMwebClient, archive: Path) -> None:
    found = client.retrieve_instance(STUDY, SERIES, f"{SERIES}.2", media_types=(("application/dicom", "*"),))
    assert found == dcmread(archive / "slice2.dcm")
    whole = client.retrieve_study(STUDY, media_types=(("application/dicom", "*"),))
    assert sorted(each.SOPInstanceUID for each in whole) == [f"{SERIES}.1", f"{SERIES}.2", f"{SERIES}.3", "1.2.3.5.1"]


def test_what_is_sent_is_the_same_near_and_far(near: Server, far: Server) -> None:
    for path in (f"/studies/{STUDY}/series/{SERIES}/instances/{SERIES}.1", "/studies", f"/studies/{STUDY}/metadata"):
        answers = [httpx.get(f"{server.url}/dicomweb{path}", headers={"host": "localhost:1"}) for server in (near, far)]
        assert answers[0].status_code == 200
        assert answers[0].content == answers[1].content
        assert answers[0].headers["etag"] == answers[1].headers["etag"]


def test_the_grpc_client_finds_and_reads(near: Server, archive: Path) -> None:
    with Client(near.grpc) as client:
        assert uids(client.search(matches={"PatientID": "P2"}), "0020000D") == ["1.2.9"]
        assert len(client.search(QueryScope.INSTANCES)) == 6
        (instance,) = client.instances(STUDY, SERIES, f"{SERIES}.3")
        assert b"".join(client.read_instance(instance)) == (archive / "slice3.dcm").read_bytes()
        assert client.metadata(instance)["00200013"]["Value"] == [3]
        assert len(client.bulk_data(instance, "7FE00010")) == 48


def test_the_access_log_names_no_patient(near: Server, tmp_path: Path, archive: Path) -> None:
    log = tmp_path / "access.log"
    with serving("serve", archive, *ANY_PORT, "--workers", 1, "--access-log", log, cache=tmp_path / "cache") as server:
        for query in (f"PatientName={CANARY}*", f"limit={CANARY}", f"00100020={CANARY}"):
            httpx.get(f"{server.url}/dicomweb/studies?{query}")
        server.end()
    written = log.read_text()
    assert written.count("/dicomweb/studies?") == 3
    assert CANARY not in written


def test_a_file_that_is_replaced_is_served_anew(tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    folder.mkdir()
    save(folder / "one.dcm", slice_of(1))
    with serving(
        "serve", folder, *ANY_PORT, "--workers", 1, "--set", "scan_interval=0.2", cache=tmp_path / "c"
    ) as server:
        address = f"{server.url}/dicomweb/studies/{STUDY}/series/{SERIES}/instances/{SERIES}.1/metadata"
        before = httpx.get(address)
        save(tmp_path / "new.dcm", slice_of(1, PatientID="another"))
        (tmp_path / "new.dcm").replace(folder / "one.dcm")
        seen = _until(
            lambda: httpx.get(address), lambda answer: answer.status_code == 200 and answer.text != before.text
        )
        assert set(seen) <= {200, 503, 404}
        after = httpx.get(address)
        assert after.json()[0]["00100020"]["Value"] == ["another"]
        assert after.headers["etag"] != before.headers["etag"]


@pytest.mark.parametrize("accept", ["application/dicom", "multipart/related; type=application/dicom"])
def test_a_file_that_changes_while_it_is_sent_ends_the_answer(tmp_path: Path, accept: str) -> None:
    folder = tmp_path / "archive"
    folder.mkdir()
    path = save(folder / f"{CANARY}.dcm", slice_of(1))
    with path.open("ab") as file:
        file.write(b"\xfc\xff\xfc\xffOB\0\0" + (200 << 20).to_bytes(4, "little") + bytes(200 << 20))
    with serving("serve", folder, *ANY_PORT, "--workers", 1, cache=tmp_path / "cache") as server:
        address = f"{server.url}/dicomweb/studies/{STUDY}/series/{SERIES}/instances/{SERIES}.1"
        with httpx.stream("GET", address, headers={"accept": accept}) as answer:
            pieces = answer.iter_raw(65536)
            next(pieces)
            with path.open("r+b") as file:
                file.write(b"x")
            with pytest.raises(httpx.RemoteProtocolError):
                list(pieces)
        assert httpx.get(f"{server.url}/healthz").status_code == 200
        assert server.process.stderr is not None
    assert CANARY not in server.said


def _until(ask: Callable[[], httpx.Response], holds: Callable[[httpx.Response], bool]) -> list[int]:
    """Ask again and again until an answer holds; the statuses on the way."""
    seen = []
    for _ in range(2000):
        answer = ask()
        seen.append(answer.status_code)
        if holds(answer):
            return seen
    message = f"waited in vain: {set(seen)}"
    raise AssertionError(message)
