"""IIIF through the gateway: redirect, description, headers, errors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from medtiles.core.geometry import Size
from medtiles.core.limits import Limits
from medtiles.core.pyramid import Level
from medtiles.core.view import Finish
from tests.unit.protocols.fake_tiles import SLIDE, FakeTiles
from tests.unit.protocols.test_gateway import Client

PYRAMID = replace(
    SLIDE,
    levels=(
        Level(Size(2220, 2967), Size(240, 256)),
        Level(Size(555, 741), Size(240, 256), 4),
        Level(Size(138, 185), Size(240, 256), 16),
    ),
)


@pytest.fixture
def tiles() -> FakeTiles:
    found = FakeTiles()
    found.infos["pyramid"] = PYRAMID
    return found


@pytest.fixture
def client(tiles: FakeTiles) -> Client:
    return Client(tiles, limits=Limits(view_pixels=2_000_000, view_side=3000), rights="https://rights.example/1.0/")


def info(client: Client, version: int, image: str = "pyramid") -> dict[str, Any]:
    answer = client.ask(f"/iiif/{version}/{image}/info.json")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize("version", [2, 3])
def test_the_images_own_address_leads_to_its_description(client: Client, version: int) -> None:
    answer = client.ask(f"/iiif/{version}/slide")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"http://server/iiif/{version}/slide/info.json"
    assert client.ask(f"/iiif/{version}/nothing").status_code == 404


def test_the_description_of_version_3(client: Client) -> None:
    found = info(client, 3)
    assert found["@context"] == "http://iiif.io/api/image/3/context.json"
    assert (found["id"], found["type"]) == ("http://server/iiif/3/pyramid", "ImageService3")
    assert (found["protocol"], found["profile"]) == ("http://iiif.io/api/image", "level2")
    assert (found["width"], found["height"]) == (2220, 2967)
    assert (found["maxWidth"], found["maxHeight"], found["maxArea"]) == (3000, 3000, 2_000_000)
    assert found["rights"] == "https://rights.example/1.0/"
    assert set(found["extraFormats"]) == {"webp", "avif", "tif", "jxl"}
    assert found["service"][0]["physicalScale"] == pytest.approx(0.00005)
    assert found["service"][0]["physicalUnits"] == "cm"


def test_the_description_of_version_2(client: Client) -> None:
    found = info(client, 2)
    assert found["@context"] == "http://iiif.io/api/image/2/context.json"
    assert found["@id"] == "http://server/iiif/2/pyramid"
    level, more = found["profile"]
    assert level == "http://iiif.io/api/image/2/level2.json"
    assert (more["maxWidth"], more["maxArea"]) == (3000, 2_000_000)
    assert {"sizeAboveFull", "mirroring", "rotationArbitrary"} <= set(more["supports"])
    assert found["license"] == "https://rights.example/1.0/"


@pytest.mark.parametrize("version", [2, 3])
def test_sizes_and_tiles_are_those_of_the_file(client: Client, version: int) -> None:
    found = info(client, version)
    assert found["sizes"] == [{"width": 138, "height": 185}, {"width": 555, "height": 741}], "the whole is too large"
    assert found["tiles"] == [{"width": 240, "height": 256, "scaleFactors": [1, 2, 4, 8, 16]}]


def test_json_ld_is_called_so_for_who_asks_for_it(client: Client) -> None:
    path = "/iiif/3/slide/info.json"
    assert client.ask(path).headers["content-type"] == "application/json"
    asked = client.ask(path, accept="application/ld+json")
    assert asked.headers["content-type"] == ('application/ld+json;profile="http://iiif.io/api/image/3/context.json"')
    assert "accept" in asked.headers["vary"]
    assert 'rel="profile"' in asked.headers["link"]


def test_a_hostile_host_does_not_reach_the_description(client: Client) -> None:
    answer = client.ask("/iiif/3/slide/info.json", host='x","evil":"1')
    assert answer.json()["id"] == "/iiif/3/slide"
    assert "evil" not in answer.json()


def test_a_picture_tells_its_canonical_address(client: Client, tiles: FakeTiles) -> None:
    answer = client.ask("/iiif/3/slide/0,0,480,480/240,/!0/color.png")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    assert '</iiif/3/slide/0,0,480,480/240,240/!0/default.png>;rel="canonical"' in answer.headers["link"]
    assert "http://iiif.io/api/image/3/level2.json" in answer.headers["link"]
    assert tiles.asked[-1].finish == Finish(is_mirrored=True)
    again = client.ask("/iiif/3/slide/0,0,480,480/240,240/!0/default.png", if_none_match=answer.headers["etag"])
    assert again.status_code == 304


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/iiif/1/slide/info.json", 404),
        ("/iiif/4/slide/info.json", 404),
        ("/iiif/3/nothing/full/max/0/default.jpg", 404),
        ("/iiif/3/slide;x/info.json", 400),
        ("/iiif/3/slide;p1/info.json", 404),
        ("/iiif/3/study;p4/info.json", 200),
        ("/iiif/3/slide/full/2221,/0/default.jpg", 400),
        ("/iiif/3/slide/full/^3001,/0/default.jpg", 400),
        ("/iiif/3/slide/full/max/0/default.gif", 400),
        ("/iiif/3/slide/full/max/361/default.jpg", 400),
        ("/iiif/3/slide/full/full/0/default.jpg", 400),
        ("/iiif/2/slide/full/full/0/default.jpg", 400),
        ("/iiif/2/slide/full/max/0/default.jpg", 200),
        ("/iiif/3/slide/full/max/0/default.jpg", 200),
        ("/iiif/3/slide/full/max/0", 404),
        ("/iiif/3/..%2fslide/info.json", 404),
    ],
)
def test_answers_have_the_standards_codes(client: Client, path: str, code: int) -> None:
    assert client.ask(path).status_code == code
