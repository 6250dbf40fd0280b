"""A small Tiles for tests of protocols: two images, pictures that say what was asked for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace

import numpy as np

from medtiles.core.channels import ChannelReport, ChannelStatistics, channels_of
from medtiles.core.display import Display, Windowing
from medtiles.core.errors import ImageNotFoundError
from medtiles.core.frames import Frames
from medtiles.core.geometry import Size
from medtiles.core.no_frames import NoFrames
from medtiles.core.pyramid import Associated, ImageInfo, Level, Plane, TileKey
from medtiles.core.studies import Studies
from medtiles.core.tiles import ImagePage, ImageQuery, ImageSummary, KeptRendering
from medtiles.core.view import Refinement, Request, View
from tests.no_studies import NoStudies
from transcode.frames import GREY8, RGB8, EncodedFrame, Encoding, PixelArray, PixelFormat

CT = PixelFormat(1, 16, 16, signed=True)

SLIDE = ImageInfo(
    name='<img src=x onerror="alert(1)">.svs',
    kind="slide",
    format="aperio",
    levels=(Level(Size(2220, 2967), Size(240, 240), 1.0, "image/jpeg"),),
    pixels=RGB8,
    version="v1",
    spacing_mm=(0.0005, 0.0005),
    associated=(Associated("label", Size(387, 463)), Associated("macro", Size(1280, 431))),
    icc_profile=b"a profile",
    properties={"aperio.MPP": "0.499"},
)
STUDY = ImageInfo(
    name="CT of a head",
    kind="radiology",
    format="dicom",
    levels=(Level(Size(64, 48), Size(64, 48)),),
    pixels=CT,
    planes=tuple(Plane(str(z), z=z, position_mm=z * 2.5) for z in range(5)),
    version="v7",
)


class FakeTiles:
    """Safe to call from several threads, as the port wants."""

    def __init__(self) -> None:
        self.infos = {"slide": SLIDE, "study": STUDY}
        self.frames: Frames = NoFrames()
        self.studies: Studies = NoStudies()
        self.kept: dict[str, KeptRendering] = {}
        self.is_cached = False
        self.is_stuck = False
        self.asked: list[Request] = []
        self.futures: list[Future[EncodedFrame]] = []
        self.has_asked = threading.Event()
        self.error: Exception | None = None

    def replace_file(self, image: str, version: str) -> None:
        self.infos[image] = replace(self.infos[image], version=version)

    def images(self, query: ImageQuery) -> ImagePage:
        found = [
            ImageSummary(name, info.name, info.kind, info.format, info.size.width, info.size.height, len(info.planes))
            for name, info in self.infos.items()
            if query.search.lower() in info.name.lower()
            and query.kind in {"", info.kind}
            and query.path in {"", f"folder/{name} 1.svs"}
        ]
        return ImagePage(tuple(found[query.offset : query.offset + query.limit]), len(found))

    def info(self, image: str) -> ImageInfo:
        if image not in self.infos:
            message = f"no image {image!r}"
            raise ImageNotFoundError(message)
        return self.infos[image]

    def known_info(self, image: str) -> ImageInfo | None:
        return self.infos.get(image)

    def display(self, image: str, plane: int) -> Display:
        return Display(intercept=-1024.0, windowings=(Windowing(40.0, float("nan")),), units="HU")

    def channels(self, image: str) -> tuple[ChannelReport, ...]:
        info = self.info(image)
        known = ChannelStatistics(-1000.0, 3000.0, np.linspace(-1000, 3000, 5), (7, 0, 3))
        return tuple(
            ChannelReport(channel, info.pixels.bits_stored, (0.0, 255.0), known) for channel in channels_of(info)
        )

    def keep_rendering(self, image: str, text: str) -> KeptRendering:
        kept = KeptRendering(f"{len(self.kept):024x}", image, self.info(image).version, text)
        self.kept[kept.hash] = kept
        return kept

    def kept_rendering(self, name: str) -> KeptRendering:
        if name not in self.kept:
            message = f"no rendering {name!r}"
            raise ImageNotFoundError(message)
        return self.kept[name]

    def answer(self, request: Request) -> EncodedFrame | None:
        return self.produce(request) if self.is_cached else None

    def produce(self, request: Request) -> EncodedFrame:
        self.asked.append(request)
        if self.error is not None:
            raise self.error
        version = self.info(request.image).version
        encoding = Encoding(request.accept[0].partition("/")[2], request.accept[0], "x")
        return EncodedFrame(f"{version} {request}".encode(), encoding, GREY8, 1, 1)

    def submit(self, request: Request) -> Future[EncodedFrame]:
        future: Future[EncodedFrame] = Future()
        self.futures.append(future)
        if not self.is_stuck:
            try:
                future.set_result(self.produce(request))
            except Exception as error:  # noqa: BLE001 - as an executor does
                future.set_exception(error)
        self.has_asked.set()
        return future

    def samples(self, image: str, what: View | TileKey) -> PixelArray:
        assert isinstance(what, View)
        shape = (what.size.height, what.size.width, 1)
        return PixelArray((np.arange(np.prod(shape)) - 1000).astype(np.int16).reshape(shape), CT)

    def refinements(self, image: str, key: TileKey, offset: int = 0) -> Iterator[Refinement]:
        return iter(())
