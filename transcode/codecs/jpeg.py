"""JPEG of 8-bit samples by the discrete cosine transform (ITU-T T.81), through libjpeg-turbo."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

import simplejpeg

from transcode.codec import EncodeOptions
from transcode.errors import CorruptFrameError, UnsupportedPixelsError
from transcode.frames import RGB8, EncodedFrame, Encoding, PixelArray, PixelFormat
from transcode.jpeg_structure import ColourModel, JpegHeader, read_frame_header, with_adobe_marker
from transcode.lossless_crop import crop_upper_left
from transcode.samples.fitting import fit, reduced_shape
from transcode.ycbcr import YCbCr

if TYPE_CHECKING:
    from transcode.frames import Samples
    from transcode.samples.fitting import Shape

JPEG = Encoding(
    name="jpeg",
    media_type="image/jpeg",
    suffix="jpeg",
    transfer_syntaxes=("1.2.840.10008.1.2.4.50",),
    aliases=("image/jpg",),
)

DEFAULT_QUALITY = 85
"""For tiles: the point after which files of tissue grow much faster than they get better."""

_HELD = frozenset({(1, "MONOCHROME1"), (1, "MONOCHROME2"), (3, "RGB")})
"""Samples of a pixel, and what they are."""
_HARMLESS = ("extraneous bytes before marker", "unknown JFIF revision", "Unknown Adobe color transform")
"""Warnings of libjpeg that cost no pixel; any other means that part of the picture is made up."""
_DCT_PROCESSES = frozenset({0, 1, 2})
_ICC_CHUNK = 65519
"""The most of a profile that one APP2 segment holds (ICC.1 B.4)."""


class JpegCodec:
    """Pixels to JPEG and back, with scaling in the transform: sizes of 1/2, 1/4 and 1/8 cost less than the whole."""

    encoding: ClassVar[Encoding] = JPEG
    max_reduction: ClassVar[int] = 3

    def decode(self, frame: EncodedFrame, reduction: int = 0) -> PixelArray:
        """See `Codec.decode`. Three components come out as RGB, whatever they are in the stream."""
        shape = reduced_shape(frame, reduction, self.max_reduction)
        header = read_frame_header(frame.data)
        _check(header, frame)
        is_grey = header.components == 1
        is_unmarked_rgb = not is_grey and frame.format.photometric == "RGB" and not header.states_colours
        data = with_adobe_marker(frame.data, 0) if is_unmarked_rgb else frame.data
        samples = fit(_decoded(data, shape, is_grey=is_grey), frame.format, shape)
        return PixelArray(samples, frame.format if is_grey else _as("RGB", frame.format))

    def holds(self, pixels: PixelFormat) -> bool:
        """Grey or RGB of 8 stored bits: rounded indices into a palette mean other colours, rounded masks nothing."""
        is_byte = pixels.bits_allocated == pixels.bits_stored == 8 and not pixels.signed
        return is_byte and (pixels.samples_per_pixel, pixels.photometric) in _HELD

    def encode(self, pixels: PixelArray, options: EncodeOptions) -> EncodedFrame:
        """See `Encoder.encode`. A profile goes into APP2."""
        if not self.holds(pixels.format) or max(pixels.width, pixels.height) > 0xFFFF:
            message = f"JPEG cannot hold {pixels.width} x {pixels.height} pixels of {pixels.format}"
            raise UnsupportedPixelsError(message)
        quality = _quality(options)
        is_grey = pixels.format.samples_per_pixel == 1
        data: bytes = simplejpeg.encode_jpeg(
            _contiguous(pixels.samples),
            quality,
            "GRAY" if is_grey else "RGB",
            "Gray" if is_grey else options.subsampling,
        )
        if options.icc_profile:
            data = _with_profile(data, options.icc_profile)
        stored = pixels.format if is_grey else _as("YBR_FULL_422", pixels.format)
        return EncodedFrame(data, JPEG, stored, pixels.width, pixels.height)


def crop(data: bytes, width: int, height: int) -> bytes | None:
    """The upper left part of a JPEG without loss; None where that cannot be done (see `crop_upper_left`)."""
    return crop_upper_left(data, width, height)


def with_profile(frame: EncodedFrame, profile: bytes) -> EncodedFrame:
    """The same JPEG with an ICC profile in it, in APP2 (ICC.1 B.4); nothing is decoded."""
    return replace(frame, data=_with_profile(frame.data, profile))


def encode_ycbcr(pixels: YCbCr, options: EncodeOptions) -> EncodedFrame:
    """Luminance and chrominance as a JPEG, subsampled as they are; a profile is not embedded."""
    luma = pixels.luma[: pixels.height, : pixels.width]  # the encoder reads beyond it, to whole samples of chroma
    chroma = pixels.chroma if pixels.chroma.strides[2] == 1 else pixels.chroma.copy()
    data = simplejpeg.encode_jpeg_yuv_planes(luma, chroma[0], chroma[1], _quality(options))
    return EncodedFrame(data, JPEG, _as("YBR_FULL_422", RGB8), pixels.width, pixels.height)


def _quality(options: EncodeOptions) -> int:
    return DEFAULT_QUALITY if options.quality is None else min(100, max(1, options.quality))


def _check(header: JpegHeader, frame: EncodedFrame) -> None:
    """The stream must be what the frame's own header says, before memory is set aside for it."""
    if header.process not in _DCT_PROCESSES or header.precision != 8:
        message = f"a JPEG of process {header.process} and {header.precision} bits is not the 8-bit DCT kind"
        raise UnsupportedPixelsError(message)
    if (header.width, header.height) != (frame.width, frame.height):
        message = f"the JPEG has {header.width} x {header.height} pixels, not {frame.width} x {frame.height}"
        raise CorruptFrameError(message)
    if header.components != frame.format.samples_per_pixel:
        message = f"the JPEG has {header.components} components, not {frame.format.samples_per_pixel}"
        raise CorruptFrameError(message)
    if header.colour_model in {ColourModel.CMYK, ColourModel.YCCK, ColourModel.UNKNOWN}:
        message = f"a JPEG of {header.components} components ({header.colour_model.value})"
        raise UnsupportedPixelsError(message)


def _decoded(data: bytes, shape: Shape, *, is_grey: bool) -> Samples:
    rows, columns, _ = shape
    colours = "GRAY" if is_grey else "RGB"
    try:
        decoded: Samples = simplejpeg.decode_jpeg(data, colours, min_height=rows, min_width=columns)
    except ValueError as error:
        if not any(warning in str(error) for warning in _HARMLESS):
            message = f"JPEG: {error}"
            raise CorruptFrameError(message) from error
    else:
        return decoded
    return _decoded_despite_warnings(data, shape, colours)


def _decoded_despite_warnings(data: bytes, shape: Shape, colours: str) -> Samples:
    try:
        decoded: Samples = simplejpeg.decode_jpeg(data, colours, min_height=shape[0], min_width=shape[1], strict=False)
    except ValueError as error:
        message = f"JPEG: {error}"
        raise CorruptFrameError(message) from error
    return decoded


@lru_cache(maxsize=64)
def _as(photometric: str, pixels: PixelFormat) -> PixelFormat:
    return replace(pixels, photometric=photometric)


def _contiguous(samples: Samples) -> Samples:
    return samples if samples.flags.c_contiguous else samples.copy()


def _with_profile(data: bytes, profile: bytes) -> bytes:
    """The stream with an ICC profile in APP2 segments, right behind the JFIF header (ICC.1 B.4)."""
    chunks = [profile[start : start + _ICC_CHUNK] for start in range(0, len(profile), _ICC_CHUNK)]
    if len(chunks) > 255:
        message = f"an ICC profile of {len(profile)} bytes does not fit into a JPEG"
        raise UnsupportedPixelsError(message)
    segments = b"".join(
        b"\xff\xe2" + (len(chunk) + 16).to_bytes(2) + b"ICC_PROFILE\0" + bytes([number, len(chunks)]) + chunk
        for number, chunk in enumerate(chunks, 1)
    )
    behind_jfif = 4 + int.from_bytes(data[4:6]) if data[2:4] == b"\xff\xe0" else 2
    return data[:behind_jfif] + segments + data[behind_jfif:]
