"""The structure of a JPEG 2000 or HTJ2K codestream, read without decoding (ISO/IEC 15444-1 Annex A, 15444-15).

Theory of operation. A codestream is a main header, then tile-parts, then EOC. `parse` walks it from marker to marker:
`segments` turns the bytes of one marker segment into a value of `markers`; tile-parts are stepped over by their
stated length, so a large file costs one short read for each of them. All that the bytes claim is checked against the
bytes that there are before it is believed: hostile bytes raise CorruptFrameError, in time linear in their number.
On the structure stand `resolutions` (where each resolution is complete), `sanity` (the gate before native decoders),
`features` (what no decoder here reads), `subsampling` (components that all have fewer samples than the reference grid),
`rpcl` (the rules of HTJ2K by resolution), `tile_cut` (one tile as a codestream of its own), `halving` (headers with
fewer resolutions) and `prefix` (a beginning as a smaller one).
"""

from transcode.codestream.features import require_decodable
from transcode.codestream.markers import Cap, Cod, Codestream, Component, Qcd, Siz, TilePart, TlmEntry
from transcode.codestream.parser import parse
from transcode.codestream.prefix import prefix_codestream
from transcode.codestream.resolutions import ResolutionEnd, resolution_ends, resolution_ends_of
from transcode.codestream.rpcl import rpcl_faults
from transcode.codestream.sanity import require_sane
from transcode.codestream.subsampling import without_subsampling
from transcode.codestream.tile_cut import can_cut, cut_tile

__all__ = [
    "Cap",
    "Cod",
    "Codestream",
    "Component",
    "Qcd",
    "ResolutionEnd",
    "Siz",
    "TilePart",
    "TlmEntry",
    "can_cut",
    "cut_tile",
    "parse",
    "prefix_codestream",
    "require_decodable",
    "require_sane",
    "resolution_ends",
    "resolution_ends_of",
    "rpcl_faults",
    "without_subsampling",
]
