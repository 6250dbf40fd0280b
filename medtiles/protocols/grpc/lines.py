"""Connections to a far server: calls and streams with deadlines, their errors turned into ours."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import grpc

from medtiles.api.v1 import (
    dicom_frames_pb2_grpc,
    images_pb2,
    images_pb2_grpc,
    studies_pb2_grpc,
    tiles_pb2,
    tiles_pb2_grpc,
    viewport_pb2_grpc,
)
from medtiles.protocols.grpc.channel import open_channel
from medtiles.protocols.grpc.errors import error_of_call
from medtiles.protocols.grpc.tls import ClientTls


class Line:
    """One connection, and the verbs over it."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.channel = channel
        self.images = images_pb2_grpc.ImageServiceStub(channel)
        self.tiles = tiles_pb2_grpc.TileServiceStub(channel)
        self.frames = dicom_frames_pb2_grpc.FrameServiceStub(channel)
        self.studies = studies_pb2_grpc.StudyServiceStub(channel)
        self.viewports = viewport_pb2_grpc.ViewportServiceStub(channel)
        self._pictures = {
            tiles_pb2.GetTileRequest: self.tiles.GetTile,
            tiles_pb2.GetRegionRequest: self.tiles.GetRegion,
            images_pb2.GetAssociatedImageRequest: self.images.GetAssociatedImage,
        }

    def picture_verb(self, message: object) -> Any:  # noqa: ANN401 - generated stubs are untyped
        """The verb that a request for a picture belongs to."""
        return self._pictures[type(message)]


class Lines:
    """Some connections, used in turn. Safe to call from several threads."""

    def __init__(self, address: str, tls: ClientTls | None, count: int) -> None:
        """Connect to HOST:PORT when first used.

        :raises ValueError: the files of TLS are no good
        """
        self._all = tuple(Line(open_channel(address, tls)) for _ in range(count))
        self._turns = itertools.cycle(self._all)

    @property
    def line(self) -> Line:
        """The one whose turn it is."""
        return next(self._turns)

    def close(self) -> None:
        """End them; calls under way are cancelled."""
        for line in self._all:
            line.channel.close()


def call(verb: Any, message: object, timeout: float) -> Any:  # noqa: ANN401 - generated stubs are untyped
    """The answer of a verb; raises the error that the server met with, or that of `status.error_of`."""
    try:
        return verb(message, timeout=timeout)
    except grpc.RpcError as error:
        raise error_of_call(error) from error


def stream(verb: Any, message: object, timeout: float) -> Iterator[Any]:  # noqa: ANN401 - as above
    """The answers of a verb, cancelled when nobody takes them any more; raises as `call` does."""
    answers = verb(message, timeout=timeout)
    try:
        yield from answers
    except grpc.RpcError as error:
        raise error_of_call(error) from error
    finally:
        answers.cancel()
