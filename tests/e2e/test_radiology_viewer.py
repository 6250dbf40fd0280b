"""The radiology viewer in headless Chromium over a real server: Cornerstone3D on frames that the server sends.

What the screen shows, one pixel of the image on one of the screen, is held against pydicom and its windowing.
"""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.pixels.processing import apply_modality_lut
from pydicom.pixels.utils import pixel_array
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions.wheel_input import ScrollOrigin
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from medtiles.web import build
from tests.e2e.browsing import WITH_WEBGL, Browser
from tests.e2e.serving import serving

pytestmark = [pytest.mark.browser, pytest.mark.corpus, pytest.mark.timeout(240)]
SERIES, CT, PALETTE = "sT2W/FLAIR", "CT 301", "PS LAX MR & AI"
FILES = {
    CT: "CT_brain_GE_512_signed16.dcm",
    "MR 1": "MR2_J2KR_1024.dcm",
    "CR 1": "RG3_JLSL.dcm",
    "US 1": "US_1024x768x2_RGB_JPLL.dcm",
    "MILVUE_ABNORMAL": "SC_1475_RGB_RLE.dcm",
    PALETTE: "US_palette_10f_JLSL.dcm",
}
ROUNDING = 1.0
REMEMBER_LEVELS = """
window.seen = [];
const look = () => {
  const [port, line] = [document.querySelector('.port'), document.querySelector('.level-text')];
  const { bytes, total } = line?.dataset ?? {};
  if (bytes) seen.push([port.dataset.level, Number(bytes), Number(total), line.textContent]);
};
new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true });
"""
Picture = NDArray[np.float64]


@pytest.fixture(scope="module")
def server(shared_data: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of a series, radiographs, colour, frames of several kinds; its address."""
    if not build.is_built():
        build.build()
    roots = [
        shared_data("radiology/series_Brainix_Flair"),
        *(shared_data(f"radiology/{name}") for name in FILES.values()),
    ]
    words = ["serve", *roots, "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--workers", "1"]
    with serving(*words, cache=tmp_path_factory.mktemp("cache")) as running:
        yield running.url


@pytest.fixture(scope="module")
def opened(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all tests of this file: each loads the page anew."""
    browser = Browser(tmp_path_factory.mktemp("profile"), server, switches=WITH_WEBGL)
    yield browser
    browser.driver.quit()


@pytest.fixture
def browser(opened: Browser) -> Browser:
    opened.requests()
    opened.log("browser")
    return opened


def view(browser: Browser, name: str, address: str = "") -> WebElement:
    """Open an image; the viewer, once a frame is there in full."""
    image = browser.images[name]["id"]
    go(browser, "#/")
    browser.wait(lambda: not browser.all(".viewer"))
    go(browser, f"#/{image}{address}")
    return browser.find(f".radiology-view[data-image='{image}'][data-whole=true]")


def go(browser: Browser, address: str) -> None:
    """Another address of the page, which is loaded only once."""
    if browser.driver.current_url.startswith(browser.server):
        browser.driver.execute_script("location.hash = arguments[0]", address)
    else:
        browser.show(address)


def text(browser: Browser, kind: str) -> str:
    return browser.find(f".{kind}-text").text


def screen(browser: Browser) -> Picture:
    """The pixels of the first viewport, (rows, columns, 3)."""
    script = "return document.querySelector('.port canvas').toDataURL('image/png').split(',')[1]"
    data = base64.b64decode(browser.driver.execute_script(script))
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), np.float64)


def by_pydicom(path: Path, number: int = 1) -> Picture:
    """A frame as pydicom decodes it, with the first window of the file (PS3.3 C.11.2.1.2.1)."""
    header = pydicom.dcmread(path, stop_before_pixels=True)
    samples = pixel_array(path, index=number - 1)
    if samples.ndim == 3:
        return samples.astype(np.float64)
    values = apply_modality_lut(samples, header).astype(np.float64)
    centre, width = (float(np.atleast_1d(header[word].value)[0]) for word in ("WindowCenter", "WindowWidth"))
    shade = np.clip((values - (centre - 0.5)) / (width - 1) + 0.5, 0, 1) * 255
    if header.PhotometricInterpretation == "MONOCHROME1":
        shade = 255 - shade
    return np.repeat(shade[:, :, np.newaxis], 3, axis=2)


def difference(shown: Picture, wanted: Picture) -> float:
    """The largest difference where a picture lies on the middle of a screen, at the one place where it fits."""
    found = []
    for down in (0, 1):
        for right in (0, 1):
            one = middle(shown, wanted.shape, (down, right), sign=1)
            other = middle(wanted, shown.shape, (down, right), sign=-1)
            rows, columns = min(one.shape[0], other.shape[0]), min(one.shape[1], other.shape[1])
            found.append(float(np.abs(one[:rows, :columns] - other[:rows, :columns]).max()))
    return min(found)


def middle(picture: Picture, other: tuple[int, ...], shift: tuple[int, int], sign: int) -> Picture:
    """The part of a picture that covers the other one."""
    starts = [max((picture.shape[axis] - other[axis] + sign * shift[axis]) // 2, 0) for axis in (0, 1)]
    return picture[starts[0] : starts[0] + other[0], starts[1] : starts[1] + other[1]]


@pytest.mark.parametrize("name", [CT, "MR 1", "CR 1", "US 1", "MILVUE_ABNORMAL"])
def test_the_pixels_are_those_of_pydicom(browser: Browser, name: str, shared_data: Callable[[str], Path]) -> None:
    viewer = view(browser, name, "?plane=0")
    viewer.send_keys("p")
    viewer.send_keys("z")
    wanted = by_pydicom(shared_data(f"radiology/{FILES[name]}"))
    browser.wait(lambda: difference(screen(browser), wanted) <= ROUNDING)
    browser.require_clean()


def test_a_large_radiograph_is_shown_while_it_comes(browser: Browser) -> None:
    browser.show()
    view(browser, CT)
    browser.driver.execute_script(REMEMBER_LEVELS)
    browser.driver.execute_cdp_cmd("Network.setCacheDisabled", {"cacheDisabled": True})
    slow = {"offline": False, "latency": 10, "downloadThroughput": 400_000, "uploadThroughput": 400_000}
    browser.driver.execute_cdp_cmd("Network.emulateNetworkConditions", slow)
    go(browser, f"#/{browser.images['CR 1']['id']}")
    browser.find(".radiology-view[data-plane] [data-level]")
    browser.wait(lambda: browser.all(".radiology-view[data-whole=true] [data-level='0']"))
    browser.driver.execute_cdp_cmd("Network.emulateNetworkConditions", {**slow, "latency": 0, "downloadThroughput": -1})
    browser.driver.execute_cdp_cmd("Network.setCacheDisabled", {"cacheDisabled": False})
    seen: list[tuple[str | None, int, int, str]] = browser.driver.execute_script("return seen")
    levels = list(dict.fromkeys(int(level) for level, *_ in seen if level is not None))
    assert levels == sorted(levels, reverse=True)
    assert len(levels) >= 3, "a coarse picture and a finer one come before the whole; a slow decoder may skip levels"
    assert levels[-1] == 0
    first = next(each for each in seen if each[0] is not None)
    assert first[1] < 0.1 * first[2], f"the first picture took {first[1]} of {first[2]} bytes"
    assert any(" of " in each[3] and each[3].startswith("level ") for each in seen)
    browser.require_clean()


def test_wheel_keys_and_cine_go_through_the_slices(browser: Browser) -> None:
    viewer = view(browser, SERIES, "?plane=3")
    canvas = browser.find(".port canvas")
    origin = ScrollOrigin.from_element(canvas)
    for _ in range(2):
        ActionChains(browser.driver).scroll_from_origin(origin, 0, 100).perform()
    browser.wait(lambda: viewer.get_attribute("data-plane") == "5")
    viewer.send_keys(Keys.ARROW_UP)
    browser.wait(lambda: viewer.get_attribute("data-plane") == "4")
    assert text(browser, "slice").startswith("5 / 22")
    viewer.send_keys(Keys.SPACE)
    browser.wait(lambda: int(viewer.get_attribute("data-plane") or 0) >= 8)
    viewer.send_keys(Keys.SPACE)
    assert browser.find("[aria-label=Play]").get_attribute("aria-pressed") == "false"
    browser.wait(lambda: f"plane={viewer.get_attribute('data-plane')}" in browser.driver.current_url)
    browser.require_clean()


def test_dragging_and_presets_change_the_window(browser: Browser) -> None:
    viewer = view(browser, CT)
    assert text(browser, "window") == "C 45  W 100 HU"
    before = screen(browser)
    canvas = browser.find(".port canvas")
    ActionChains(browser.driver).click_and_hold(canvas).move_by_offset(60, -40).move_by_offset(
        10, -10
    ).release().perform()
    browser.wait(lambda: text(browser, "window") != "C 45  W 100 HU")
    browser.wait(lambda: np.abs(screen(browser) - before).mean() > 1)
    assert "centre=" in browser.wait(
        lambda: browser.driver.current_url if "centre=" in browser.driver.current_url else ""
    )
    next(option for option in browser.all("[aria-label=Window] option") if option.text.startswith("Bone")).click()
    browser.wait(lambda: text(browser, "window") == "C 400  W 1800 HU")
    viewer.send_keys("r")
    browser.wait(lambda: text(browser, "window") == "C 45  W 100 HU")
    viewer.send_keys("x")
    browser.wait(lambda: np.abs(screen(browser) - before).mean() > 50)
    browser.require_clean()


def test_an_address_that_leads_elsewhere_is_left_alone(browser: Browser) -> None:
    """The list is asked for while the view has not yet written where it is."""
    view(browser, CT)
    browser.driver.execute_script("history.replaceState(null, '', '#/')")
    ActionChains(browser.driver).click_and_hold(browser.find(".port canvas")).move_by_offset(
        60, -40
    ).release().perform()
    browser.wait(lambda: text(browser, "window") != "C 45  W 100 HU")
    time.sleep(1)
    assert browser.driver.current_url.endswith("#/")
    browser.show()  # the list, as the address says


def test_values_directions_and_lengths_are_told(browser: Browser) -> None:
    viewer = view(browser, CT)
    canvas = browser.find(".port canvas")
    ActionChains(browser.driver).move_to_element(canvas).perform()
    browser.wait(lambda: text(browser, "value").endswith(" HU"))
    assert [mark.text for mark in browser.all(".mark")] == ["A", "L", "P", "R"]
    viewer.send_keys("5")
    ActionChains(browser.driver).move_to_element(canvas).click_and_hold().move_by_offset(80, 0).move_by_offset(
        20, 0
    ).release().perform()
    browser.wait(lambda: any(" mm" in label.text for label in browser.all(".port svg text")))
    viewer.send_keys(Keys.DELETE)
    browser.wait(lambda: not browser.all(".port svg text"))
    viewer.send_keys("?")
    assert "cine" in browser.find("dialog.help").text
    browser.require_clean()


def test_an_address_leads_back_to_slice_and_window(browser: Browser) -> None:
    viewer = view(browser, SERIES, "?plane=7&centre=300&width=400&zoom=2&x=10&y=-20")
    assert viewer.get_attribute("data-plane") == "7"
    assert text(browser, "window") == "C 300  W 400"
    browser.wait(lambda: "zoom=2" in browser.driver.current_url and "x=10" in browser.driver.current_url)


def test_three_planes_open_for_a_series_and_not_for_a_single_frame(browser: Browser) -> None:
    viewer = view(browser, SERIES)
    viewer.send_keys("v")
    browser.find(".ports[data-slices='22']")
    assert [each.text for each in browser.all(".plane-name")] == ["Axial", "Sagittal", "Coronal"]
    canvases: list[Any] = browser.all(".ports .port canvas")
    assert len(canvases) == 3
    browser.wait(lambda: all(browser.picture(canvas).std() > 10 for canvas in canvases))
    browser.wait(lambda: "volume=1" in browser.driver.current_url)
    before = [each.text for each in browser.all(".slice-text")]
    aside = ActionChains(browser.driver).move_to_element_with_offset(canvases[0], 100, -40)
    aside.click_and_hold().move_by_offset(2, 2).release().perform()
    browser.wait(lambda: [each.text for each in browser.all(".slice-text")][1:] != before[1:])
    viewer.send_keys("v")
    browser.find(".radiology-view[data-mode=stack][data-whole=true]")
    browser.require_clean()
    viewer = view(browser, "US 1")
    viewer.send_keys("v")
    browser.wait(lambda: "grey samples" in browser.find("#toast").text)


def test_what_cornerstone_cannot_show_rightly_opens_in_the_simple_viewer(browser: Browser) -> None:
    go(browser, f"#/{browser.images[PALETTE]['id']}")
    browser.find(".stack-view[data-opened=true]")
    assert "palette" in browser.find("[role=note]").text
    browser.require_clean()


def test_a_frame_that_cannot_be_had_is_told_in_the_page(browser: Browser) -> None:
    browser.show()
    view(browser, CT)
    block = {"urls": ["*/frames/*"]}
    browser.driver.execute_cdp_cmd("Network.enable", {})
    browser.driver.execute_cdp_cmd("Network.setBlockedURLs", block)
    try:
        go(browser, f"#/{browser.images['MR 1']['id']}")
        browser.wait(lambda: "cannot be shown" in browser.find("#toast").text)
    finally:
        browser.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
    browser.find("#toast button").click()
    browser.find(".radiology-view[data-whole=true]")


def drag(browser: Browser, x: float, y: float, down: int) -> None:
    """One finger, down the screen."""
    finger = {"x": x, "y": y}
    for kind, way in [
        ("touchStart", 0),
        *(("touchMove", down * step // 6) for step in range(1, 7)),
        ("touchEnd", None),
    ]:
        points = [] if way is None else [{**finger, "y": y + way}]
        browser.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def test_a_phone_shows_scrolls_and_fits(server: str, tmp_path: Path) -> None:
    browser = Browser(tmp_path, server, switches=WITH_WEBGL, phone=True)
    try:
        viewer = view(browser, SERIES, "?plane=3")
        width = browser.driver.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
        assert width[0] <= width[1]
        box = browser.find(".port canvas").rect
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        drag(browser, x, y, 240)
        browser.wait(lambda: int(viewer.get_attribute("data-plane") or 0) > 3)
        browser.require_clean()
    finally:
        browser.driver.quit()
