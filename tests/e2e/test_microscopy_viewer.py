"""Slides in dicom-microscopy-viewer, in headless Chromium over a real server."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import httpx
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.e2e import microscopy_page
from tests.e2e.browsing import PATIENCE, WITH_WEBGL, Browser, likeness, resized
from tests.e2e.serving import serving, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.corpus, pytest.mark.timeout(240)]
Picture = NDArray[np.float64]
OTHERS = ("wsi/CMU-1-Small-Region.svs", "synthetic-vendor/philips.tiff")


@pytest.fixture(scope="module")
def server(shared_data: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of slides; its address."""
    roots = [
        *shared_data("dicom-wsi").glob("CMU-1-Small-Region_*.dcm"),
        *(shared_data(f"dicom-wsi/{name}.dcm") for name in ("bone_jpeg", "camelyon_j2k_lossless")),
        *(shared_data(f"{name}") for name in OTHERS),
    ]
    words = ["serve", *roots, "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--workers", "1"]
    with serving(*words, cache=tmp_path_factory.mktemp("cache")) as running:
        yield running.url


@pytest.fixture(scope="module")
def front(server: str) -> Iterator[str]:
    with microscopy_page.beside(server) as address:
        yield address


@pytest.fixture
def browser(server: str, tmp_path: Path) -> Iterator[Browser]:
    opened = Browser(tmp_path / "profile", server, switches=WITH_WEBGL)
    yield opened
    opened.driver.quit()


def series_of(path: Path) -> tuple[str, str]:
    """The UIDs of a file's study and series."""
    header = pydicom.dcmread(path, stop_before_pixels=True)
    return str(header.StudyInstanceUID), str(header.SeriesInstanceUID)


def show(browser: Browser, front: str, study: str, series: str) -> Picture:
    """Open a series; what the viewer shows once all frames that it asked for are drawn."""
    browser.server = front
    browser.driver.get(f"{front}/viewer/page.html?{urlencode({'study': study, 'series': series})}")

    def is_over() -> bool:
        loaded: dict[str, int] = browser.driver.execute_script("return window.loaded")
        failures = browser.driver.execute_script("return window.failures")
        assert failures == []
        return bool(loaded["started"]) and loaded["started"] == loaded["ended"]

    browser.wait(is_over)
    pictures = [screen(browser)]

    def is_still() -> bool:
        pictures.append(screen(browser))
        return np.array_equal(pictures[-1], pictures[-2]) and bool(pictures[-1].max() > 0)

    browser.wait(is_still)
    assert is_over()
    return pictures[-1]


def screen(browser: Browser) -> Picture:
    data = base64.b64decode(browser.driver.get_screenshot_as_base64())
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), np.float64)


def thumbnail(server: str, name: str) -> Picture:
    """The server's own small picture of an image."""
    found = httpx.get(f"{server}/images?limit=1000", timeout=PATIENCE).json()["images"]
    image = next(each["id"] for each in found if each["name"] == name)
    answer = httpx.get(f"{server}/images/{image}/thumbnail?size=800&format=png", timeout=PATIENCE)
    return np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB"), np.float64)


def shown_part(picture: Picture, wanted: Picture) -> tuple[Picture, Picture]:
    """Where the slide is on the screen, found along the middle row, and what should be there."""
    height, width = picture.shape[:2]
    lit = np.flatnonzero(picture[height // 2].max(axis=1) > 30)
    left, right = int(lit[0]), int(lit[-1]) + 1
    assert abs((left + right) - width) <= 4, "the slide does not lie in the middle"
    tall = min(height, int((right - left) * wanted.shape[0] / wanted.shape[1]))
    rows = tall * wanted.shape[1] // (right - left)
    top, first = (height - tall) // 2, (wanted.shape[0] - rows) // 2
    return picture[top : top + tall, left:right], wanted[first : first + rows]


def label_to_the_right(picture: Picture) -> Picture:
    """As the viewer turns slides of the usual orientation."""
    return np.rot90(picture, 2)


def small_grey(picture: Picture) -> Picture:
    return resized(picture.mean(axis=2), 40, 40)


def require_clean(browser: Browser, front: str) -> None:
    """No request failed, none went elsewhere, and nothing in the console is an error."""
    asked = browser.requests()
    assert any("/frames/" in url for url in asked)
    assert {url: how for url, how in asked.items() if how not in {"200", "under way"}} == {}
    assert [url for url in asked if not url.startswith((f"{front}/", "data:", "blob:"))] == []
    assert [entry["message"] for entry in browser.log("browser") if entry["level"] == "SEVERE"] == []


@pytest.mark.parametrize(
    ("name", "file"),
    [("SM 1", "CMU-1-Small-Region_volume.dcm"), ("test13", "bone_jpeg.dcm")],
)
def test_a_dicom_slide_is_drawn_as_it_is(
    browser: Browser, server: str, front: str, shared_data: Callable[[str], Path], name: str, file: str
) -> None:
    picture = show(browser, front, *series_of(shared_data(f"dicom-wsi/{file}")))
    part, wanted = shown_part(picture, label_to_the_right(thumbnail(server, name)))
    assert np.abs(part.mean(axis=(0, 1)) - wanted.mean(axis=(0, 1))).max() < 20
    assert likeness(small_grey(part), small_grey(wanted)) > 0.95
    require_clean(browser, front)


def test_a_dicom_slide_in_jpeg_2000_is_drawn(
    browser: Browser, server: str, front: str, shared_data: Callable[[str], Path]
) -> None:
    picture = show(browser, front, *series_of(shared_data("dicom-wsi/camelyon_j2k_lossless.dcm")))
    wanted = thumbnail(server, "Arginase uV-Skin test")
    assert np.abs(picture.mean(axis=(0, 1)) - wanted.mean(axis=(0, 1))).max() < 25
    require_clean(browser, front)


def series_called(server: str, name: str) -> tuple[str, str]:
    """The UIDs of the study and series of a slide that is no DICOM file, as they are found beside real ones."""
    query = {"Modality": "SM", "SeriesDescription": name}
    answers: list[httpx.Response] = []

    def is_found() -> bool:
        answers[:] = [httpx.get(f"{server}/dicomweb/series", params=query, timeout=PATIENCE)]
        return bool(answers[0].status_code == 200)

    wait_until(is_found)
    (found,) = answers[0].json()
    return found["0020000D"]["Value"][0], found["0020000E"]["Value"][0]


@pytest.mark.parametrize("file", OTHERS)
def test_a_slide_of_another_format_is_drawn_as_it_is(browser: Browser, server: str, front: str, file: str) -> None:
    name = file.rpartition("/")[2]
    picture = show(browser, front, *series_called(server, name))
    part, wanted = shown_part(picture, label_to_the_right(thumbnail(server, name)))
    assert np.abs(part.mean(axis=(0, 1)) - wanted.mean(axis=(0, 1))).max() < 20
    assert likeness(small_grey(part), small_grey(wanted)) > 0.95
    require_clean(browser, front)
