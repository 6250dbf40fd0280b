"""`report.html` in a browser: it says nothing in the console, sorts its tables, and runs no script but its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from transcode.batch.model import Outcome, Status
from transcode.batch.report_html import report_html
from transcode.batch.summary import Summary

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
SWITCHES = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
)
HOSTILE = "<script>document.title = 'taken'</script><img src=x onerror=\"document.title = 'taken'\">"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """Chromium; without it the test is skipped by name, and fails under CI."""
    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if binary is None or driver is None:
        message = "no chromium or chromedriver: apt-get install chromium chromium-driver"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for switch in (*SWITCHES, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = webdriver.Chrome(options, webdriver.ChromeService(driver))
    yield chrome
    chrome.quit()


@pytest.fixture
def page(browser: webdriver.Chrome, tmp_path: Path) -> webdriver.Chrome:
    outcomes = [
        Outcome(
            number,
            f"{number}.dcm",
            f"{number}.dcm",
            Status.WRITTEN,
            bytes_read=10**number,
            bytes_written=5**number,
            encode_seconds=float(number % 3),
            target=HOSTILE,
            modality="CT",
        )
        for number in range(1, 8)
    ]
    path = tmp_path / "report.html"
    path.write_text(report_html(Summary([*outcomes, Outcome(9, HOSTILE, "", Status.FAILED, HOSTILE)])))
    browser.get_log("browser")  # type: ignore[no-untyped-call]  # what earlier pages said
    browser.get(path.as_uri())
    return browser


def column(page: webdriver.Chrome, section: str, index: int) -> list[str]:
    return [cell.text for cell in page.find_elements(By.CSS_SELECTOR, f"#{section} tbody td:nth-child({index})")]


def test_the_page_is_silent_and_what_files_bring_is_text(page: webdriver.Chrome) -> None:
    assert page.get_log("browser") == []  # type: ignore[no-untyped-call]
    assert page.title == "Transcoding report"
    assert column(page, "failures", 2) == [HOSTILE]


def test_a_script_that_got_into_the_page_would_not_run(page: webdriver.Chrome) -> None:
    page.execute_script("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"document.title=1\">')")
    page.execute_async_script("setTimeout(arguments[0], 300)")
    assert page.title == "Transcoding report"


def test_numbers_sort_by_value_and_turn_round(page: webdriver.Chrome) -> None:
    heading = page.find_element(By.CSS_SELECTOR, "#slowest th:nth-child(4) button")
    heading.click()
    sizes = column(page, "slowest", 4)
    assert sizes[0] == "10 MB"
    heading.click()
    assert column(page, "slowest", 4) == sizes[::-1]
    assert page.find_element(By.CSS_SELECTOR, "#slowest th:nth-child(4)").get_attribute("aria-sort") == "ascending"
