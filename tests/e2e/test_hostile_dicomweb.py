"""Requests to `/dicomweb` made to harm: refused with a reason, without a path in it, by a server that goes on."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.e2e.serving import Server, serving, wait_until
from tests.e2e.test_hostile_requests import CLIMBS, SECRET
from tests.e2e.test_hostile_requests import NUMBERS as ANY_NUMBERS
from tests.instances import compressed

ANY_PORT = ("--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0")
STUDY, SERIES, INSTANCE = "1.2.3", "1.2.3.1", "1.2.3.4"
STUDY_URL = f"/dicomweb/studies/{STUDY}"
SERIES_URL = f"{STUDY_URL}/series/{SERIES}"
INSTANCE_URL = f"{SERIES_URL}/instances/{INSTANCE}"
FRAME_NAMES = ("frames", "htj2k", "jls", "lossy", "htj2kThumbnail", "jlsThumbnail")
NUMBERS = [each for each in ANY_NUMBERS if each.isascii()]  # what is not is no request at all
UIDS = [
    *dict.fromkeys(CLIMBS),
    ".",
    "%2e",
    "%2e%2e",
    "%2f",
    "1.2.3%2f..%2f..",
    "1.2.3%00",
    "1.2.3%0a",
    "1.2.3%0d%0aX-Injected:%201",
    "1.2.03",
    "01.2.3",
    "1.2.3.",
    "1..2.3",
    "1.2.3%20",
    "1.2.3,1.2.3",
    "1.2.3%5c1.2.3",
    "1" * 65,
    "9" * 5000,
    "%D9%A1.2.3",
    "1.2.3;v=1",
]
LISTS = [
    *NUMBERS,
    "0", "1,1", "1,,2", ",1", "1,", "1-2", "1,0", "1,99", "999999999999", "2%2C2",
    ",".join(["1"] * 1000), ",".join(str(each) for each in range(1, 3000)), "," * 5000, "../1", "%2e%2e%2f1",
]  # fmt: skip
ACCEPTS = [
    "x" * 1024, "a/b," * 300, "image/jls;q=2", "*/*;q=-1", ";;;", '"', "*/json", "image/*;q=0", "text/html",
    'multipart/related; type="' + "a" * 1024, 'multipart/related; type="' + "a" * 1024 + '"',
    'multipart/related; type="' + '\\"' * 500, "image/jphc; transfer-syntax=" + "1" * 1024,
    "application/x-" + "y" * 1024,
    "a/b;" + "c=d;" * 300, "image/jls;q=0.001," * 65, "a" * 9000, "a/b" + ";" * 9000,
    "multipart/related; type=multipart/related", "image/jls; transfer-syntax=../../etc/passwd",
]  # fmt: skip
BREAK = "%0d%0aX-Injected:%201"
PARAMETERS = [
    *(f"accept={each}" for each in (BREAK, f"image/jls{BREAK}", f"a/b;transfer-syntax=1{BREAK}", "%00", "%ff")),
    "accept=" + "x" * 2000,
    *(f"fsiz={each}" for each in ("", "1", "1,2,3", "0,0", "-1,5", "1e3,1", "%00,1", BREAK, "9" * 500 + ",1")),
    *(f"quality={each}" for each in ("", "0", "101", "1e1", "%00", BREAK, f"50{BREAK}", "9" * 400)),
    "&" * 300, "a=" + "b" * 5000,
]  # fmt: skip
PICTURES = [
    "window=NaN,1,linear", "window=1,0,linear", "window=1,inf,linear", "window=1,1,<script>",
    f"window={BREAK},1,linear",
    "viewport=0,0", "viewport=1e3,5", "viewport=99999999,9999999", "viewport=32768,32768", "viewport=" + "1" * 5000,
    "quality=-1", f"iccprofile={BREAK}", "annotation=../../etc/passwd", "viewport=10,10,9999,9999,1,1",
]  # fmt: skip
SEARCHES = [
    "limit=-1", "offset=-1", "limit=1e9", "limit=" + "9" * 400, "offset=" + "9" * 400, "limit=1&limit=2", "nonsense=1",
    "StudyDate=2024", "StudyDate=99999999-00000000", f"StudyDate={BREAK}", "PatientName=%ff", "fuzzymatching=maybe",
    "includefield=../../etc", "includefield=" + "a," * 5000, "PatientName=" + "?*" * 5000 + "z",
    "&".join(f"{number:08x}=1" for number in range(200)),
]  # fmt: skip
BOMB = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>'

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@dataclass(frozen=True)
class Answer:
    status: int
    head: str
    body: bytes

    @property
    def media_type(self) -> str:
        lines = (line.partition(":") for line in self.head.split("\r\n"))
        return next((value.strip() for name, _, value in lines if name.lower() == "content-type"), "")


@dataclass(frozen=True)
class Archive:
    """A server of one instance of two frames, with a secret beside what it serves."""

    server: Server
    folder: Path

    def ask(self, path: str, *lines: str, method: str = "GET", body: bytes = b"") -> Answer:
        """The answer to a path and header lines as they stand, byte by byte."""
        host, port = self.server.url.removeprefix("http://").split(":")
        head = "\r\n".join((f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Connection: close", *lines, "", ""))
        received = b""
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            try:
                connection.sendall(head.encode("utf-8") + body)
                while part := connection.recv(65536):
                    received += part
            except ConnectionError:
                pass
        said, _, content = received.partition(b"\r\n\r\n")
        first = said.split(b"\r\n", 1)[0].split()
        return Answer(int(first[1]) if len(first) > 1 else 0, said.decode("latin-1"), content)

    def refuses(self, answer: Answer) -> bool:
        """Whether the client is told what it did wrong, and nothing else."""
        text = answer.head + answer.body.decode("utf-8", "replace")
        kept = (SECRET, "root:", str(self.folder), self.folder.name, "htj2k-rpcl.dcm", "Traceback", '.py"')
        is_told = answer.media_type == "application/problem+json" and json.loads(answer.body)["status"] == answer.status
        is_clean = "x-injected" not in answer.head.lower() and not any(each in text for each in kept)
        return 400 <= answer.status < 500 and is_told and is_clean

    def is_well(self) -> bool:
        return self.ask(f"{INSTANCE_URL}/frames/1").status == 200


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    folder = tmp_path_factory.mktemp("hostile")
    files = folder / "files"
    files.mkdir()
    compressed(files, "htj2k-rpcl")
    (folder / "secret.txt").write_text(SECRET)
    with serving("serve", files, *ANY_PORT, "--workers", 2, cache=folder / "cache") as server:
        wait_until(lambda: not httpx.get(f"{server.url}/images").json()["scanning"])
        found = Archive(server, folder)
        assert found.is_well()
        workers = server.workers
        yield found
        assert found.is_well()
        assert server.workers == workers


@pytest.mark.parametrize(
    "route",
    [
        "/dicomweb/{}",
        "/dicomweb/studies/{}",
        "/dicomweb/studies/{}/metadata",
        f"{STUDY_URL}/series/{{}}",
        f"{STUDY_URL}/series/{{}}/metadata",
        f"{STUDY_URL}/series/{{}}/thumbnail",
        f"{SERIES_URL}/instances/{{}}",
        f"{SERIES_URL}/instances/{{}}/metadata",
        f"{SERIES_URL}/instances/{{}}/rendered",
        f"{SERIES_URL}/instances/{{}}/bulkdata/7FE00010",
        *(f"{SERIES_URL}/instances/{{}}/{name}/1" for name in FRAME_NAMES),
        f"{SERIES_URL}/instances/{{}}/frames/1/resolutions",
        f"{SERIES_URL}/instances/{{}}/frames/1/rendered",
        f"{INSTANCE_URL}/{{}}/1",
        f"{INSTANCE_URL}/bulkdata/{{}}",
        "/dicomweb/wado?requestType=WADO&studyUID={}&seriesUID=1.2.3.1&objectUID=1.2.3.4",
        "/dicomweb/wado?requestType=WADO&studyUID=1.2.3&seriesUID=1.2.3.1&objectUID={}",
    ],
)
def test_uids_that_are_none_are_refused_on_every_route(archive: Archive, route: str) -> None:
    wrong = [text for text in UIDS if not archive.refuses(archive.ask(route.format(text)))]
    assert wrong == []


@pytest.mark.parametrize("name", FRAME_NAMES)
def test_absurd_lists_of_frames_are_refused(archive: Archive, name: str) -> None:
    wrong = [text for text in LISTS if not archive.refuses(archive.ask(f"{INSTANCE_URL}/{name}/{text}"))]
    assert wrong == []


@pytest.mark.parametrize("rest", ["/resolutions", "/rendered", "/thumbnail"])
def test_absurd_numbers_of_frames_are_refused(archive: Archive, rest: str) -> None:
    wrong = [text for text in NUMBERS if not archive.refuses(archive.ask(f"{INSTANCE_URL}/frames/{text}{rest}"))]
    assert wrong == []


@pytest.mark.parametrize(
    "place",
    ["/dicomweb/studies/{}/series", "/dicomweb/studies/{}/instances", "/dicomweb/studies/1.2.3/series/{}/instances"],
)
def test_searches_within_uids_that_are_none_find_nothing(archive: Archive, place: str) -> None:
    answers = [(text, archive.ask(place.format(text))) for text in UIDS]
    assert [text for text, answer in answers if answer.status != 204 and not archive.refuses(answer)] == []
    assert {answer.body for _, answer in answers if answer.status == 204} == {b""}


@pytest.mark.parametrize(
    "place", [f"{INSTANCE_URL}/frames/1", f"{INSTANCE_URL}/rendered", f"{INSTANCE_URL}/metadata", INSTANCE_URL]
)
def test_accept_of_a_kilobyte_or_of_nonsense_is_refused(archive: Archive, place: str) -> None:
    wrong = [text for text in ACCEPTS if not archive.refuses(archive.ask(place, f"Accept: {text}"))]
    assert wrong == []


@pytest.mark.parametrize("name", FRAME_NAMES)
def test_parameters_of_frames_that_make_no_sense_are_refused(archive: Archive, name: str) -> None:
    wrong = [text for text in PARAMETERS if not archive.refuses(archive.ask(f"{INSTANCE_URL}/{name}/1?{text}"))]
    assert wrong == []


def test_pictures_and_searches_that_make_no_sense_are_refused(archive: Archive) -> None:
    asked = [f"{INSTANCE_URL}/rendered?{text}" for text in PICTURES]
    asked += [f"/dicomweb/studies?{text}" for text in SEARCHES]
    asked += [f"{STUDY_URL}/instances?{text}" for text in SEARCHES]
    assert [path for path in asked if not archive.refuses(archive.ask(path))] == []


@pytest.mark.parametrize(
    "text",
    ["bytes=5-1", "bytes=--5", "bytes=a-b", "bytes=0x0-5", "items=0-5", "bytes=0-1,2-3," * 400, "bytes=", "bytes=,",
     "bytes=" + ",".join(f"{2 * each}-{2 * each}" for each in range(2000)), "bytes=0-" + "9" * 5000],
)  # fmt: skip
def test_ranges_that_are_none_get_the_whole(archive: Archive, text: str) -> None:
    place = f"{INSTANCE_URL}/frames/1"
    answer = archive.ask(place, f"Range: {text}")
    assert (answer.status, answer.body) == (200, archive.ask(place).body)


@pytest.mark.parametrize("text", ["bytes=-0", "bytes=99999999-", "bytes=" + "9" * 800 + "-"])
def test_ranges_beyond_the_end_are_refused(archive: Archive, text: str) -> None:
    answer = archive.ask(f"{INSTANCE_URL}/frames/1", f"Range: {text}")
    assert answer.status == 416
    assert archive.refuses(answer)


@pytest.mark.parametrize("text", ["bytes=-" + "9" * 800, "bytes=0-" + "9" * 800, "bytes=0-0,1-,0-,-1"])
def test_ranges_of_absurd_numbers_get_what_there_is(archive: Archive, text: str) -> None:
    place = f"{INSTANCE_URL}/frames/1"
    answer = archive.ask(place, f"Range: {text}")
    assert (answer.status, answer.body) == (206, archive.ask(place).body)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "CONNECT"])
@pytest.mark.parametrize("place", ["/dicomweb/studies", STUDY_URL, INSTANCE_URL, f"{INSTANCE_URL}/frames/1"])
def test_other_methods_are_refused_and_what_they_bring_is_not_read(archive: Archive, method: str, place: str) -> None:
    lines = ("Content-Type: application/dicom+xml", f"Content-Length: {len(BOMB)}")
    answer = archive.ask(place, *lines, method=method, body=BOMB)
    assert answer.status == 405
    assert archive.refuses(answer)


@pytest.mark.parametrize("host", ['x"><script>', "a/../../etc", "evil.example", "a@127.0.0.1"])
def test_no_answer_repeats_a_host_that_is_none_of_ours(archive: Archive, host: str) -> None:
    answer = httpx.get(f"{archive.server.url}{STUDY_URL}/series", headers={"host": host})
    assert host not in answer.text
    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"] == "application/problem+json"


def test_header_lines_of_a_kilobyte_do_no_harm(archive: Archive) -> None:
    place = f"{INSTANCE_URL}/frames/1"
    expected = archive.ask(place).body
    for line in ("If-None-Match", "If-Range", "Accept-Language", "Cookie", "X-Forwarded-Proto", "Content-Type"):
        answer = archive.ask(place, f'{line}: "{"a,b;c=" * 200}"')
        assert (answer.status, answer.body) == (200, expected)
