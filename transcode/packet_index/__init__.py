"""Where every packet of a JPEG 2000 or HTJ2K codestream lies, found without decoding (ISO/IEC 15444-1 Annex B).

Theory of operation. `coding` reads from the headers how each tile-component is coded and in which order the packets of
a tile come; `layout` divides a tile into precincts, their subbands and code-blocks (B.5 to B.9); `order` puts its
packets in the order of the file (B.12). Then `walking` goes from packet to packet: by the lengths that PLT states,
where they add up to the bytes that there are, else by reading packet headers (`packet_header`, B.10), which say how
long bodies are; that module is compiled while the project is installed (`build`), where there is a C compiler.
`PacketIndex` does all this for a tile when it is first asked for, as far as the resolution that is wanted, and keeps
what it found within a bound of memory, and that of large tiles as bytes wherever its user likes (`kept`).
"""

from transcode.packet_index import packet_header
from transcode.packet_index.coding import ComponentCoding, TileCoding, Volume
from transcode.packet_index.index import PacketIndex, TileIndex
from transcode.packet_index.kept import FORMAT, KeptTiles
from transcode.packet_index.layout import PrecinctGrid, TileLayout

__all__ = [
    "FORMAT",
    "ComponentCoding",
    "KeptTiles",
    "PacketIndex",
    "PrecinctGrid",
    "TileCoding",
    "TileIndex",
    "TileLayout",
    "Volume",
    "is_compiled",
]


def is_compiled() -> bool:
    """Whether packet headers are read by compiled code."""
    return not packet_header.__file__.endswith(".py")
