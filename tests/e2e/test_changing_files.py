"""Files that change while they are served: each answer is wholly old, wholly new, or an error that says so."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray

from medtiles.client import Client
from medtiles.core.errors import BusyError, DamagedImageError, ImageNotFoundError
from tests.dicom_files import image, save
from tests.e2e.serving import Server, serving, wait_until
from tests.unit.sources.tiff.tiff_files import gradients, write
from transcode.errors import CorruptFrameError, DicomFileError, FileChangedError, TruncatedFileError

ANY_PORT = ("--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0")
SETTINGS = ("--workers", 2, "--set", "scan_interval=0.5")
SIDE = 512
SOON = 4.0
"""Seconds until only what is new is answered."""
ERRORS = (
    BusyError,
    CorruptFrameError,
    DamagedImageError,
    DicomFileError,
    FileChangedError,
    ImageNotFoundError,
    TruncatedFileError,
)
Change = Callable[[Path, bytes], None]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@dataclass(frozen=True)
class Kind:
    """One kind of file with two contents, and what is asked of it."""

    name: str
    make: Callable[[Path, NDArray[np.uint8]], bytes]

    def version(self, path: Path, *, is_new: bool) -> tuple[bytes, NDArray[np.uint8]]:
        """The file, and the pixels in it."""
        pixels = gradients(SIDE, SIDE)
        pixels = np.ascontiguousarray(255 - pixels if is_new else pixels)
        return self.make(path, pixels), pixels


def tiff_of(compression: str) -> Callable[[Path, NDArray[np.uint8]], bytes]:
    def make(path: Path, pixels: NDArray[np.uint8]) -> bytes:
        options: dict[str, Any] = {"tile": (128, 128), "compression": compression, "photometric": "rgb"}
        return write(path, pixels, **options).read_bytes()

    return make


def dicom(_: Path, pixels: NDArray[np.uint8]) -> bytes:
    return save(BytesIO(), image(pixels[np.newaxis], SeriesDescription="x.dcm")).getvalue()


def png(_: Path, pixels: NDArray[np.uint8]) -> bytes:
    return bytes(imagecodecs.png_encode(pixels))


KINDS = [
    Kind("x.tif", tiff_of("deflate")),
    Kind("x.tiff", tiff_of("none")),
    Kind("x.dcm", dicom),
    Kind("x.png", png),
]


def delete(path: Path, _: bytes) -> None:
    path.unlink()


def replace_by_rename(path: Path, new: bytes) -> None:
    other = path.with_name(".coming")
    other.write_bytes(new)
    other.rename(path)


def cut_in_place(path: Path, new: bytes) -> None:
    os.truncate(path, len(new) // 2)


def write_in_place(path: Path, new: bytes) -> None:
    with path.open("r+b") as file:
        for begin in range(0, len(new), 65536):
            file.write(new[begin : begin + 65536])
            file.flush()
        file.truncate(len(new))


class Asker(threading.Thread):
    """Asks for the samples of an image again and again, over HTTP, each time on a new connection."""

    def __init__(self, url: str, image_id: str) -> None:
        super().__init__(daemon=True)
        self._url = url
        self._path = f"/images/{image_id}/view?format=raw"
        self.answers: list[tuple[float, httpx.Response]] = []
        self.is_over = threading.Event()

    def run(self) -> None:
        with httpx.Client(base_url=self._url, timeout=30, headers={"connection": "close"}) as client:
            while not self.is_over.wait(0.01):
                began = time.monotonic()
                self.answers.append((began, client.get(self._path)))


@dataclass(frozen=True)
class Case:
    """One file, its contents before and after, and who asks for it meanwhile."""

    path: Path
    image: str
    old: bytes
    new: bytes
    old_pixels: bytes
    new_pixels: bytes
    asker: Asker


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "slides"
    found.mkdir()
    return found


@pytest.fixture
def server(folder: Path, tmp_path: Path) -> Iterator[Server]:
    for kind in KINDS:
        (folder / kind.name).write_bytes(kind.version(tmp_path / kind.name, is_new=False)[0])
    with serving("serve", folder, *ANY_PORT, *SETTINGS, cache=tmp_path / "cache") as found:
        yield found


@pytest.fixture
def cases(server: Server, folder: Path, tmp_path: Path) -> Iterator[list[Case]]:
    """The files, each asked for by a thread of its own."""
    listed = {each["name"]: each["id"] for each in httpx.get(f"{server.url}/images").json()["images"]}
    found = []
    for kind in KINDS:
        old, old_pixels = kind.version(tmp_path / kind.name, is_new=False)
        new, new_pixels = kind.version(tmp_path / kind.name, is_new=True)
        asker = Asker(server.url, listed[kind.name])
        shown = old_pixels.tobytes(), new_pixels.tobytes()
        found.append(Case(folder / kind.name, listed[kind.name], old, new, *shown, asker))
        asker.start()
    yield found
    for case in found:
        case.asker.is_over.set()
        case.asker.join(30)


@pytest.mark.parametrize("change", [delete, replace_by_rename, cut_in_place, write_in_place])
def test_no_answer_mixes_old_and_new(server: Server, cases: list[Case], change: Change) -> None:
    wait_until(lambda: all(len(case.asker.answers) > 3 for case in cases))
    for case in cases:
        change(case.path, case.new)
    changed = time.monotonic()
    with Client(server.grpc, connections=2) as client:
        while not all(case.asker.answers[-1][0] > changed + SOON for case in cases):
            assert all(by_grpc(client, case) in {case.old_pixels, case.new_pixels, b""} for case in cases)
    for case in cases:
        before = case.asker.answers[0][1]
        assert before.content == case.old_pixels
        for began, answer in case.asker.answers:
            require_whole(case, answer, before)
            if began > changed + SOON:
                require_settled(case, answer, before, change)


def by_grpc(client: Client, case: Case) -> bytes:
    """The samples; nothing where an error says why not."""
    try:
        return client.region(case.image, 0, 0, SIDE, SIDE).tobytes()
    except ERRORS:
        return b""


def require_whole(case: Case, answer: httpx.Response, before: httpx.Response) -> None:
    if answer.status_code == 200:
        is_old = answer.headers["etag"] == before.headers["etag"]
        assert answer.content == (case.old_pixels if is_old else case.new_pixels), case.path.name
    else:
        assert answer.status_code in {404, 500, 501, 503}, (case.path.name, answer.text)
        assert answer.json()["reason"] != "INTERNAL", (case.path.name, answer.text)


def require_settled(case: Case, answer: httpx.Response, before: httpx.Response, change: Change) -> None:
    if change is delete:
        assert answer.status_code == 404, case.path.name
    elif change is cut_in_place:
        assert answer.status_code in {404, 500}, case.path.name
    else:
        assert answer.status_code == 200, (case.path.name, answer.text)
        assert answer.content == case.new_pixels
        assert answer.headers["etag"] != before.headers["etag"]
