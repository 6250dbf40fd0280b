"""The Tiles of this process: one request goes down once and comes back once."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from medtiles.core.cache import TileCache
from medtiles.core.catalogue import Catalogue
from medtiles.core.channels import ChannelReport
from medtiles.core.codestreams import Codestreams
from medtiles.core.display import Display, Windowing
from medtiles.core.frames import Frames
from medtiles.core.geometry import Region, Size
from medtiles.core.limits import Limits
from medtiles.core.no_frames import NoFrames
from medtiles.core.pyramid import ImageInfo, TileKey
from medtiles.core.rendering import IccUse, Rendering
from medtiles.core.source import Source
from medtiles.core.studies import Studies
from medtiles.core.tiles import ImagePage, ImageQuery, KeptRendering
from medtiles.core.view import AssociatedName, Refinement, Request, View
from medtiles.engine import planning, presentation, progressive
from medtiles.engine.codestreams import CodestreamEngine
from medtiles.engine.finishing import finished
from medtiles.engine.flights import Flights
from medtiles.engine.frames.derived import MOST_BYTES, derived_folder
from medtiles.engine.kept_renderings import KeptRenderings
from medtiles.engine.open_images import OpenImage, OpenImages
from medtiles.engine.rendering import Canvas, decoded, decoded_cache, resample
from medtiles.engine.renderings import Renderings
from medtiles.engine.watermark import Watermark
from medtiles.engine.ycbcr_views import YCbCrViews
from transcode.codec import Codecs, EncodeOptions
from transcode.codecs.jpeg import JPEG, crop, encode_ycbcr, with_profile
from transcode.errors import FileChangedError
from transcode.frames import RGB8, EncodedFrame, Frame, PixelArray
from transcode.recode import encoder_of, recode, undecoded
from transcode.ycbcr import YCbCr

T = TypeVar("T")
P = ParamSpec("P")

_WITH_ALPHA = frozenset({"image/png", "image/webp", "image/avif", "image/jxl"})
"""Media types that can tell transparency."""
_PERCENTILES = (0.1, 99.9)
_PROFILE_ONLY = Rendering(icc=IccUse.EMBED)
"""Stored bytes can go out with it."""


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What an engine may use."""

    limits: Limits = Limits()
    encoded_cache_bytes: int = 8 * 1024 * 1024
    decoded_cache_bytes: int = 8 * 1024 * 1024
    threads: int = 0
    """Workers; 0: one for each CPU."""
    open_images: int = 64
    cache: Path | None = None
    """The folder that kept renderings and derived tiles lie in; None: they are forgotten at the end."""
    derived_bytes: int = MOST_BYTES
    """That these tiles may take on disk, with the derived frames that lie there too."""
    codestream_bytes: int = 16 * 1024 * 1024
    """That they may take in memory."""
    watermark: Watermark | None = None
    """Laid over all that is shown; stored bytes then go out only where samples are asked for."""


class TileEngine:
    """Everything a protocol may ask, answered from the files of a catalogue. Safe to call from several threads."""

    def __init__(
        self,
        catalogue: Catalogue,
        codecs: Codecs,
        options: EngineOptions | None = None,
        frames: Frames | None = None,
    ) -> None:
        """:param frames: of the catalogue's DICOM instances; None: there are none. Whoever gives them closes them"""
        self._options = options or EngineOptions()
        self._limits = self._options.limits
        self._catalogue = catalogue
        self._codecs = codecs
        self._frames = frames or NoFrames()
        self._watermark = self._options.watermark
        edition = self._watermark.edition if self._watermark is not None else ""
        self._open = OpenImages(catalogue, self._options.open_images, edition)
        self._encoded: TileCache[tuple[str, Request], EncodedFrame] = TileCache(
            self._options.encoded_cache_bytes, lambda frame: len(frame.data) + 512
        )
        self._decoded = decoded_cache(self._options.decoded_cache_bytes)
        self._ycbcr_views = YCbCrViews(self._decoded, self._limits)
        self._displays: TileCache[tuple[str, str, int], Display] = TileCache(4096, lambda _: 1)
        self._kept = KeptRenderings(self._options.cache)
        self._codestreams = CodestreamEngine(
            self,
            codecs,
            derived_folder(self._options.cache, self._options.derived_bytes),
            self._options.codestream_bytes,
        )
        self._renderings = Renderings(self._canvas, self._raw_display, self._display)
        self._flights: Flights[tuple[str, Request], EncodedFrame] = Flights(
            self._options.threads or os.cpu_count() or 1, self._limits.queue
        )

    # -- what there is ------------------------------------------------------------------------------------------

    @property
    def frames(self) -> Frames:
        """Frames of DICOM instances as they travel."""
        return self._frames

    @property
    def studies(self) -> Studies:
        """The DICOM instances by their UIDs."""
        return self._catalogue.studies

    @property
    def codestreams(self) -> Codestreams:
        """Images as JPEG 2000."""
        return self._codestreams

    def images(self, query: ImageQuery) -> ImagePage:
        """List images."""
        return self._catalogue.images(query)

    def known_info(self, image: str) -> ImageInfo | None:
        """The description of an image, when it is open and was lately seen unchanged."""
        return self._open.known_info(image)

    def info(self, image: str) -> ImageInfo:
        """The description of an image; opens it when need be."""
        with self._open.lease(image) as opened:
            return opened.info

    def display(self, image: str, plane: int) -> Display:
        """How a plane is shown by default; a window that the file lacks comes from the statistics of the image."""
        return self._with(image, lambda opened: self._display(image, opened, plane))

    def channels(self, image: str) -> tuple[ChannelReport, ...]:
        """The channels of an image and the values of each; computed once, from a small picture of the whole."""
        return self._with(image, lambda opened: self._renderings.reports(image, opened))

    def keep_rendering(self, image: str, text: str) -> KeptRendering:
        """Keep a rendering of the image as it is now."""
        return self._kept.keep(image, self.info(image).version, text)

    def kept_rendering(self, name: str) -> KeptRendering:
        """The one of a hash."""
        return self._kept.find(name)

    # -- pictures -----------------------------------------------------------------------------------------------

    def answer(self, request: Request) -> EncodedFrame | None:
        """The picture, when it is in the cache and its file was lately seen unchanged."""
        info = self._open.known_info(request.image)
        return None if info is None else self._encoded.get((info.version, request))

    def produce(self, request: Request) -> EncodedFrame:
        """The picture, made in the caller's thread."""
        return self._with(request.image, self._made, request, _always)

    def submit(self, request: Request) -> Future[EncodedFrame]:
        """The picture, made by one of the engine's threads, once for all who ask for it at the same time."""
        found = self.answer(request)
        if found is not None:
            ready: Future[EncodedFrame] = Future()
            ready.set_result(found)
            return ready
        info = self._open.known_info(request.image)
        key = (info.version if info else "", request)
        return self._flights.join(key, lambda is_wanted: self._with(request.image, self._made, request, is_wanted))

    def pixels(self, request: Request) -> PixelArray:
        """The picture of a View, neither finished nor encoded: `encoded` does both, for all or a part of it."""

        def draw(opened: OpenImage) -> PixelArray:
            assert isinstance(request.what, View)
            return self._drawn(opened, request, self._plan(opened.info, request.what), _always)

        return self._with(request.image, draw)

    def ycbcr(self, request: Request) -> YCbCr | None:
        """The same as luminance and 4:2:0 chrominance, where it can be had so more cheaply and JPEG is wanted."""

        def draw(opened: OpenImage) -> YCbCr | None:
            assert isinstance(request.what, View)
            return self._ycbcr(opened, request, planning.plan_view(opened.info, request.what), _always)

        return self._with(request.image, draw)

    def encoded(self, request: Request, pixels: PixelArray) -> EncodedFrame:
        """Pixels finished and encoded as a request wants them."""
        return self._with(request.image, self._encoded_so, request, pixels)

    def samples(self, image: str, what: View | TileKey) -> PixelArray:
        """Samples with all their bits: stored values, RGB for colour."""

        def draw(opened: OpenImage) -> PixelArray:
            canvas = self._canvas(image, opened, lambda pixels: pixels, _always)
            return canvas.draw(self._plan(opened.info, what))

        return self._with(image, draw)

    def stored_tile(self, image: str, key: TileKey) -> Frame:
        """A tile as its source hands it out: stored bytes untouched, not cut at the edges; see `Source.read_tile`."""

        def read(opened: OpenImage) -> Frame:
            opened.info.require(key)
            return opened.source.read_tile(key)

        return self._with(image, read)

    @contextmanager
    def source(self, image: str, version: str) -> Iterator[Source]:
        """The open source of a version of an image, for as long as it is used.

        :raises FileChangedError: the image is another version now
        """
        with self._version(image, version) as opened:
            yield opened.source

    def level_samples(self, image: str, version: str, level: int, region: Region, plane: int) -> PixelArray:
        """Samples of a region of a level with all their bits: stored values, RGB for colour.

        :raises FileChangedError: the image is another version now
        """
        with self._version(image, version) as opened:
            canvas = self._canvas(image, opened, lambda pixels: pixels, _always)
            return canvas.draw(planning.Plan(level, plane, 0, planning.Box.of(region), region.size))

    def refinements(self, image: str, key: TileKey, offset: int = 0) -> Iterator[Refinement]:
        """A stored JPEG 2000 or HTJ2K tile, cut at its resolutions, from a byte offset on."""
        return progressive.refinements(self.stored_tile(image, key), offset)

    def statistics(self) -> dict[str, int]:
        """Figures for monitoring: bytes in the caches, hits, misses, and work that waits."""
        return {
            "encoded_cache_bytes": self._encoded.size,
            "encoded_cache_hits": self._encoded.hits,
            "encoded_cache_misses": self._encoded.misses,
            "decoded_cache_bytes": self._decoded.size,
            "waiting": self._flights.waiting,
        }

    def close(self) -> None:
        """Finish what has started and let go of all files."""
        self._flights.close()
        self._open.close()

    # -- how ----------------------------------------------------------------------------------------------------

    def _with(self, image: str, use: Callable[Concatenate[OpenImage, P], T], *more: P.args, **named: P.kwargs) -> T:
        """Use an open image; once more from the start when its file changes meanwhile."""
        opened = self._open.take(image)
        try:
            return use(opened, *more, **named)
        except FileChangedError:
            self._open.forget(image)
        finally:
            self._open.give_back(opened)
        with self._open.lease(image) as opened:
            return use(opened, *more, **named)

    @contextmanager
    def _version(self, image: str, version: str) -> Iterator[OpenImage]:
        with self._open.lease(image) as opened:
            opened.info.require_version(version)
            yield opened

    def _made(self, opened: OpenImage, request: Request, is_wanted: Callable[[], bool]) -> EncodedFrame:
        key = (opened.info.version, request)
        frame = self._encoded.get(key)
        if frame is None:
            frame = self._stored(opened, request) or self._picture(opened, request, is_wanted)
            self._encoded.put(key, frame)
        return frame

    def _picture(self, opened: OpenImage, request: Request, is_wanted: Callable[[], bool]) -> EncodedFrame:
        what = request.what
        if isinstance(what, AssociatedName):
            return self._associated(opened, what, request)
        plan = planning.plan_view(opened.info, what) if isinstance(what, View) else self._plan(opened.info, what)
        drawn = self._ycbcr(opened, request, plan, is_wanted)
        if drawn is not None:
            return encode_ycbcr(drawn, EncodeOptions(request.quality))
        return self._encoded_so(opened, request, self._drawn(opened, request, plan, is_wanted))

    def _drawn(
        self, opened: OpenImage, request: Request, plan: planning.Plan, is_wanted: Callable[[], bool]
    ) -> PixelArray:
        if request.rendering is not None and request.is_display:
            return self._renderings.draw(opened, request, plan, is_wanted)
        display = self._display(request.image, opened, plan.plane) if request.is_display else None
        return self._canvas(request.image, opened, _presenting(display, request.windowing), is_wanted).draw(plan)

    def _ycbcr(
        self, opened: OpenImage, request: Request, plan: planning.Plan, is_wanted: Callable[[], bool]
    ) -> YCbCr | None:
        if self._is_marked(request):
            return None
        is_rgb = request.finish is None and request.rendering is None and opened.info.pixels == RGB8
        if not is_rgb or encoder_of(RGB8, request.accept, self._codecs).encoding is not JPEG:
            return None
        return self._ycbcr_views.draw(request.image, opened, plan, is_wanted)

    def _encoded_so(self, opened: OpenImage, request: Request, pixels: PixelArray) -> EncodedFrame:
        if self._watermark is not None and self._is_marked(request):
            pixels = self._watermark.laid_over(pixels)
        if request.finish is not None:
            has_alpha = not _WITH_ALPHA.isdisjoint(request.accept)
            pixels = finished(pixels, request.finish, opened.info.background, has_alpha=has_alpha)
        options = EncodeOptions(request.quality, _embedded_profile(opened.info, request))
        return recode(pixels, request.accept, self._codecs, options)

    def _stored(self, opened: OpenImage, request: Request) -> EncodedFrame | None:
        """The stored tile, when it is what the client wants, in a form that it accepts."""
        key = self._stored_key(opened.info, request)
        if key is None or self._is_marked(request):
            return None
        level = opened.info.require(key)
        if level.media_type is None or request.quality is not None:
            return None
        if request.is_display and not self._is_plain(opened, request, key.plane):
            return None
        stored = opened.source.read_tile(key)
        frame = undecoded(stored, request.accept) if isinstance(stored, EncodedFrame) else None
        if frame is None:
            return None
        if not request.is_display and isinstance(request.what, TileKey):
            return frame
        is_inner = key.column + 1 < level.grid.width and key.row + 1 < level.grid.height
        shown = frame if is_inner else _cut_to(frame, level.tile_region(key.column, key.row).size)
        profile = _embedded_profile(opened.info, request)
        return shown if shown is None or profile is None else _with_profile(shown, profile)

    def _is_marked(self, request: Request) -> bool:
        return self._watermark is not None and request.is_display and self._watermark.marks(request.what)

    def _stored_key(self, info: ImageInfo, request: Request) -> TileKey | None:
        """The stored tile that is wanted with nothing done to it; refuses what cannot be shown."""
        what = request.what
        if isinstance(what, View):
            planning.require_view(info, what, self._limits, request.finish)
            key = planning.stored_tile(info, what)
        else:
            key = what if isinstance(what, TileKey) else None
        is_changed = request.finish is not None or request.rendering not in {None, _PROFILE_ONLY}
        return None if is_changed else key

    def _is_plain(self, opened: OpenImage, request: Request, plane: int) -> bool:
        """Whether the client wants a plane shown as it is stored."""
        if request.windowing is None and plane in opened.plain_planes:
            return opened.plain_planes[plane]
        display = self._raw_display(request.image, opened, plane)
        is_plain = presentation.is_plain(display, opened.info.pixels, request.windowing)
        if request.windowing is None:
            opened.plain_planes[plane] = is_plain
        return is_plain

    def _associated(self, opened: OpenImage, what: AssociatedName, request: Request) -> EncodedFrame:
        options = EncodeOptions(request.quality)
        frame = opened.source.read_associated(what.name)
        longest = max(frame.width, frame.height)
        is_whole = what.max_side is None or longest <= what.max_side
        is_marked = self._is_marked(request)
        if is_whole and not is_marked and isinstance(frame, EncodedFrame) and frame.is_accepted(request.accept):
            return recode(frame, request.accept, self._codecs, options)
        pixels = decoded(frame, self._codecs)
        if request.is_display:
            pixels = presentation.present(pixels, Display(), None)
        if what.max_side is not None and not is_whole:
            whole = Region(0, 0, pixels.width, pixels.height)
            size = Size(
                max(1, round(pixels.width * what.max_side / longest)),
                max(1, round(pixels.height * what.max_side / longest)),
            )
            pixels = resample(pixels, whole, planning.Box.of(whole), size)
        if self._watermark is not None and is_marked:
            pixels = self._watermark.laid_over(pixels)
        return recode(pixels, request.accept, self._codecs, options)

    def _plan(self, info: ImageInfo, what: View | TileKey) -> planning.Plan:
        if isinstance(what, View):
            planning.require_view(info, what, self._limits)
            return planning.plan_view(info, what)
        level = info.require(what)
        region = level.tile_region(what.column, what.row)
        return planning.Plan(what.level, what.plane, 0, planning.Box.of(region), region.size)

    def _canvas(
        self, image: str, opened: OpenImage, present: Callable[[PixelArray], PixelArray], is_wanted: Callable[[], bool]
    ) -> Canvas:
        return Canvas(image, opened, self._codecs, self._decoded, self._limits, present, is_wanted)

    def _raw_display(self, image: str, opened: OpenImage, plane: int) -> Display:
        """What the file says; made once, so that tables made from it are found again."""
        opened.info.require_plane(plane)
        key = (image, opened.info.version, ~plane)
        return self._displays.get_or_make(key, lambda: opened.source.display(plane))

    def _display(self, image: str, opened: OpenImage, plane: int) -> Display:
        display = self._raw_display(image, opened, plane)
        pixels = opened.info.pixels
        is_complete = display.windowings or display.voi_lut or display.palette
        if is_complete or pixels.is_colour or pixels.bits_allocated == 8:
            return display
        key = (image, opened.info.version, plane)
        return self._displays.get_or_make(key, lambda: self._stretched(image, opened, plane, display))

    def _stretched(self, image: str, opened: OpenImage, plane: int, display: Display) -> Display:
        """The display with a window that holds nearly all values of the image: never of one tile alone."""
        known = self._renderings.statistics(image, opened, opened.info.planes[plane].channel)
        low, high = (known.percentile(end) * display.slope + display.intercept for end in _PERCENTILES)
        window = Windowing((low + high) / 2, max(abs(high - low), 1e-6), "LINEAR_EXACT", "from the image's own values")
        return dataclasses.replace(display, windowings=(window,))


def _always() -> bool:
    return True


def _embedded_profile(info: ImageInfo, request: Request) -> bytes | None:
    is_wanted = request.rendering is not None and request.rendering.icc is IccUse.EMBED
    return info.icc_profile if is_wanted else None


def _with_profile(frame: EncodedFrame, profile: bytes) -> EncodedFrame | None:
    """None where only encoding anew puts it in."""
    return with_profile(frame, profile) if frame.encoding is JPEG else None


def _presenting(display: Display | None, windowing: Windowing | None) -> Callable[[PixelArray], PixelArray]:
    if display is None:
        return lambda pixels: pixels
    return lambda pixels: presentation.present(pixels, display, windowing)


def _cut_to(frame: EncodedFrame, size: Size) -> EncodedFrame | None:
    """The upper left part of a stored tile without loss; None when only decoding gives it."""
    if (frame.width, frame.height) == (size.width, size.height):
        return frame
    if frame.encoding is not JPEG:
        return None
    data = crop(frame.data, size.width, size.height)
    return None if data is None else dataclasses.replace(frame, data=data, width=size.width, height=size.height)
