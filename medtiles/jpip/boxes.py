"""The metadata-bins of a target: its boxes, some of them replaced by placeholders (ISO/IEC 15444-9 A.3.6)."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

from medtiles.jpip.bins import DataBin, Piece, Read, text_bin
from medtiles.jpip.messages import BinClass
from medtiles.jpip.request import MetadataBoxes
from transcode.jp2_boxes import Box

_IN_PLACE = 4096
"""Bytes of a box that stays where it is; what is longer becomes a data-bin of its own."""
_ALWAYS_IN_PLACE = frozenset({"jP  ", "ftyp", "jp2h"})
_CODESTREAM = "jp2c"
_CONTENTS, _AS_CODESTREAM = 1, 4
"""Flags of a placeholder: where the contents of the box are; which codestream it stands for."""


class MetadataBins:
    """What a target says besides its codestreams."""

    def __init__(self, boxes: Sequence[Box] = (), read: Read | None = None) -> None:
        """Begin.

        :param boxes: of the top level, in the order of the file; none for a bare codestream
        :param read: bytes of the file
        """
        pieces: list[Piece] = []
        self._others: dict[int, tuple[Box, DataBin]] = {}
        codestreams = 0
        for box in boxes:
            assert read is not None
            if box.kind == _CODESTREAM:
                pieces.append(_piece(_placeholder(_AS_CODESTREAM, 0, read(box.offset, box.header_length), codestreams)))
                codestreams += 1
            elif box.length <= _IN_PLACE or box.kind in _ALWAYS_IN_PLACE:
                pieces.append(Piece(box.length, box.offset))
            else:
                number = len(self._others) + 1
                pieces.append(_piece(_placeholder(_CONTENTS, number, read(box.offset, box.header_length))))
                body = Piece(box.length - box.header_length, box.offset + box.header_length)
                self._others[number] = box, DataBin(BinClass.METADATA, number, (body,), read)
        root = text_bin(BinClass.METADATA, 0, b"")
        self.root = DataBin(BinClass.METADATA, 0, tuple(pieces), read or root.reader)

    def asked(self, wanted: Iterable[MetadataBoxes]) -> list[DataBin]:
        """The data-bins of boxes that a request names (`metareq`), the root left out."""
        kinds = {kind for each in wanted if each.root_bin == 0 for kind in each.kinds}
        by_number = {each.root_bin for each in wanted}
        return [
            found
            for number, (box, found) in self._others.items()
            if number in by_number or not kinds.isdisjoint({box.kind, "*"})
        ]


def _piece(data: bytes) -> Piece:
    return Piece(len(data), -1, data)


def _placeholder(flags: int, number: int, header: bytes, codestream: int | None = None) -> bytes:
    """A placeholder box (A.3.6.3): the header of the box that it stands for, and where its contents are."""
    body = struct.pack(">IQ", flags, number) + header
    if codestream is not None:
        body += struct.pack(">QQQ", 0, 0, codestream)
    return struct.pack(">I4s", 8 + len(body), b"phld") + body
