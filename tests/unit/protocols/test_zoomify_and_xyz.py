"""Zoomify and maps' tiles through the gateway: documents, requests, refusals."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from medtiles.core.display import Windowing
from medtiles.core.geometry import Region, Size
from medtiles.core.pyramid import Level
from medtiles.core.view import Finish, Request, View
from medtiles.protocols.replies import version_token
from medtiles.protocols.tile_views import served_square
from tests.unit.protocols.fake_tiles import SLIDE, FakeTiles
from tests.unit.protocols.test_gateway import Client


@pytest.fixture
def tiles() -> FakeTiles:
    return FakeTiles()


@pytest.fixture
def client(tiles: FakeTiles) -> Client:
    return Client(tiles)


def test_the_properties_say_what_viewers_read(client: Client) -> None:
    answer = client.ask("/zoomify/slide/ImageProperties.xml")
    assert answer.headers["content-type"] == "application/xml"
    told = ET.fromstring(answer.text)
    assert told.tag == "IMAGE_PROPERTIES"
    assert told.attrib == {
        "WIDTH": "2220", "HEIGHT": "2967", "NUMTILES": "182", "NUMIMAGES": "1", "VERSION": "1.8", "TILESIZE": "240",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("stored", "told"), [((240, 240), 240), ((240, 256), 256), ((5000, 5000), 256), ((32, 32), 256)]
)
def test_the_tile_size_is_the_stored_one_where_it_can_be(stored: tuple[int, int], told: int) -> None:
    info = replace(SLIDE, levels=(Level(Size(2220, 2967), Size(*stored)),))
    assert served_square(info).width == told


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        (
            "/zoomify/slide/TileGroup0/4-1-2.jpg",
            Request("slide", View(Region(240, 480, 240, 240), Size(240, 240)), ("image/jpeg",)),
        ),
        (
            "/zoomify/slide/TileGroup99/0-0-0.png?quality=70",
            Request("slide", View(Region(0, 0, 2208, 2960), Size(138, 185)), ("image/png",), 70),
        ),
        (
            "/xyz/slide/4/1/2.png",
            Request("slide", View(Region(256, 512, 256, 256), Size(256, 256)), ("image/png",)),
        ),
        (
            "/xyz/slide/0/0/0.jpg",
            Request(
                "slide",
                View(Region(0, 0, 2220, 2967), Size(139, 186)),
                ("image/jpeg",),
                finish=Finish(padded=Size(256, 256)),
            ),
        ),
        (
            "/xyz/study/0/0/0.webp?plane=3&window=40,400",
            Request(
                "study",
                View(Region(0, 0, 64, 48), Size(64, 48), 3),
                ("image/webp",),
                windowing=Windowing(40, 400),
                finish=Finish(padded=Size(256, 256)),
            ),
        ),
    ],
)
def test_what_an_address_asks_for(client: Client, tiles: FakeTiles, path: str, asked: Request) -> None:
    assert client.ask(path).status_code == 200
    assert tiles.asked[-1] == asked


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/zoomify/nothing/ImageProperties.xml", 404),
        ("/zoomify/slide/TileGroup0/5-0-0.jpg", 404),
        ("/zoomify/slide/TileGroup0/4-10-0.jpg", 404),
        ("/zoomify/slide/TileGroup0/4-0-13.jpg", 404),
        ("/zoomify/slide/TileGroup0/4-0.jpg", 404),
        ("/zoomify/slide/TileGroup/4-0-0.jpg", 404),
        ("/zoomify/slide/TileGroup0/-1-0-0.jpg", 404),
        ("/zoomify/slide/TileGroup0/4-x-0.jpg", 400),
        ("/zoomify/slide/TileGroup0/4-0-0.gif", 400),
        ("/zoomify/slide/TileGroup0/4-0-0.jpg?quality=0", 400),
        ("/zoomify/slide/TileGroup0/4-0-0.jpg?plane=1", 404),
        ("/zoomify/slide/TileGroup0/4-0-0.jpg?v=other", 404),
        ("/xyz/slide/5/0/0.png", 404),
        ("/xyz/slide/4/9/0.png", 404),
        ("/xyz/slide/4/0/12.png", 404),
        ("/xyz/slide/4/0/0", 400),
        ("/xyz/slide/4/-1/0.png", 400),
        ("/xyz/slide/2147483648/0/0.png", 400),
        ("/xyz/nothing/tilejson.json", 404),
    ],
)
def test_what_there_is_not_is_refused(client: Client, path: str, code: int) -> None:
    assert client.ask(path).status_code == code


def test_the_tilejson_leads_to_the_tiles(client: Client) -> None:
    found = client.ask("/xyz/slide/tilejson.json").json()
    assert (found["tilejson"], found["minzoom"], found["maxzoom"]) == ("3.0.0", 0, 4)
    (template,) = found["tiles"]
    path = template.removeprefix("http://server").format(z=4, x=8, y=11)
    assert client.ask(path).status_code == 200


def test_an_address_with_the_version_may_be_kept_for_ever(client: Client) -> None:
    token = version_token("v1")
    for path in (f"/zoomify/slide/TileGroup0/4-0-0.jpg?v={token}", f"/xyz/slide/4/0/0.png?v={token}"):
        assert "immutable" in client.ask(path).headers["cache-control"]
