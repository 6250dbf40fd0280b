"""How frames are written for good: an encoder for each target that an archive may be transcoded to.

A file for each family of encodings; a line for each target in the table below. What can be read is the matter of
`transcode.codecs`, and encoders of tiles for browsers too.
"""

from __future__ import annotations

from transcode.archive import htj2k, jpeg, jpeg2000, jpegls, jpegxl, raw
from transcode.archive.deflated import DeflatedFrameEncoder
from transcode.archive.encoder import ArchiveEncoders
from transcode.archive.rle import RleEncoder

__all__ = ["TARGETS", "ArchiveEncoders", "archive_encoders"]

_ENCODERS = ArchiveEncoders(
    (
        jpegls.JpegLsEncoder(),
        jpegls.NearLosslessEncoder(),
        htj2k.Htj2kEncoder(htj2k.LOSSLESS_RPCL),
        htj2k.Htj2kEncoder(htj2k.LOSSLESS),
        htj2k.Htj2kLossyEncoder(),
        jpeg.JpegEncoder(),
        jpeg.JpegExtendedEncoder(),
        jpegxl.JpegRepacker(),
        jpegxl.JpegXlEncoder(),
        jpegxl.JpegXlLossyEncoder(),
        jpeg2000.Jpeg2000Encoder(),
        jpeg2000.Jpeg2000LossyEncoder(),
        RleEncoder(),
        DeflatedFrameEncoder(),
        raw.RawEncoder(raw.EXPLICIT),
        raw.RawEncoder(raw.DEFLATED_DATA_SET),
    )
)

TARGETS = tuple(encoder.target for encoder in _ENCODERS)
"""All that can be written."""


def archive_encoders() -> ArchiveEncoders:
    """An encoder for each of `TARGETS`, in that order. They hold nothing, so all callers may share them."""
    return _ENCODERS
