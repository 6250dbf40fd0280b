"""A server for benchmarks: `floor BYTES` sends one constant message, `kept` or `read` FILE tiles, `frames` FILE."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc

from medtiles.api.v1 import frames_pb2, tiles_pb2, tiles_pb2_grpc
from medtiles.app.heap import tune_heap
from medtiles.core.source import Source
from medtiles.core.studies import Studies
from medtiles.core.tiles import ImagePage, ImageQuery
from medtiles.engine.engine import EngineOptions, TileEngine
from medtiles.engine.frames import FrameEngine
from medtiles.protocols.grpc.server import GrpcLimits, GrpcServer, serve_grpc
from medtiles.sources.tiff import FORMAT
from tests.instances import Files
from tests.no_studies import NoStudies
from transcode.codecs import builtin

THREADS = 8


class Empty(tiles_pb2_grpc.TileServiceServicer):
    """The least that a servicer can do for answers of this size."""

    def __init__(self, size: int) -> None:
        format_ = frames_pb2.PixelFormat(
            samples_per_pixel=3, bits_allocated=8, bits_stored=8, photometric="YBR_FULL_422"
        )
        frame = frames_pb2.EncodedFrame(
            data=bytes(size), media_type="image/jpeg", encoding="jpeg", width=256, height=256, format=format_
        )
        self.one = tiles_pb2.GetTileResponse(frame=frame)
        self.many = tiles_pb2.StreamTilesResponse(results=[tiles_pb2.TileResult(index=1, frame=frame)])

    def GetTile(  # noqa: N802 - gRPC's form
        self, request: tiles_pb2.GetTileRequest, context: grpc.ServicerContext
    ) -> tiles_pb2.GetTileResponse:
        return self.one

    def StreamTiles(  # noqa: N802
        self, request: tiles_pb2.StreamTilesRequest, context: grpc.ServicerContext
    ) -> Iterator[tiles_pb2.StreamTilesResponse]:
        for _ in request.keys:
            yield self.many


class One:
    """A catalogue of one file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known = ""
        self.studies: Studies = NoStudies()

    def images(self, query: ImageQuery) -> ImagePage:
        return ImagePage((), 0)

    def open(self, image: str) -> Source:
        source = FORMAT.open([self.path])
        self.known = source.info.version
        return source

    def version(self, image: str) -> str:
        return self.known


def floor(size: int) -> tuple[int, grpc.Server]:
    """Serve constant messages; the port, and the server, which ends when it is let go."""
    options = [("grpc.so_reuseport", 0), *GrpcLimits().channel_arguments()]
    server = grpc.server(ThreadPoolExecutor(THREADS), options=options)
    tiles_pb2_grpc.add_TileServiceServicer_to_server(Empty(size), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return int(port), server


def ours(path: Path, cache: int) -> tuple[int, GrpcServer]:
    """Serve a slide, with so many bytes for finished tiles; without, each is read from the file."""
    engine = TileEngine(One(path), builtin(), EngineOptions(encoded_cache_bytes=cache))
    server = serve_grpc(engine, "127.0.0.1:0", threads=THREADS)
    return server.port, server


def frames(path: Path) -> tuple[int, GrpcServer]:
    """Serve the frames of a DICOM file."""
    files, catalogue = Files([path]), One(path)
    catalogue.studies = files
    engine = TileEngine(catalogue, builtin(), frames=FrameEngine(files, builtin()))
    server = serve_grpc(engine, "127.0.0.1:0", threads=THREADS)
    return server.port, server


def stay_on(core: int) -> set[int]:
    """Keep this process on one core; where it was before. The scheduler's moves cost more than what is measured."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(before)[core % len(before)]})
    return before


if __name__ == "__main__":
    stay_on(0)
    which, argument = sys.argv[1:]
    tune_heap()
    if which == "floor":
        made: tuple[int, object] = floor(int(argument))
    elif which == "frames":
        made = frames(Path(argument))
    else:
        made = ours(Path(argument), EngineOptions().encoded_cache_bytes if which == "kept" else 0)
    port, server = made
    print(port, flush=True)
    threading.Event().wait()
