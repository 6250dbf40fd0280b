"""Frames as another implementation decodes them, so that no library alone vouches for what it has written.

Who is asked is a table. Independent is a judge that shares no code with the encoder; another build of the same library,
or that library itself, is asked only where there is nothing better, and the report says which it was. Judges that are
not installed, or do not know samples of this kind, are passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from typing import Final

from transcode.batch import judges
from transcode.codecs import (
    HTJ2K,
    JPEG,
    JPEG_2000,
    JPEG_LOSSLESS,
    JPEG_LS,
    RAW,
    RLE,
    builtin,
)
from transcode.codestream import Codestream
from transcode.decoders.jpeg2000_family import WaveletCodec
from transcode.decoders.openjpeg import decode_by_openjpeg
from transcode.errors import UnsupportedPixelsError
from transcode.frames import EncodedFrame, PixelArray
from transcode.isolation import Isolation, NativeDecoder, Run, run_here


@dataclass(frozen=True, slots=True)
class Judge:
    """An implementation that may be asked."""

    name: str
    """For reports: the library, and the package that it comes in."""
    decode: NativeDecoder
    is_independent: bool
    """Whether it shares no code with the library that writes this encoding."""
    needs: str = ""
    """A module that need not be installed; empty where all that it takes comes with this package."""


JUDGES: Final[Mapping[str, tuple[Judge, ...]]] = {
    HTJ2K.name: (  # OpenJPH writes
        Judge("OpenJPEG (imagecodecs)", decode_by_openjpeg, is_independent=True),
    ),
    JPEG_2000.name: (  # OpenJPEG writes; GDCM and Pillow hold OpenJPEG too, and OpenJPH reads HTJ2K only
        Judge("OpenJPEG (pylibjpeg-openjpeg)", judges.by_pylibjpeg_openjpeg, is_independent=False),
    ),
    JPEG_LS.name: (  # CharLS writes
        Judge("libjpeg (pylibjpeg-libjpeg)", judges.jpegls_by_libjpeg, is_independent=True, needs="libjpeg"),
        Judge("CharLS (python-gdcm)", judges.jpegls_by_gdcm, is_independent=False, needs="gdcm"),
    ),
    JPEG.name: (  # libjpeg-turbo writes
        Judge("libjpeg (pylibjpeg-libjpeg)", judges.jpeg_by_libjpeg, is_independent=True, needs="libjpeg"),
        Judge("libjpeg-turbo (Pillow)", judges.jpeg_by_pillow, is_independent=False),
    ),
    JPEG_LOSSLESS.name: (  # read only; libjpeg-turbo reads
        Judge("jpegsof3 (imagecodecs)", judges.jpeg_lossless_by_sof3, is_independent=True),
    ),
    RLE.name: (Judge("pydicom", judges.rle_by_pydicom, is_independent=True),),
    RAW.name: (Judge("numpy", judges.raw_by_numpy, is_independent=True),),
}
"""By encoding, the best first. What is not here (JPEG XL, 12-bit JPEG, deflate) has one implementation for Python."""


@dataclass(frozen=True, slots=True, eq=False)
class Opinion:
    """What a judge says that a frame holds."""

    pixels: PixelArray
    judge: str
    """Its name; that of the encoding's own codec, with "itself", where there was no other to ask."""
    is_independent: bool


class SecondOpinion:
    """Decodes frames by judges. Safe to call from several threads."""

    def __init__(self, isolation: Isolation | None = None) -> None:
        """Ask in children of the isolation, where there is one: judges hang and die on damage as others do."""
        self._run: Run = isolation.run if isolation is not None else run_here
        self._codecs = builtin(isolation)

    def decode(self, frame: EncodedFrame) -> Opinion:
        """The frame as the best judge at hand decodes it: samples and format as `Codec.decode` would give them.

        :raises CorruptFrameError: the judge finds the frame damaged, or was stopped by a limit
        :raises UnsupportedPixelsError: neither a judge nor the codec itself decodes such samples
        """
        for judge in judges_of(frame.encoding.name):
            try:
                return Opinion(self._decoded(judge, frame), judge.name, judge.is_independent)
            except UnsupportedPixelsError:
                continue
        return Opinion(self._codecs.decode(frame), f"{frame.encoding.name} itself", is_independent=False)

    def _decoded(self, judge: Judge, frame: EncodedFrame) -> PixelArray:
        if frame.encoding in {HTJ2K, JPEG_2000}:
            return _WaveletJudge(self._run, judge.decode).decode(frame)
        shape = (frame.height, frame.width, frame.format.samples_per_pixel)
        samples = self._run(judge.decode, frame.data, frame.format, shape)
        is_rgb_now = frame.encoding is JPEG and shape[2] == 3
        return PixelArray(samples, replace(frame.format, photometric="RGB") if is_rgb_now else frame.format)


def judges_of(encoding: str) -> Iterator[Judge]:
    """Those that are installed, the best first."""
    return (judge for judge in JUDGES.get(encoding, ()) if not judge.needs or _is_installed(judge.needs))


class _WaveletJudge(WaveletCodec):
    """The checks of structure, and what becomes of colours, are ours; the decoder is the judge's."""

    def __init__(self, run: Run, decoder: NativeDecoder) -> None:
        super().__init__(run)
        self._judge = decoder

    def _decoder(self, codestream: Codestream, discarded: int) -> NativeDecoder:
        usual = super()._decoder(codestream, discarded)
        return self._judge if usual is decode_by_openjpeg else usual


@cache
def _is_installed(module: str) -> bool:
    return find_spec(module) is not None
