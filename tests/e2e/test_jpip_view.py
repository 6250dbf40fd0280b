"""The viewer's JPIP view in headless Chromium: the file's pixels, few bytes, and none of them twice."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from selenium.webdriver.remote.webelement import WebElement

from medtiles.web import build
from tests.e2e.browsing import Browser, likeness
from tests.e2e.serving import serving
from tests.unit.transcode.codestream.conftest import Picture, htj2k, jpeg2000

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
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
    (folder / "whole.jp2").write_bytes(imagecodecs.jpeg2k_encode(colours[..., 0], level=0, codecformat="jp2", reversible=True))
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


@pytest.mark.parametrize("name", ["layers.j2k", "fast.jhc", "whole.jp2"])
def test_the_pixels_are_those_of_the_file(browser: Browser, colours: Picture, name: str) -> None:
    view = settled(browser, name, "&x=1000&y=700&zoom=1")
    found = pixels(browser)
    height, width = found.shape[:2]
    x, y = 1000 - width / 2, 700 - height / 2
    print(found.shape, x, y, {n: view.get_attribute(f"data-{n}") for n in ("received", "whole", "settled")})
    browser.driver.save_screenshot(f"/tmp/jpip-{name}.png")
    wanted = colours[int(y) : int(y) + height, int(x) : int(x) + width]
    wanted = wanted if name != "whole.jp2" else np.repeat(wanted[..., :1], 3, axis=-1)
    assert np.array_equal(found, wanted)
    browser.require_clean()
