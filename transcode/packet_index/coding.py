"""How the components of a tile are coded, and in which order their packets come: COD, COC, POC, of the main header and
of the tile's own (ISO/IEC 15444-1 A.6).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from transcode.codestream.headers import Segment
from transcode.codestream.markers import Cod, Marker
from transcode.codestream.segments import read_cod, refuse

_WIDE_COMPONENTS = 257
"""From so many components on, their indexes have two bytes."""
_ALL = 1 << 14
_MOST_VOLUMES = 256
_PROGRESSIONS = ("LRCP", "RLCP", "RPCL", "PCRL", "CPRL")


@dataclass(frozen=True, slots=True)
class ComponentCoding:
    """How one component of a tile is coded."""

    decompositions: int
    block_width: int
    block_height: int
    block_style: int
    precincts: tuple[tuple[int, int], ...]
    """PPx and PPy for each resolution, coarsest first."""


@dataclass(frozen=True, slots=True)
class Volume:
    """A progression order and what it goes through (A.6.6). Packets that came before are left out."""

    progression: str
    first_resolution: int
    end_resolution: int
    first_component: int
    end_component: int
    end_layer: int


@dataclass(frozen=True, slots=True)
class TileCoding:
    """How a tile is coded."""

    layers: int
    may_have_sop: bool
    has_eph: bool
    components: tuple[ComponentCoding, ...]
    volumes: tuple[Volume, ...]


class _Reading:
    """What the segments read so far say of each component."""

    def __init__(self, components: int) -> None:
        self._count = components
        self.cod: Cod | None = None
        self.own: dict[int, ComponentCoding] = {}
        """By COC."""
        self.volumes: tuple[Volume, ...] = ()

    def copy(self) -> _Reading:
        other = _Reading(self._count)
        other.cod, other.own, other.volumes = self.cod, dict(self.own), self.volumes
        return other

    def take(self, segments: Iterable[Segment], *, of_tile: bool) -> None:
        """COD before COC, wherever they stand; those of a tile before those of the main header (A.6.1, A.6.2)."""
        segments = list(segments)
        for segment in segments:
            if segment.code == Marker.COD:
                self.cod = read_cod(segment.body, segment.offset)
                if of_tile:
                    self.own.clear()
        for segment in segments:
            if segment.code == Marker.COC:
                self._take_coc(segment)
        poc = [segment for segment in segments if segment.code == Marker.POC]
        volumes = [volume for segment in poc for volume in self._read_poc(segment)]
        if len(volumes) > _MOST_VOLUMES:
            raise refuse(
                "POC", poc[0].offset, f"{len(volumes)} changes of the progression order, {_MOST_VOLUMES} are read"
            )
        self.volumes = tuple(volumes) or self.volumes

    def _take_coc(self, segment: Segment) -> None:
        wide = 2 if self._count >= _WIDE_COMPONENTS else 1
        component = int.from_bytes(segment.body[:wide])
        if len(segment.body) < wide + 6 or component >= self._count:
            raise refuse("COC", segment.offset, f"component {component} of {self._count}")
        style, rest = segment.body[wide], segment.body[wide + 1 :]
        self.own[component] = _coding(read_cod(bytes((style & 1, 0, 0, 1, 0)) + rest, segment.offset))

    def _read_poc(self, segment: Segment) -> Iterable[Volume]:
        wide = 2 if self._count >= _WIDE_COMPONENTS else 1
        body, step = segment.body, 5 + 2 * wide
        if not body or len(body) % step:
            raise refuse("POC", segment.offset, f"{len(body)} bytes are not whole entries of {step}")
        for at in range(0, len(body), step):
            entry = body[at : at + step]
            start = int.from_bytes(entry[1 : 1 + wide])
            end = int.from_bytes(entry[4 + wide : 4 + 2 * wide]) or _ALL
            if entry[-1] >= len(_PROGRESSIONS):
                raise refuse("POC", segment.offset, f"progression order {entry[-1]}")
            layers = int.from_bytes(entry[1 + wide : 3 + wide])
            yield Volume(_PROGRESSIONS[entry[-1]], entry[0], entry[3 + wide], start, end, layers)

    def coding(self) -> TileCoding:
        """All of it. The main header has a COD; the parser made sure of that."""
        assert self.cod is not None
        usual = _coding(self.cod)
        everything = Volume(self.cod.progression, 0, 33, 0, _ALL, self.cod.layers)
        return TileCoding(
            layers=self.cod.layers,
            may_have_sop=self.cod.has_sop,
            has_eph=self.cod.has_eph,
            components=tuple(self.own.get(component, usual) for component in range(self._count)),
            volumes=tuple(replace(each, end_layer=min(each.end_layer, self.cod.layers)) for each in self.volumes)
            or (everything,),
        )


class Codings:
    """The coding of each tile of a codestream."""

    def __init__(self, components: int, main: Iterable[Segment]) -> None:
        """Read the segments of the main header.

        :raises CorruptFrameError: COD, COC or POC say what the standard does not allow
        """
        self._main = _Reading(components)
        self._main.take(main, of_tile=False)

    def of_tile(self, segments: list[Segment]) -> TileCoding:
        """The coding of a tile, given the segments of all its tile-part headers, in order.

        :raises CorruptFrameError: COD, COC or POC say what the standard does not allow
        """
        reading = self._main.copy()
        reading.take(segments, of_tile=True)
        return reading.coding()


def _coding(cod: Cod) -> ComponentCoding:
    return ComponentCoding(cod.decompositions, cod.block_width, cod.block_height, cod.block_style, cod.precincts)
