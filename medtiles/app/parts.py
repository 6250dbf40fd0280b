"""The parts of a process, made from settings: catalogue, codecs, engine, gateway."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from medtiles.access_log import Answer, format_combined, format_json
from medtiles.app.errors import StartError
from medtiles.app.seat import Seat
from medtiles.app.sockets import bind_jpip
from medtiles.catalogue import CatalogueOptions, FileCatalogue, UploadFolder
from medtiles.core.codestreams import Codestreams, OffersCodestreams
from medtiles.core.errors import ImageNotFoundError
from medtiles.core.frames import Frames
from medtiles.core.heat import Heat
from medtiles.core.limits import Limits
from medtiles.core.studies import Studies
from medtiles.core.tiles import Tiles
from medtiles.core.uploads import Uploads
from medtiles.engine.engine import EngineOptions, TileEngine
from medtiles.engine.frames import FrameEngine, FrameOptions
from medtiles.engine.instance_codestreams import WithInstances
from medtiles.engine.watermark import Watermark
from medtiles.jpip.delegation import Shares
from medtiles.jpip.rates import SharedBucket
from medtiles.jpip.server import JpipLimits, JpipServer
from medtiles.jpip.session import SessionLimits
from medtiles.jpip.targets import Targets
from medtiles.observability.log_file import LogFile
from medtiles.observability.metrics import Metrics
from medtiles.observability.recorder import Recorder
from medtiles.protocols.gateway import Gateway, GatewayOptions, gateway
from medtiles.protocols.jpip_service import JpipService, Transfer
from medtiles.settings import Settings
from medtiles.sources import formats
from medtiles.virtual import FullTiles, Offered, SlideFrames, WithSlides
from transcode.codec import Codecs
from transcode.codecs import builtin
from transcode.isolation import Isolation, IsolationLimits

if TYPE_CHECKING:
    from medtiles.hotspots.live import LiveHeat
    from medtiles.hotspots.prefetching import Prefetcher

_MOST_AT_ONCE = 16 << 20
"""Bytes of an answer of JPIP that is made before it is sent."""


class Engine(TileEngine):
    """An engine that owns what it stands on: closing it closes the catalogue and the decoders too."""

    def __init__(
        self,
        catalogue: FileCatalogue,
        codecs: Codecs,
        options: tuple[EngineOptions, FrameOptions],
        owned: Sequence[Callable[[], object]],
    ) -> None:
        """`owned` is called, last one first, when the engine has been closed."""
        frames = FrameEngine(catalogue.studies, codecs, options[1])
        super().__init__(catalogue, codecs, options[0], frames)
        self.catalogue = catalogue
        full_tiles = FullTiles(codecs, options[1].policy.quality, options[1].limits.view_pixels)
        offered = Offered(self, full_tiles)
        self._with_slides = WithSlides(catalogue.studies, offered)
        self._slide_frames = SlideFrames(frames, self, offered, full_tiles, options[1])
        self._with_instances = WithInstances(super().codestreams, self._with_slides, self._slide_frames)
        self._owned = (*owned, frames.close, self._slide_frames.close)
        self._frame_statistics = frames.statistics

    @property
    def codestreams(self) -> Codestreams:
        """Images and DICOM instances as JPEG 2000."""
        return self._with_instances

    @property
    def studies(self) -> Studies:
        """The DICOM instances by their UIDs, and slides of other formats as if they were some."""
        return self._with_slides

    @property
    def frames(self) -> Frames:
        """Frames of both as they travel."""
        return self._slide_frames

    def uploads(self, folder: Path, most_bytes: int) -> Uploads:
        """Where images that clients bring go."""
        return UploadFolder(folder, most_bytes, self.catalogue, self.catalogue.formats, self._codecs)

    def statistics(self) -> dict[str, int]:
        """Figures for monitoring, of tiles and of frames."""
        return {**super().statistics(), **self._frame_statistics()}

    def close(self) -> None:
        """Finish what has started, let go of all files, end all threads and children."""
        with ExitStack() as stack:
            for close in self._owned:
                stack.callback(close)
            stack.callback(super().close)


def build_catalogue(
    settings: Settings, codecs: Codecs | None = None, *, index: Path | None = None, threads: int | None = None
) -> FileCatalogue:
    """The catalogue of the roots. It has looked at nothing yet.

    :param codecs: for what sources must decode to be read
    :param index: the folder of its index, when that is not the cache folder
    :raises StartError: a root does not exist, or there is none
    """
    roots = list(settings.roots)
    if settings.uploads is not None:
        settings.uploads.mkdir(parents=True, exist_ok=True)
        roots.append(settings.uploads)
    if not roots:
        message = "nothing to serve: name files or folders, such as `medtiles serve slides/`"
        raise StartError(message)
    options = CatalogueOptions(
        cache=index or settings.cache,
        interval=settings.scan_interval,
        threads=settings.scan_threads if threads is None else threads,
    )
    try:
        known = formats(settings.cache, codecs, settings.pyramid_cache_gb * 10**9)
        return FileCatalogue(roots, known, options)
    except ImageNotFoundError as error:
        raise StartError(str(error)) from error


def build_engine(settings: Settings, *, index: Path | None = None) -> Engine:
    """The engine of this process. Its catalogue has looked at nothing yet: call `catalogue.rescan` or `.start`.

    :raises StartError: a root does not exist, or there is none; the watermark cannot be read
    """
    options = _engine_options(settings, index or settings.cache)
    isolation = Isolation(
        settings.threads or None,
        IsolationLimits(seconds=settings.decode_seconds, memory=settings.decode_mb * 1024 * 1024),
    )
    codecs = builtin(isolation)
    try:
        catalogue = build_catalogue(settings, codecs, index=index)
    except StartError:
        isolation.close()
        raise
    return Engine(
        catalogue, codecs, (options, _frame_options(settings, options.limits)), (isolation.close, catalogue.close)
    )


def _frame_options(settings: Settings, limits: Limits) -> FrameOptions:
    return FrameOptions(
        cache=settings.cache,
        cache_bytes=settings.derived_cache_gb * 10**9,
        memory_bytes=settings.encoded_cache_mb * 1024 * 1024,
        limits=limits,
        threads=settings.threads,
        open_instances=settings.open_images,
    )


def _engine_options(settings: Settings, cache: Path | None) -> EngineOptions:
    return EngineOptions(
        limits=_limits(settings),
        encoded_cache_bytes=settings.encoded_cache_mb * 1024 * 1024,
        decoded_cache_bytes=settings.decoded_cache_mb * 1024 * 1024,
        threads=settings.threads,
        open_images=settings.open_images,
        cache=cache,
        derived_bytes=settings.derived_cache_gb * 10**9,
        codestream_bytes=settings.encoded_cache_mb * 1024 * 1024,
        watermark=_watermark(settings),
    )


def _watermark(settings: Settings) -> Watermark | None:
    if settings.watermark is None:
        return None
    try:
        return Watermark(settings.watermark, settings.watermark_opacity, settings.watermark_share)
    except (OSError, ValueError) as error:
        message = f"watermark {settings.watermark}: {error}"
        raise StartError(message) from error


def _limits(settings: Settings) -> Limits:
    return Limits(settings.view_pixels, settings.view_side, settings.view_tiles, settings.queue)


def _uploads(settings: Settings, tiles: Tiles) -> Uploads | None:
    """Only beside the engine: a gateway has no disk that the engine sees."""
    if settings.uploads is None or not isinstance(tiles, Engine):
        return None
    return tiles.uploads(settings.uploads, settings.upload_mb * 1024 * 1024)


def build_jpip(settings: Settings, tiles: Tiles, seat: Seat | None = None) -> JpipService | None:
    """JPIP over an engine in this process.

    :param seat: where there are other workers: sessions and rates are divided among them, and each finds the others'
    :raises StartError: a setting makes no sense, or an address cannot be had
    """
    if not isinstance(tiles, OffersCodestreams):
        return None
    count = seat.count if seat is not None else 1
    most_bytes = round(settings.jpip_request_mb * 1024 * 1024)
    if settings.jpip_transfer == "length":
        most_bytes = min(most_bytes or _MOST_AT_ONCE, _MOST_AT_ONCE)
    limits = JpipLimits(
        sessions=SessionLimits(
            -(-settings.jpip_sessions // count), lifetime=settings.jpip_lifetime, idle=settings.jpip_idle
        ),
        chunk_bytes=settings.jpip_chunk_kb * 1024,
        request_bytes=most_bytes,
        request_seconds=settings.jpip_request_seconds,
        requests=settings.jpip_requests,
        rate=settings.jpip_rate * 1024,
        client_rate=settings.jpip_client_rate * 1024,
    )
    rate = SharedBucket(seat.folder / "jpip-rate", limits.rate) if seat is not None and limits.rate else None
    prefix = f"{seat.number}." if seat is not None else ""
    server = JpipServer(Targets(tiles.codestreams).target, limits, time.monotonic, prefix, rate)
    try:
        shares = Shares(settings.jpip_delegates) if settings.jpip_delegates else None
    except ValueError as error:
        message = f"jpip_delegates: {error}"
        raise StartError(message) from error
    tcp = settings.jpip_tcp
    return JpipService(
        server,
        seat.others if seat is not None else {},
        shares,
        Transfer(settings.jpip_transfer),
        bind_jpip(tcp, seat.number if seat is not None else 0) if tcp is not None else None,
        settings.jpip_handshake,
    )


class _HasStatistics(Protocol):
    def statistics(self) -> Mapping[str, int]: ...


def build_heat(settings: Settings, tiles: Tiles, seat: Seat | None) -> LiveHeat | None:
    """Counts of what is looked at, where they are wanted: kept in the cache folder, shared by all processes.

    :raises StartError: their file cannot be had
    """
    if not settings.hotspots:
        return None
    from medtiles.hotspots.live import LiveHeat  # noqa: PLC0415 - most servers do not count

    folder = settings.cache or (seat.folder if seat is not None else None)
    try:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        return LiveHeat(folder / "hotspots.sqlite" if folder is not None else None, tiles.known_info)
    except OSError as error:
        raise StartError(str(error)) from error


def build_prefetcher(settings: Settings, tiles: Tiles) -> Prefetcher | None:
    """Makes tiles before they are asked for, where that is wanted and the engine is in this process."""
    if not settings.prefetch or not isinstance(tiles, Engine):
        return None
    from medtiles.hotspots.prefetching import Prefetcher  # noqa: PLC0415 - most servers do not
    from medtiles.protocols.http import TILES  # noqa: PLC0415

    return Prefetcher(tiles, TILES, _limits(settings))


def build_recorder(
    settings: Settings,
    *parts: _HasStatistics | None,
    takers: Sequence[Callable[[list[Answer]], object]] = (),
) -> Recorder:
    """Counts answers for /metrics, and writes the access log when there is one.

    :param parts: whose figures are shown too; None: there is no such part
    :param takers: take every batch of answers too
    """

    def gauges() -> dict[str, float]:
        found = {name: value for part in parts if part is not None for name, value in part.statistics().items()}
        return {f"medtiles_{name}": value for name, value in found.items()}

    log = LogFile(settings.access_log) if settings.access_log else None
    line = format_json if settings.access_log_format == "json" else format_combined
    return Recorder(Metrics(gauges), log, line, takers)


def build_gateway(
    settings: Settings,
    tiles: Tiles,
    recorder: Recorder,
    is_ready: Callable[[], bool],
    jpip: JpipService | None = None,
    heat: Heat | None = None,
) -> Gateway:
    """The HTTP application over an engine in this process or far away."""
    options = GatewayOptions(
        origins=settings.cors_origins,
        hosts=settings.accepted_hosts,
        max_age=settings.max_age,
        timeout=settings.request_timeout,
        limits=_limits(settings),
        rights=settings.rights,
        uploads=_uploads(settings, tiles),
        jpip=jpip,
        heat=heat,
        record=recorder.record,
        metrics=recorder.scrape,
        is_ready=is_ready,
    )
    return gateway(tiles, options)
