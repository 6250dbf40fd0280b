"""The gate before a stored frame leaves: what its structure says must be what the header around it says. Pure.

Nothing is decoded. A codestream that is cut, or of another size, is refused here each time it is read, in microseconds.
"""

from __future__ import annotations

from transcode.codecs import DEFLATED, HTJ2K, JPEG, JPEG_2000, JPEG_EXTENDED, JPEG_LOSSLESS, JPEG_LS, JPEG_XL, RAW, RLE
from transcode.codestream import Codestream, parse
from transcode.errors import CorruptFrameError
from transcode.frames import EncodedFrame
from transcode.jp2_boxes import codestream_within
from transcode.jpeg_structure import ends_properly, read_frame_header
from transcode.jpegxl_structure import read_jpegxl_header
from transcode.samples.plain import byte_lengths

_JPEGS = frozenset({JPEG.name, JPEG_EXTENDED.name, JPEG_LOSSLESS.name, JPEG_LS.name})
_WAVELETS = frozenset({JPEG_2000.name, HTJ2K.name})
_RLE_HEADER = 64


def require_sound(frame: EncodedFrame) -> Codestream | None:
    """Let a frame through that is whole, as far as its structure tells; the structure of JPEG 2000 and HTJ2K.

    :raises CorruptFrameError: it is cut, or contradicts its header
    """
    name = frame.encoding.name
    if name in _WAVELETS:
        return _sound_codestream(frame)
    if name in _JPEGS:
        _require_jpeg(frame)
    elif name == JPEG_XL.name:
        header = read_jpegxl_header(frame.data)
        _require_size(frame, header.width, header.height)
    elif name == RAW.name:
        _require_length(frame)
    elif (name == RLE.name and len(frame.data) <= _RLE_HEADER) or (name == DEFLATED.name and not frame.data):
        message = f"a frame of {len(frame.data)} bytes"
        raise CorruptFrameError(message)
    return None


def _sound_codestream(frame: EncodedFrame) -> Codestream:
    codestream = parse(codestream_within(frame.data))
    siz = codestream.siz
    _require_size(frame, *siz.picture_size)
    if len(siz.components) != frame.format.samples_per_pixel:
        message = f"the codestream has {len(siz.components)} components, not {frame.format.samples_per_pixel}"
        raise CorruptFrameError(message)
    if not codestream.has_eoc:
        message = f"the codestream has lost its end: EOC is missing at byte {codestream.length}"
        raise CorruptFrameError(message)
    return codestream


def _require_jpeg(frame: EncodedFrame) -> None:
    header = read_frame_header(frame.data)
    _require_size(frame, header.width, header.height)
    if header.components != frame.format.samples_per_pixel:
        message = f"the stream has {header.components} components, not {frame.format.samples_per_pixel}"
        raise CorruptFrameError(message)
    if not ends_properly(frame.data):
        message = f"a {frame.encoding.name} stream that has lost its end"
        raise CorruptFrameError(message)


def _require_size(frame: EncodedFrame, width: int, height: int) -> None:
    if (width, height) != (frame.width, frame.height):
        message = f"the stream has {width} x {height} pixels, its header promises {frame.width} x {frame.height}"
        raise CorruptFrameError(message)


def _require_length(frame: EncodedFrame) -> None:
    lengths = byte_lengths(frame.format, (frame.height, frame.width, frame.format.samples_per_pixel))
    if len(frame.data) not in lengths:
        message = f"the frame has {len(frame.data)} bytes, its header promises {' or '.join(map(str, lengths))}"
        raise CorruptFrameError(message)
