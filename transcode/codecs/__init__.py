"""The codecs that come with this package, and the table of them."""

from __future__ import annotations

from transcode.codec import Codecs
from transcode.codecs.avif import AVIF, AvifCodec
from transcode.codecs.deflated import DEFLATED, DeflatedCodec
from transcode.codecs.htj2k import HTJ2K, Htj2kCodec
from transcode.codecs.jpeg import JPEG, JpegCodec
from transcode.codecs.jpeg2000 import JPEG_2000, Jpeg2000Codec
from transcode.codecs.jpeg_extended import JPEG_EXTENDED, JpegExtendedCodec
from transcode.codecs.jpeg_lossless import JPEG_LOSSLESS, JpegLosslessCodec
from transcode.codecs.jpegls import JPEG_LS, JpegLsCodec
from transcode.codecs.jpegxl import JPEG_XL, JpegXlCodec
from transcode.codecs.png import PNG, PngCodec
from transcode.codecs.raw import RAW, RawCodec
from transcode.codecs.rle import RLE, RleCodec
from transcode.codecs.tiff import TIFF, TiffCodec
from transcode.codecs.webp import WEBP, WebpCodec
from transcode.errors import UnsupportedEncodingError
from transcode.frames import Encoding
from transcode.isolation import Isolation, run_here

__all__ = [
    "AVIF",
    "DEFLATED",
    "ENCODINGS",
    "HTJ2K",
    "JPEG",
    "JPEG_2000",
    "JPEG_EXTENDED",
    "JPEG_LOSSLESS",
    "JPEG_LS",
    "JPEG_XL",
    "PNG",
    "RAW",
    "RLE",
    "TIFF",
    "WEBP",
    "builtin",
    "encoding_of",
]

ENCODINGS: tuple[Encoding, ...] = (
    JPEG,
    PNG,
    WEBP,
    AVIF,
    JPEG_XL,
    TIFF,
    JPEG_2000,
    HTJ2K,
    JPEG_LS,
    JPEG_EXTENDED,
    JPEG_LOSSLESS,
    RLE,
    DEFLATED,
    RAW,
)
"""Every encoding that there is a codec for."""

_ENCODING_OF = {uid: encoding for encoding in ENCODINGS for uid in encoding.transfer_syntaxes}


def builtin(isolation: Isolation | None = None) -> Codecs:
    """A codec for each of `ENCODINGS`, in that order.

    :param isolation: where the decoders that can hang or die on damaged streams run; in this process by default,
        which is meant for batch workers and tests
    """
    run = isolation.run if isolation is not None else run_here
    return Codecs(
        (
            JpegCodec(),
            PngCodec(),
            WebpCodec(),
            AvifCodec(),
            JpegXlCodec(),
            TiffCodec(),
            Jpeg2000Codec(run),
            Htj2kCodec(run),
            JpegLsCodec(run),
            JpegExtendedCodec(),
            JpegLosslessCodec(),
            RleCodec(),
            DeflatedCodec(),
            RawCodec(),
        )
    )


def encoding_of(transfer_syntax: str, bits_allocated: int) -> Encoding:
    """The encoding of frames in a DICOM transfer syntax; JPEG Extended of 8 bits is plain JPEG.

    :raises UnsupportedEncodingError: there is no codec for it
    """
    encoding = _ENCODING_OF.get(transfer_syntax)
    if encoding is None:
        message = f"no codec for transfer syntax {transfer_syntax}"
        raise UnsupportedEncodingError(message)
    return JPEG if encoding is JPEG_EXTENDED and bits_allocated == 8 else encoding
