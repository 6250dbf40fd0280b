"""Messages in, `Studies`, messages out: the verbs of DICOM instances."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, Protocol

import grpc

from medtiles.api.v1 import studies_pb2 as pb
from medtiles.api.v1.studies_pb2_grpc import StudyServiceServicer
from medtiles.core.errors import BadRequestError
from medtiles.core.studies import Instance, Studies
from medtiles.core.tiles import Tiles
from medtiles.protocols.grpc import study_messages as messages
from medtiles.protocols.grpc.calls import Edge, stream, unary
from transcode.errors import FileChangedError

_CHUNK = 1024 * 1024


class _Names(Protocol):
    """A request about one instance."""

    @property
    def instance(self) -> pb.Scope: ...
    @property
    def version(self) -> str: ...


class StudyServicer(StudyServiceServicer):
    """medtiles.api.v1.StudyService."""

    def __init__(self, tiles: Tiles, edge: Edge) -> None:
        self._tiles = tiles
        self._edge = edge

    @property
    def edge(self) -> Edge:
        """What all calls of the server share."""
        return self._edge

    @property
    def _studies(self) -> Studies:
        return self._tiles.studies

    @unary
    def SearchStudies(  # noqa: N802
        self,
        request: pb.SearchStudiesRequest,
        context: grpc.ServicerContext,  # noqa: ARG002 - the port of gRPC
    ) -> pb.SearchStudiesResponse:
        """One page of a search."""
        query = messages.query_of(request, _offset(request) if request.page_token else 0)
        page = self._studies.search(query)
        end = query.offset + len(page.found)
        has_more = bool(page.found) and end < page.total
        return pb.SearchStudiesResponse(
            found=[_json(each) for each in page.found],
            next_page_token=_token(request, end - request.skip) if has_more else "",
            total_size=page.total,
            is_scanning=page.is_scanning,
        )

    @unary
    def ListInstances(  # noqa: N802
        self,
        request: pb.ListInstancesRequest,
        context: grpc.ServicerContext,  # noqa: ARG002
    ) -> pb.ListInstancesResponse:
        """All instances of a scope."""
        found = self._studies.instances(messages.scope_of(request.scope))
        return pb.ListInstancesResponse(instances=map(messages.instance, found))

    @unary
    def GetMetadata(  # noqa: N802
        self,
        request: pb.GetMetadataRequest,
        context: grpc.ServicerContext,  # noqa: ARG002
    ) -> pb.GetMetadataResponse:
        """The data set of an instance without bulk data."""
        return pb.GetMetadataResponse(metadata=_json(self._studies.metadata(self._instance(request))))

    @unary
    def GetBulkData(  # noqa: N802
        self,
        request: pb.GetBulkDataRequest,
        context: grpc.ServicerContext,  # noqa: ARG002
    ) -> pb.GetBulkDataResponse:
        """A value."""
        return pb.GetBulkDataResponse(data=self._studies.bulk_data(self._instance(request), request.path))

    @stream
    def ReadInstance(  # noqa: N802
        self,
        request: pb.ReadInstanceRequest,
        context: grpc.ServicerContext,  # noqa: ARG002
    ) -> Iterator[pb.ReadInstanceResponse]:
        """A file."""
        length, pieces = self._studies.file(self._instance(request))
        yield pb.ReadInstanceResponse(total_bytes=length)
        waiting = bytearray()
        for piece in pieces:
            waiting += piece
            if len(waiting) >= _CHUNK:
                yield pb.ReadInstanceResponse(chunk=bytes(waiting))
                waiting.clear()
        if waiting:
            yield pb.ReadInstanceResponse(chunk=bytes(waiting))

    def _instance(self, request: _Names) -> Instance:
        """The one instance that a request names.

        :raises BadRequestError: it does not name one
        :raises ImageNotFoundError, FileChangedError: there is none, or it is of another version
        """
        scope = messages.scope_of(request.instance)
        if not (scope.study and scope.series and scope.instance):
            message = "instance: name the study, the series and the instance"
            raise BadRequestError(message)
        found = self._studies.instances(scope)[0]
        if request.version and request.version != found.version:
            message = "the instance was replaced; ask again"
            raise FileChangedError(message)
        return found


def _json(value: Any) -> str:  # noqa: ANN401 - any JSON
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _token(request: pb.SearchStudiesRequest, offset: int) -> str:
    asked = pb.SearchStudiesRequest()
    asked.CopyFrom(request)
    for name in ("page_size", "page_token", "skip"):
        asked.ClearField(name)
    return f"{offset:x}-{blake2b(asked.SerializeToString(deterministic=True), digest_size=6).hexdigest()}"


def _offset(request: pb.SearchStudiesRequest) -> int:
    try:
        offset = int(request.page_token[:8].partition("-")[0], 16)
    except ValueError:
        offset = -1
    if offset < 0 or request.page_token != _token(request, offset):
        message = "page_token is of no search like this"
        raise BadRequestError(message)
    return offset
