"""A small archive for tests of DICOMweb: real codestreams behind ports that note what they were asked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace

import numpy as np

from medtiles.core.errors import ImageNotFoundError
from medtiles.core.frames import AS_STORED, FrameRequest, ResolutionBytes, TravelFrame
from medtiles.core.geometry import Size
from medtiles.core.pyramid import Level, Plane
from medtiles.core.studies import DicomJson, Instance, Scope, SearchPage, StudyQuery
from medtiles.core.view import Request, View
from tests.unit.protocols.fake_tiles import STUDY, FakeTiles
from transcode.archive import archive_encoders
from transcode.codec import EncodeOptions
from transcode.codecs import builtin
from transcode.codestream import resolution_ends
from transcode.errors import UnsupportedEncodingError
from transcode.frames import RGB8, EncodedFrame, PixelArray, PixelFormat, Samples
from transcode.recode import recode
from transcode.targets import ArchiveOptions

SYNTAX = "1.2.840.10008.1.2.4."
CODECS = builtin()
EXPLICIT = "1.2.840.10008.1.2.1"
RPCL, JPEG_LS = f"{SYNTAX}202", f"{SYNTAX}80"
GREY = PixelFormat(1, 16, 12)
AT = "/dicomweb/studies/1.2/series/1.2.3/instances/{uid}"
MANY, LARGE = AT.format(uid="1.2.3.4"), AT.format(uid="1.2.3.100")


def picture(number: int, width: int = 150, height: int = 120) -> PixelArray:
    """Smooth, and another one for each number."""
    rows, columns = np.mgrid[0:height, 0:width]
    samples = 2000 + 1500 * np.sin((rows * 7 + columns * 5 + number * 11) / 300)
    return PixelArray(samples.astype(np.uint16)[..., None], GREY)


def travel(pixels: PixelArray, uid: str, *, is_stored: bool) -> TravelFrame:
    """Samples as a frame that travels."""
    frame = archive_encoders().for_transfer_syntax(uid).encode(pixels, ArchiveOptions())
    resolutions: tuple[ResolutionBytes, ...] = ()
    if uid == RPCL:
        resolutions = tuple(
            ResolutionBytes(end.reduction, *end.size, end.end_offset) for end in resolution_ends(frame.data)
        )
    return TravelFrame(frame, uid, is_stored, resolutions, hashlib.sha256(frame.data).hexdigest()[:16])


MULTI_FRAME = Instance("1.2", "1.2.3", "1.2.3.4", "9", RPCL, 5, 120, 150, "v1", "study", 1)
SLICES = tuple(
    Instance("1.2", "1.2.3", f"1.2.3.{10 + z}", "9", EXPLICIT, 1, 120, 150, "v1", "study", 10 + z) for z in range(40)
)
TILES = Instance("1.2", "1.2.5", "1.2.5.1", "9", EXPLICIT, 40, 64, 64, "v1", "slide", 1)
LABEL = Instance("1.2", "1.2.5", "1.2.5.2", "9", EXPLICIT, 1, 60, 40, "v1", "slide", 2)
UNSHOWN = Instance("1.2", "1.2.6", "1.2.6.1", "9", EXPLICIT, 1, 60, 40, "v1", "", 1)
LARGE_ONE = Instance("1.2", "1.2.3", "1.2.3.100", "9", JPEG_LS, 1, 700, 1100, "v1", "study", 100)
NO_PIXELS = Instance("1.2", "1.2.3", "1.2.3.200", "9", EXPLICIT, 0, 0, 0, "v1", "", 200)


class FakeStudies:
    """Safe to call from several threads."""

    def __init__(self) -> None:
        self.all = [MULTI_FRAME, *SLICES, LARGE_ONE, NO_PIXELS, TILES, LABEL, UNSHOWN]

    def search(self, query: StudyQuery) -> SearchPage:
        return SearchPage((), 0)

    def instances(self, scope: Scope) -> tuple[Instance, ...]:
        found = tuple(
            each
            for each in self.all
            if each.study == scope.study and scope.series in {"", each.series} and scope.instance in {"", each.uid}
        )
        if not found:
            message = "there is no such instance"
            raise ImageNotFoundError(message)
        return found

    def metadata(self, instance: Instance) -> DicomJson:
        return {}

    def bulk_data(self, instance: Instance, path: str) -> bytes:
        return b""

    def file(self, instance: Instance) -> tuple[int, Iterator[bytes]]:
        return 10, iter([b"01234", b"56789"])


def colours(instance: Instance) -> Samples:
    """Of a tile or a label of a slide."""
    rows, columns = np.mgrid[0 : instance.rows, 0 : instance.columns]
    return np.stack([rows * 4, columns * 4, rows * 0], axis=2).astype(np.uint8)


class FakeFrames:
    """Encodes what it is asked for, and notes it."""

    def __init__(self) -> None:
        self.asked: list[FrameRequest] = []
        self.prefetched: list[FrameRequest] = []
        self.error: Exception | None = None
        self.is_stuck = False
        self.futures: list[Future[TravelFrame]] = []

    def frame(self, request: FrameRequest) -> TravelFrame:
        self.asked.append(request)
        if self.error is not None:
            raise self.error
        instance = request.instance
        pixels = picture(request.number + instance.number, instance.columns, instance.rows)
        if AS_STORED in request.accept or instance.transfer_syntax in request.accept:
            return travel(pixels, instance.transfer_syntax, is_stored=True)
        for uid in request.accept:
            if uid in {EXPLICIT, RPCL, JPEG_LS}:
                return travel(pixels, uid, is_stored=False)
        message = "nothing accepted can hold it"
        raise UnsupportedEncodingError(message)

    def answer(self, request: FrameRequest) -> TravelFrame | None:
        return None

    def submit(self, request: FrameRequest) -> Future[TravelFrame]:
        future: Future[TravelFrame] = Future()
        self.futures.append(future)
        try:
            if not self.is_stuck:
                future.set_result(self.frame(request))
        except Exception as error:  # noqa: BLE001 - as an executor does
            future.set_exception(error)
        return future

    def samples(self, request: FrameRequest, reduction: int = 0) -> PixelArray:
        self.asked.append(request)
        whole = picture(request.number + request.instance.number, request.instance.columns, request.instance.rows)
        step = 1 << reduction
        if request.instance.series == "1.2.5":
            return PixelArray(colours(request.instance)[::step, ::step], RGB8)
        return PixelArray(np.ascontiguousarray(whole.samples[::step, ::step]), whole.format)

    def prefetch(self, requests: Iterator[FrameRequest]) -> None:
        self.prefetched += list(requests)


def shown(request: Request) -> PixelArray:
    """What the engine would show: brighter to the right and downwards, another picture for each plane."""
    assert isinstance(request.what, View)
    rows, columns = np.mgrid[0 : request.what.size.height, 0 : request.what.size.width]
    samples = (rows + 2 * columns + 5 * request.what.plane) % 256
    return PixelArray(np.repeat(samples.astype(np.uint8)[..., None], 3, axis=2), RGB8)


class FakeArchive(FakeTiles):
    """Tiles whose image `study` has planes with UIDs, and an archive of the same instances."""

    def __init__(self) -> None:
        super().__init__()
        self.studies: FakeStudies = FakeStudies()
        self.frames: FakeFrames = FakeFrames()
        planes = tuple(Plane(sop_instance_uid="1.2.3.4", frame_number=number) for number in range(1, 6))
        planes += tuple(Plane(sop_instance_uid=each.uid, frame_number=1) for each in SLICES)
        self.infos["study"] = replace(STUDY, planes=planes, levels=(Level(Size(150, 120), Size(150, 120)),))

    def produce(self, request: Request) -> EncodedFrame:
        self.asked.append(request)
        if self.error is not None:
            raise self.error
        return recode(shown(request), request.accept, CODECS, EncodeOptions(request.quality))
