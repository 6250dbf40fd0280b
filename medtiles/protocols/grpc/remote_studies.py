"""The studies of a far engine."""

from __future__ import annotations

import json
from collections.abc import Iterator

from medtiles.api.v1 import studies_pb2 as pb
from medtiles.core.errors import MedTilesError
from medtiles.core.studies import DicomJson, Instance, Scope, SearchPage, StudyQuery
from medtiles.protocols.grpc import study_messages as messages
from medtiles.protocols.grpc.lines import Lines, call, stream


class RemoteStudies:
    """The Studies of a far engine. Safe to call from several threads; errors are those of `RemoteTiles`."""

    def __init__(self, lines: Lines, timeout: float, stream_timeout: float) -> None:
        """Seconds that one answer may take, and that a file may take from its first to its last byte."""
        self._lines = lines
        self._timeout = timeout
        self._stream_timeout = stream_timeout

    def search(self, query: StudyQuery) -> SearchPage:
        """Find studies, series or instances, page by page until there are as many as wanted."""
        found: list[DicomJson] = []
        while True:
            left = query.limit - len(found)
            message = messages.search_request(query, query.offset + len(found), left)
            page = call(self._lines.line.studies.SearchStudies, message, self._timeout)
            found += map(json.loads, page.found[: max(0, left)])
            if len(found) >= query.limit or not page.next_page_token:
                return SearchPage(tuple(found), page.total_size, page.is_scanning)

    def instances(self, scope: Scope) -> tuple[Instance, ...]:
        """All instances of a scope."""
        message = pb.ListInstancesRequest(scope=messages.scope(scope))
        answer = call(self._lines.line.studies.ListInstances, message, self._timeout)
        return tuple(map(messages.instance_of, answer.instances))

    def metadata(self, instance: Instance) -> DicomJson:
        """Its data set without bulk data."""
        message = pb.GetMetadataRequest(instance=_scope(instance), version=instance.version)
        answer = call(self._lines.line.studies.GetMetadata, message, self._timeout)
        found: DicomJson = json.loads(answer.metadata)
        return found

    def bulk_data(self, instance: Instance, path: str) -> bytes:
        """The value that a BulkDataURI of its metadata stands for."""
        message = pb.GetBulkDataRequest(instance=_scope(instance), version=instance.version, path=path)
        return bytes(call(self._lines.line.studies.GetBulkData, message, self._timeout).data)

    def file(self, instance: Instance) -> tuple[int, Iterator[bytes]]:
        """Its file as it is stored: length in bytes, and the bytes, piece by piece."""
        message = pb.ReadInstanceRequest(instance=_scope(instance), version=instance.version)
        answers = stream(self._lines.line.studies.ReadInstance, message, self._stream_timeout)
        first = next(answers, None)
        if first is None:
            problem = "the server answered without saying how long the file is"
            raise MedTilesError(problem)
        return first.total_bytes, _chunks(answers)


def _chunks(answers: Iterator[pb.ReadInstanceResponse]) -> Iterator[bytes]:
    for answer in answers:
        yield answer.chunk


def _scope(instance: Instance) -> pb.Scope:
    return messages.scope(Scope(instance.study, instance.series, instance.uid))
