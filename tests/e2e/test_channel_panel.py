"""The viewer's panel in headless Chromium: channels and adjustments change what is seen, and a link brings it back."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from medtiles.web import build
from tests.e2e.browsing import Browser
from tests.e2e.serving import serving

pytestmark = [pytest.mark.browser, pytest.mark.corpus, pytest.mark.timeout(180)]
CELLS, SLIDE = "small_vectra.qptiff", "CMU-1-Small-Region.svs"
STACK = "multi-channel-z-series.ome.tif"
RENDERING = {"channels", "gamma", "contrast", "invert", "spread", "map", "kernel", "icc", "project"}


@pytest.fixture(scope="module")
def server(shared_data: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of cells in three channels, a stack in three channels, and a slide; its address."""
    if not build.is_built():
        build.build()
    roots = [shared_data(f"wsi/{name}") for name in (CELLS, SLIDE, STACK)]
    words = ["serve", *roots, "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--workers", "1"]
    with serving(*words, cache=tmp_path_factory.mktemp("cache")) as running:
        yield running.url


@pytest.fixture
def browser(server: str, tmp_path: Path) -> Iterator[Browser]:
    opened = Browser(tmp_path / "profile", server)
    yield opened
    opened.driver.quit()


def seen(browser: Browser) -> NDArray[np.float64]:
    """The middle of what the viewer shows, once it rests: red, green and blue."""
    taken: list[bytes] = []

    def rests() -> bool:
        taken.append(base64.b64decode(browser.find(".osd .openseadragon-canvas").screenshot_as_base64))
        return len(taken) > 3 and taken[-1] == taken[-4]

    browser.wait(rests)
    picture = np.asarray(Image.open(io.BytesIO(taken[-1])).convert("RGB"), np.float64)
    rows, columns = picture.shape[:2]
    return picture[rows // 4 : rows * 3 // 4, columns // 4 : columns * 3 // 4]


def set_slider(browser: Browser, label: str, value: int) -> None:
    script = "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input', {bubbles: true}))"
    browser.driver.execute_script(script, browser.find(f"[aria-label='{label}']"), value)


def settled(browser: Browser) -> int:
    return int(browser.find("[data-opened=true]").get_attribute("data-settled") or 0)


def change(browser: Browser, act: Callable[[], object]) -> NDArray[np.float64]:
    """What is seen once a change is shown."""
    before = settled(browser)
    act()
    browser.wait(lambda: settled(browser) > before)
    return seen(browser)


def test_channels_are_put_together_and_can_be_switched_off(browser: Browser) -> None:
    browser.open(CELLS)
    together = seen(browser)
    assert [name.text for name in browser.all(".channel .name")] == ["DAPI", "FITC", "Cy3"]
    assert together[..., 2].mean() > 20, "DAPI is blue"

    without = change(browser, browser.find("[aria-label='Show DAPI']").click)

    assert without[..., 2].mean() < together[..., 2].mean() / 3
    assert np.abs(without[..., :2] - together[..., :2]).mean() < 4, "but for JPEG's coarse chrominance"
    browser.require_clean()


def test_a_window_a_colour_and_a_gamma_change_one_channel(browser: Browser) -> None:
    browser.open(CELLS)
    for name in ("FITC", "Cy3"):
        change(browser, browser.find(f"[aria-label='Show {name}']").click)
    usual = seen(browser)

    brighter = change(browser, lambda: set_slider(browser, "Greatest value of DAPI", 200))
    assert brighter[..., 2].mean() > 1.3 * usual[..., 2].mean()
    script = "arguments[0].value = '#ff0000'; arguments[0].dispatchEvent(new Event('input', {bubbles: true}))"
    colour = browser.find("[aria-label='Colour of DAPI']")
    red = change(browser, lambda: browser.driver.execute_script(script, colour))
    assert red[..., 0].mean() > 50
    assert red[..., 2].mean() < 5
    darker = change(browser, lambda: set_slider(browser, "Gamma of DAPI", 8))
    assert darker[..., 0].mean() < 0.8 * red[..., 0].mean()
    back = change(browser, browser.find("[aria-label='DAPI as it was']").click)
    np.testing.assert_allclose(back, usual, atol=8)
    browser.require_clean()


def test_a_link_brings_back_what_was_seen(browser: Browser) -> None:
    browser.open(CELLS)
    change(browser, browser.find("[aria-label='Show FITC']").click)
    shown = change(browser, lambda: set_slider(browser, "Greatest value of Cy3", 700))
    address = browser.driver.current_url

    browser.driver.get("about:blank")
    browser.driver.get(address)
    browser.find("[data-opened=true]")

    np.testing.assert_allclose(seen(browser), shown, atol=8)
    assert not browser.find("[aria-label='Show FITC']").is_selected()


def test_focal_planes_go_by_a_slider_and_can_be_projected(browser: Browser) -> None:
    browser.open(STACK)
    assert [name.text for name in browser.all(".channel .name")] == ["channel 1", "channel 2", "channel 3"]
    first = seen(browser)
    fifth = change(browser, lambda: set_slider(browser, "Focus", 4))
    assert np.abs(fifth - first).max() > 30, "its number is written on each"
    script = "arguments[0].value = 'max'; arguments[0].dispatchEvent(new Event('change', {bubbles: true}))"
    select = browser.find("[aria-label='Focal planes']")
    brightest = change(browser, lambda: browser.driver.execute_script(script, select))
    assert np.abs(brightest - fifth).max() > 30
    assert brightest.mean() >= fifth.mean()
    browser.require_clean()


def test_a_look_is_saved_and_taken_again(browser: Browser) -> None:
    browser.open(CELLS)
    usual = seen(browser)
    shown = change(browser, browser.find("[aria-label='Show DAPI']").click)
    browser.find(".presets summary").click()
    browser.find("[aria-label='Name of this look']").send_keys("without nuclei", Keys.ENTER)
    browser.wait(lambda: "without nuclei" in browser.find("[aria-label='Saved looks']").text)
    back = change(browser, browser.find("[aria-label='Show DAPI']").click)
    np.testing.assert_allclose(back, usual, atol=8)

    browser.open(CELLS)
    assert browser.find(".presets").get_attribute("open"), "there is one to choose"
    taken = change(
        browser, lambda: Select(browser.find("[aria-label='Saved looks']")).select_by_visible_text("without nuclei")
    )

    np.testing.assert_allclose(taken, shown, atol=8)
    assert not browser.find("[aria-label='Show DAPI']").is_selected()
    browser.find(".presets .button").click()
    browser.wait(lambda: "without nuclei" not in browser.find("[aria-label='Saved looks']").text)
    browser.require_clean()


def test_a_slide_is_turned_and_mirrored_and_a_link_says_so(browser: Browser) -> None:
    browser.open(SLIDE)
    upright = seen(browser)
    browser.find("[aria-label='Turn clockwise']").click()
    browser.wait(lambda: "turn=90" in browser.driver.current_url)
    turned = seen(browser)
    assert np.abs(turned - upright).mean() > 5
    browser.find("[aria-label='Mirror']").click()
    browser.wait(lambda: "mirror=1" in browser.driver.current_url)
    mirrored = seen(browser)
    assert np.abs(mirrored[:, ::-1] - turned).mean() < 2, "left and right are exchanged"
    address = browser.driver.current_url
    browser.driver.get("about:blank")
    browser.driver.get(address)
    browser.find("[data-opened=true]")
    assert np.abs(seen(browser) - mirrored).mean() < 2
    for _ in range(3):
        browser.find("[aria-label='Turn clockwise']").click()
    browser.find("[aria-label='Mirror']").click()
    browser.wait(lambda: "turn" not in browser.driver.current_url and "mirror" not in browser.driver.current_url)
    assert np.abs(seen(browser) - upright).mean() < 2
    browser.require_clean()


def test_a_slide_is_asked_for_as_it_is_stored_until_it_is_adjusted(browser: Browser) -> None:
    browser.open(SLIDE)
    plain = seen(browser)
    tiles = [url for url in browser.requests() if "/dzi/" in url]
    assert tiles
    assert not any(RENDERING & parse_qs(urlsplit(url).query).keys() for url in tiles)

    browser.find(".adjust summary").click()
    inverted = change(browser, browser.find(".adjust .tick input").click)

    assert np.abs(255 - inverted - plain).mean() < 6
    back = change(browser, browser.find(".adjust .button").click)
    np.testing.assert_allclose(back, plain, atol=8)
    browser.require_clean()


def test_on_a_phone_the_panel_is_a_drawer(server: str, tmp_path: Path) -> None:
    browser = Browser(tmp_path / "phone", server, phone=True)
    try:
        browser.open(CELLS)
        assert not browser.find(".panel").is_displayed()
        browser.press("About the image")
        assert browser.find("[aria-label='Show DAPI']").is_displayed()
        assert browser.driver.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    finally:
        browser.driver.quit()


def places(browser: Browser) -> tuple[dict[str, float], dict[str, float]]:
    """Where the address says that both images are looked at."""
    words = {name: values[0] for name, values in parse_qs(urlsplit(browser.driver.current_url).fragment[2:]).items()}
    found = [{name: float(words.get(f"{before}{name}", 0)) for name in ("y", "zoom")} for before in ("", "beside_")]
    return found[0], found[1]


def test_two_images_side_by_side_move_together(browser: Browser) -> None:
    browser.open(SLIDE)
    browser.press("Side by side")
    browser.wait(lambda: any(CELLS in each.text for each in browser.all(".choices button")))
    next(each for each in browser.all(".choices button") if CELLS in each.text).click()
    browser.wait(lambda: len(browser.all("[data-opened=true]")) == 2)
    browser.wait(lambda: places(browser)[1]["zoom"])
    before = places(browser)

    for _ in range(2):
        browser.press("Closer")
    browser.wait(lambda: all(now["zoom"] > 3.8 * was["zoom"] for now, was in zip(places(browser), before, strict=True)))
    assert browser.all(f"[aria-label='Beside: {CELLS}'] [aria-label='Show DAPI']")
    shown, address = places(browser), browser.driver.current_url

    browser.find("[aria-pressed=true]").click()
    browser.press("Farther")
    browser.wait(lambda: places(browser)[0]["zoom"] < 0.6 * shown[0]["zoom"])
    assert places(browser)[1]["zoom"] == pytest.approx(shown[1]["zoom"], rel=0.01)

    browser.driver.get("about:blank")
    browser.driver.get(address)
    browser.wait(lambda: len(browser.all("[data-opened=true]")) == 2)
    seen(browser)
    for place, again in zip(shown, places(browser), strict=True):
        assert again == pytest.approx(place, rel=0.01)
    browser.press("Side by side")
    browser.wait(lambda: len(browser.all("[data-opened=true]")) == 1)
    browser.require_clean()
