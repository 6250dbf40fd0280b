"""A main header: what lies before the first tile-part, and what that says of all of them (ISO/IEC 15444-1 Annex A)."""

from __future__ import annotations

from transcode.codestream import Siz
from transcode.codestream.headers import POINTERS, Segment, main_segments
from transcode.codestream.markers import Cod, Marker
from transcode.codestream.segments import read_cod, read_siz, refuse
from transcode.packet_index.coding import Codings


class MainHeader:
    """Its segments, read."""

    def __init__(self, data: bytes) -> None:
        """Read it.

        :param data: from SOC up to but excluding the first SOT
        :raises CorruptFrameError: it is none
        """
        self.segments: list[Segment] = main_segments(data)
        if data[:2] != b"\xff\x4f" or not self.segments or self.segments[0].code != Marker.SIZ:
            raise refuse("SIZ", 2, "SOC and SIZ come first")
        cod = next((each for each in self.segments if each.code == Marker.COD), None)
        if cod is None:
            raise refuse("COD", len(data), "the main header has none")
        self.siz: Siz = read_siz(self.segments[0].body, 2)
        self.cod: Cod = read_cod(cod.body, cod.offset)
        self.codings = Codings(len(self.siz.components), self.segments)
        self._start = data[:2]

    def plain(self, *, keeps_packet_headers: bool = False) -> bytes:
        """The bytes without what points into the file.

        :param keeps_packet_headers: those that are packed into it (PPM) stay
        """
        dropped = POINTERS if keeps_packet_headers else POINTERS | {Marker.PPM}
        return self._start + b"".join(each.data for each in self.segments if each.code not in dropped)
