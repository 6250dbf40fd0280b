"""Addresses that name a kept rendering, in every protocol that has tiles."""

from __future__ import annotations

import json

import numpy as np
import pytest

from medtiles.core.rendering import Blend, Rendering
from tests.unit.protocols.fake_tiles import FakeTiles
from tests.unit.protocols.test_gateway import Client

QUERY = "channels=red:0-200:FF0000,Blue:p1-p99&blend=max&gamma=0.5"
TEXT = "channels=0:0-200:FF0000,2:p1-p99&blend=max&gamma=0.5"


@pytest.fixture
def tiles() -> FakeTiles:
    return FakeTiles()


@pytest.fixture
def client(tiles: FakeTiles) -> Client:
    return Client(tiles)


def keep(client: Client, query: str = QUERY, image: str = "slide") -> dict[str, str]:
    body = json.dumps({"query": query}).encode()
    answer = client.ask(f"/images/{image}/renderings", "POST", body, content_type="application/json")
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/r/{answer.json()['hash']}"
    found: dict[str, str] = answer.json()
    return found


def test_a_rendering_is_told_by_its_one_text(client: Client) -> None:
    kept = keep(client)

    assert (kept["query"], kept["image"]) == (TEXT, "slide")
    told = client.ask(f"/r/{kept['hash']}")
    assert told.json() == kept
    assert "immutable" in told.headers["cache-control"]


@pytest.mark.parametrize(
    "address",
    [
        "/r/{hash}/dzi/slide_files/12/3_2.jpeg",
        "/r/{hash}/zoomify/slide/TileGroup0/0-0-0.jpg",
        "/r/{hash}/xyz/slide/0/0/0.png",
        "/r/{hash}/iiif/3/slide/full/100,/0/default.jpg",
        "/iiif/3/slide;{hash}/full/100,/0/default.jpg",
        "/iiif/2/slide;{hash}/0,0,240,240/240,/0/default.png",
    ],
)
def test_tiles_are_shown_so_and_may_be_kept_for_ever(tiles: FakeTiles, client: Client, address: str) -> None:
    path = address.format(hash=keep(client)["hash"])

    answer = client.ask(path)

    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    rendering = tiles.asked[-1].rendering
    assert isinstance(rendering, Rendering)
    assert rendering.composite is not None
    assert rendering.composite.blend is Blend.MAX
    assert client.ask(path, if_none_match=answer.headers["etag"]).status_code == 304


def test_what_is_left_of_the_grammar_still_holds(tiles: FakeTiles, client: Client) -> None:
    name = keep(client)["hash"]

    client.ask(f"/r/{name}/dzi/slide_files/12/3_2.jpeg?quality=40")

    assert tiles.asked[-1].quality == 40


def test_documents_name_addresses_of_the_rendering(client: Client) -> None:
    kept = keep(client)

    assert 'TileSize="240"' in client.ask(kept["dzi"]).text
    assert "IMAGE_PROPERTIES" in client.ask(kept["zoomify"]).text
    assert client.ask(kept["xyz"]).json()["tiles"] == [
        f"http://server/r/{kept['hash']}/xyz/slide/{{z}}/{{x}}/{{y}}.png"
    ]
    assert client.ask(kept["iiif"]).json()["id"] == f"http://server/iiif/3/slide;{kept['hash']}"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/r/{none}", 404),
        ("/r/{none}/dzi/slide.dzi", 404),
        ("/r/{none}/dzi/slide_files/12/3_2.jpeg", 404),
        ("/iiif/3/slide;{none}/info.json", 404),
        ("/iiif/3/slide;{none}/full/100,/0/default.jpg", 404),
        ("/r/{hash}/dzi/study_files/3/0_0.jpeg", 404),
        ("/r/{hash}/iip?FIF=slide&JTL=0,0", 400),
        ("/r/{hash}/dzi/slide_files/12/3_2.jpeg?gamma=2", 400),
        ("/r/{hash}/dzi/slide_files/12/3_2.jpeg?window=1,2", 400),
        ("/r/..%2f..%2fetc/dzi/slide_files/12/3_2.jpeg", 404),
        ("/r/", 404),
    ],
)
def test_what_is_not_kept_or_does_not_fit_is_refused(client: Client, path: str, status: int) -> None:
    answer = client.ask(path.format(hash=keep(client)["hash"], none="f" * 24))

    assert answer.status_code == status, answer.text


def test_a_rendering_of_a_file_that_has_changed_is_gone(tiles: FakeTiles, client: Client) -> None:
    name = keep(client)["hash"]
    tiles.replace_file("slide", "v2")

    answer = client.ask(f"/r/{name}/dzi/slide_files/12/3_2.jpeg")

    assert answer.status_code == 404
    assert "open it again" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "content_type", "words"),
    [
        (b'{"query": "channels=0"}', "text/plain", "Content-Type"),
        (b"", "application/json", "must be JSON"),
        (b"[" * 9999, "application/json", "must be JSON"),
        (b'{"query": 5}', "application/json", "text"),
        (b'{"query": "gamma=1"}', "application/json", "changes nothing"),
        (b'{"query": "gamma=2&quality=5"}', "application/json", "'quality' is no parameter"),
        (b'{"query": "gamma=0"}', "application/json", "gamma"),
        (b'{"query": "channels=nope"}', "application/json", "no such channel"),
        (b'{"query": "' + b"a" * 20000 + b'"}', "application/json", "more than"),
    ],
)
def test_what_makes_no_sense_is_not_kept(
    tiles: FakeTiles, client: Client, body: bytes, content_type: str, words: str
) -> None:
    answer = client.ask("/images/slide/renderings", "POST", body, content_type=content_type)

    assert answer.status_code == 400
    assert words in answer.json()["detail"]
    assert not tiles.kept


def test_nothing_else_takes_posts(client: Client) -> None:
    for path in ("/images/slide", "/dzi/slide.dzi", "/r/0", "/"):
        assert client.ask(path, "POST").status_code == 405


def test_channels_are_told_with_their_values(client: Client) -> None:
    document = client.ask("/images/slide/channels").json()

    assert [channel["name"] for channel in document["channels"]] == ["Red", "Green", "Blue"]
    assert [channel["colour"] for channel in document["channels"]] == ["FF0000", "00FF00", "0000FF"]
    assert document["channels"][0]["percentiles"]["50"] == 1000.0
    assert document["channels"][0]["histogram"] == {"from": -1000.0, "to": 3000.0, "counts": [7, 0, 3]}
    assert (document["z"], document["t"]) == (1, 1)
    assert "viridis" in document["maps"]


def test_raw_samples_of_several_channels_come_in_one_answer(client: Client) -> None:
    answer = client.ask("/images/study/view?format=raw&channels=0&z=3&region=2,3,8,4")

    assert answer.headers["x-medtiles-shape"] == "1,4,8"
    assert answer.headers["x-medtiles-dtype"] == "<i2"
    samples = np.frombuffer(answer.content, "<i2")
    np.testing.assert_array_equal(samples, np.arange(32) - 1000)
    again = client.ask(
        "/images/study/view?format=raw&channels=0&z=3&region=2,3,8,4", if_none_match=answer.headers["etag"]
    )
    assert again.status_code == 304


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("channels=1", 400),
        ("channels=", 400),
        ("channels=" + ",".join("0" * 17), 400),
        ("channels=0&z=9", 404),
        ("channels=0&t=1", 404),
        ("channels=0&z=x", 400),
    ],
)
def test_raw_samples_of_channels_that_are_not_there_are_refused(client: Client, query: str, status: int) -> None:
    assert client.ask(f"/images/study/view?format=raw&{query}").status_code == status
