"""What a codestream uses that neither OpenJPEG nor OpenJPH decodes, told before one of them is asked.

Both read high-throughput code-blocks (ISO/IEC 15444-15) of a single HT set, in a single quality layer. A codestream
that uses more is as the standard wants it, and not damaged. Part 2 (15444-2) has wavelets of its own. Components that
all have fewer samples than the reference grid are read as far as `subsampling` can.
"""

from __future__ import annotations

from collections.abc import Iterator

from transcode.codestream.markers import Codestream, Marker
from transcode.codestream.subsampling import has_whole_tiles
from transcode.errors import UnsupportedFeatureError

_MIXED, _MULTIHT = 0xC000, 0x2000
"""Of Ccap15 (15444-15 A.3): bits 14 and 15, bit 13."""


def require_decodable(codestream: Codestream) -> None:
    """Let a codestream through that uses only what the decoders here read.

    :raises UnsupportedFeatureError: naming each feature and the marker that tells it
    """
    if features := list(_undecoded(codestream)):
        message = f"{'HTJ2K' if codestream.is_htj2k else 'JPEG 2000'} with {' and '.join(features)}"
        raise UnsupportedFeatureError(message)


def _undecoded(codestream: Codestream) -> Iterator[str]:
    cod = codestream.cod
    if cod.transformation > 1:
        yield f"a wavelet of Part 2 (COD: transformation {cod.transformation})"
    if not has_whole_tiles(codestream):
        yield "subsampled components in tiles that begin between samples (SIZ)"
    if not codestream.is_htj2k:
        return
    ccap15 = codestream.cap.ccap15 if codestream.cap else 0
    if ccap15 & _MIXED == _MIXED or cod.is_mixed:
        yield "code-blocks of both coders side by side (MIXED: Ccap15 bits 14 and 15)"
    if ccap15 & _MULTIHT:
        yield "several HT sets in a code-block (MULTIHT: Ccap15 bit 13)"
    if _has_region_of_interest(codestream):
        yield "a region of interest (RGN: Ccap15 bit 12)"
    if cod.layers > 1:
        yield f"HT code-blocks in {cod.layers} quality layers (COD)"


def _has_region_of_interest(codestream: Codestream) -> bool:
    return Marker.RGN in codestream.markers or any(Marker.RGN in part.markers for part in codestream.tile_parts)
