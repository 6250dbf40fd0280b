"""How many packets each resolution has, and how long PLT says they are (ISO/IEC 15444-1 B.3 to B.7, A.7.3)."""

from __future__ import annotations

from collections.abc import Iterator

from transcode.codestream.markers import Cod, Component, Siz

_MORE = 0x80
_SEVEN_BITS = 0x7F


def _ceil_shift(value: int, shift: int) -> int:
    return -(-value >> shift)


def precinct_count(component: Component, tile: tuple[int, int, int, int], cod: Cod, j2k_resolution: int) -> int:
    """Precincts of one resolution of one component of a tile (B-14, B-15, B-16)."""
    shift = cod.decompositions - j2k_resolution
    ppx, ppy = cod.precincts[j2k_resolution]
    count = 1
    for first, last, step, exponent in (
        (tile[0], tile[2], component.dx, ppx),
        (tile[1], tile[3], component.dy, ppy),
    ):
        start, end = _ceil_shift(-(-first // step), shift), _ceil_shift(-(-last // step), shift)
        count *= _ceil_shift(end, exponent) - (start >> exponent) if end > start else 0
    return count


def packet_counts(siz: Siz, cod: Cod, tile: int) -> tuple[int, ...]:
    """Packets of each resolution of a tile, coarsest first: one for each precinct and layer."""
    bounds = siz.tile_bounds(tile)
    alike: dict[Component, int] = {}
    for component in siz.components:
        alike[component] = alike.get(component, 0) + 1
    return tuple(
        cod.layers * sum(number * precinct_count(component, bounds, cod, r) for component, number in alike.items())
        for r in range(cod.decompositions + 1)
    )


def packet_lengths(packed: bytes) -> Iterator[int]:
    """The lengths that PLT bodies hold, seven bits a byte with the top bit set where more follow; no torn last one."""
    value = 0
    for byte in packed:
        value = value << 7 | byte & _SEVEN_BITS
        if not byte & _MORE:
            yield value
            value = 0
        elif value >> 32:
            return
