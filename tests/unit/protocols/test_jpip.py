"""JPIP over HTTP, from files of several kinds; OpenJPEG's and OpenJPH's own programs judge what comes."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import imagecodecs
import numpy as np
import pytest
import tifffile

from medtiles.app.parts import Engine, build_engine
from medtiles.core.geometry import Region
from medtiles.core.pyramid import TileKey
from medtiles.core.tiles import ImageQuery
from medtiles.jpip.assembly import Assembly
from medtiles.jpip.messages import BinClass, EndOfResponse, MessageReader, Reason
from medtiles.jpip.server import JpipLimits, JpipServer
from medtiles.jpip.targets import Targets
from medtiles.protocols.gateway import GatewayOptions, gateway
from medtiles.protocols.jpip_service import JpipService, Transfer
from medtiles.settings import Settings
from tests.unit.transcode.codestream.conftest import Picture, htj2k, jpeg2000
from transcode.packet_index import TileIndex


class Served:
    """An engine over some files, asked over HTTP without a socket."""

    def __init__(
        self, engine: Engine, files: Iterable[Path] = (), limits: JpipLimits = JpipLimits(), **options: Any
    ) -> None:
        self.engine = engine
        self.files = {path.name: path.read_bytes() for path in files}
        self.names = {each.name: each.id for each in engine.images(ImageQuery()).images}
        jpip = JpipServer(Targets(engine.codestreams).target, JpipLimits(), time.monotonic)
        self.app = gateway(engine, GatewayOptions(origins=("*",), jpip=JpipService(jpip, **options)))

    def get(self, path: str) -> httpx.Response:
        async def run() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://server", timeout=60) as client:
                return await client.get(path)

        return asyncio.run(run())

    def ask(self, *queries: str, method: str = "GET", headers: dict[str, str] | None = None) -> list[httpx.Response]:
        """One after the other; POST sends the fields as a body."""

        async def run() -> list[httpx.Response]:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://server", timeout=60) as client:
                if method == "POST":
                    return [await client.post("/jpip", content=query, headers=headers) for query in queries]
                return [await client.request(method, f"/jpip?{query}", headers=headers) for query in queries]

        return asyncio.run(run())

    def bins(self, query: str) -> tuple[dict[tuple[int, int, int], bytes], int]:
        """What came, by codestream, class and number; and the reason for the end."""
        (response,) = self.ask(query)
        assert response.status_code == 200, response.text
        found: dict[tuple[int, int, int], bytes] = defaultdict(bytes)
        for message in MessageReader().feed(response.content):
            if isinstance(message, EndOfResponse):
                return found, message.reason
            found[message.codestream, message.bin_class, message.bin_id] += message.body
        pytest.fail("the response has no end")

    def codestream(self, query: str, stream: int = 0) -> bytes:
        found, _ = self.bins(query)
        return Assembly(found[stream, BinClass.MAIN_HEADER, 0]).codestream(
            lambda tile: found[stream, BinClass.TILE_HEADER, tile],
            lambda number: found.get((stream, BinClass.PRECINCT, number), b""),
        )


@pytest.fixture(scope="module")
def colours() -> Picture:
    y, x = np.mgrid[0:700, 0:1100]
    waves = [128 + 60 * np.sin(x / 9) + 40 * np.cos(y / 13), x * y % 251, (x + y) % 256]
    return np.stack(waves, axis=-1).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, colours: Picture) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("files")
    (folder / "colours.j2k").write_bytes(jpeg2000(colours, tile_size=(512, 512), progression="RPCL"))
    (folder / "colours.jhc").write_bytes(htj2k(colours, reversible=True, planar=False, tile=(256, 256)))
    boxed = bytes(imagecodecs.jpeg2k_encode(colours, level=0, codecformat="jp2", reversible=True))
    (folder / "colours.jp2").write_bytes(boxed + (5008).to_bytes(4) + b"xml " + b"<a/>" * 1250)
    tifffile.imwrite(folder / "colours.tif", colours, tile=(256, 256), photometric="rgb")
    mask = (np.arange(70 * 90).reshape(70, 90) % 3 == 0).astype(np.uint8)
    tifffile.imwrite(folder / "mask.tif", mask, photometric="minisblack", bitspersample=1)
    grey = (np.arange(600 * 520).reshape(600, 520) * 7 % 4096).astype(np.uint16)
    tifffile.imwrite(folder / "grey.tif", grey, tile=(256, 256))
    engine = build_engine(Settings(roots=(folder,), cache=folder / "cache"))
    engine.catalogue.rescan()
    yield Served(engine, folder.glob("colours.*"))
    engine.close()


@pytest.mark.parametrize("name", ["colours.j2k", "colours.jhc", "colours.jp2", "colours.tif"])
def test_the_whole_picture_and_a_region(served: Served, colours: Picture, name: str) -> None:
    image = served.names[name]
    whole = served.codestream(f"target={image}&fsiz=1100,700")
    assert np.array_equal(imagecodecs.jpeg2k_decode(whole), colours)
    part = served.codestream(f"target={image}&fsiz=1100,700&roff=600,300&rsiz=200,150")
    assert np.array_equal(imagecodecs.jpeg2k_decode(part)[300:450, 600:800], colours[300:450, 600:800])


def test_where_packets_lie_is_kept_in_the_cache_folder(
    colours: Picture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "many.j2k").write_bytes(jpeg2000(colours, codeblock_size=(8, 8)))
    restored: list[bool] = []
    restore = TileIndex.restore

    def seen(index: TileIndex, data: bytes, end: int) -> None:
        restore(index, data, end)
        restored.append(index.is_whole)

    monkeypatch.setattr(TileIndex, "restore", seen)
    answers = []
    for before in (0, 1):
        assert len(list(tmp_path.glob("cache/derived/*/*.packets"))) == before
        with closing(build_engine(Settings(roots=(tmp_path / "files",), cache=tmp_path / "cache"))) as engine:
            engine.catalogue.rescan()
            again = Served(engine)
            answers.append(again.codestream(f"target={again.names['many.j2k']}&fsiz=1100,700"))
    assert answers[0] == answers[1]
    assert restored == [True]


def test_samples_of_more_than_eight_bits_are_derived_without_loss(served: Served) -> None:
    found = imagecodecs.jpeg2k_decode(served.codestream(f"target={served.names['grey.tif']}&fsiz=520,600"))
    assert np.array_equal(found, (np.arange(600 * 520).reshape(600, 520) * 7 % 4096))


def test_single_bits_are_numbers_of_eight(served: Served) -> None:
    found = imagecodecs.jpeg2k_decode(served.codestream(f"target={served.names['mask.tif']}&fsiz=90,70"))
    assert np.array_equal(found, served.engine.samples(served.names["mask.tif"], TileKey(0, 0, 0)).samples[..., 0])


def test_a_small_window_costs_a_small_part(served: Served) -> None:
    image = served.names["colours.jhc"]
    (part,) = served.ask(f"target={image}&fsiz=1100,700&roff=300,300&rsiz=100,100")
    (whole,) = served.ask(f"target={image}&fsiz=1100,700")
    assert len(part.content) * 6 < len(whole.content)


def test_header_lines_and_sessions(served: Served) -> None:
    image = served.names["colours.j2k"]
    app = Served(served.engine)
    (first,) = app.ask(f"target={image}&fsiz=275,175&cnew=http&len=20000", headers={"Origin": "http://a"})
    assert first.headers["content-type"] == "image/jpp-stream"
    assert int(first.headers["content-length"]) == len(first.content) <= 20003
    assert "jpip-cnew" in first.headers["access-control-expose-headers"]
    cid = first.headers["jpip-cnew"].partition("cid=")[2].partition(",")[0]
    again, end, gone = app.ask(
        f"cid={cid}&fsiz=275,175&qid=4&wait=yes", f"cid={cid}&fsiz=275,175&cclose=*", f"cid={cid}&fsiz=275,175"
    )
    assert again.headers["jpip-qid"] == "4"
    assert end.content == bytes((0, Reason.WINDOW_DONE, 0))
    assert (gone.status_code, gone.json()["reason"]) == (404, "UNKNOWN_CHANNEL")
    refused = app.ask("target=nothing", "fsiz=0,1", "fsiz=1,1", "")
    assert [each.status_code for each in refused] == [404, 400, 400, 400]


def test_lengths_are_told_as_it_was_set(served: Served) -> None:
    image = served.names["colours.j2k"]
    for transfer, len_bounds, is_told in [
        (Transfer.AUTO, "", False),
        (Transfer.AUTO, "&len=20000", True),
        (Transfer.LENGTH, "", True),
        (Transfer.CHUNKED, "&len=20000", False),
    ]:
        (found,) = Served(served.engine, transfer=transfer).ask(f"target={image}&fsiz=275,175{len_bounds}")
        assert ("content-length" in found.headers) == is_told
        assert found.content.endswith(bytes((Reason.BYTE_LIMIT if len_bounds else Reason.WINDOW_DONE, 0)))


def test_a_long_request_is_posted(served: Served) -> None:
    image = served.names["colours.jhc"]
    model = ",".join(f"P{number}" for number in range(20_000))
    (found,) = served.ask(f"target={image}&fsiz=1100,700&model={model}", method="POST")
    assert found.status_code == 200
    assert len(found.content) < 2_000
    (refused,) = served.ask("x" * (1 << 21), method="POST")
    assert refused.status_code == 400


def test_what_is_at_each_number_is_told(served: Served) -> None:
    response = served.get(f"/images/{served.names['colours.tif']}/codestreams")
    wanted = {"stream": 0, "level": 0, "plane": 0, "width": 1100, "height": 700, "stored": False, "bytes": None}
    assert response.json() == {"codestreams": [wanted]}


def test_boxes_are_metadata(served: Served) -> None:
    image = served.names["colours.jp2"]
    found, reason = served.bins(f"target={image}&metareq=[*]!!")
    root = found[0, BinClass.METADATA, 0]
    assert reason == Reason.WINDOW_DONE
    assert (root.count(b"phld"), root.count(b"jp2h")) == (2, 1)
    assert found[0, BinClass.METADATA, 1] == b"<a/>" * 1250
    assert {kind for _, kind, _ in found} == {BinClass.METADATA}


def test_the_image_may_stand_in_the_address(served: Served) -> None:
    response = served.get(f"/jpip/{served.names['colours.j2k']}?fsiz=30,30")
    assert response.status_code == 200


@pytest.mark.parametrize(("name", "expand"), [("colours.j2k", "opj_decompress"), ("colours.jhc", "ojph_expand")])
def test_tile_streams_go_through_openjpeg(
    served: Served, colours: Picture, tmp_path: Path, name: str, expand: str
) -> None:
    for tool in ("opj_jpip_transcode", expand):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    (response,) = served.ask(f"target={served.names[name]}&fsiz=1100,700&type=jpt-stream")
    (tmp_path / "a.jpt").write_bytes(response.content)
    subprocess.run(["opj_jpip_transcode", "a.jpt", "a.j2k"], cwd=tmp_path, check=True, capture_output=True, timeout=60)
    subprocess.run([expand, "-i", "a.j2k", "-o", "a.ppm"], cwd=tmp_path, check=True, capture_output=True, timeout=60)
    found = np.frombuffer((tmp_path / "a.ppm").read_bytes()[-colours.size :], np.uint8).reshape(colours.shape)
    assert np.array_equal(found, colours)


REAL = [
    "wsi/CMU-1-Small-Region.svs",
    "wsi/tcga-cr-7395-01a-01-ts1.svs",
    "wsi/multi-channel-z-series.ome.tif",
    "dicom-wsi/camelyon_j2k_lossless.dcm",
    "radiology/CT_SignedCT.dcm",
    "radiology/DX_16bit_1420x1416_J2KR.dcm",
    "radiology/HTJ2KLossless_08_RGB.dcm",
    "radiology/HTJ2K_08_RGB.dcm",
    "radiology/US_1660x965_J2K_ICT.dcm",
    "radiology/MR2_JLSL_1024.dcm",
]


@pytest.mark.corpus
@pytest.mark.parametrize("path", REAL)
def test_real_images_come_exactly(path: str, shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    engine = build_engine(Settings(roots=(shared_data(path),), cache=tmp_path))
    try:
        engine.catalogue.rescan()
        served = Served(engine)
        (image,) = served.names.values()
        for stream, place in enumerate(engine.codestreams.describe(image).places[:3]):
            region = Region(place.size.width // 3, place.size.height // 3, 100, 60)
            region = region.cut_to(place.size)
            (probe,) = served.ask(f"target={image}&stream={stream}&fsiz=100000,100000&len=0")
            frame = probe.headers["jpip-fsiz"]
            window = f"roff={region.x},{region.y}&rsiz={region.width},{region.height}"
            found = served.codestream(f"target={image}&stream={stream}&fsiz={frame}&{window}", stream)
            pixels = imagecodecs.jpeg2k_decode(found)[region.y : region.bottom, region.x : region.right]
            version = engine.info(image).version
            wanted = engine.level_samples(image, version, place.level, region, place.plane).samples
            assert np.array_equal(pixels.reshape(wanted.shape), wanted)
    finally:
        engine.close()


@pytest.mark.parametrize(
    ("name", "kind", "media_type"),
    [
        ("colours.j2k", "image/j2c", "image/j2c"),
        ("colours.j2k", "image/jp2", "image/jp2"),
        ("colours.jp2", "jp2", "image/jp2"),
        ("colours.jhc", "image/jph,image/jp2", "image/jph"),
        ("colours.jhc", "image/jp2,jphc", "image/jphc"),
        ("colours.tif", "image/jphc", "image/jphc"),
        ("grey.tif", "raw", "application/octet-stream"),
    ],
)
def test_a_window_may_come_as_a_file(served: Served, name: str, kind: str, media_type: str) -> None:
    query = f"target={served.names[name]}&type={kind}&fsiz=1100,700,round-up"
    whole, part = served.ask(query, f"{query}&roff=300,200&rsiz=100,80")
    assert whole.headers["content-type"] == media_type
    wanted = imagecodecs.jpeg2k_decode(served.codestream(f"target={served.names[name]}&fsiz=1100,700,round-up"))
    found = imagecodecs.jpeg2k_decode(whole.content)
    assert np.array_equal(found, wanted)
    found = imagecodecs.jpeg2k_decode(part.content)
    assert np.array_equal(found[200:280, 300:400], wanted[200:280, 300:400])
    assert len(part.content) < len(whole.content) or name == "colours.jp2"  # whose packets are all of the whole picture
    (refused,) = served.ask(f"{query}&len=1000")
    assert refused.status_code == 400
    assert "len" in refused.json()["detail"]


def test_raw_is_the_file_itself(served: Served) -> None:
    for name in ("colours.j2k", "colours.jp2"):
        (found,) = served.ask(f"target={served.names[name]}&type=raw")
        assert found.content == served.files[name]


def test_kinds_that_cannot_be_are_refused(served: Served) -> None:
    (found,) = served.ask(f"target={served.names['colours.jhc']}&fsiz=30,30&type=image/jp2")
    assert found.status_code == 501
    assert "image/jp2" in found.json()["detail"]
    (found,) = served.ask(f"target={served.names['colours.jhc']}&fsiz=30,30&type=image/jp2,jpp-stream")
    assert found.headers["content-type"] == "image/jpp-stream"
