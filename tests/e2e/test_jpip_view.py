"""The viewer's JPIP view in headless Chromium: the file's pixels, few bytes, and none of them twice."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from selenium.webdriver.remote.webelement import WebElement

from medtiles.web import build
from tests.e2e.browsing import Browser, likeness, middle_of, resized
from tests.e2e.serving import serving
from tests.unit.transcode.codestream.conftest import Picture, htj2k, jpeg2000

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
CT, SLIDE = "radiology/CT_brain_GE_512_signed16.dcm", "wsi/CMU-1-Small-Region.svs"
PIXELS = "const done = arguments[0]; done(document.querySelector('.jpip-view canvas').toDataURL('image/png'))"


@pytest.fixture(scope="module")
def colours() -> Picture:
    y, x = np.mgrid[0:1500, 0:2100]
    noise = np.random.default_rng(7).normal(0, 9, x.shape)
    waves = [128 + 60 * np.sin(x / 19) + 40 * np.cos(y / 23) + noise, x * y // 300 % 251, (x + y) % 256]
    return np.stack(waves, axis=-1).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def server(colours: Picture, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not build.is_built():
        build.build()
    folder = tmp_path_factory.mktemp("files")
    layers = {"quality_layers": [40, 10, 0], "progression": "LRCP"}
    (folder / "layers.j2k").write_bytes(jpeg2000(colours, tile_size=(700, 500), **layers))
    (folder / "fast.jhc").write_bytes(htj2k(colours, reversible=True, planar=False, tile=(512, 512)))
    (folder / "whole.jp2").write_bytes(
        imagecodecs.jpeg2k_encode(colours[..., 0], level=0, codecformat="jp2", reversible=True)
    )
    words = ["serve", folder, "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--workers", "1"]
    with serving(*words, cache=tmp_path_factory.mktemp("cache")) as running:
        yield running.url


@pytest.fixture
def browser(server: str, tmp_path: Path) -> Iterator[Browser]:
    opened = Browser(tmp_path / "profile", server)
    yield opened
    opened.driver.quit()


def settled(browser: Browser, name: str, view: str = "") -> WebElement:
    """The view, once all that it shows has come."""
    browser.show(f"#/{browser.images[name]['id']}?jpip=1{view}")
    browser.find(".jpip-view[data-opened=true][data-settled=true]")
    return browser.find(".jpip-view[data-settled=true]")


def pixels(browser: Browser) -> NDArray[np.uint8]:
    address = str(browser.driver.execute_async_script(PIXELS))
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))).convert("RGB"))


def told(view: WebElement, name: str) -> int:
    return int(str(view.get_attribute(f"data-{name}")))


@pytest.mark.parametrize("name", ["layers.j2k", "fast.jhc", "whole.jp2"])
def test_the_pixels_are_those_of_the_file(browser: Browser, colours: Picture, name: str) -> None:
    settled(browser, name, "&x=1000&y=700&zoom=1")
    found = pixels(browser)
    height, width = found.shape[:2]
    x, y = 1000 - width // 2 - width % 2, 700 - height // 2 - height % 2
    wanted = colours[y : y + height, x : x + width]
    assert np.array_equal(found, wanted if name != "whole.jp2" else np.repeat(wanted[..., :1], 3, axis=-1))
    browser.require_clean()


def test_bytes_are_few_and_none_comes_twice(browser: Browser) -> None:
    """An overview, a closer look, and the overview again; the first costs little, the last nothing but its request."""
    view = settled(browser, "fast.jhc")
    overview, whole = told(view, "received"), told(view, "whole")
    assert overview < whole / 3
    browser.press("Closer")
    browser.press("Closer")
    browser.wait(lambda: told(view, "received") > overview * 1.5 and view.get_attribute("data-settled") == "true")
    close = told(view, "received")
    assert close < whole
    browser.press("Whole image")
    browser.wait(lambda: "zoom" in browser.driver.current_url)
    time.sleep(0.5)
    assert told(view, "received") < close + 200
    assert "%" in browser.find(".jpip-state").text


def test_a_lost_channel_goes_on_with_a_model_of_what_is_here(browser: Browser) -> None:
    view = settled(browser, "fast.jhc")
    before = told(view, "received")
    cid = next(part for url in browser.requests() for part in url.split("&") if "cid=" in part).rpartition("=")[2]
    httpx.get(f"{browser.server}/jpip?cid={cid}&cclose=*").raise_for_status()
    browser.press("Closer")
    browser.wait(lambda: told(view, "received") > before and view.get_attribute("data-settled") == "true")
    browser.wait(lambda: any("cnew=" in url and "model=" in url for url in browser.requests()))
    assert browser.all("#toast.shown") == []
    assert told(view, "received") < told(view, "whole")


def test_a_button_changes_between_the_views_at_the_same_place(browser: Browser) -> None:
    browser.show(f"#/{browser.images['fast.jhc']['id']}?x=900&y=600&zoom=0.8")
    usual = browser.find("[data-opened=true] .openseadragon-canvas")
    browser.wait(lambda: browser.picture(usual).std() > 10 and not browser.requests())
    shown = browser.picture(usual)
    browser.press("Stream by JPIP")
    view = browser.find(".jpip-view[data-opened=true][data-settled=true]")
    found = pixels(browser) @ np.array([0.299, 0.587, 0.114])
    assert likeness(middle_of(shown, 1)[200:500, 200:500], middle_of(found, 1)[200:500, 200:500]) > 0.95
    assert view.get_attribute("role") == "application"
    browser.press("As usual, without JPIP")
    browser.find("[data-opened=true] .openseadragon-canvas")
    browser.require_clean()


@pytest.mark.corpus
@pytest.mark.parametrize("name", [CT, SLIDE])
def test_it_looks_as_in_the_usual_view(name: str, shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    """A DICOM image by its window, a slide by its levels: what holds no JPEG 2000 is streamed as HTJ2K."""
    words = ["serve", shared_data(name), "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--workers", "1"]
    with serving(*words, cache=tmp_path / "cache") as running:
        browser = Browser(tmp_path / "profile", running.url)
        try:
            (image,) = browser.images
            usual = browser.open(image)
            browser.wait(lambda: browser.picture(usual).std() > 10 and not browser.requests())
            shown = browser.picture(usual)
            view = settled(browser, image)
            found = browser.picture(view)
            browser.require_clean()
        finally:
            browser.driver.quit()
    # without the corner, where words stand
    assert likeness(*(resized(middle_of(each, 1), 200, 200)[:150, 50:] for each in (shown, found))) > 0.98


@pytest.mark.corpus
def test_what_it_cannot_show_rightly_is_refused(shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    """Components at a half and a quarter of the size: OpenJPEG's module would mix them up."""
    words = ["serve", shared_data("codestreams/t814_conformance/p0_06.j2k"), "--http", "127.0.0.1:0"]
    with serving(*words, "--grpc", "127.0.0.1:0", "--workers", "1", cache=tmp_path / "cache") as running:
        browser = Browser(tmp_path / "profile", running.url)
        try:
            (image,) = browser.images.values()
            browser.show(f"#/{image['id']}?jpip=1")
            view = browser.find(".jpip-view[data-refused=true]")
            assert "not shown by JPIP" in browser.find(".jpip-state").text
            assert view.get_attribute("data-opened") is None
            assert browser.all("#toast.shown") == []
        finally:
            browser.driver.quit()
