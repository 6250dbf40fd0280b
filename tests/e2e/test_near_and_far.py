"""One picture by three ways out is one sequence of bytes: HTTP in the engine's process, HTTP far from it, and gRPC."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import openslide
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from medtiles.client import Client, TileKey, Windowing
from medtiles.core.geometry import Region, Size
from medtiles.core.pyramid import ImageInfo
from medtiles.core.view import View
from medtiles.protocols.grpc.remote import Outcome
from medtiles.protocols.http.dzi import Layout, default_tile_size
from tests.conftest import shared_folder
from tests.dicom_files import CT, gradient, image, save
from tests.e2e.serving import CARD, serving, wait_until
from tests.unit.sources.tiff.tiff_files import gradients, noise, write

ANY_PORT = ("--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0")
TOLD = ("content-type", "content-length", "etag", "cache-control", "x-medtiles-shape", "x-medtiles-dtype")
PATIENCE = 60.0

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Ways:
    """A server, a gateway far from it, and a client of its gRPC."""

    near: httpx.Client
    far: httpx.Client
    grpc: Client

    def images(self) -> list[dict[str, Any]]:
        """What is listed, once all is known."""
        wait_until(lambda: not self.near.get("/images").json()["scanning"], PATIENCE)
        return list(self.near.get("/images?limit=1000").json()["images"])

    def id_of(self, name: str) -> str:
        """The image whose file or series has this name."""
        return next(str(found["id"]) for found in self.images() if found["name"] == name)

    def get(self, path: str) -> httpx.Response:
        """The answer to an address, which is the same near and far, errors included."""
        near, far = self.near.get(path), self.far.get(path)
        assert told(near) == told(far), path
        return near


def told(answer: httpx.Response) -> tuple[int, dict[str, str], bytes]:
    """All that makes an answer what it is."""
    return answer.status_code, {name: answer.headers.get(name, "") for name in TOLD}, answer.content


@contextmanager
def ways(folder: Path, cache: Path) -> Iterator[Ways]:
    words = ("gateway", "--http", "127.0.0.1:0", "--workers", 1, "--engine")
    with (
        serving("serve", folder, *ANY_PORT, "--workers", 1, cache=cache / "near") as near,
        serving(*words, near.grpc, cache=cache / "far") as far,
        httpx.Client(base_url=near.url, timeout=60) as close,
        httpx.Client(base_url=far.url, timeout=60) as distant,
        Client(near.grpc) as client,
    ):
        yield Ways(close, distant, client)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ways]:
    """Of files made here: a test card, slides, a stack."""
    folder = tmp_path_factory.mktemp("made")
    slides = folder / "slides"
    slides.mkdir()
    (slides / "card.testcard").write_text(CARD)
    (slides / "steep.testcard").write_text(CARD + "planes = 3\nstep = 4\n")
    write(slides / "slide.tif", gradients(700, 900), tile=(256, 256), compression="jpeg", photometric="rgb")
    write(slides / "deep.tif", noise((400, 500), "u2", 4000), tile=(128, 128), compression="deflate")
    scan = image(
        gradient(3, 200, 300, "i2"), SOPClassUID=CT, SeriesDescription="scan", WindowCenter="60", WindowWidth="120"
    )
    scan.RescaleSlope, scan.RescaleIntercept, scan.Modality = "2", "-100", "CT"
    save(slides / "scan.dcm", scan)
    with ways(slides, folder / "cache") as found:
        yield found


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ways]:
    """Of all shared test images."""
    if not shared_folder().is_dir():
        pytest.skip(f"the test images are missing (MEDTILES_TESTDATA={shared_folder()})")
    with ways(shared_folder(), tmp_path_factory.mktemp("real")) as found:
        yield found


def view_of_tile(info: ImageInfo, dzi_level: int, column: int, row: int, query: Mapping[str, int]) -> View:
    """What a Deep Zoom tile shows."""
    layout = Layout(info.size, query.get("tile_size", default_tile_size(info)), query.get("overlap", 0))
    return layout.tile_view(dzi_level, column, row, query.get("plane", 0))


def picture_by_grpc(client: Client, found: str, view: View, media_type: str, **choices: Any) -> bytes:
    region, size = view.region, (view.size.width, view.size.height)
    corners = (region.x, region.y, region.width, region.height)
    return client.picture(found, *corners, size=size, plane=view.plane, accept=(media_type,), **choices).data


def raw_bytes(samples: NDArray[Any]) -> bytes:
    return np.ascontiguousarray(samples, samples.dtype.newbyteorder("<")).tobytes()


# ---- pictures of all kinds


@pytest.mark.parametrize("suffix", ["jpeg", "png", "webp"])
@pytest.mark.parametrize(
    "query",
    [{}, {"tile_size": 254, "overlap": 1}, {"tile_size": 300, "overlap": 16, "quality": 40}],
    ids=["as stored", "254 and 1", "another quality"],
)
@pytest.mark.parametrize("name", ["slide.tif", "card.testcard", "deep.tif", "steep.testcard", "scan"])
def test_a_deep_zoom_tile_is_the_same_by_every_way(made: Ways, name: str, query: dict[str, int], suffix: str) -> None:
    found = made.id_of(name)
    info = made.grpc.image(found)
    top = Layout(info.size, 256, 0).max_level
    for level, column, row in ((top, 0, 0), (top - 1, 0, 0), (top - 3, 0, 0)):
        words = "&".join(f"{key}={value}" for key, value in query.items())
        answer = made.get(f"/dzi/{found}_files/{level}/{column}_{row}.{suffix}?{words}")
        assert answer.status_code == 200, answer.text
        view = view_of_tile(info, level, column, row, query)
        by_grpc = picture_by_grpc(made.grpc, found, view, f"image/{suffix}", quality=query.get("quality"))
        assert answer.content == by_grpc


def test_a_stored_jpeg_tile_is_the_files_own_bytes_by_every_way(made: Ways) -> None:
    found = made.id_of("slide.tif")
    info = made.grpc.image(found)
    assert info.levels[0].media_type == "image/jpeg"
    top = Layout(info.size, 256, 0).max_level
    grid = info.levels[0].grid
    for row in range(grid.height):
        for column in range(grid.width):
            answer = made.get(f"/dzi/{found}_files/{top}/{column}_{row}.jpeg")
            by_grpc = made.grpc.tile(found, 0, column, row)
            if column < grid.width - 1 and row < grid.height - 1:
                assert answer.content == by_grpc.data
            assert answer.headers["content-type"] == by_grpc.encoding.media_type


def test_the_last_tiles_of_a_slide_are_cut_alike(made: Ways) -> None:
    found = made.id_of("slide.tif")
    info = made.grpc.image(found)
    grid = info.levels[0].grid
    top = Layout(info.size, 256, 0).max_level
    answer = made.get(f"/dzi/{found}_files/{top}/{grid.width - 1}_{grid.height - 1}.jpeg")
    with Image.open(BytesIO(answer.content)) as picture:
        assert picture.size == (900 - 3 * 256, 700 - 2 * 256)
    view = view_of_tile(info, top, grid.width - 1, grid.height - 1, {})
    assert answer.content == picture_by_grpc(made.grpc, found, view, "image/jpeg")


@pytest.mark.parametrize("window", [(40, 400), (-50.5, 80.25), (100, 1)])
def test_a_windowed_picture_is_the_same_by_every_way(made: Ways, window: tuple[float, float]) -> None:
    found = made.id_of("scan")
    info = made.grpc.image(found)
    centre, width = window
    words = f"plane=1&format=png&window={centre},{width}"
    answer = made.get(f"/images/{found}/view?region=20,30,200,150&size=100,75&{words}")
    assert answer.status_code == 200, answer.text
    view = View(Region(20, 30, 200, 150), Size(100, 75), 1)
    windowing = Windowing(centre, width)
    assert answer.content == picture_by_grpc(made.grpc, found, view, "image/png", windowing=windowing)
    tile = made.get(f"/dzi/{found}_files/9/0_0.png?plane=1&window={centre},{width}")
    view = view_of_tile(info, 9, 0, 0, {"plane": 1})
    assert tile.content == picture_by_grpc(made.grpc, found, view, "image/png", windowing=windowing)
    assert tile.content != made.get(f"/dzi/{found}_files/9/0_0.png?plane=1").content


@pytest.mark.parametrize("name", ["scan", "steep.testcard", "deep.tif", "slide.tif"])
@pytest.mark.parametrize(("region", "size"), [((7, 5, 190, 123), None), ((0, 0, 200, 200), (50, 51))])
def test_samples_are_the_same_by_every_way(
    made: Ways, name: str, region: tuple[int, int, int, int], size: tuple[int, int] | None
) -> None:
    found = made.id_of(name)
    words = ",".join(map(str, region)) + (f"&size={size[0]},{size[1]}" if size else "")
    answer = made.get(f"/images/{found}/view?region={words}&format=raw")
    assert answer.status_code == 200, answer.text
    samples = made.grpc.region(found, *region, size=size)
    assert answer.headers["x-medtiles-shape"] == ",".join(map(str, samples.shape))
    assert answer.content == raw_bytes(samples)


def test_samples_of_a_file_are_the_values_that_lie_in_it(made: Ways, tmp_path: Path) -> None:
    found = made.id_of("deep.tif")
    path = write(tmp_path / "deep.tif", noise((400, 500), "u2", 4000), tile=(128, 128), compression="deflate")
    judge = tifffile.imread(path)[17:217, 33:333]
    assert made.get(f"/images/{found}/view?region=33,17,300,200&format=raw").content == raw_bytes(judge)


@pytest.mark.parametrize("name", ["card.testcard", "slide.tif", "deep.tif", "scan"])
@pytest.mark.parametrize("suffix", ["jpeg", "png"])
def test_a_thumbnail_is_the_same_by_every_way(made: Ways, name: str, suffix: str) -> None:
    found = made.id_of(name)
    info = made.grpc.image(found)
    answer = made.get(f"/images/{found}/thumbnail?size=120&format={suffix}&plane=0")
    view = View(Region(0, 0, info.size.width, info.size.height), info.size.fitted(120))
    assert answer.content == picture_by_grpc(made.grpc, found, view, f"image/{suffix}")


@pytest.mark.parametrize("side", [None, 64])
def test_an_associated_picture_is_the_same_by_every_way(made: Ways, side: int | None) -> None:
    found = made.id_of("card.testcard")
    for picture in made.grpc.image(found).associated:
        words = f"format=png&size={side}" if side else "format=png"
        answer = made.get(f"/images/{found}/associated/{picture.name}?{words}")
        by_grpc = made.grpc.associated(found, picture.name, max_side=side, accept=("image/png",))
        assert answer.status_code == 200
        assert answer.content == by_grpc.data


def test_documents_are_the_same_near_and_far(made: Ways) -> None:
    for found in (each["id"] for each in made.images()):
        for path in (f"/images/{found}", f"/images/{found}/display/0", f"/dzi/{found}.dzi"):
            assert made.get(path).status_code == 200


@pytest.mark.parametrize("name", ["card.testcard", "scan", "slide.tif"])
@pytest.mark.parametrize(
    "words",
    [
        "3/{}/full/!99,99/0/default.jpg",
        "3/{}/0,0,50,40/max/!90/gray.png",
        "2/{}/square/60,/22.5/bitonal.webp",
        "2/{}/pct:10,10,40,40/!50,50/300/color.png",
        "3/{}/0,0,50,40/25,20/180/default.tif",
    ],
)
def test_iiif_pictures_are_the_same_near_and_far(made: Ways, name: str, words: str) -> None:
    assert made.get(f"/iiif/{words.format(made.id_of(name))}").status_code == 200


@pytest.mark.parametrize("name", ["card.testcard", "scan", "slide.tif"])
@pytest.mark.parametrize(
    "words",
    [
        "iip?FIF={}&JTL=0,0",
        "iip?FIF={}&WID=100&ROT=30&CVT=png",
        "iip?FIF={}&OBJ=Resolutions",
        "iip?FIF={}&TIL=0,0-0",
        "zoomify/{}/TileGroup0/0-0-0.jpg",
        "xyz/{}/0/0/0.png",
        "xyz/{}/0/0/0.jpg",
        "zoomify/{}/ImageProperties.xml",
        "iip?FIF={}&INV&GAM=0.5&CNT=stretch&JTL=0,0",
        "iip?FIF={}&PFL=0:0,0-9,9",
        "iip?FIF={}&SPECTRA=0,0,1,1",
        "images/{}/channels",
        "images/{}/view?size=50&channels=0:p1-p99:00FF00:g1.2&format=png",
        "images/{}/view?size=50&spread=equalize&kernel=0,-1,0;-1,5,-1;0,-1,0&map=magma&format=png",
        "images/{}/view?size=50&bits=16&gamma=0.5&format=png",
        "images/{}/view?size=50&format=raw&channels=0",
    ],
)
def test_map_tiles_are_the_same_near_and_far(made: Ways, name: str, words: str) -> None:
    assert made.get(f"/{words.format(made.id_of(name))}").status_code == 200


def test_a_rendering_that_is_kept_at_one_gateway_is_known_at_the_other(made: Ways) -> None:
    image = made.id_of("scan")
    made.get(f"/images/{image}")
    for here, there in ((made.near, made.far), (made.far, made.near)):
        kept = here.post(
            f"/images/{image}/renderings", json={"query": f"channels=0:p5-p95:FF00FF&gamma={id(here) % 7 + 2}"}
        )
        assert kept.status_code == 201
        address = kept.json()["dzi"].replace(".dzi", "_files/8/0_0.jpeg")
        one, other = here.get(address), there.get(address)
        assert one.status_code == other.status_code == 200
        assert (one.content, one.headers["etag"]) == (other.content, other.headers["etag"])


@pytest.mark.parametrize(
    "path",
    [
        "/images/{}x",
        "/images/{}/view?channels=99",
        "/images/{}/view?map=nope",
        "/images/{}/thumbnail?plane=99",
        "/images/{}/thumbnail?size=abc",
        "/images/{}/associated/nothing",
        "/images/{}/view?region=0,0,99999,1",
        "/images/{}/view?size=32769,1",
        "/images/{}/view?size=30000,30000",
        "/dzi/{}_files/99/0_0.jpeg",
        "/dzi/{}_files/12/99_0.jpeg",
        "/dzi/{}_files/12/0_0.gif",
        "/iiif/3/{}/full/max/361/default.jpg",
        "/iiif/3/{}/full/99999,/0/default.jpg",
        "/iiif/3/{}x/full/max/0/default.jpg",
    ],
)
def test_errors_are_the_same_near_and_far(made: Ways, path: str) -> None:
    answer = made.get(path.format(made.id_of("card.testcard")))
    assert answer.status_code in {400, 404, 406}
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("name", ["card.testcard", "scan", "slide.tif"])
def test_an_entity_tag_of_one_gateway_is_good_at_the_other(made: Ways, name: str) -> None:
    for path in ("dzi/{}_files/8/0_0.jpeg", "images/{}/thumbnail", "images/{}/view?size=40&format=raw", "images/{}"):
        address = "/" + path.format(made.id_of(name))
        tag = {"if-none-match": made.near.get(address).headers["etag"]}
        assert made.far.get(address, headers=tag).status_code == 304
        assert made.near.get(address, headers=tag).status_code == 304


def test_many_tiles_in_one_call_are_the_tiles_asked_for_one_by_one(made: Ways) -> None:
    found = made.id_of("slide.tif")
    grid = made.grpc.image(found).levels[0].grid
    keys = [TileKey(0, column, row) for row in range(grid.height) for column in range(grid.width)]
    singly = {key: made.grpc.tile(found, key.level, key.column, key.row).data for key in keys}
    together = dict(zip(keys, map(data_of, made.grpc.tiles(found, keys)), strict=True))
    streamed = {key: data_of(outcome) for key, outcome in made.grpc.stream_tiles(found, keys)}
    assert singly == together == streamed


def data_of(outcome: Outcome) -> bytes:
    assert not isinstance(outcome, BaseException), outcome
    return outcome.data


# ---- every image of the shared folder


@pytest.mark.corpus
@pytest.mark.timeout(240)
def test_every_real_image_is_the_same_by_every_way(real: Ways) -> None:
    formats = set()
    for listed in real.images():
        formats.add(listed["format"])
        found = str(listed["id"])
        answer = real.get(f"/images/{found}/thumbnail?size=200&plane=0")
        if listed["problem"] or answer.status_code != 200:
            is_supported = "not supported here" not in str(listed["problem"])
            reasons = {"DAMAGED_IMAGE", "CORRUPT_FRAME"} if is_supported else {"UNSUPPORTED_FORMAT"}
            assert answer.status_code == (500 if is_supported else 501), answer.text
            assert answer.json()["reason"] in reasons, answer.text
            continue
        compare(real, found, answer.content)
    assert formats >= {
        "aperio",
        "dicom-radiology",
        "dicom-wsi",
        "htj2k",
        "jpeg2000",
        "ome-tiff",
        "png",
        "qptiff",
        "tiff",
    }
    assert formats >= {"hamamatsu", "leica", "philips"}


def compare(real: Ways, found: str, thumbnail: bytes) -> None:
    """One thumbnail, one tile in the middle, one region of samples."""
    info = real.grpc.image(found)
    whole = View(Region(0, 0, info.size.width, info.size.height), info.size.fitted(200))
    assert thumbnail == picture_by_grpc(real.grpc, found, whole, "image/jpeg"), info.name
    layout = Layout(info.size, default_tile_size(info), 0)
    grid = layout.grid(layout.max_level)
    column, row = grid.width // 2, grid.height // 2
    tile = real.get(f"/dzi/{found}_files/{layout.max_level}/{column}_{row}.jpeg")
    assert tile.status_code == 200, (info.name, tile.text)
    view = layout.tile_view(layout.max_level, column, row)
    assert tile.content == picture_by_grpc(real.grpc, found, view, "image/jpeg"), info.name
    side = Size(min(100, info.size.width), min(90, info.size.height))
    corners = ((info.size.width - side.width) // 2, (info.size.height - side.height) // 2, side.width, side.height)
    raw = real.get(f"/images/{found}/view?region={','.join(map(str, corners))}&format=raw")
    assert raw.status_code == 200, (info.name, raw.text)
    assert raw.content == raw_bytes(real.grpc.region(found, *corners)), info.name


@pytest.mark.corpus
def test_associated_pictures_of_real_slides_are_the_same_by_every_way(real: Ways) -> None:
    seen = 0
    for listed in real.images():
        if listed["kind"] != "slide":
            continue
        for picture in real.grpc.image(listed["id"]).associated:
            answer = real.get(f"/images/{listed['id']}/associated/{picture.name}")
            accept = ("image/jpeg",)
            assert answer.content == real.grpc.associated(listed["id"], picture.name, accept=accept).data
            seen += 1
    assert seen >= 8


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("name", "path", "suffix"),
    [
        ("CMU-1-Small-Region.svs", "wsi/CMU-1-Small-Region.svs", "jpeg"),
        ("tcga-cr-7395-01a-01-ts1.svs", "wsi/tcga-cr-7395-01a-01-ts1.svs", "png"),
        ("SM 1", "dicom-wsi/CMU-1-Small-Region_volume.dcm", "jpeg"),
        ("Congo Red-Lung test", "dicom-wsi/camelyon_jpeg.dcm", "jpeg"),
        ("Arginase uV-Skin test", "dicom-wsi/camelyon_j2k_lossless.dcm", "png"),
        ("test13", "dicom-wsi/bone_jpeg.dcm", "jpeg"),
    ],
)
def test_stored_tiles_decode_to_openslides_pixels(
    real: Ways, shared_data: Callable[[str], Path], name: str, path: str, suffix: str
) -> None:
    with openslide.OpenSlide(shared_data(path)) as slide:
        size = Size(*slide.dimensions)
        found = next(
            str(each["id"])
            for each in real.images()
            if each["name"] == name and (each["width"], each["height"]) == slide.dimensions
        )
        info = real.grpc.image(found)
        layout = Layout(size, default_tile_size(info), 0)
        grid = layout.grid(layout.max_level)
        assert info.levels[0].media_type == {"jpeg": "image/jpeg", "png": "image/j2c"}[suffix]
        for row in range(grid.height):
            for column in range(grid.width):
                answer = real.near.get(f"/dzi/{found}_files/{layout.max_level}/{column}_{row}.{suffix}")
                region = layout.tile_region(layout.max_level, column, row)
                theirs = slide.read_region((region.x, region.y), 0, (region.width, region.height)).convert("RGB")
                with Image.open(BytesIO(answer.content)) as ours:
                    assert ours.size == theirs.size
                    whole = layout.tile_size == region.width, layout.tile_size == region.height
                    assert np.array_equal(inner(ours, *whole), inner(theirs, *whole)), (column, row)


def inner(picture: Image.Image, is_wide: bool, is_high: bool) -> NDArray[np.uint8]:
    """All pixels; where the tile was cut, not the last: their chroma is interpolated towards what was cut away."""
    pixels = np.asarray(picture.convert("RGB"))
    return pixels[: None if is_high else -1, : None if is_wide else -1]
