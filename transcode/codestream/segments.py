"""The bytes of one marker segment → what they say. Each refuses what the standard does not allow."""

from __future__ import annotations

import struct

from transcode.codestream.markers import Cap, Cod, Component, Qcd, Siz, TlmEntry
from transcode.errors import CorruptFrameError

_PROGRESSIONS = ("LRCP", "RLCP", "RPCL", "PCRL", "CPRL")
_WHOLE_PRECINCTS = 15
_MOST_COMPONENTS = 16384
_MOST_DECOMPOSITIONS = 32
_MOST_DEPTH = 38
_MOST_TILES = 65535


def refuse(what: str, offset: int, why: str) -> CorruptFrameError:
    """The error for a marker segment that cannot be believed."""
    return CorruptFrameError(f"{what} at byte {offset}: {why}")


def _require(condition: bool, what: str, offset: int, why: str) -> None:
    if not condition:
        raise refuse(what, offset, why)


def read_siz(body: bytes, offset: int) -> Siz:
    """SIZ, without its marker and length (A.5.1).

    :raises CorruptFrameError: lengths disagree, or image, tiles or components make no picture
    """
    _require(len(body) >= 36, "SIZ", offset, f"{len(body)} bytes are too few")
    rsiz, x1, y1, x0, y0, tile_width, tile_height, tile_x0, tile_y0, count = struct.unpack_from(">H8IH", body)
    _require(1 <= count <= _MOST_COMPONENTS, "SIZ", offset, f"{count} components")
    _require(len(body) == 36 + 3 * count, "SIZ", offset, f"{len(body)} bytes for {count} components")
    _require(x0 < x1 and y0 < y1, "SIZ", offset, f"an image from {x0}, {y0} to {x1}, {y1}")
    for name, start, side, first in (("columns", tile_x0, tile_width, x0), ("rows", tile_y0, tile_height, y0)):
        _require(start <= first < start + side, "SIZ", offset, f"the first tile misses the image's {name}")
    components = tuple(_component(body, 36 + 3 * index, offset) for index in range(count))
    siz = Siz(rsiz, x1, y1, x0, y0, tile_width, tile_height, tile_x0, tile_y0, components)
    _require(siz.tile_count <= _MOST_TILES, "SIZ", offset, f"{siz.tile_count} tiles")
    return siz


def _component(body: bytes, at: int, offset: int) -> Component:
    ssiz, dx, dy = body[at : at + 3]
    depth = (ssiz & 0x7F) + 1
    _require(depth <= _MOST_DEPTH, "SIZ", offset, f"a component of {depth} bits")
    _require(dx > 0 and dy > 0, "SIZ", offset, f"a component with subsampling {dx} x {dy}")
    return Component(depth, bool(ssiz & 0x80), dx, dy)


def read_cap(body: bytes, offset: int) -> Cap:
    """CAP, without its marker and length.

    :raises CorruptFrameError: it has not one Ccap for each bit of Pcap
    """
    _require(len(body) >= 4, "CAP", offset, f"{len(body)} bytes are too few")
    (pcap,) = struct.unpack_from(">I", body)
    count = pcap.bit_count()
    _require(len(body) == 4 + 2 * count, "CAP", offset, f"{len(body)} bytes for {count} parts")
    return Cap(pcap, struct.unpack_from(f">{count}H", body, 4))


def read_cod(body: bytes, offset: int) -> Cod:
    """COD, without its marker and length (A.6.1).

    :raises CorruptFrameError: lengths disagree, or a value is out of its range
    """
    _require(len(body) >= 10, "COD", offset, f"{len(body)} bytes are too few")
    scod, progression, layers, mct, decompositions, xcb, ycb, style, transformation = struct.unpack_from(
        ">BBHBBBBBB", body
    )
    _require(progression < len(_PROGRESSIONS), "COD", offset, f"progression order {progression}")
    _require(layers > 0, "COD", offset, "no layers")
    _require(decompositions <= _MOST_DECOMPOSITIONS, "COD", offset, f"{decompositions} decompositions")
    _require(xcb <= 8 and ycb <= 8 and xcb + ycb <= 8, "COD", offset, f"code-blocks of 2^{xcb + 2} x 2^{ycb + 2}")
    return Cod(
        progression=_PROGRESSIONS[progression],
        layers=layers,
        mct=mct,
        decompositions=decompositions,
        block_width=4 << xcb,
        block_height=4 << ycb,
        block_style=style,
        transformation=transformation,
        precincts=_precincts(body[10:], decompositions, bool(scod & 1), offset),
        has_sop=bool(scod & 2),
        has_eph=bool(scod & 4),
    )


def _precincts(body: bytes, decompositions: int, are_given: bool, offset: int) -> tuple[tuple[int, int], ...]:
    wanted = decompositions + 1 if are_given else 0
    _require(len(body) == wanted, "COD", offset, f"{len(body)} precinct sizes, {wanted} expected")
    if not are_given:
        return ((_WHOLE_PRECINCTS, _WHOLE_PRECINCTS),) * (decompositions + 1)
    sizes = tuple((size & 15, size >> 4) for size in body)
    _require(all(x and y for x, y in sizes[1:]), "COD", offset, "a precinct of one sample above the lowest resolution")
    return sizes


def read_qcd(body: bytes, offset: int) -> Qcd:
    """QCD, without its marker and length (A.6.4).

    :raises CorruptFrameError: an unknown style, or a length that does not fit it
    """
    _require(len(body) > 1, "QCD", offset, f"{len(body)} bytes are too few")
    style, guard_bits = body[0] & 31, body[0] >> 5
    _require(style <= 2, "QCD", offset, f"quantization style {style}")
    width = 2 if style else 1
    count, rest = divmod(len(body) - 1, width)
    _require(rest == 0 and (style != 1 or count == 1), "QCD", offset, f"{len(body)} bytes for style {style}")
    return Qcd(style, guard_bits, struct.unpack_from(f">{count}{'H' if style else 'B'}", body, 1))


def read_tlm(body: bytes, offset: int) -> tuple[TlmEntry, ...]:
    """TLM, without its marker and length (A.7.1).

    :raises CorruptFrameError: it is not a whole number of entries of a size that the standard knows
    """
    _require(len(body) >= 2, "TLM", offset, f"{len(body)} bytes are too few")
    tile_bytes, is_long = body[1] >> 4 & 3, body[1] >> 6 & 1
    _require(tile_bytes < 3 and not body[1] & 0x8F, "TLM", offset, f"Stlm {body[1]:02X}")
    step = tile_bytes + (4 if is_long else 2)
    _require((len(body) - 2) % step == 0, "TLM", offset, f"{len(body)} bytes are not whole entries of {step}")
    return tuple(
        TlmEntry(
            int.from_bytes(body[at : at + tile_bytes]) if tile_bytes else None,
            int.from_bytes(body[at + tile_bytes : at + step]),
        )
        for at in range(2, len(body), step)
    )
