"""The codecs that come with this package, and the table of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from transcode.codec import Codec, Codecs
from transcode.codecs.deflated import DEFLATED, DeflatedCodec
from transcode.codecs.jpeg import JPEG, JpegCodec
from transcode.codecs.raw import RAW, RawCodec
from transcode.codecs.rle import RLE, RleCodec

if TYPE_CHECKING:
    from transcode.frames import Encoding

ENCODINGS: tuple[Encoding, ...] = (JPEG, RLE, DEFLATED, RAW)


def builtin() -> Codecs:
    table: Iterable[Codec] = (JpegCodec(), RleCodec(), DeflatedCodec(), RawCodec())
    return Codecs(table)
