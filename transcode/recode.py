"""One frame to the first acceptable encoding; untouched when it is in one already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from transcode.codec import Codecs, EncodeOptions, Encoder
from transcode.colour import is_ybr, to_rgb
from transcode.errors import UnsupportedEncodingError
from transcode.frames import EncodedFrame, Frame, PixelFormat

_DEFAULTS = EncodeOptions()


def recode(frame: Frame, accept: Sequence[str], codecs: Codecs, options: EncodeOptions = _DEFAULTS) -> EncodedFrame:
    """The frame in an encoding that the client accepts.

    The very same object comes back when it is accepted as it is and no quality is asked for. Otherwise it is decoded
    and encoded by the first accepted encoder that holds its samples, as they are or, of luminance and chrominance,
    as RGB. `*/*` accepts what is stored, or else any encoder, in the order of the codecs.

    :raises CorruptFrameError, UnsupportedPixelsError: the frame does not decode
    :raises UnsupportedEncodingError: no accepted encoder holds the samples
    """
    if isinstance(frame, EncodedFrame):
        if options.quality is None and not frame.reduction and frame.is_accepted(accept):
            return frame
        pixels = codecs.decode(frame)
    else:
        pixels = frame
    encoder = _encoder(_media_types(accept, codecs), codecs, pixels.format)
    return encoder.encode(pixels if encoder.holds(pixels.format) else to_rgb(pixels), options)


def _media_types(accept: Sequence[str], codecs: Codecs) -> Sequence[str]:
    if "*/*" not in accept:
        return accept
    return [name for name in accept if name != "*/*"] + [codec.encoding.media_type for codec in codecs]


def _encoder(media_types: Sequence[str], codecs: Codecs, pixels: PixelFormat) -> Encoder:
    """The first that holds the samples, as they are or as RGB."""
    as_rgb = replace(pixels, photometric="RGB") if is_ybr(pixels.photometric) else pixels
    for media_type in media_types:
        codec = codecs.for_media_type(media_type)
        if isinstance(codec, Encoder) and (codec.holds(pixels) or codec.holds(as_rgb)):
            return codec
    message = f"nothing accepted ({', '.join(media_types) or 'no media type'}) can hold {pixels}"
    raise UnsupportedEncodingError(message)
