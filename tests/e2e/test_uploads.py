"""Images that clients bring: by curl, by forms and by the page; what is refused, and what then lies in the folder."""

from __future__ import annotations

import io
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import httpx
import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from medtiles.web import build
from tests.e2e.browsing import Browser
from tests.e2e.serving import serving, wait_until

MOST_MB = 3


class Taking(NamedTuple):
    """A server that takes images."""

    url: str
    folder: Path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Taking]:
    if not build.is_built():
        build.build()
    folder = tmp_path_factory.mktemp("in") / "uploads"
    words = [
        "serve",
        "--uploads",
        folder,
        "--set",
        f"upload_mb={MOST_MB}",
        "--http",
        "127.0.0.1:0",
        "--grpc",
        "127.0.0.1:0",
    ]
    with serving(*words, "--workers", "1", cache=tmp_path_factory.mktemp("cache")) as running:
        yield Taking(running.url, folder)


def png(width: int = 300, height: int = 200) -> bytes:
    file = io.BytesIO()
    samples = np.random.default_rng(width).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(samples).save(file, "PNG")
    return file.getvalue()


def left_over(server: Taking) -> list[Path]:
    """Files that are neither accepted nor gone."""
    return [path for path in (server.folder / ".incoming").rglob("*") if path.is_file()]


def test_a_body_becomes_an_image_at_once(server: Taking) -> None:
    data = png(310)
    made = httpx.post(f"{server.url}/images?name=cells.png", content=data)
    assert made.status_code == 201
    image = made.json()["id"]
    assert made.headers["location"] == f"/images/{image}"
    described = httpx.get(f"{server.url}/images/{image}").json()
    assert (described["name"], described["width"], described["height"]) == ("cells.png", 310, 200)
    view = httpx.get(f"{server.url}/images/{image}/view?region=0,0,310,200&format=png").content
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(view))), np.asarray(Image.open(io.BytesIO(data))))
    assert (server.folder / "cells.png").read_bytes() == data
    assert (server.folder / "cells.png").stat().st_mode & 0o777 == 0o644
    assert not left_over(server)


def test_nothing_is_ever_replaced(server: Taking) -> None:
    names = set()
    for width in (320, 321, 322):
        image = httpx.post(f"{server.url}/images?name=same.png", content=png(width)).json()["id"]
        names.add(httpx.get(f"{server.url}/images/{image}").json()["name"])
    assert names == {"same.png", "same-2.png", "same-3.png"}


@pytest.mark.corpus
@pytest.mark.parametrize(
    "name",
    ["wsi/CMU-1-Small-Region.svs", "dicom-wsi/camelyon_jpeg.dcm", "iiif/67352ccc-d1b0-11e1-89ae-279075081939.png"],
)
@pytest.mark.skipif(shutil.which("curl") is None, reason="not applicable: no curl on this machine")
def test_curl_sends_forms_and_files(server: Taking, name: str, shared_data: Callable[[str], Path]) -> None:
    path = shared_data(name)
    for words in (
        ["-F", f"file=@{path}"],
        ["--data-binary", f"@{path}", "-H", "Content-Type: application/octet-stream"],
    ):
        url = f"{server.url}/images" + ("" if words[0] == "-F" else f"?name={path.name}")
        said = subprocess.run(["curl", "-sf", *words, url], capture_output=True, check=True, text=True).stdout
        assert '"id"' in said


def test_every_kind_that_is_promised_is_taken(server: Taking, tmp_path: Path) -> None:
    samples = np.random.default_rng(1).integers(0, 256, (90, 120, 3), np.uint8)
    kinds = {"tiff": "image/tiff", "png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
    for kind, media_type in kinds.items():
        file = io.BytesIO()
        Image.fromarray(samples).save(file, kind.upper())
        made = httpx.post(f"{server.url}/images", content=file.getvalue(), headers={"content-type": media_type})
        assert made.status_code == 201, made.text
        name = httpx.get(f"{server.url}/images/{made.json()['id']}").json()["name"]
        assert name.startswith("upload")
    savemat(tmp_path / "cube.mat", {"cube": samples})
    made = httpx.post(f"{server.url}/images?name=cube.mat", content=(tmp_path / "cube.mat").read_bytes())
    assert made.status_code == 201, made.text


@pytest.mark.parametrize(
    ("query", "body", "headers", "status", "words"),
    [
        ("?name=a.png", b"", {}, 400, "no file in the body"),
        ("?name=a.png", b"not a picture", {}, 400, "a.png is no image"),
        ("?name=cut.png", png(400)[:-60_000], {}, 400, "cut.png"),
        ("?name=a.tif", b"II*\0\xff\xff\xff\x7f", {}, 400, "a.tif"),
        ("?name=../../etc/passwd", b"root", {}, 400, "is no image"),
        ("?name=.hidden.png", png(), {}, 400, "a file's name is wanted"),
        ("?name=a%00.png", png(), {}, 400, "a file's name is wanted"),
        ("?name=a%0ab.png", png(), {}, 400, "a file's name is wanted"),
        ("?name=" + "a" * 200 + ".png", png(), {}, 400, "a file's name is wanted"),
        ("?name=a.png", bytes((MOST_MB << 20) + 1), {}, 413, "more than"),
        ("", b"--x\r\n", {"content-type": "multipart/form-data"}, 400, "without a boundary"),
        ("", b"--x\r\n\r\n", {"content-type": "multipart/form-data; boundary=x"}, 400, "ends before"),
        ("", b"\0" * 99, {"content-type": "multipart/form-data; boundary=x"}, 400, "cannot be read"),
        ("?name=a.png", png(), {"origin": "https://elsewhere.example"}, 403, "other sites"),
        ("?name=a.png", png(), {"origin": "null"}, 403, "other sites"),
        ("?name=a.png", png(), {"sec-fetch-site": "cross-site"}, 403, "other sites"),
    ],
)
def test_what_is_refused_leaves_nothing(
    server: Taking, query: str, body: bytes, headers: dict[str, str], status: int, words: str
) -> None:
    before = sorted(server.folder.rglob("*"))
    answer = httpx.post(f"{server.url}/images{query}", content=body, headers=headers)
    assert (answer.status_code, words in answer.json()["detail"]) == (status, True), answer.text
    assert sorted(server.folder.rglob("*")) == before


def test_a_form_has_one_file_and_little_besides(server: Taking) -> None:
    files = [("a", ("a.png", png())), ("b", ("b.png", png()))]
    answer = httpx.post(f"{server.url}/images", files=files)
    assert (answer.status_code, "one at a time" in answer.json()["detail"]) == (400, True)
    answer = httpx.post(f"{server.url}/images", files={"a": ("a.png", png())}, data={"note": "x" * 9000})
    assert (answer.status_code, "besides its file" in answer.json()["detail"]) == (400, True)
    assert httpx.post(f"{server.url}/images", files={"a": ("é 1.png", png())}, data={"note": "x"}).status_code == 201
    assert not left_over(server)


def test_a_body_without_a_length_ends_at_the_limit(server: Taking) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(10_000):
            yield bytes(1 << 16)

    try:
        status = httpx.post(f"{server.url}/images?name=endless.png", content=endless()).status_code
    except httpx.HTTPError:  # it has answered and hung up while we were still sending
        status = 413
    assert status == 413
    wait_until(lambda: not left_over(server))


def test_a_client_that_goes_away_leaves_nothing(server: Taking) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as line:
        head = f"POST /images?name=gone.png HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 2000000\r\n\r\n"
        line.sendall(head.encode() + png()[:2000] + bytes(1_500_000))
        wait_until(lambda: left_over(server))
    wait_until(lambda: not left_over(server))
    assert not (server.folder / "gone.png").exists()


def test_only_some_are_on_their_way_at_a_time(server: Taking) -> None:
    def slow() -> Iterator[bytes]:
        yield bytes(1 << 20)
        time.sleep(2)

    with ThreadPoolExecutor(4) as pool:
        waiting = [
            pool.submit(httpx.post, f"{server.url}/images?name=slow{number}.png", content=slow()) for number in range(4)
        ]
        wait_until(lambda: len(left_over(server)) == 4)
        answer = httpx.post(f"{server.url}/images?name=fifth.png", content=png())
        assert (answer.status_code, answer.json()["reason"]) == (503, "BUSY")
        assert {each.result().status_code for each in waiting} == {400}
    assert httpx.post(f"{server.url}/images?name=fifth.png", content=png()).status_code == 201


def test_without_a_folder_nothing_is_taken(tmp_path: Path) -> None:
    (tmp_path / "card.testcard").write_text("width = 100\nheight = 100\n")
    with serving(
        "serve", tmp_path, "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--workers", "1", cache=tmp_path / "c"
    ) as running:
        assert httpx.post(f"{running.url}/images?name=a.png", content=png()).status_code == 405
        assert "uploads" not in httpx.get(f"{running.url}/images").json()


@pytest.mark.browser
def test_the_page_takes_files_and_shows_them(server: Taking, tmp_path: Path) -> None:
    (tmp_path / "from-page.png").write_bytes(png(333))
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "huge.png").write_bytes(bytes((MOST_MB << 20) + 1))
    browser = Browser(tmp_path / "profile", server.url)
    try:
        browser.driver.get(f"{server.url}/")
        browser.wait(lambda: browser.find(".adding"))
        files = "\n".join(str(tmp_path / name) for name in ("from-page.png", "notes.txt", "huge.png"))
        browser.driver.find_element("css selector", ".adding input[type=file]").send_keys(files)
        browser.wait(lambda: "from-page.png" in browser.driver.find_element("css selector", ".results").text)
        browser.wait(
            lambda: "no image that can be opened" in browser.driver.find_element("css selector", ".uploads").text
        )
        assert "too large" in browser.driver.find_element("css selector", ".uploads").text
        if os.environ.get("SCREENSHOTS"):
            browser.driver.save_screenshot(f"{os.environ['SCREENSHOTS']}/uploads.png")
    finally:
        browser.driver.quit()
    assert (server.folder / "from-page.png").exists()
    assert not (server.folder / "notes.txt").exists()
