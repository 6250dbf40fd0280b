"""The way to a server: a connection with limits, pings, retries, TLS."""

from __future__ import annotations

import json

import grpc

from medtiles.api.v1 import dicom_frames_pb2, images_pb2, studies_pb2, tiles_pb2
from medtiles.protocols.grpc.tls import ClientTls

_MOST_BYTES = 512 * 1024 * 1024
"""Of one message that is taken: as much as a server may send with its default limits."""
_SERVICES = (
    images_pb2.DESCRIPTOR.services_by_name["ImageService"].full_name,
    tiles_pb2.DESCRIPTOR.services_by_name["TileService"].full_name,
    studies_pb2.DESCRIPTOR.services_by_name["StudyService"].full_name,
    dicom_frames_pb2.DESCRIPTOR.services_by_name["FrameService"].full_name,
)
_RETRIES = {
    "methodConfig": [
        {
            "name": [{"service": service} for service in _SERVICES],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.1s",
                "maxBackoff": "2s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
    "retryThrottling": {"maxTokens": 20, "tokenRatio": 0.2},
}
"""Every verb may be repeated without harm. A server that refuses much is asked less."""


def open_channel(address: str, tls: ClientTls | None = None) -> grpc.Channel:
    """A connection of its own to HOST:PORT, made when it is first needed and again when it is lost.

    :raises ValueError: the files of TLS are no good
    """
    options: list[tuple[str, int | str]] = [
        ("grpc.max_receive_message_length", _MOST_BYTES),
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.service_config", json.dumps(_RETRIES)),
    ]
    if tls is None:
        return grpc.insecure_channel(address, options)
    if tls.server_name:
        options.append(("grpc.ssl_target_name_override", tls.server_name))
    return grpc.secure_channel(address, tls.credentials(), options)
