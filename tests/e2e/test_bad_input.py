"""Damaged files of every kind beside good ones: each is served or refused clearly, and the server goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from medtiles.client import Client
from medtiles.core.errors import MedTilesError
from medtiles.protocols.status import describe
from tests.e2e.damaged_files import Good, damaged, good_files, own_identity, uids_of
from tests.e2e.serving import Server, serving, wait_until

ANY_PORT = ("--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0")
SETTINGS = ("--workers", 2, "--set", "decode_seconds=3")
REAL = (
    "wsi/CMU-1-Small-Region.svs",
    "wsi/multi-channel.ome.tif",
    "wsi/2048x2048_ome6_tiled.ome.tif",
    "wsi/vectra-component-16bit.tif",
    "dicom-wsi/CMU-1-Small-Region_volume.dcm",
    "dicom-wsi/camelyon_jpeg.dcm",
    "dicom-wsi/libdicom_sm_image.dcm",
    "radiology/CT_SignedCT.dcm",
    "radiology/HTJ2K_08_RGB.dcm",
    "radiology/MR2_J2KR_1024.dcm",
    "radiology/NM1_JLSL_signed.dcm",
    "radiology/RG2_JPLY.dcm",
    "radiology/SEG_256x256x96.dcm",
    "radiology/US_1260x910_YBR_RLE.dcm",
    "radiology/US_palette_10f_JLSL.dcm",
    "codestreams/htj2k_wg04/MR3.j2c",
    "codestreams/t814_conformance/p0_09.j2k",
    "synthetic-vendor/hamamatsu.ndpi",
    "synthetic-vendor/philips.tiff",
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@dataclass(frozen=True)
class Bad:
    """A server of a folder where nearly all is damaged."""

    server: Server
    web: httpx.Client
    grpc: Client

    def images(self) -> list[dict[str, Any]]:
        """All that is listed, once it is known."""
        wait_until(lambda: not self.web.get("/images").json()["scanning"], 120)
        found: list[dict[str, Any]] = []
        while True:
            page = self.web.get(f"/images?limit=1000&offset={len(found)}")
            assert page.status_code == 200, page.text
            found += page.json()["images"]
            if page.json()["next"] is None:
                return found


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Good]:
    return list(good_files(tmp_path_factory.mktemp("written")))


def fill(folder: Path, goods: list[Good], rounds: int) -> int:
    """Put good files and their damaged copies into a folder; how many there are."""
    number = 0
    for good in goods:
        uids = uids_of(good)
        for damage, data in damaged(good, 1, rounds):
            number += 1
            (folder / f"{damage} {good.name}").write_bytes(own_identity(data, uids, number))
    return number


def put_good(folder: Path, goods: list[Good]) -> None:
    for number, good in enumerate(goods):
        (folder / good.name).write_bytes(own_identity(good.data, uids_of(good), 90_000_000 + number))


@pytest.fixture(scope="module")
def bad(files: list[Good], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bad]:
    folder = tmp_path_factory.mktemp("bad")
    put_good(folder, files)
    fill(folder, files, 4)
    yield from served(folder, tmp_path_factory.mktemp("cache"))


def served(folder: Path, cache: Path) -> Iterator[Bad]:
    with (
        serving("serve", folder, *ANY_PORT, *SETTINGS, cache=cache) as server,
        httpx.Client(base_url=server.url, timeout=90) as web,
        Client(server.grpc, connections=2) as client,
    ):
        yield Bad(server, web, client)


# ---- what is asked of each


def addresses(listed: dict[str, Any]) -> Iterator[str]:
    """Everything that a viewer asks of an image."""
    image, width, height = listed["id"], listed["width"] or 1, listed["height"] or 1
    top = (max(width, height) - 1).bit_length()
    yield f"/images/{image}"
    yield f"/images/{image}/display/0"
    yield f"/images/{image}/thumbnail?size=64"
    yield f"/dzi/{image}.dzi"
    yield f"/dzi/{image}_files/{top}/0_0.jpeg"
    yield f"/dzi/{image}_files/{max(0, top - 1)}/0_0.png"
    yield f"/images/{image}/view?region=0,0,{min(64, width)},{min(64, height)}&format=raw"


def complaint(path: str, answer: httpx.Response, name: str) -> str:
    """What is wrong with an answer; empty when it is a picture, or says clearly what is wrong with the file."""
    if answer.status_code == 200:
        return "" if answer.content else f"{name}: {path}: nothing"
    if answer.headers.get("content-type") != "application/problem+json":
        return f"{name}: {path}: {answer.status_code}, no problem: {answer.text[:200]}"
    problem = answer.json()
    is_clear = problem["reason"] != "INTERNAL" and problem["detail"] and "/tmp" not in problem["detail"]
    return "" if is_clear else f"{name}: {path}: {problem}"


def complaints_by_http(bad: Bad, listed: dict[str, Any]) -> list[str]:
    name = f"{listed['name']} ({listed['format']})"
    return [found for path in addresses(listed) if (found := complaint(path, bad.web.get(path), name))]


def complaints_by_grpc(bad: Bad, listed: dict[str, Any]) -> list[str]:
    image, name = listed["id"], f"{listed['name']} ({listed['format']})"
    asked: list[Callable[[], object]] = [
        lambda: bad.grpc.image(image),
        lambda: bad.grpc.display(image),
        lambda: bad.grpc.tile(image, 0, 0, 0),
        lambda: bad.grpc.tile(image, 0, 0, 0, accept=("image/png",)),
        lambda: bad.grpc.region(image, 0, 0, 1, 1),
        lambda: list(bad.grpc.refinements(image)),
    ]
    found = []
    for number, ask in enumerate(asked):
        try:
            ask()
        except Exception as error:  # noqa: BLE001 - what is raised is what the test looks at
            if describe(error).reason == "INTERNAL" or type(error) is MedTilesError:
                found.append(f"{name}: gRPC {number}: {error!r}")
    return found


def ask_all(bad: Bad, ask: Callable[[Bad, dict[str, Any]], list[str]]) -> list[str]:
    with ThreadPoolExecutor(4) as pool:
        return [each for found in pool.map(lambda listed: ask(bad, listed), bad.images()) for each in found]


def pictures_of_good_ones(bad: Bad, goods: list[Good]) -> dict[str, bytes]:
    """Thumbnails of the files that nobody damaged."""
    names = {good.name for good in goods if not good.name.endswith(".dcm")}
    found = {}
    for listed in bad.images():
        if listed["name"] in names:
            answer = bad.web.get(f"/images/{listed['id']}/thumbnail?size=100&format=png")
            assert answer.status_code == 200, (listed["name"], answer.text)
            found[listed["name"]] = answer.content
    assert set(found) == names
    return found


# ---- tests, in this order: the server of all of them is one


def test_every_kind_of_file_is_good_before_it_is_damaged(files: list[Good], tmp_path: Path) -> None:
    folder = tmp_path / "good"
    folder.mkdir()
    put_good(folder, files)
    for bad in served(folder, tmp_path / "cache"):
        listed = bad.images()
        assert [each["problem"] for each in listed] == [""] * len(files)
        for each in listed:
            for path in addresses(each):
                answer = bad.web.get(path)
                assert answer.status_code == 200, (each["name"], path, answer.text)


def test_damaged_files_are_listed(bad: Bad, files: list[Good]) -> None:
    listed = bad.images()
    assert len(listed) > 5 * len(files)
    assert any(each["problem"] for each in listed)
    assert all(isinstance(each["problem"], str) and len(each["problem"]) < 1000 for each in listed)


def test_damaged_files_are_answered_clearly_over_http_and_grpc(bad: Bad, files: list[Good]) -> None:
    workers = bad.server.workers
    before = pictures_of_good_ones(bad, files)
    assert ask_all(bad, complaints_by_http) == []
    assert ask_all(bad, complaints_by_grpc) == []
    assert bad.server.workers == workers
    assert pictures_of_good_ones(bad, files) == before


@pytest.mark.corpus
def test_real_files_damaged_are_answered_clearly(
    files: list[Good], shared_data: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = tmp_path / "bad"
    folder.mkdir()
    put_good(folder, files)
    fill(folder, [Good(Path(each).name, shared_data(each).read_bytes()) for each in REAL], 2)
    for bad in served(folder, tmp_path / "cache"):
        workers = bad.server.workers
        before = pictures_of_good_ones(bad, files)
        assert ask_all(bad, complaints_by_http) == []
        assert ask_all(bad, complaints_by_grpc) == []
        assert bad.server.workers == workers
        assert pictures_of_good_ones(bad, files) == before
