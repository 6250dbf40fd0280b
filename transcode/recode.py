"""One frame to the first acceptable encoding; untouched when it is in one already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from transcode.codec import Codecs, EncodeOptions, Encoder
from transcode.codecs.jpeg import JPEG
from transcode.codecs.jpegxl import JPEG_XL, jpeg_within
from transcode.colour import is_ybr, to_rgb
from transcode.frames import EncodedFrame, Frame, PixelFormat
from transcode.jpeg_structure import read_frame_header, with_adobe_marker

_DEFAULTS = EncodeOptions()


def undecoded(frame: EncodedFrame, accept: Sequence[str]) -> EncodedFrame | None:
    """The frame in an accepted encoding, when that takes no decoding.

    The very same object when it is accepted as it is. A JPEG that was packed as JPEG XL comes out again, bit for bit.
    None for all others.
    """
    if frame.reduction:
        return None
    if frame.is_accepted(accept):
        return frame
    if frame.encoding is JPEG_XL and JPEG.media_type in accept:
        return _unpacked(frame)
    return None


def _unpacked(frame: EncodedFrame) -> EncodedFrame | None:
    data = jpeg_within(frame.data)
    if data is None:
        return None
    header = read_frame_header(data)
    if (header.width, header.height, header.precision) != (frame.width, frame.height, 8):
        return None
    if frame.format.photometric == "RGB" and not header.states_colours:
        data = with_adobe_marker(data, 0)
    return replace(frame, data=data, encoding=JPEG)


def recode(frame: Frame, accept: Sequence[str], codecs: Codecs, options: EncodeOptions = _DEFAULTS) -> EncodedFrame:
    """The frame in an encoding that the client accepts.

    What takes no decoding is not decoded, when no quality is asked for: see `undecoded`. The rest is decoded, and
    encoded by the first accepted encoder that holds its samples, as they are or, of luminance and chrominance, as RGB.
    `*/*` accepts what is stored, or else any encoder, in the order of the codecs.

    :raises CorruptFrameError, UnsupportedPixelsError: the frame does not decode
    :raises UnsupportedEncodingError: no accepted encoder holds the samples
    """
    if isinstance(frame, EncodedFrame):
        found = undecoded(frame, accept) if options.quality is None else None
        if found is not None:
            return found
        pixels = codecs.decode(frame)
    else:
        pixels = frame
    encoder = encoder_of(pixels.format, accept, codecs)
    return encoder.encode(pixels if encoder.holds(pixels.format) else to_rgb(pixels), options)


def encoder_of(pixels: PixelFormat, accept: Sequence[str], codecs: Codecs) -> Encoder:
    """The first accepted encoder that holds samples of a format, as they are or made RGB; see `recode`.

    :raises UnsupportedEncodingError: there is none
    """
    as_rgb = replace(pixels, photometric="RGB") if is_ybr(pixels.photometric) else pixels
    return codecs.encoder(_media_types(accept, codecs), pixels, as_rgb)


def _media_types(accept: Sequence[str], codecs: Codecs) -> Sequence[str]:
    if "*/*" not in accept:
        return accept
    return [name for name in accept if name != "*/*"] + [codec.encoding.media_type for codec in codecs]
