"""Pictures for browsers that Pillow encodes best: 8-bit grey, RGB and RGBA, with their colour profile."""

from __future__ import annotations

import io
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from transcode.codec import EncodeOptions
from transcode.errors import CorruptFrameError, UnsupportedPixelsError
from transcode.frames import EncodedFrame, Encoding, PixelArray, PixelFormat, Samples
from transcode.samples.fitting import Shape, fit, reduced_shape

_ROUNDING = 3
"""How far red, green and blue of a grey pixel may lie apart after they went through YCbCr."""


class PillowCodec:
    """Pixels to a picture and back. A subclass names its encoding, Pillow's format and how to save."""

    encoding: ClassVar[Encoding]
    max_reduction: ClassVar[int] = 0
    pillow_format: ClassVar[str]
    default_quality: ClassVar[int | None]
    """None: it loses nothing, and has no quality."""
    save_options: ClassVar[dict[str, Any]]
    most_pixels_a_side: ClassVar[int]

    def decode(self, frame: EncodedFrame, reduction: int = 0) -> PixelArray:
        """See `Codec.decode`. A grey picture has been stored as RGB with equal samples."""
        shape = reduced_shape(frame, reduction, self.max_reduction)
        decoded = self._decoded(frame.data, shape)
        return PixelArray(fit(decoded, frame.format, shape), frame.format)

    def holds(self, pixels: PixelFormat) -> bool:
        """Grey, RGB or RGBA of 8 stored bits: rounded indices mean other colours, rounded masks nothing."""
        colours = {1: {"MONOCHROME1", "MONOCHROME2"}, 3: {"RGB"}, 4: {"RGB"}}
        is_byte = pixels.bits_allocated == pixels.bits_stored == 8 and not pixels.signed
        return is_byte and pixels.photometric in colours.get(pixels.samples_per_pixel, ())

    def encode(self, pixels: PixelArray, options: EncodeOptions) -> EncodedFrame:
        """See `Encoder.encode`."""
        from PIL import Image  # noqa: PLC0415 - costs memory, and not every server is asked for such pictures

        if not self.holds(pixels.format) or max(pixels.width, pixels.height) > self.most_pixels_a_side:
            message = f"{self.encoding.name} cannot hold {pixels.width} x {pixels.height} pixels of {pixels.format}"
            raise UnsupportedPixelsError(message)
        samples = pixels.samples
        image = Image.fromarray(samples[:, :, 0] if samples.shape[2] == 1 else samples)
        file = io.BytesIO()
        how: dict[str, Any] = {"icc_profile": options.icc_profile} if options.icc_profile else {}
        if self.default_quality is not None:
            how["quality"] = self.default_quality if options.quality is None else min(100, max(1, options.quality))
        image.save(file, self.pillow_format, **how, **self.save_options)
        return EncodedFrame(file.getvalue(), self.encoding, pixels.format, pixels.width, pixels.height)

    def _decoded(self, data: bytes, shape: Shape) -> Samples:
        from PIL import Image  # noqa: PLC0415 - as above

        try:
            with Image.open(io.BytesIO(data), formats=(self.pillow_format,)) as image:
                if image.size != (shape[1], shape[0]):
                    message = f"the picture has {image.size} pixels, not {shape[1]} x {shape[0]}"
                    raise CorruptFrameError(message)
                decoded = np.asarray(image.convert("RGBA" if shape[2] == 4 else "RGB"))
        except (OSError, ValueError, SyntaxError, RuntimeError, Image.DecompressionBombError) as error:
            message = f"{self.encoding.name}: {error}"
            raise CorruptFrameError(message) from error
        return _grey(decoded) if shape[2] == 1 else decoded


def _grey(decoded: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The middle one of three samples that are all but equal."""
    if np.ptp(decoded.astype(np.int16), axis=2).max() > _ROUNDING:
        message = "the picture has colours, its header promises grey"
        raise CorruptFrameError(message)
    return decoded[:, :, 1]
