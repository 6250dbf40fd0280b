"""A frame that has come in part, decoded at the resolution that is complete."""

from __future__ import annotations

from dataclasses import replace

from transcode.codec import Codecs
from transcode.codecs.jpeg2000 import JPEG_2000
from transcode.codestream import parse, prefix_codestream
from transcode.frames import EncodedFrame, PixelArray


def decode_prefix(frame: EncodedFrame, reduction: int, codecs: Codecs) -> PixelArray:
    """The samples of the picture that is complete, each side halved so many times and rounded up.

    :param frame: `data` as far as that resolution is complete, and no further; the size is that of the whole picture
    :raises CorruptFrameError: it does not decode, or not to this size
    :raises UnsupportedFeatureError: the codestream has no beginning that is a smaller picture
    """
    if reduction == 0:
        return codecs.decode(frame)
    data = prefix_codestream(frame.data, reduction)
    width, height = parse(data).siz.picture_size
    # OpenJPEG reads code-blocks of both coders, and clamps what the wavelet lets overshoot
    return codecs.decode(replace(frame, data=data, width=width, height=height, encoding=JPEG_2000))
