"""Outcomes of many tiles as messages: one after the other, or packed into as few as make sense."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from medtiles.api.v1 import tiles_pb2 as pb
from medtiles.protocols.grpc import messages
from medtiles.protocols.grpc.batches import Outcome
from medtiles.protocols.grpc.errors import problem
from medtiles.protocols.grpc.renditions import Rendition
from medtiles.protocols.status import INTERNAL, describe

_logger = logging.getLogger(__name__)

MOST_PACKED = 16
"""Tiles of one message of a stream."""
_MOST_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Results:
    """How the outcomes of one call are told."""

    keys: Sequence[pb.TileKey]
    rendition: Rendition
    version: str

    def put(self, result: pb.TileResult, index: int, outcome: Outcome) -> None:
        """Make a message say what became of a tile. What nobody foresaw is logged, once, here."""
        key = self.keys[index]
        result.index = index
        result.key.CopyFrom(key)
        if not isinstance(outcome, Exception):
            result.etag = self.rendition.entity_tag(self.version, messages.tile_key_of(key))
            messages.put_frame(result.frame, outcome)
            return
        status = describe(outcome)
        if status is INTERNAL:
            _logger.error("tile %s failed", messages.tile_key_of(key), exc_info=outcome)
        result.problem.CopyFrom(problem(status))

    def packed(self, outcomes: Iterable[tuple[int, Outcome] | None]) -> Iterator[pb.StreamTilesResponse]:
        """Messages of a stream. None among the outcomes: the next must be waited for, so what is there goes out."""
        response, size = pb.StreamTilesResponse(version=self.version), 0
        for each in outcomes:
            more = 0 if each is None or isinstance(each[1], Exception) else len(each[1].data)
            is_full = len(response.results) >= MOST_PACKED or size + more > _MOST_BYTES
            if response.results and (each is None or is_full):
                yield response
                response, size = pb.StreamTilesResponse(version=self.version), 0
            if each is not None:
                self.put(response.results.add(), *each)
                size += more
        if response.results:
            yield response
