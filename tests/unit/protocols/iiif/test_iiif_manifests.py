"""Manifests of the IIIF Presentation API: canvases in order, each with its picture, thumbnail and service."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from medtiles.core.limits import Limits
from medtiles.core.tiles import ImagePage, ImageQuery, ImageSummary
from tests.unit.protocols.fake_tiles import SLIDE, STUDY, FakeTiles
from tests.unit.protocols.test_gateway import Client

UID = "1.2.840.3"


class Archive(FakeTiles):
    """Both images belong to one study; a third cannot be opened."""

    def images(self, query: ImageQuery) -> ImagePage:
        if query.study_uid != UID:
            return ImagePage((), 0)
        found = [
            ImageSummary(name, name, info.kind, info.format, info.size.width, info.size.height, len(info.planes))
            for name, info in self.infos.items()
        ]
        broken = ImageSummary("broken", "broken", "", "", 0, 0, problem="damaged")
        return ImagePage((*found, broken), 3)


@pytest.fixture
def client() -> Client:
    return Client(Archive(), limits=Limits(view_pixels=1_000_000, view_side=1000), rights="https://rights.example/")


def manifest(client: Client, name: str) -> dict[str, Any]:
    answer = client.ask(f"/iiif/presentation/3/{name}/manifest")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert found["id"] == f"http://server/iiif/presentation/3/{name}/manifest"
    assert (found["type"], found["@context"]) == ("Manifest", "http://iiif.io/api/presentation/3/context.json")
    return found


def painted(canvas: dict[str, Any]) -> dict[str, Any]:
    """The picture on a canvas."""
    (page,) = canvas["items"]
    (annotation,) = page["items"]
    assert (annotation["motivation"], annotation["target"]) == ("painting", canvas["id"])
    body: dict[str, Any] = annotation["body"]
    return body


def test_a_slide_is_one_canvas(client: Client) -> None:
    found = manifest(client, "slide")
    (canvas,) = found["items"]
    assert found["label"] == canvas["label"] == {"none": [SLIDE.name]}
    assert (canvas["width"], canvas["height"]) == (2220, 2967)
    assert painted(canvas)["service"][0] == {
        "id": "http://server/iiif/3/slide",
        "type": "ImageService3",
        "profile": "level2",
    }
    assert found["rights"] == "https://rights.example/"


def test_a_series_has_a_canvas_for_each_slice(client: Client) -> None:
    canvases = manifest(client, "study")["items"]
    services = [painted(canvas)["service"][0]["id"] for canvas in canvases]
    assert services == [
        "http://server/iiif/3/study",
        *(f"http://server/iiif/3/study;p{plane}" for plane in range(1, 5)),
    ]
    assert [canvas["label"]["none"][0] for canvas in canvases] == [
        f"{STUDY.name} {plane.name}" for plane in STUDY.planes
    ]
    assert len({canvas["id"] for canvas in canvases}) == 5


def test_a_study_has_all_its_images_that_open(client: Client) -> None:
    canvases = manifest(client, f"studies/{UID}")["items"]
    assert len(canvases) == 6
    assert client.ask("/iiif/presentation/3/studies/9.9/manifest").status_code == 404


@pytest.mark.parametrize("name", ["slide", "study"])
def test_all_that_a_manifest_names_is_there(client: Client, name: str) -> None:
    for canvas in manifest(client, name)["items"]:
        body, (thumbnail,) = painted(canvas), canvas["thumbnail"]
        for picture in (body, thumbnail):
            answer: httpx.Response = client.ask(picture["id"].removeprefix("http://server"))
            assert (answer.status_code, answer.headers["content-type"]) == (200, picture["format"])
            described = client.ask(f"{picture['service'][0]['id'].removeprefix('http://server')}/info.json").json()
            assert (described["width"], described["height"]) == (canvas["width"], canvas["height"])
        assert max(thumbnail["width"], thumbnail["height"]) <= 256
        assert body["width"] * body["height"] <= 1_000_000


def test_nothing_names_what_there_is_not(client: Client) -> None:
    assert client.ask("/iiif/presentation/3/nothing/manifest").status_code == 404
    assert client.ask("/iiif/presentation/3/..%2fx/manifest").status_code == 404
    assert client.ask("/iiif/presentation/2/slide/manifest").status_code == 404
