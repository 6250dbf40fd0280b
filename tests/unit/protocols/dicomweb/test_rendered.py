"""Rendered pictures and thumbnails over the gateway, and WADO-URI."""

from __future__ import annotations

import io
from urllib.parse import urlencode

import numpy as np
import pytest
from PIL import Image, ImageCms

from medtiles.core.display import Windowing
from medtiles.core.geometry import Region, Size
from medtiles.core.view import View
from tests.unit.protocols.dicomweb.asking import Client, parts
from tests.unit.protocols.dicomweb.fake_archive import AT, LABEL, MANY, SLICES, UNSHOWN, FakeArchive, colours, shown
from transcode.errors import CorruptFrameError

STUDY, SERIES = "/dicomweb/studies/1.2", "/dicomweb/studies/1.2/series/1.2.3"
SLICE = AT.format(uid=SLICES[3].uid)
SLIDE = "/dicomweb/studies/1.2/series/1.2.5"
PNG = "image/png"


@pytest.fixture
def archive() -> FakeArchive:
    return FakeArchive()


@pytest.fixture
def client(archive: FakeArchive) -> Client:
    return Client(archive)


def pixels(data: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


PLACES = {
    f"{STUDY}/rendered": 0,
    f"{SERIES}/rendered": 0,
    f"{MANY}/rendered": 0,
    f"{MANY}/frames/4/rendered": 3,
    f"{SLICE}/rendered": 8,
    f"{SLICE}/frames/1/rendered": 8,
    f"{STUDY}/thumbnail": 25,
    f"{SERIES}/thumbnail": 25,
    f"{MANY}/thumbnail": 2,
    f"{MANY}/frames/2/thumbnail": 1,
}


@pytest.mark.parametrize(("path", "plane"), PLACES.items())
def test_each_place_shows_its_plane(client: Client, archive: FakeArchive, path: str, plane: int) -> None:
    answer = client.ask(path, PNG)
    assert (answer.status_code, answer.headers["content-type"]) == (200, PNG)
    assert answer.headers["content-length"] == str(len(answer.content))
    (asked,) = archive.asked
    assert asked.what == View(Region(0, 0, 150, 120), Size(150, 120), plane)
    assert np.array_equal(pixels(answer.content), shown(asked).samples)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", "image/jpeg"),
        ("", "image/jpeg"),
        ("image/*", "image/jpeg"),
        ("image/jpeg", "image/jpeg"),
        ("image/gif, image/png; q=0.5", "image/png"),
        ("image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8", "image/webp"),
    ],
)
def test_the_media_type_is_the_one_that_is_accepted(client: Client, accept: str, expected: str) -> None:
    assert client.ask(f"{SLICE}/rendered", accept).headers["content-type"] == expected


@pytest.mark.parametrize("accept", ["image/gif", "video/mp4", "application/dicom+json", "image/jpeg; q=0"])
def test_what_is_not_rendered_is_406(client: Client, accept: str) -> None:
    answer = client.ask(f"{SLICE}/rendered", accept)
    assert answer.status_code == 406
    assert "image/jpeg" in answer.json()["detail"]


def test_the_parameter_accept_wins(client: Client) -> None:
    assert client.ask(f"{SLICE}/rendered?accept=image/png", "image/gif").headers["content-type"] == PNG


def test_window_quality_and_viewport_are_asked_of_the_engine(client: Client, archive: FakeArchive) -> None:
    client.ask(f"{SLICE}/rendered?window=40,400,sigmoid&quality=70&viewport=30,30,10,20,60,60", "image/jpeg")
    (asked,) = archive.asked
    assert asked.windowing == Windowing(40.0, 400.0, "SIGMOID")
    assert asked.quality == 70
    assert asked.what == View(Region(10, 20, 60, 60), Size(30, 30), 8)
    client.ask(f"{SLICE}/rendered?window=40,400,linear-exact", "image/jpeg")
    assert archive.asked[-1].windowing == Windowing(40.0, 400.0, "LINEAR_EXACT")
    client.ask(f"{SLICE}/rendered?window=-40.5,1", "image/jpeg")
    assert archive.asked[-1].windowing == Windowing(-40.5, 1.0, "LINEAR")


@pytest.mark.parametrize(
    ("viewport", "rows", "columns"), [(",,-150,", 1, -1), (",,,-120", -1, 1), ("0,0,-150,-120", -1, -1)]
)
def test_negative_sizes_mirror(client: Client, archive: FakeArchive, viewport: str, rows: int, columns: int) -> None:
    answer = client.ask(f"{SLICE}/rendered?viewport=150,120,{viewport}", PNG)
    assert np.array_equal(pixels(answer.content), shown(archive.asked[0]).samples[::rows, ::columns])


@pytest.mark.parametrize("media_type", ["image/jpeg", "image/png", "image/webp"])
def test_a_colour_profile_is_embedded_when_it_is_wanted(client: Client, media_type: str) -> None:
    def profile(query: str) -> bytes | None:
        with Image.open(io.BytesIO(client.ask(f"{SLICE}/rendered{query}", media_type).content)) as image:
            found: bytes | None = image.info.get("icc_profile")
            return found

    assert profile("") is None
    assert profile("?iccprofile=no") is None
    for wanted in ("yes", "srgb"):
        embedded = profile(f"?iccprofile={wanted}")
        assert embedded is not None
        assert ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(embedded))).startswith("sRGB")


def test_the_same_picture_has_the_same_bytes_and_tag_in_another_process(client: Client) -> None:
    path = f"{SLICE}/rendered?iccprofile=yes&viewport=50,50,0,0,-150,120"
    one, other = client.ask(path, "image/jpeg"), Client(FakeArchive()).ask(path, "image/jpeg")
    assert (one.content, one.headers["etag"]) == (other.content, other.headers["etag"])
    again = client.ask(path, "image/jpeg", if_none_match=one.headers["etag"])
    assert (again.status_code, again.headers["vary"]) == (304, "accept")
    assert client.ask(path, "image/png").headers["etag"] != one.headers["etag"]


BAD = {
    "window=40": 400,
    "window=40,0,linear": 400,
    "window=40,400,cubic": 400,
    "window=a,b,linear": 400,
    "window=1,2,3,4": 400,
    "window=NaN,1": 400,
    "viewport=0,0": 400,
    "viewport=10,10,0,0,1000,1": 400,
    "quality=101": 400,
    "quality=": 400,
    "iccprofile=cmyk": 400,
    "iccprofile=adobergb": 501,
    "iccprofile=rommrgb": 501,
    "annotation=patient": 501,
    "annotation=patient,technique": 501,
    "annotation=watermark": 400,
}


@pytest.mark.parametrize(("query", "status"), BAD.items())
def test_bad_parameters_are_told(client: Client, archive: FakeArchive, query: str, status: int) -> None:
    answer = client.ask(f"{SLICE}/rendered?{query}", "image/jpeg")
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert archive.asked == []


def test_unknown_parameters_are_for_others(client: Client) -> None:
    assert client.ask(f"{SLICE}/rendered?charset=utf-8&annotation=&x=y", "image/jpeg").status_code == 200


def test_several_frames_are_parts(client: Client) -> None:
    answer = client.ask(f"{MANY}/frames/2,1/rendered", "multipart/related; type=image/png")
    found = list(parts(answer))
    assert [kind for kind, _ in found] == [PNG, PNG]
    assert not np.array_equal(pixels(found[0][1]), pixels(found[1][1]))
    assert client.ask(f"{MANY}/frames/2,1/rendered", PNG).status_code == 406
    assert client.ask(f"{MANY}/frames/9/rendered", PNG).status_code == 404


def test_a_thumbnail_is_small_and_of_the_whole(client: Client, archive: FakeArchive) -> None:
    client.ask(f"{SLICE}/thumbnail?viewport=64,64", "image/jpeg")
    assert archive.asked[-1].what == View(Region(0, 0, 150, 120), Size(64, 51), 8)
    assert client.ask(f"{SLICE}/thumbnail?viewport=64,64,0,0,5,5", "image/jpeg").status_code == 400
    client.ask(f"{SLIDE}/thumbnail", "image/jpeg")
    assert archive.frames.asked[-1].instance == LABEL


def test_a_slide_is_shown_as_a_whole_and_its_tiles_by_themselves(client: Client, archive: FakeArchive) -> None:
    tiles = f"{SLIDE}/instances/1.2.5.1"
    client.ask(f"{tiles}/rendered", PNG)
    assert archive.asked[-1].what == View(Region(0, 0, 2220, 2967), Size(1532, 2048), 0)
    answer = client.ask(f"{tiles}/frames/17/rendered", PNG)
    assert pixels(answer.content).shape == (64, 64, 3)
    assert archive.frames.asked[-1].number == 17


def test_a_label_of_a_slide_is_its_own_frame_fitted_and_mirrored(client: Client) -> None:
    label = f"{SLIDE}/instances/1.2.5.2"
    assert np.array_equal(pixels(client.ask(f"{label}/rendered", PNG).content), colours(LABEL))
    mirrored = client.ask(f"{label}/rendered?viewport=40,60,0,0,-40,60", PNG)
    assert np.array_equal(pixels(mirrored.content), colours(LABEL)[:, ::-1])
    assert pixels(client.ask(f"{label}/rendered?viewport=16,16", PNG).content).shape == (16, 11, 3)
    assert client.ask(f"{label}/rendered?viewport=2147483647,2147483647", PNG).status_code == 400


def test_deep_samples_that_no_image_shows_are_not_guessed_at(client: Client) -> None:
    path = f"/dicomweb/studies/1.2/series/1.2.6/instances/{UNSHOWN.uid}/rendered"
    assert client.ask(path, PNG).status_code == 501


def test_an_instance_without_pixels_has_no_picture(client: Client) -> None:
    for name in ("rendered", "thumbnail", "frames/1/rendered"):
        assert client.ask(f"{AT.format(uid='1.2.3.200')}/{name}", PNG).status_code == 404


def test_a_picture_that_fails_is_a_problem(client: Client, archive: FakeArchive) -> None:
    archive.error = CorruptFrameError("it does not decode")
    answer = client.ask(f"{SLICE}/rendered", "image/jpeg")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")


# -- WADO-URI -------------------------------------------------------------------------------------------------------

ONE = {"requestType": "WADO", "studyUID": "1.2", "seriesUID": "1.2.3", "objectUID": SLICES[3].uid}
SEVERAL = {**ONE, "objectUID": "1.2.3.4"}


def address(asked: dict[str, str], **more: str) -> str:
    return f"/dicomweb/wado?{urlencode({**asked, **more})}"


def test_an_old_viewer_gets_a_picture_or_the_file(client: Client, archive: FakeArchive) -> None:
    answer = client.ask(address(ONE), "*/*")
    assert answer.headers["content-type"] == "image/jpeg"
    assert archive.asked[-1].what == View(Region(0, 0, 150, 120), Size(150, 120), 8)
    for asked in (
        address(ONE, contentType="application/dicom"),
        address(SEVERAL),
        address(ONE, contentType="application/dicom", transferSyntax="1.2.840.10008.1.2.1"),
    ):
        answer = client.ask(asked, "*/*")
        assert (answer.headers["content-type"], answer.content) == ("application/dicom", b"0123456789")
        assert answer.headers["content-length"] == "10"
        assert client.ask(asked, "*/*", if_none_match=answer.headers["etag"]).status_code == 304
        head = client.ask(asked, "*/*", method="HEAD")
        assert (head.content, head.headers["content-length"]) == (b"", "10")


def test_an_old_viewer_chooses_how_a_picture_looks(client: Client, archive: FakeArchive) -> None:
    client.ask(address(ONE, windowCenter="40", windowWidth="400", imageQuality="60", rows="60"), "*/*")
    asked = archive.asked[-1]
    assert (asked.windowing, asked.quality) == (Windowing(40.0, 400.0), 60)
    assert asked.what == View(Region(0, 0, 150, 120), Size(75, 60), 8)
    client.ask(address(ONE, region="0.5,0.5,1,1", rows="600", columns="30"), "*/*")
    assert archive.asked[-1].what == View(Region(75, 60, 75, 60), Size(30, 24), 8)
    client.ask(address(SEVERAL, frameNumber="3", contentType="image/png"), "*/*")
    assert archive.asked[-1].what == View(Region(0, 0, 150, 120), Size(150, 120), 2)
    assert archive.asked[-1].accept == (PNG,)


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"requestType": "wado"}, 400),
        ({"studyUID": ""}, 400),
        ({"objectUID": "../../etc"}, 404),
        ({"objectUID": "1.2.9"}, 404),
        ({"seriesUID": "1.2.4"}, 404),
        ({"contentType": "video/mpeg"}, 406),
        ({"contentType": "application/dicom", "transferSyntax": "1.2.840.10008.1.2.4.50"}, 406),
        ({"contentType": "application/dicom", "rows": "5"}, 400),
        ({"windowCenter": "40"}, 400),
        ({"windowCenter": "40", "windowWidth": "-1"}, 400),
        ({"rows": "0"}, 400),
        ({"rows": "99999999999"}, 400),
        ({"rows": "2147483647", "columns": "2147483647"}, 200),
        ({"region": "0,0,2,2"}, 400),
        ({"frameNumber": "0"}, 400),
        ({"frameNumber": "2"}, 404),
        ({"frameNumber": "1,2"}, 400),
        ({"imageQuality": "0"}, 400),
        ({"anonymize": "yes"}, 501),
        ({"presentationUID": "1.2"}, 501),
        ({"annotation": "patient"}, 501),
    ],
)
def test_what_an_old_viewer_must_not_ask_is_told(
    client: Client, archive: FakeArchive, more: dict[str, str], status: int
) -> None:
    if status == 200:  # the engine has limits of its own
        archive.error = CorruptFrameError("too large for a test")
        status = 500
    answer = client.ask(address(ONE, **more), "*/*")
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
