"""JPEG XL (ISO/IEC 18181), lossless, lossy and recompressed JPEG, through libjxl."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import imagecodecs
import numpy as np

from transcode.codec import EncodeOptions
from transcode.errors import CorruptFrameError, UnsupportedPixelsError
from transcode.frames import EncodedFrame, Encoding, PixelArray, PixelFormat
from transcode.jpegxl_structure import read_jpegxl_size
from transcode.samples.fitting import fit, reduced_shape

JPEG_XL = Encoding(
    name="jpegxl",
    media_type="image/jxl",
    suffix="jxl",
    transfer_syntaxes=("1.2.840.10008.1.2.4.110", "1.2.840.10008.1.2.4.111", "1.2.840.10008.1.2.4.112"),
)

_LOSSLESS: dict[str, Any] = {"lossless": True, "effort": 1}
_LOSSY_EFFORT = 3


def jpeg_within(data: bytes) -> bytes | None:
    """The JPEG that a JPEG XL stream was made of, bit for bit (18181-2, JPEG bitstream reconstruction); else None."""
    try:
        return bytes(imagecodecs.jpegxl_decode_jpeg(data, numthreads=1))
    except (RuntimeError, ValueError, MemoryError):
        return None


class JpegXlCodec:
    """Pixels to JPEG XL and back; without loss unless a quality below 100 is asked for."""

    encoding: ClassVar[Encoding] = JPEG_XL
    max_reduction: ClassVar[int] = 0

    def decode(self, frame: EncodedFrame, reduction: int = 0) -> PixelArray:
        """See `Codec.decode`. Colours come out as RGB; the stream's orientation is not applied."""
        shape = reduced_shape(frame, reduction, self.max_reduction)
        size = read_jpegxl_size(frame.data)
        if size != (frame.width, frame.height):
            message = f"the JPEG XL has {size[0]} x {size[1]} pixels, not {frame.width} x {frame.height}"
            raise CorruptFrameError(message)
        try:
            decoded = imagecodecs.jpegxl_decode(frame.data, index=0, keeporientation=True, numthreads=1)
        except (RuntimeError, ValueError, IndexError) as error:
            message = f"JPEG XL: {error}"
            raise CorruptFrameError(message) from error
        except MemoryError as error:
            message = f"JPEG XL: no memory for {frame.width} x {frame.height} pixels"
            raise CorruptFrameError(message) from error
        is_other = frame.format.photometric.startswith(("YBR", "XYB"))
        decoded_format = replace(frame.format, photometric="RGB") if is_other else frame.format
        return PixelArray(fit(decoded, frame.format, shape), decoded_format)

    def holds(self, pixels: PixelFormat) -> bool:
        """Unsigned samples of 8 or 16 bits; of colours only RGB."""
        is_unsigned = pixels.bits_allocated in {8, 16} and not pixels.signed and not pixels.is_float
        is_rgb = pixels.samples_per_pixel in {3, 4} and pixels.photometric == "RGB"
        is_grey = pixels.samples_per_pixel == 1 and pixels.photometric in {"MONOCHROME1", "MONOCHROME2"}
        return is_unsigned and (is_grey or is_rgb)

    def encode(self, pixels: PixelArray, options: EncodeOptions) -> EncodedFrame:
        """See `Encoder.encode`."""
        if not self.holds(pixels.format):
            message = f"JPEG XL cannot hold {pixels.format}"
            raise UnsupportedPixelsError(message)
        samples = np.ascontiguousarray(pixels.samples)
        how = _LOSSLESS
        if options.quality is not None and options.quality < 100:
            how = {"level": max(1, options.quality), "effort": _LOSSY_EFFORT}
        grey_or_colour = samples[:, :, 0] if samples.shape[2] == 1 else samples
        data = imagecodecs.jpegxl_encode(grey_or_colour, numthreads=1, **how)
        return EncodedFrame(bytes(data), JPEG_XL, pixels.format, pixels.width, pixels.height)
