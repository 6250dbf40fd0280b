"""What JPEG 2000 and HTJ2K frames have in common: a look at the structure first, then a decoder in a child process."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from transcode.codestream import Codestream, parse, require_decodable, without_subsampling
from transcode.decoders.openjpeg import (
    decode_by_openjpeg,
    decode_by_pillow,
    decode_by_pylibjpeg,
    has_bytes,
    is_subsampled_colour,
)
from transcode.errors import CorruptFrameError
from transcode.frames import EncodedFrame, Encoding, PixelArray, PixelFormat
from transcode.isolation import NativeDecoder, Run, run_here
from transcode.jp2_boxes import codestream_within
from transcode.samples.fitting import Shape, reduced_shape
from transcode.samples.shrinking import shrunk

_MOST_DECOMPOSITIONS = 32
"""ISO/IEC 15444-1 table A.15."""


class WaveletCodec:
    """Reads codestreams, bare or in boxes. A subclass names its encoding and chooses the decoder."""

    encoding: ClassVar[Encoding]
    max_reduction: ClassVar[int] = _MOST_DECOMPOSITIONS

    def __init__(self, run: Run = run_here) -> None:
        """Take what runs decoders: `Isolation.run` where damaged streams must not harm this process."""
        self._run = run

    def decode(self, frame: EncodedFrame, reduction: int = 0) -> PixelArray:
        """See `Codec.decode`. What the codestream cannot be reduced by itself is averaged.

        A reduced picture may overshoot the stored bits by a little: wavelets do, at sharp edges.

        Colours that the codestream's transform made of RGB come out as RGB, and so does subsampled chrominance.
        Components that all have fewer samples than the reference grid are the picture at their own size; where their
        sizes differ otherwise, samples are repeated.

        :raises UnsupportedFeatureError: it uses what no decoder here reads
        """
        shape = reduced_shape(frame, reduction, self.max_reduction)
        data = codestream_within(frame.data)
        codestream = parse(data)
        require_decodable(codestream)
        if codestream.siz.subsampling != (1, 1):
            data = without_subsampling(data, codestream)
            codestream = parse(data)
        _check(codestream, frame)
        discarded = self._discarded(codestream, frame, reduction)
        left = frame.reduction + reduction - discarded
        width, height = codestream.siz.reduced_size(discarded)
        decoder = self._decoder(codestream, discarded)
        samples = self._run(decoder, data, frame.format, (height, width, shape[2]), discarded)
        samples = shrunk(samples, left, is_palette=_is_palette(frame.format))
        _require_shape(samples.shape, shape)
        return PixelArray(samples, replace(frame.format, photometric=_photometric(frame.format, codestream)))

    def _discarded(self, codestream: Codestream, frame: EncodedFrame, reduction: int) -> int:
        """How many resolutions the decoder leaves out; indices into a palette must not go through the wavelet."""
        if _is_palette(frame.format) or self._decoder(codestream, 0) is decode_by_pylibjpeg:
            return 0
        total = frame.reduction + reduction
        most = min(total, codestream.decompositions)
        width, height = codestream.siz.reduced_size(most)
        step = 1 << (total - most)
        keeps_size = (-(-width // step), -(-height // step)) == _size_after(frame, reduction)
        return most if keeps_size else 0

    def _decoder(self, codestream: Codestream, discarded: int) -> NativeDecoder:  # noqa: ARG002 - for subclasses
        if not is_subsampled(codestream):
            return decode_by_openjpeg
        is_for_pillow = is_subsampled_colour(codestream.siz) and has_bytes(codestream.siz)
        return decode_by_pillow if is_for_pillow else decode_by_pylibjpeg


def is_subsampled(codestream: Codestream) -> bool:
    """Whether some component has fewer samples than the image has pixels."""
    return any(component.dx > 1 or component.dy > 1 for component in codestream.siz.components)


def _check(codestream: Codestream, frame: EncodedFrame) -> None:
    """The codestream must be what the frame's own header says, before memory is set aside for it."""
    siz, components = codestream.siz, codestream.siz.components
    step = 1 << frame.reduction
    if (-(-siz.width // step), -(-siz.height // step)) != (frame.width, frame.height):
        message = (
            f"the codestream has {siz.width} x {siz.height} pixels before {frame.reduction} halvings, "
            f"not {frame.width} x {frame.height} after them"
        )
        raise CorruptFrameError(message)
    if len(components) != frame.format.samples_per_pixel:
        message = f"the codestream has {len(components)} components, not {frame.format.samples_per_pixel}"
        raise CorruptFrameError(message)
    if any(component.depth > frame.format.bits_allocated for component in components):
        message = f"the codestream has samples of {components[0].depth} bits, not {frame.format.bits_allocated}"
        raise CorruptFrameError(message)


def _size_after(frame: EncodedFrame, reduction: int) -> tuple[int, int]:
    step = 1 << reduction
    return -(-frame.width // step), -(-frame.height // step)


def _require_shape(found: tuple[int, ...], promised: Shape) -> None:
    if found != promised:
        message = f"the codestream's halvings give {found[1]} x {found[0]} pixels, not {promised[1]} x {promised[0]}"
        raise CorruptFrameError(message)


def _is_palette(pixels: PixelFormat) -> bool:
    return pixels.photometric == "PALETTE COLOR"


def _photometric(pixels: PixelFormat, codestream: Codestream) -> str:
    """Of the decoded samples: RGB wherever a colour transform was undone (PS3.5 8.2.4)."""
    is_undone = pixels.photometric in {"YBR_RCT", "YBR_ICT"} or is_subsampled_colour(codestream.siz)
    is_transformed = bool(codestream.cod.mct) and pixels.photometric.startswith("YBR")
    return "RGB" if pixels.samples_per_pixel == 3 and (is_undone or is_transformed) else pixels.photometric
