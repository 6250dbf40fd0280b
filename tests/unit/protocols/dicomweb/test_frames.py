"""Frames over the gateway: bodies to the byte, ranges, beginnings that are whole pictures, bad input, prefetching."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import imagecodecs
import numpy as np
import pytest

from medtiles.core.errors import BusyError
from medtiles.protocols.http.dicomweb.thumbnails import encoded
from tests.unit.protocols.dicomweb.asking import AS_STORED, Client, parts
from tests.unit.protocols.dicomweb.fake_archive import (
    AT,
    EXPLICIT,
    GREY,
    JPEG_LS,
    LARGE,
    MANY,
    MULTI_FRAME,
    RPCL,
    SLICES,
    SYNTAX,
    FakeArchive,
    picture,
    travel,
)
from transcode.errors import CorruptFrameError, FileChangedError, UnsupportedFeatureError
from transcode.frames import PixelArray

FIRST = f"{MANY}/frames/1"
STORED = travel(picture(2), RPCL, is_stored=True)


def reduced(codestream: bytes, reduction: int) -> np.ndarray[Any, Any]:
    return np.asarray(imagecodecs.htj2k_decode(codestream, skipres=reduction, resilient=True))


@pytest.fixture
def archive() -> FakeArchive:
    return FakeArchive()


@pytest.fixture
def client(archive: FakeArchive) -> Client:
    return Client(archive)


def test_the_body_is_what_viewers_need_to_the_byte(client: Client) -> None:
    answer = client.ask(FIRST)
    boundary = re.fullmatch(
        r'multipart/related; type="application/octet-stream"; boundary=([0-9a-f]{32})', answer.headers["content-type"]
    )
    assert boundary is not None
    head = f"--{boundary[1]}\r\nContent-Type: application/octet-stream; transfer-syntax={RPCL}\r\n\r\n".encode()
    assert answer.content == head + STORED.frame.data + f"\r\n--{boundary[1]}--\r\n".encode()
    assert answer.headers["content-length"] == str(len(answer.content))
    assert "content-encoding" not in answer.headers
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["etag"] == f'"{boundary[1]}"'
    assert answer.headers["vary"] == "accept"
    assert answer.headers["link"] == '<1/resolutions>; rel="describedby"; type="application/json"'


def test_the_body_is_the_same_in_another_process(client: Client) -> None:
    other = Client(FakeArchive())
    assert client.ask(FIRST).content == other.ask(FIRST).content
    etag = client.ask(FIRST).headers["etag"]
    assert other.ask(FIRST, if_none_match=etag).status_code == 304


def test_several_frames_are_several_parts_in_the_order_of_the_list(client: Client) -> None:
    answer = client.ask(f"{MANY}/frames/3,1")
    expected = [travel(picture(number + 1), RPCL, is_stored=True).frame.data for number in (3, 1)]
    assert [content for _, content in parts(answer)] == expected
    assert answer.headers["content-length"] == str(len(answer.content))
    assert client.ask(f"{MANY}/frames/3%2C1").content == answer.content


def test_a_single_part_is_the_codestream_alone(client: Client) -> None:
    answer = client.ask(FIRST, f"image/jphc; transfer-syntax={RPCL}")
    assert answer.content == STORED.frame.data
    assert answer.headers["content-type"] == f"image/jphc; transfer-syntax={RPCL}"
    assert client.ask(FIRST, "application/octet-stream; transfer-syntax=*").headers["content-type"] == (
        f"application/octet-stream; transfer-syntax={RPCL}"
    )


def test_the_parameter_wins_over_the_header(client: Client) -> None:
    answer = client.ask(f"{FIRST}?accept=image/jls", "*/*")
    assert answer.headers["content-type"] == f"image/jls; transfer-syntax={JPEG_LS}"
    answer = client.ask(f"{FIRST}?accept={quote('multipart/related; type=image/jls')}", "video/mp4")
    assert [kind for kind, _ in parts(answer)] == [f"image/jls; transfer-syntax={JPEG_LS}"]


def test_without_a_word_of_the_client_frames_are_plain_little_endian(client: Client) -> None:
    for accept in ("*/*", "multipart/related", 'multipart/related; type="application/octet-stream"'):
        ((kind, content),) = parts(client.ask(FIRST, accept))
        assert kind == f"application/octet-stream; transfer-syntax={EXPLICIT}"
        assert content == picture(2).samples.tobytes()


@pytest.mark.parametrize("accept", ["video/mp4", "image/jxl", "application/dicom+json", "image/jls; q=0"])
def test_what_cannot_be_had_is_406_that_names_what_there_is(client: Client, accept: str) -> None:
    answer = client.ask(FIRST, accept)
    assert answer.status_code == 406
    assert answer.headers["content-type"] == "application/problem+json"
    assert f"transfer-syntax={RPCL}" in answer.json()["detail"]


def test_several_frames_in_a_single_part_are_406(client: Client) -> None:
    assert client.ask(f"{MANY}/frames/1,2", "image/jphc").status_code == 406


def test_head_says_what_get_says(client: Client) -> None:
    get, head = client.ask(FIRST), client.ask(FIRST, method="HEAD", range="bytes=0-5")
    assert (head.status_code, head.content, head.headers) == (200, b"", get.headers)


def test_ranges_are_of_the_whole_body_and_put_together_give_it(client: Client) -> None:
    whole = client.ask(FIRST).content
    pieces = b""
    for start in range(0, len(whole), 1000):
        answer = client.ask(FIRST, range=f"bytes={start}-{start + 999}")
        assert answer.status_code == 206
        pieces += answer.content
    assert pieces == whole
    assert (
        client.ask(FIRST, range="bytes=0-1000000").headers["content-range"] == f"bytes 0-{len(whole) - 1}/{len(whole)}"
    )
    assert client.ask(FIRST, range=f"bytes={len(whole)}-").headers["content-range"] == f"bytes */{len(whole)}"
    assert client.ask(FIRST, range="bytes=0-9", if_range='"other"').content == whole


def test_other_origins_may_read_where_a_range_lies_and_need_no_more(archive: FakeArchive) -> None:
    client = Client(archive, origins=("https://viewer.example",))
    answer = client.ask(FIRST, range="bytes=0-9", origin="https://viewer.example")
    assert {"content-range", "accept-ranges", "etag", "link"} <= set(
        answer.headers["access-control-expose-headers"].split(", ")
    )
    assert answer.headers["vary"] == "accept, origin"
    archive.frames.asked.clear()
    preflight = client.ask(FIRST, method="OPTIONS", origin="https://viewer.example")
    assert preflight.status_code == 204
    allowed = preflight.headers["access-control-allow-headers"].split(", ")
    assert {"authorization", "accept", "range", "if-range"} <= set(allowed)
    assert archive.frames.asked == []


def test_resolutions_tell_exactly_how_much_is_enough(client: Client) -> None:
    document = client.ask(f"{FIRST}/resolutions", "*/*").json()
    whole, single = client.ask(FIRST), client.ask(FIRST, "image/jphc")
    assert document["multipart_length"] == len(whole.content)
    assert document["single_part_length"] == len(single.content)
    assert whole.content.index(STORED.frame.data) == document["multipart_header_length"]
    assert (document["transfer_syntax"], document["width"], document["height"]) == (RPCL, 150, 120)
    sizes = []
    for each in document["resolutions"]:
        sizes.append((each["width"], each["height"]))
        expected = reduced(STORED.frame.data, each["reduction"])
        begun = client.ask(FIRST, range=f"bytes=0-{each['multipart_end'] - 1}").content
        codestream = begun[document["multipart_header_length"] :]
        codestream = codestream[: each["codestream_end"]] if each["reduction"] == 0 else codestream[:-3]
        assert len(codestream) >= each["codestream_end"]
        shown = reduced(codestream, each["reduction"])
        assert shown.shape == (each["height"], each["width"])
        assert np.array_equal(shown, expected)
    assert sizes[-1] == (150, 120)
    assert document["resolutions"][-1]["multipart_end"] == document["multipart_length"]


def test_resolutions_are_those_of_the_form_that_the_client_takes(client: Client) -> None:
    accept = 'multipart/related; type="image/jphc"'
    whole = client.ask(FIRST, accept)
    link = re.match("<([^>]*)>", whole.headers["link"])
    assert link is not None
    document = client.ask(f"{MANY}/frames/{link[1]}", "*/*").json()
    assert document["media_type"] == f"image/jphc; transfer-syntax={RPCL}"
    assert document["multipart_length"] == len(whole.content)


def test_frames_that_cannot_be_cut_have_no_resolutions(client: Client) -> None:
    assert "link" not in client.ask(f"{LARGE}/frames/1").headers
    assert client.ask(f"{LARGE}/frames/1/resolutions").json()["resolutions"] == []


def test_fsiz_is_the_beginning_that_fills_the_box(client: Client) -> None:
    ends = {end.reduction: end for end in STORED.resolutions}
    for box, reduction in {"64,64": 1, "75,1": 5, "10,10": 4, "76,61": 0, "5000,5000": 0}.items():
        answer = client.ask(f"{FIRST}?fsiz={box}")
        ((_, content),) = parts(answer)
        assert answer.headers["x-medtiles-reduction"] == str(reduction)
        assert content == STORED.frame.data[: ends[reduction].end]
        assert answer.headers["content-length"] == str(len(answer.content))
    assert client.ask(f"{FIRST}?fsiz=64,64").headers["etag"] != client.ask(FIRST).headers["etag"]
    for bad in ("64", "0,0", "a,b", "-1,5", "1,2,3", "64,1e3"):
        assert client.ask(f"{FIRST}?fsiz={bad}").status_code == 400


@pytest.mark.parametrize(("name", "uid"), [("htj2k", RPCL), ("jls", JPEG_LS)])
def test_alternatives_beside_frames_are_of_their_syntax(client: Client, name: str, uid: str) -> None:
    ((kind, _),) = parts(client.ask(f"{MANY}/{name}/1"))
    assert kind == f"application/octet-stream; transfer-syntax={uid}"
    assert client.ask(f"{MANY}/{name}/1", f"application/octet-stream; transfer-syntax={EXPLICIT}").status_code == 406
    assert client.ask(f"{MANY}/{name}/1/resolutions").json()["transfer_syntax"] == uid


def test_lossy_frames_are_asked_for_by_lossy_names_alone(client: Client, archive: FakeArchive) -> None:
    assert client.ask(f"{MANY}/lossy/1?quality=40").status_code == 406  # the archive of this test knows none
    assert archive.frames.asked[-1].accept == (f"{SYNTAX}50", f"{SYNTAX}203")
    assert archive.frames.asked[-1].quality == 40


@pytest.mark.parametrize("name", ["htj2kThumbnail", "jlsThumbnail"])
def test_thumbnails_are_exact_samples_of_a_smaller_picture(client: Client, name: str) -> None:
    large = picture(101, 1100, 700)
    whole = travel(large, RPCL, is_stored=False).frame.data
    ((_, content),) = parts(client.ask(f"{LARGE}/{name}/1"))
    if name == "jlsThumbnail":
        assert np.array_equal(imagecodecs.jpegls_decode(content), large.samples[::4, ::4, 0])
    else:
        assert np.array_equal(imagecodecs.jpeg2k_decode(content), reduced(whole, 2))
    ((_, content),) = parts(client.ask(f"{MANY}/{name}/1"))
    decode = imagecodecs.jpegls_decode if name == "jlsThumbnail" else imagecodecs.jpeg2k_decode
    assert np.array_equal(decode(content), picture(2).samples[..., 0])


def test_thumbnails_stay_within_the_bits_that_are_stored() -> None:
    overshot = np.tile(np.array([[-3, 5000], [0, 4095]], np.int16).view(np.uint16), (8, 8))
    shown = imagecodecs.jpegls_decode(encoded(PixelArray(overshot[..., None], GREY), JPEG_LS).frame.data)
    assert np.array_equal(shown, np.tile([[4095, 4095], [0, 4095]], (8, 8)))


BAD_ADDRESSES = {
    f"{MANY}/frames/0": 400,
    f"{MANY}/frames/-1": 400,
    f"{MANY}/frames/6": 404,
    f"{MANY}/frames/9223372036854775808": 400,
    f"{MANY}/frames/2147483647": 404,
    f"{MANY}/frames/1,1": 400,
    f"{MANY}/frames/1,": 400,
    f"{MANY}/frames/,": 400,
    f"{MANY}/frames/01": 400,
    f"{MANY}/frames/1-3": 400,
    f"{MANY}/frames/%D9%A1": 400,
    f"{MANY}/frames/{','.join(map(str, range(1, 9_001)))}": 400,
    f"{MANY}/frames/": 404,
    f"{MANY}/frames/1,2/resolutions": 400,
    AT.format(uid="1.2.3.200") + "/frames/1": 404,
    AT.format(uid="1.2.999") + "/frames/1": 404,
    AT.format(uid="..%2F..%2Fetc") + "/frames/1": 404,
    AT.format(uid="1.2.3%00") + "/frames/1": 404,
    AT.format(uid="1" * 65) + "/frames/1": 404,
    AT.format(uid="1..2") + "/frames/1": 404,
    AT.format(uid="'%20OR%201=1") + "/frames/1": 404,
    AT.format(uid="1.2.3%0d%0ax:y") + "/frames/1": 404,
    f"{FIRST}?quality=0": 400,
    f"{FIRST}?accept=%ff": 400,
    f"{FIRST}?accept=image/jls&accept=image/jls": 400,
    f"{FIRST}?accept={'image/jls,' * 100}": 400,
}


@pytest.mark.parametrize(("path", "status"), BAD_ADDRESSES.items())
def test_bad_addresses_are_told_and_nothing_is_read(
    client: Client, archive: FakeArchive, path: str, status: int
) -> None:
    answer = client.ask(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert archive.frames.asked == []


@pytest.mark.parametrize("accept", ["a" * 1024, "x/y;" * 256, "image/jls, " * 63 + "image/jls", '"' * 1024])
def test_a_kilobyte_of_accept_is_answered_at_once(client: Client, accept: str) -> None:
    assert client.ask(FIRST, accept).status_code in {200, 400, 406}


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (CorruptFrameError("frame 1: it does not decode"), 500),
        (FileChangedError("replaced"), 503),
        (BusyError("full"), 503),
        (UnsupportedFeatureError("a part of the standard"), 501),
    ],
)
def test_a_frame_that_fails_is_a_problem_and_never_an_image(
    client: Client, archive: FakeArchive, error: Exception, status: int
) -> None:
    archive.frames.error = error
    for header in ({}, {"range": "bytes=0-131071"}):
        answer = client.ask(FIRST, **header)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["cache-control"] == "no-store"


def test_an_archive_that_is_too_much_for_one_answer_is_refused(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medtiles.protocols.http.dicomweb.retrieval._MOST_BYTES", 1500)
    assert client.ask(f"{MANY}/frames/1,2,3").status_code == 400
    assert client.ask(FIRST).status_code == 200


def test_work_that_takes_too_long_is_told_and_withdrawn(archive: FakeArchive) -> None:
    archive.frames.is_stuck = True
    client = Client(archive, timeout=0.05)
    assert client.ask(f"{MANY}/frames/1,2,3").status_code == 504
    assert len(archive.frames.futures) == 3
    assert all(future.cancelled() for future in archive.frames.futures)


def test_the_next_slices_of_a_series_read_in_order_are_made_ready(client: Client, archive: FakeArchive) -> None:
    client.ask_all([f"{AT.format(uid=each.uid)}/frames/1" for each in SLICES[:4]], "image/jls")
    ready = [(each.instance.number, each.number, each.accept) for each in archive.frames.prefetched]
    assert ready == [(number, 1, (JPEG_LS, f"{SYNTAX}81")) for number in range(13, 21)]


def test_the_next_frames_of_an_instance_are_made_ready_as_far_as_there_are(
    client: Client, archive: FakeArchive
) -> None:
    client.ask_all([f"{MANY}/frames/{number}" for number in (1, 2, 3)])
    assert [each.number for each in archive.frames.prefetched] == [4, 5]
    assert {each.instance for each in archive.frames.prefetched} == {MULTI_FRAME}


def test_requests_are_recorded_by_the_name_of_their_route(client: Client) -> None:
    client.ask(FIRST, AS_STORED)
    client.ask(f"{MANY}/jlsThumbnail/1")
    assert [record.route for record in client.records] == ["frames", "frames_jlsthumbnail"]
