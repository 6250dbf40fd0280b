"""The gRPC server: port, limits, TLS, health, reflection, graceful stop."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import cast

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from medtiles.access_log import Answer
from medtiles.api.v1 import (
    dicom_frames_pb2,
    dicom_frames_pb2_grpc,
    images_pb2,
    images_pb2_grpc,
    studies_pb2,
    studies_pb2_grpc,
    tiles_pb2,
    tiles_pb2_grpc,
    viewport_pb2,
    viewport_pb2_grpc,
)
from medtiles.core.heat import Heat
from medtiles.core.tiles import Tiles
from medtiles.protocols.grpc.calls import Edge
from medtiles.protocols.grpc.frame_servicer import FrameServicer
from medtiles.protocols.grpc.image_servicer import ImageServicer
from medtiles.protocols.grpc.pictures import Pictures
from medtiles.protocols.grpc.servicer import TileServicer
from medtiles.protocols.grpc.study_servicer import StudyServicer
from medtiles.protocols.grpc.threads import Threads
from medtiles.protocols.grpc.tls import Tls
from medtiles.protocols.grpc.viewport_servicer import ViewportServicer
from medtiles.protocols.grpc.viewport_stream import Patience

__all__ = ["GrpcLimits", "GrpcServer", "Tls", "serve_grpc"]

_SERVICES = (
    images_pb2.DESCRIPTOR.services_by_name["ImageService"].full_name,
    tiles_pb2.DESCRIPTOR.services_by_name["TileService"].full_name,
    studies_pb2.DESCRIPTOR.services_by_name["StudyService"].full_name,
    dicom_frames_pb2.DESCRIPTOR.services_by_name["FrameService"].full_name,
    viewport_pb2.DESCRIPTOR.services_by_name["ViewportService"].full_name,
)
_SERVING = health_pb2.HealthCheckResponse.SERVING
_OVERALL = ""
_WATCHERS = ThreadPoolExecutor(1, thread_name_prefix="health")
"""Of all servers of the process: the library keeps it at its class. Its thread starts with the first who watches."""


@dataclass(frozen=True, slots=True)
class GrpcLimits:
    """What clients may take."""

    request_bytes: int = 1024 * 1024
    """Of one message to the server."""
    metadata_bytes: int = 16 * 1024
    """Of the headers of one call."""
    connection_streams: int = 128
    """Calls of one connection under way; more wait at the client."""
    calls: int = 1024
    """Calls of all connections that run or wait for a thread; more are refused with RESOURCE_EXHAUSTED."""
    viewports: int = 256
    """Viewers that may look at the same time; each costs two threads that mostly sleep."""
    unacknowledged_seconds: float = 30.0
    """While bytes are under way to a viewer that says nothing."""
    idle_viewport_seconds: float = 600.0
    """While nothing is."""
    seconds: float = 60.0
    """For one picture, when the client sets no deadline."""
    connection_age_seconds: int = 1800
    """Then a connection takes no new calls: clients open another, and find new processes and certificates."""
    connection_grace_seconds: int = 600
    """For the calls of such a connection to finish."""
    idle_ping_seconds: int = 60
    """Without a sign of life from a client until it is asked for one; it has 20 seconds to give it."""
    least_ping_seconds: int = 10
    """Between two pings of a client; one that pings more often is disconnected."""

    def channel_arguments(self) -> list[tuple[str, int]]:
        """The same in gRPC's words."""
        return [
            ("grpc.max_receive_message_length", self.request_bytes),
            ("grpc.max_send_message_length", -1),
            ("grpc.max_metadata_size", self.metadata_bytes),
            ("grpc.absolute_max_metadata_size", self.metadata_bytes),
            ("grpc.max_concurrent_streams", self.connection_streams),
            ("grpc.max_connection_age_ms", self.connection_age_seconds * 1000),
            ("grpc.max_connection_age_grace_ms", self.connection_grace_seconds * 1000),
            ("grpc.keepalive_time_ms", self.idle_ping_seconds * 1000),
            ("grpc.keepalive_timeout_ms", 20_000),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.min_recv_ping_interval_without_data_ms", self.least_ping_seconds * 1000),
            ("grpc.server_handshake_timeout_ms", 10_000),
        ]


class GrpcServer:
    """A server that answers calls until it is stopped or nobody holds it any more. Safe to use from several threads."""

    def __init__(
        self,
        server: grpc.Server,
        checks: health.HealthServicer,
        viewports: ViewportServicer,
        threads: Threads,
        port: int,
    ) -> None:
        """`server` has been started."""
        self.port = port
        """Where it listens."""
        self._server = server
        self._checks = checks
        self._viewports = viewports
        self._threads = threads

    def drain(self) -> None:
        """Tell those who ask for its health to go elsewhere; calls are still answered."""
        self._checks.enter_graceful_shutdown()

    def stop(self, grace: float = 30.0) -> None:
        """Drain, take no new calls, let those under way finish for so many seconds, then end them. Waits for it all."""
        self.drain()
        stopped = self._server.stop(grace)
        self._viewports.end_conversations()
        stopped.wait()
        self._viewports.close()
        self._threads.close()

    def wait(self) -> None:
        """Return when it has been stopped."""
        self._server.wait_for_termination()


def serve_grpc(  # noqa: PLR0913 - keywords, each with a default that serves
    tiles: Tiles,
    address: str,
    *,
    threads: int = 8,
    tls: Tls | None = None,
    reuse_port: bool = False,
    limits: GrpcLimits | None = None,
    record: Callable[[Answer], None] | None = None,
    heat: Heat | None = None,
) -> GrpcServer:
    """Answer calls on HOST:PORT (port 0: any free one) from now on.

    :param threads: calls that are answered at the same time; streams may take all but a quarter of them
    :param tls: without it, the connection is neither encrypted nor authenticated
    :param reuse_port: whether other processes of this server listen on the same port
    :param record: takes note of each answer
    :param heat: counts of what is looked at, where there are any
    :raises OSError: the address cannot be listened on, such as when another process does
    :raises ValueError: the files of TLS are no good
    """
    limits = limits or GrpcLimits()
    pool = Threads(threads)
    server = grpc.server(
        cast("ThreadPoolExecutor", pool),
        options=[("grpc.so_reuseport", int(reuse_port)), *limits.channel_arguments()],
        maximum_concurrent_rpcs=limits.calls,
    )
    edge = Edge(threading.BoundedSemaphore(max(1, threads - threads // 4)), limits.seconds, record)
    pictures = Pictures(tiles, edge)
    images_pb2_grpc.add_ImageServiceServicer_to_server(ImageServicer(pictures, heat), server)
    tiles_pb2_grpc.add_TileServiceServicer_to_server(TileServicer(pictures), server)
    studies_pb2_grpc.add_StudyServiceServicer_to_server(StudyServicer(tiles, edge), server)
    dicom_frames_pb2_grpc.add_FrameServiceServicer_to_server(FrameServicer(tiles, edge), server)
    viewports = ViewportServicer(
        pictures, limits.viewports, Patience(limits.unacknowledged_seconds, limits.idle_viewport_seconds)
    )
    viewport_pb2_grpc.add_ViewportServiceServicer_to_server(viewports, server)
    checks = _add_health(server)
    reflection.enable_server_reflection([*_SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME], server)
    port = _bind(server, address, tls)
    server.start()
    return GrpcServer(server, checks, viewports, pool, port)


def _add_health(server: grpc.Server) -> health.HealthServicer:
    """Health of the server and of each service (grpc.health.v1); those who watch it take no thread of the calls."""
    checks = health.HealthServicer(experimental_non_blocking=True, experimental_thread_pool=_WATCHERS)
    health_pb2_grpc.add_HealthServicer_to_server(checks, server)
    for service in (_OVERALL, *_SERVICES):
        checks.set(service, _SERVING)
    return checks


def _bind(server: grpc.Server, address: str, tls: Tls | None) -> int:
    credentials = tls.credentials() if tls is not None else None
    try:
        port = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
    except RuntimeError as error:
        raise _taken(address) from error
    if not port:
        raise _taken(address)
    return int(port)


def _taken(address: str) -> OSError:
    return OSError(errno.EADDRINUSE, f"cannot listen on {address} for gRPC: it is taken, or not of this machine")
