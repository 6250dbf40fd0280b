"""OpenSeadragon on the same slide by every protocol of tiles: fully loaded, nothing failed, the same picture."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner

from medtiles.cli import app
from medtiles.web import build
from tests.e2e import viewer_front
from tests.e2e.browsing import SWITCHES, Browser
from tests.e2e.serving import serving

pytestmark = [pytest.mark.browser, pytest.mark.corpus, pytest.mark.timeout(240)]
HERE = Path(__file__).parent / "tile_viewer"
SLIDES = {"CMU-1-Small-Region.svs": "wsi", "tcga-cr-7395-01a-01-ts1.svs": "wsi"}
PLACES = {"all of it": (0.0, 0.0, 1.0, 1.0), "a part": (0.4, 0.4, 0.2, 0.15), "the last corner": (0.85, 0.85, 0.2, 0.2)}
PROTOCOLS = {"IIIF 3": "/iiif/3/{}/info.json", "IIIF 2": "/iiif/2/{}/info.json"}


@pytest.fixture(scope="module")
def server(shared_data: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    roots = [shared_data(f"{folder}/{name}") for name, folder in SLIDES.items()]
    words = ["serve", *roots, "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--workers", "1"]
    with serving(*words, cache=tmp_path_factory.mktemp("cache")) as running:
        yield running.url


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose files the page finds at /viewer/."""
    return tmp_path_factory.mktemp("exports")


@pytest.fixture(scope="module")
def page(server: str, exports: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if not (build.HERE / "node_modules").is_dir():
        build.build()
    openseadragon = build.HERE / "node_modules" / "openseadragon" / "build" / "openseadragon"
    with viewer_front.beside(server, (HERE, openseadragon, exports)) as front:
        browser = Browser(tmp_path_factory.mktemp("profile"), server, switches=SWITCHES)
        browser.server = front
        browser.driver.set_script_timeout(60)
        browser.driver.get(f"{front}/viewer/page.html")
        browser.wait(lambda: browser.driver.execute_script("return window.isReady"))
        yield browser
        browser.driver.quit()


def show(page: Browser, source: object, place: tuple[float, ...]) -> tuple[NDArray[Any], dict[str, Any]]:
    script = "show(arguments[0], arguments[1]).then(arguments[2])"
    told: dict[str, Any] = page.driver.execute_async_script(script, source, list(place))
    assert told["failed"] == []
    data = base64.b64decode(page.driver.get_screenshot_as_base64())
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), np.int16), told


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("name", SLIDES)
@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
def test_the_picture_is_that_of_deep_zoom(
    page: Browser, server: str, protocol: str, name: str, place: tuple[float, ...]
) -> None:
    image = next(each for each in httpx.get(f"{server}/images").json()["images"] if each["name"] == name)
    wanted, by_deep_zoom = show(page, f"/dzi/{image['id']}.dzi", place)
    found, told = show(page, protocol.format(image["id"]), place)
    assert told["size"] == by_deep_zoom["size"] == [image["width"], image["height"]]
    assert np.abs(found - wanted).max() <= 1
    assert wanted.std() > 5, "there is something to see"


@pytest.mark.parametrize("name", SLIDES)
def test_stored_tiles_go_out_untouched_by_iip_and_zoomify_too(server: str, name: str) -> None:
    with httpx.Client(base_url=server) as client:
        image = next(each for each in client.get("/images").json()["images"] if each["name"] == name)
        top = client.get(f"/iip?FIF={image['id']}&OBJ=Resolution-number&OBJ=Tile-size").text.split("\r\n")
        level, side = int(top[0].partition(":")[2]) - 1, int(top[1].split()[1])
        columns = -(-image["width"] // side)
        for column, row in ((0, 0), (2, 3), (columns - 2, 1)):
            highest = (max(image["width"], image["height"]) - 1).bit_length()
            stored = client.get(f"/dzi/{image['id']}_files/{highest}/{column}_{row}.jpeg").content
            by_iip = client.get(f"/iip?FIF={image['id']}&JTL={level},{row * columns + column}").content
            by_zoomify = client.get(f"/zoomify/{image['id']}/TileGroup0/{level}-{column}-{row}.jpg").content
            assert by_iip == by_zoomify == stored
            assert stored[:2] == b"\xff\xd8"


@pytest.mark.parametrize("name", SLIDES)
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_iip_shows_the_same(page: Browser, server: str, name: str, place: tuple[float, ...]) -> None:
    """Its smaller levels are rounded down as those of Zoomify."""
    image = next(each for each in httpx.get(f"{server}/images").json()["images"] if each["name"] == name)
    wanted, _ = show(page, f"/dzi/{image['id']}.dzi", place)
    found, told = show(page, {"iipsrv": "/iip", "image": image["id"]}, place)
    assert told["size"] == [image["width"], image["height"]]
    assert np.abs(found - wanted).mean() <= 3
    assert np.corrcoef(found.ravel(), wanted.ravel())[0, 1] > 0.99


@pytest.mark.parametrize("name", SLIDES)
def test_pages_that_name_the_file_and_change_what_is_seen(page: Browser, server: str, name: str) -> None:
    """As pages written for IIPImage do."""
    image = next(each for each in httpx.get(f"{server}/images").json()["images"] if each["name"] == name)
    place = PLACES["a part"]
    by_id, _ = show(page, {"iipsrv": "/iip", "image": image["id"]}, place)
    by_path, _ = show(page, {"iipsrv": "/fcgi-bin/iipsrv.fcgi", "image": name}, place)
    np.testing.assert_array_equal(by_path, by_id)
    changed = {"iipsrv": "/fcgi-bin/iipsrv.fcgi", "image": name, "transform": {"stack": 0, "invert": True}}
    inverted, _ = show(page, changed, place)
    assert np.abs(255 - inverted - by_id).mean() < 6


@pytest.mark.parametrize("name", SLIDES)
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_zoomify_shows_the_same(page: Browser, server: str, name: str, place: tuple[float, ...]) -> None:
    """Its smaller levels are rounded down, those of Deep Zoom up: where they are shown, pixels lie up to one apart."""
    image = next(each for each in httpx.get(f"{server}/images").json()["images"] if each["name"] == name)
    told = ET.fromstring(httpx.get(f"{server}/zoomify/{image['id']}/ImageProperties.xml").text).attrib
    source = {
        "type": "zoomifytileservice",
        "width": int(told["WIDTH"]),
        "height": int(told["HEIGHT"]),
        "tileSize": int(told["TILESIZE"]),
        "tilesUrl": f"/zoomify/{image['id']}/",
    }
    wanted, _ = show(page, f"/dzi/{image['id']}.dzi", place)
    found, _ = show(page, source, place)
    assert np.abs(found - wanted).mean() <= 3
    assert np.corrcoef(found.ravel(), wanted.ravel())[0, 1] > 0.99


@pytest.mark.parametrize("name", SLIDES)
@pytest.mark.parametrize("layout", ["dz", "iiif3", "zoomify"])
def test_an_export_shows_the_same_from_a_server_of_files(
    page: Browser, server: str, exports: Path, shared_data: Callable[[str], Path], layout: str, name: str
) -> None:
    image = next(each for each in httpx.get(f"{server}/images").json()["images"] if each["name"] == name)
    place = f"{layout}-{image['id']}"
    address = ["--address", f"{page.server}/viewer/{place}"] if layout == "iiif3" else []
    words = ["export", str(shared_data(f"{SLIDES[name]}/{name}")), str(exports / place), "--layout", layout, *address]
    done = CliRunner().invoke(app, words, env={"MEDTILES_CACHE": "none"})
    assert done.exit_code == 0, done.output
    source: object = f"/viewer/{place}.dzi" if layout == "dz" else f"/viewer/{place}/info.json"
    if layout == "zoomify":
        told = ET.fromstring((exports / place / "ImageProperties.xml").read_text()).attrib
        source = {
            "type": "zoomifytileservice",
            "width": int(told["WIDTH"]),
            "height": int(told["HEIGHT"]),
            "tileSize": int(told["TILESIZE"]),
            "tilesUrl": f"/viewer/{place}/",
        }
    for part in PLACES.values():
        wanted, _ = show(page, f"/dzi/{image['id']}.dzi", part)
        found, shown = show(page, source, part)
        assert shown["size"] == [image["width"], image["height"]]
        assert np.abs(found - wanted).mean() <= 3
