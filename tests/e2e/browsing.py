"""Chromium over a real server, for tests: it opens images, tells what it asked for, and shows what it shows.

Clean means: no request failed, nothing in the console, nothing asked of any other server.
"""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

PATIENCE = 30
_ALWAYS = (
    "--headless",
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--window-size=1280,900",
)
SWITCHES = (*_ALWAYS, "--disable-gpu", "--disable-3d-apis")
"""Of a browser without WebGL."""
WITH_WEBGL = (*_ALWAYS, "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
PHONE = {"width": 390, "height": 844, "pixelRatio": 2, "touch": True, "mobile": True}
Picture = NDArray[np.float64]


def chromium() -> tuple[str, str]:
    """Chromium and its driver; without them the test is skipped by name, and fails under CI."""
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if browser is None or driver is None:
        message = "no chromium or chromedriver: apt-get install chromium chromium-driver"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return browser, driver


class Browser:
    """A page in Chromium, and what it asked for."""

    def __init__(
        self, profile: Path, server: str, *, switches: tuple[str, ...] = SWITCHES, phone: bool = False
    ) -> None:
        program, driver = chromium()
        options = webdriver.ChromeOptions()
        options.binary_location = program
        for switch in (*switches, f"--user-data-dir={profile}"):
            options.add_argument(switch)
        if phone:
            options.add_experimental_option("mobileEmulation", {"deviceMetrics": PHONE})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options, webdriver.ChromeService(driver))
        self.server = server
        self.images = {
            image["name"]: image
            for image in httpx.get(f"{server}/images?limit=1000", timeout=PATIENCE).json()["images"]
        }

    def show(self, address: str = "") -> None:
        """Load the page from the start."""
        self.driver.get("about:blank")
        self.driver.get(f"{self.server}/{address}")

    def open(self, name: str) -> WebElement:
        """Load the page with an image; its viewer, once there is something to see."""
        self.show(f"#/{self.images[name]['id']}")
        return self.find("[data-opened=true]")

    def find(self, selector: str) -> WebElement:
        """Wait for an element."""
        found: list[WebElement] = self.wait(lambda: self.all(selector))
        return found[0]

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def listed(self) -> set[str]:
        """The names of the images in the list, all at one moment."""
        script = "return [...document.querySelectorAll('.card .name')].map(e => e.textContent)"
        return set(self.driver.execute_script(script))

    def wait(self, condition: Callable[[], Any]) -> Any:
        return WebDriverWait(self.driver, PATIENCE, 0.05).until(lambda _: condition())

    def press(self, label: str) -> None:
        self.find(f"[aria-label='{label}']").click()

    def picture(self, element: WebElement) -> Picture:
        """What an element shows, as grey."""
        return grey(base64.b64decode(element.screenshot_as_base64))

    def requests(self) -> dict[str, str]:
        """What our page (not Chromium's own) has asked for since the last call: its address, and how that went."""
        sent, outcomes = {}, {}
        for entry in self.log("performance"):
            message = json.loads(entry["message"])["message"]
            said, kind = message["params"], message["method"]
            if kind == "Network.requestWillBeSent" and said["documentURL"].startswith(self.server):
                sent[said["requestId"]] = said["request"]["url"]
            elif kind == "Network.responseReceived":
                outcomes[said["requestId"]] = str(said["response"]["status"])
            elif kind == "Network.loadingFailed" and not said["canceled"]:
                outcomes[said["requestId"]] = said["errorText"]
        return {url: outcomes.get(request, "under way") for request, url in sent.items()}

    def require_clean(self) -> None:
        """No failure, nothing in the console, nothing asked of anybody else."""
        asked = self.requests()
        assert asked
        assert {url: how for url, how in asked.items() if how not in {"200", "206", "304", "under way"}} == {}
        assert [url for url in asked if not url.startswith((f"{self.server}/", "data:", "blob:"))] == []
        assert [entry["message"] for entry in self.log("browser")] == []

    def log(self, kind: str) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.driver.get_log(kind)  # type: ignore[no-untyped-call]
        return entries


def grey(data: bytes) -> Picture:
    return np.asarray(Image.open(io.BytesIO(data)).convert("L"), np.float64)


def resized(picture: Picture, width: int, height: int) -> Picture:
    return np.asarray(
        Image.fromarray(picture.astype(np.uint8)).resize((width, height), Image.Resampling.BOX), np.float64
    )


def likeness(one: Picture, other: Picture) -> float:
    """Correlation of two pictures of the same size: 1 is equal up to brightness and contrast."""
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def middle_of(picture: Picture, aspect: float) -> Picture:
    """The largest part of this shape (width to height) in the middle: where a viewer shows a whole image."""
    height, width = picture.shape
    wide, tall = min(width, int(height * aspect)), min(height, int(width / aspect))
    x, y = (width - wide) // 2, (height - tall) // 2
    return picture[y : y + tall, x : x + wide]
