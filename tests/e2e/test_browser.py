"""The page in headless Chromium over a real server: it lists, opens a slide and a study, zooms, scrolls, and is clean.

Without WebGL, so that studies open in the simple viewer. What the screen shows is held against the server's own
picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions.wheel_input import ScrollOrigin
from selenium.webdriver.common.keys import Keys

from medtiles.web import build
from tests.e2e.browsing import PATIENCE, Browser, grey, likeness, middle_of, resized
from tests.e2e.serving import serving

pytestmark = [pytest.mark.browser, pytest.mark.corpus, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def server(shared_data: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of a slide, a slide of several channels, a series, a CT and a broken file; its address."""
    if not build.is_built():
        build.build()
    folder = tmp_path_factory.mktemp("images")
    slide = shared_data("wsi/CMU-1-Small-Region.svs")
    (folder / "broken <b>slide.svs").write_bytes(slide.read_bytes()[:5000])
    roots = [slide, shared_data("wsi/multi-channel-z-series.ome.tif"), shared_data("radiology/series_Brainix_Flair")]
    roots += [shared_data("radiology/CT_brain_GE_512_signed16.dcm"), folder]
    words = ["serve", *roots, "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--workers", "1"]
    with serving(*words, cache=tmp_path_factory.mktemp("cache")) as running:
        yield running.url


@pytest.fixture
def browser(server: str, tmp_path: Path) -> Iterator[Browser]:
    opened = Browser(tmp_path / "profile", server)
    yield opened
    opened.driver.quit()


def test_the_page_lists_what_the_server_has(browser: Browser) -> None:
    browser.show()
    browser.wait(lambda: len(browser.all(".card")) == len(browser.images))
    assert browser.listed() == set(browser.images)
    thumbnails = "return [...document.querySelectorAll('.card img')].every(i => i.complete && i.naturalWidth > 0)"
    browser.wait(lambda: browser.driver.execute_script(thumbnails))
    browser.require_clean()


def test_the_search_and_the_kinds_narrow_the_list(browser: Browser) -> None:
    browser.show()
    browser.find(".search input").send_keys("CMU-1")
    browser.wait(lambda: browser.listed() == {"CMU-1-Small-Region.svs"})
    browser.find(".search input").send_keys("-nothing")
    browser.wait(lambda: browser.all(".empty"))
    browser.show()
    next(button for button in browser.all(".segments button") if button.text == "Radiology").click()
    radiology = {name for name, image in browser.images.items() if image["kind"] == "radiology"}
    browser.wait(lambda: browser.listed() == radiology)
    browser.require_clean()


def test_markup_in_a_name_is_only_text(browser: Browser) -> None:
    browser.show()
    browser.wait(lambda: "broken <b>slide.svs" in browser.listed())
    assert browser.all(".card b") == []


def test_an_image_that_cannot_be_opened_says_why(browser: Browser) -> None:
    browser.show(f"#/{browser.images['broken <b>slide.svs']['id']}")
    notice = browser.find(".notice")
    assert "cannot be opened" in notice.text
    assert len(notice.text) > len("This image cannot be opened. All images") + 10


def test_a_slide_is_shown_whole_and_right(browser: Browser) -> None:
    name = "CMU-1-Small-Region.svs"
    viewer = browser.open(name)
    image = browser.images[name]
    thumbnail = grey(httpx.get(f"{browser.server}/images/{image['id']}/thumbnail?size=700", timeout=PATIENCE).content)

    def shown() -> bool:
        part = middle_of(browser.picture(viewer), image["width"] / image["height"])
        part, wanted = resized(part, 60, 80), resized(thumbnail, 60, 80)
        return likeness(part[:60], wanted[:60]) > 0.97  # the lowest quarter lies under scale bar and navigator

    browser.wait(shown)
    browser.require_clean()


def test_zooming_in_and_out_fetches_tiles_and_moves_the_scale_bar(browser: Browser) -> None:
    viewer = browser.open("CMU-1-Small-Region.svs")
    scale = browser.find(".scale-bar")
    browser.wait(lambda: scale.get_attribute("aria-label"))
    whole = scale.get_attribute("aria-label")
    before = browser.picture(viewer)
    for _ in range(3):
        browser.press("Closer")
    browser.wait(lambda: scale.get_attribute("aria-label") == "Scale: 20 µm")
    browser.wait(lambda: "zoom=" in browser.driver.current_url)
    asked = browser.requests()
    assert any("_files/12/" in url for url in asked), "no tile of full resolution was asked for"
    assert set(asked.values()) <= {"200", "304", "under way"}
    ActionChains(browser.driver).scroll_from_origin(ScrollOrigin.from_element(viewer), 0, 300).perform()
    browser.press("Whole image")
    browser.wait(lambda: scale.get_attribute("aria-label") == whole)
    browser.wait(lambda: likeness(browser.picture(viewer), before) > 0.98)
    browser.require_clean()


def test_an_address_leads_back_to_the_same_place(browser: Browser) -> None:
    image = browser.images["CMU-1-Small-Region.svs"]["id"]
    browser.show(f"#/{image}?x=1200&y=900&zoom=1")
    viewer = browser.find("[data-opened=true]")
    size = viewer.size
    region = f"{1200 - size['width'] // 2},{900 - size['height'] // 2},{size['width']},{size['height']}"
    answer = httpx.get(f"{browser.server}/images/{image}/view?region={region}&format=png", timeout=PATIENCE)
    wanted = grey(answer.content)[: size["height"] * 3 // 4]
    browser.wait(lambda: likeness(browser.picture(viewer)[: len(wanted)], wanted) > 0.97)


def test_associated_images_and_properties_are_shown(browser: Browser) -> None:
    browser.open("CMU-1-Small-Region.svs")
    panel = browser.find(".panel")
    assert "aperio.AppMag" in panel.text
    browser.find("[title='Show label']").click()
    picture = browser.find("dialog img")
    browser.wait(lambda: browser.driver.execute_script("return arguments[0].naturalWidth", picture) == 387)
    browser.require_clean()


def test_another_focal_plane_is_another_picture(browser: Browser) -> None:
    viewer = browser.open("multi-channel-z-series.ome.tif")
    browser.wait(lambda: browser.picture(viewer).std() > 3)
    before = browser.picture(viewer)
    slider = browser.find("[aria-label=Focus]")
    for _ in range(3):
        slider.send_keys(Keys.ARROW_RIGHT)
    browser.wait(lambda: np.abs(browser.picture(viewer) - before).max() > 30)
    browser.wait(lambda: "plane=" in browser.driver.current_url)
    browser.require_clean()


SERIES = "sT2W/FLAIR"


def test_a_series_is_shown_as_the_server_would_show_it(browser: Browser) -> None:
    viewer = browser.open(SERIES)
    image = browser.images[SERIES]
    plane = viewer.get_attribute("data-plane")
    url = f"{browser.server}/images/{image['id']}/view?plane={plane}&format=png"
    wanted = resized(grey(httpx.get(url, timeout=PATIENCE).content), 144, 144)

    def difference() -> float:
        part = resized(middle_of(browser.picture(viewer), image["width"] / image["height"]), 144, 144)
        return float(np.abs(part - wanted)[:120, 10:130].mean())

    browser.wait(lambda: difference() < 2)
    browser.require_clean()


def test_the_wheel_goes_through_the_slices(browser: Browser) -> None:
    viewer = browser.open(SERIES)
    start = int(viewer.get_attribute("data-plane") or -1)
    canvas = browser.find(".stack-view canvas")
    ActionChains(browser.driver).scroll_from_origin(ScrollOrigin.from_element(canvas), 0, 180).perform()
    browser.wait(lambda: viewer.get_attribute("data-plane") == str(start + 3))
    assert f"{start + 4} / {browser.images[SERIES]['planes']}" in browser.find(".slice-text").text
    browser.wait(lambda: f"plane={start + 3}" in browser.driver.current_url)
    browser.require_clean()


def test_dragging_changes_the_window(browser: Browser) -> None:
    viewer = browser.open("CT 301")
    text = browser.find(".window-text")
    browser.wait(lambda: text.text)
    before, seen = text.text, browser.picture(viewer)
    canvas = browser.find(".stack-view canvas")
    ActionChains(browser.driver).click_and_hold(canvas).move_by_offset(150, -120).release().perform()
    browser.wait(lambda: text.text != before)
    browser.wait(lambda: np.abs(browser.picture(viewer) - seen).mean() > 3)
    browser.press("As at first")
    browser.wait(lambda: text.text == before)
    assert "HU" in text.text
    browser.require_clean()


def test_a_preset_sets_centre_and_width(browser: Browser) -> None:
    browser.open("CT 301")
    next(option for option in browser.all("[aria-label=Window] option") if option.text.startswith("Bone")).click()
    browser.wait(lambda: browser.find(".window-text").text == "C 400  W 1800 HU")
    browser.require_clean()
