"""Frames as Cornerstone3D's own loader takes them, by ranges and by stream, on a thin line; every picture is judged.

Each intermediate picture is the reduced decode of the whole by OpenJPEG, each final one is pydicom's.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import imagecodecs
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.pixels.utils import pixel_array

from tests.e2e import cornerstone_page
from tests.e2e.browsing import PATIENCE, WITH_WEBGL, Browser
from tests.e2e.serving import serving
from tests.judges import openjpeg

pytestmark = [pytest.mark.browser, pytest.mark.corpus, pytest.mark.timeout(240)]
FULL, REPLICATES = 8, {1, 2, 3}
"""Image quality: the whole, and copies of neighbours."""
HTJ2K = {"framesPath": "/htj2k/"}
TWO_RANGES = {"singleFast": {**HTJ2K, "rangeIndex": 0}, "singleFinal": {**HTJ2K, "rangeIndex": -1}}
RADIOGRAPH, MAGNETIC, COLOUR, LOOP, LOSSLESS = (
    "RG3_JLSL.dcm",
    "MR2_J2KR_1024.dcm",
    "US_1660x965_J2K_ICT.dcm",
    "US_GE_1016x708x27_JXLrecompress.dcm",
    "US_1024x768x2_RGB_JPLL.dcm",
)
SERIES = "series_Brainix_Flair"


@dataclass(frozen=True)
class Shown:
    """A picture that the loader gave."""

    index: int
    rows: int
    columns: int
    status: int
    samples: NDArray[Any]


@pytest.fixture(scope="module")
def server(shared_data: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    names = (RADIOGRAPH, MAGNETIC, COLOUR, LOOP, LOSSLESS, SERIES)
    roots = [shared_data(f"radiology/{name}") for name in names]
    words = ["serve", *roots, "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--workers", "1"]
    with serving(*words, cache=tmp_path_factory.mktemp("cache")) as running:
        yield running.url


@pytest.fixture(scope="module")
def page(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with cornerstone_page.beside(server, tmp_path_factory.mktemp("page")) as front:
        browser = Browser(tmp_path_factory.mktemp("profile"), server, switches=WITH_WEBGL)
        browser.server = front
        browser.driver.set_script_timeout(120)
        browser.driver.get(f"{front}/viewer/page.html")
        browser.wait(lambda: browser.driver.execute_script("return window.isReady"))
        yield browser
        browser.driver.quit()


@pytest.fixture
def thin(page: Browser) -> Iterator[Browser]:
    """The page on a line of 8 Mbit/s."""
    slow = {"offline": False, "latency": 10, "downloadThroughput": 1_000_000, "uploadThroughput": 1_000_000}
    page.driver.execute_cdp_cmd("Network.enable", {})
    page.driver.execute_cdp_cmd("Network.setCacheDisabled", {"cacheDisabled": True})
    page.driver.execute_cdp_cmd("Network.emulateNetworkConditions", slow)
    page.requests()
    yield page
    page.driver.execute_cdp_cmd("Network.emulateNetworkConditions", {**slow, "latency": 0, "downloadThroughput": -1})


def header_of(path: Path) -> pydicom.FileDataset:
    return pydicom.dcmread(path, stop_before_pixels=True)


def series_of(path: Path) -> str:
    header = header_of(path)
    return f"/dicomweb/studies/{header.StudyInstanceUID}/series/{header.SeriesInstanceUID}"


def retrieve(browser: Browser, series: str, stages: str, options: dict[str, Any], **more: object) -> list[Shown]:
    """What the loader shows of a series, in the order in which it came."""
    wish = {"series": series, "frames": 1, "stages": stages, "retrieveOptions": options, **more}
    script = "retrieve(arguments[0]).then(arguments[1], (error) => arguments[1]({ errors: [String(error)] }))"
    found = browser.driver.execute_async_script(script, wish)
    assert found["errors"] == []
    return [shown(each) for each in found["pictures"]]


def shown(said: dict[str, Any]) -> Shown:
    kind = np.dtype(said["type"].removesuffix("Array").removesuffix("Clamped").lower())
    samples = np.frombuffer(base64.b64decode(said["data"]), kind)
    shape = (said["rows"], said["columns"], -1)
    samples = samples.reshape(shape) if samples.size > said["rows"] * said["columns"] else samples.reshape(shape[:2])
    return Shown(said["index"], said["rows"], said["columns"], said["status"], samples)


def codestream(server: str, series: str, instance: str) -> bytes:
    """The frame as HTJ2K, in one part."""
    address = f"{server}{series}/instances/{instance}/htj2k/1"
    answer = httpx.get(address, headers={"accept": "image/jphc"}, timeout=PATIENCE)
    assert answer.status_code == 200, answer.text
    return answer.content


def test_a_radiograph_by_two_ranges(thin: Browser, server: str, shared_data: Callable[[str], Path]) -> None:
    path = shared_data(f"radiology/{RADIOGRAPH}")
    pictures = retrieve(thin, series_of(path), "sequential", TWO_RANGES)
    assert [each.status == FULL for each in pictures] == [False, True]
    assert np.array_equal(pictures[-1].samples, pixel_array(path))


@pytest.mark.parametrize(("level", "share"), [(2, 0.08), (3, 0.03)])
def test_the_first_range_can_be_exactly_one_level(
    thin: Browser, server: str, level: int, share: float, shared_data: Callable[[str], Path]
) -> None:
    path = shared_data(f"radiology/{RADIOGRAPH}")
    series = series_of(path)
    options = {**TWO_RANGES, "singleFast": {**TWO_RANGES["singleFast"], "decodeLevel": level}}
    first, last = retrieve(thin, series, "sequential", options, level=level)
    stream = codestream(server, series, header_of(path).SOPInstanceUID)
    assert first.status != FULL
    white = (
        2 ** header_of(path).BitsStored - 1
    )  # OpenJPEG cuts overshoot of the wavelet there, Cornerstone's decoder not
    assert np.array_equal(np.minimum(first.samples, white), openjpeg(stream, level))
    assert np.array_equal(last.samples, pixel_array(path))
    assert thin.driver.execute_script("return firstRange") < share * len(stream), "bytes until the first picture"


@pytest.mark.parametrize("name", [RADIOGRAPH, MAGNETIC])
def test_a_stream_shows_pictures_on_its_way(thin: Browser, name: str, shared_data: Callable[[str], Path]) -> None:
    path = shared_data(f"radiology/{name}")
    options = {"single": {**HTJ2K, "streaming": True, "initialChunkSize": 32768, "chunkSize": 32768}}
    pictures = retrieve(thin, series_of(path), "single", options)
    assert len(pictures) >= 3
    heights = [each.rows for each in pictures]
    assert heights == sorted(heights)
    assert heights[0] < heights[-1]
    assert np.array_equal(pictures[-1].samples, pixel_array(path))
    for each in pictures:
        require_likeness(each, pictures[-1])


def require_likeness(coarse: Shown, whole: Shown) -> None:
    """A picture of fewer pixels, or of part of the bytes, shows the same."""
    likeness = np.corrcoef(reduced(whole.samples, coarse.samples.shape), coarse.samples.ravel())[0, 1]
    assert likeness > 0.9, f"a picture of {coarse.rows} rows is none of this frame: {likeness:.3f}"


def reduced(samples: NDArray[Any], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Samples of a smaller picture of the same, in one row."""
    rows, columns = (
        np.linspace(0, whole - 1, part).astype(int) for whole, part in zip(samples.shape, shape, strict=True)
    )
    found: NDArray[np.float64] = samples[np.ix_(rows, columns)].astype(np.float64).ravel()
    return found


@pytest.fixture(scope="module")
def slices(shared_data: Callable[[str], Path]) -> list[Path]:
    """The files of a series, in the order of their numbers."""
    found = {header_of(each).InstanceNumber: each for each in shared_data(f"radiology/{SERIES}").glob("*.dcm")}
    return [found[number] for number in sorted(found)]


@pytest.mark.parametrize("how", [TWO_RANGES, {"default": HTJ2K}], ids=["by ranges", "whole"])
def test_a_frame_shorter_than_the_first_range(thin: Browser, how: dict[str, Any], slices: list[Path]) -> None:
    pictures = retrieve(thin, series_of(slices[0]), "sequential", how)
    assert [each.status for each in pictures] == [FULL] * len(slices)
    for each in pictures:
        assert np.array_equal(each.samples, pixel_array(slices[each.index]))
    asked = [url for url in thin.requests() if "/htj2k/" in url]
    assert len(asked) == len(slices), "one request is enough"


@pytest.mark.parametrize(
    ("fast", "final"),
    [
        ({**HTJ2K, "rangeIndex": 0, "initialChunkSize": 8192}, {**HTJ2K, "rangeIndex": -1}),
        ({"framesPath": "/htj2kThumbnail/", "imageQualityStatus": 6, "decodeLevel": 0}, HTJ2K),
        ({"framesPath": "/jlsThumbnail/", "imageQualityStatus": 6}, {"framesPath": "/jls/"}),
    ],
    ids=["ranges", "HTJ2K thumbnails", "JPEG-LS thumbnails"],
)
def test_a_volume_interleaved(thin: Browser, slices: list[Path], fast: dict[str, Any], final: dict[str, Any]) -> None:
    options = {"default": final | {"rangeIndex": -1} if "rangeIndex" in final else final}
    pictures = retrieve(
        thin, series_of(slices[0]), "interleaved", {**options, "multipleFast": fast, "multipleFinal": final}
    )
    whole = {each.index: each for each in pictures if each.status == FULL}
    coarse = [each for each in pictures if each.status not in {FULL, *REPLICATES}]
    assert sorted(whole) == list(range(len(slices)))
    assert len(slices) >= 16
    for index, each in whole.items():
        assert np.array_equal(each.samples, pixel_array(slices[index]))
    assert len(coarse) >= len(slices) // 2 - 2
    for each in coarse:
        assert each.rows <= whole[each.index].rows
        require_likeness(each, whole[each.index])
    usable = max([each.index for each in pictures].index(index) for index in whole)
    assert sum(each.status == FULL for each in pictures[:usable]) < len(slices) // 2, "each slice shows something first"


@pytest.mark.parametrize(
    ("name", "options", "frames"),
    [
        (MAGNETIC, {"framesPath": "/jls/"}, 1),
        (MAGNETIC, {}, 1),
        (LOSSLESS, {}, 2),
        (LOSSLESS, {"urlArguments": "accept=image/jxl"}, 2),
        (LOOP, {}, 27),
        (COLOUR, {}, 1),
    ],
    ids=[
        "JPEG-LS",
        "JPEG 2000 as stored",
        "lossless JPEG, two frames",
        "JPEG XL",
        "JPEG as JPEG XL, 27 frames",
        "lossy JPEG 2000",
    ],
)
def test_other_encodings_give_the_same_pixels(
    thin: Browser, name: str, options: dict[str, Any], frames: int, shared_data: Callable[[str], Path]
) -> None:
    path = shared_data(f"radiology/{name}")
    pictures = retrieve(thin, series_of(path), "single", {"single": options}, frames=frames)
    assert sorted(each.index for each in pictures) == list(range(frames))
    for each in pictures:
        assert each.status == FULL
        difference = np.abs(each.samples.astype(int) - wanted(path, each.index).astype(int)).max()
        assert difference <= (1 if name in {LOOP, COLOUR} else 0)


def test_a_lossy_jpeg_in_colour(thin: Browser, server: str, shared_data: Callable[[str], Path]) -> None:
    path = shared_data(f"radiology/{COLOUR}")
    (picture,) = retrieve(thin, series_of(path), "single", {"single": {"framesPath": "/lossy/"}})
    address = f"{server}{series_of(path)}/instances/{header_of(path).SOPInstanceUID}/lossy/1"
    answer = httpx.get(address, headers={"accept": "image/jpeg"}, timeout=PATIENCE)
    with Image.open(io.BytesIO(answer.content)) as opened:
        assert opened.format == "JPEG"
        assert np.abs(picture.samples.astype(int) - np.asarray(opened.convert("RGB")).astype(int)).max() <= 1


def wanted(path: Path, index: int) -> NDArray[Any]:
    """A frame as pydicom decodes it, or what stands in for it where it cannot."""
    if path.name == LOOP:
        frames = list(pydicom.encaps.generate_frames(pydicom.dcmread(path).PixelData, number_of_frames=27))
        samples: NDArray[Any] = imagecodecs.jpegxl_decode(frames[index])
        return samples
    return pixel_array(path, index=index)
