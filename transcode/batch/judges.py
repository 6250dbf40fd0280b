"""Decoders that codecs do not use: who is asked for a second opinion, each called as `transcode.isolation` calls them.

pydicom, GDCM and libjpeg are loaded by the first call. The last two are asked only where they are installed.
"""

from __future__ import annotations

import io
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from transcode.dicom.attributes import quiet
from transcode.errors import CorruptFrameError, DicomFileError, UnsupportedPixelsError
from transcode.frames import PixelFormat, Samples
from transcode.jpeg_structure import ColourModel, ends_properly, read_frame_header, with_adobe_marker
from transcode.samples.fitting import Shape, fit

_JPEG_LS = "1.2.840.10008.1.2.4.80"
_JPEG_2000 = "1.2.840.10008.1.2.4.91"
_RLE = "1.2.840.10008.1.2.5"


def by_pylibjpeg_openjpeg(data: bytes, pixels: PixelFormat, shape: Shape, reduction: int) -> Samples:  # noqa: ARG001
    """JPEG 2000 by the OpenJPEG in pylibjpeg-openjpeg.

    :raises CorruptFrameError: it does not decode, or not to this shape
    """
    return _by_pydicom(data, pixels, shape, (_JPEG_2000, "pylibjpeg"))


def jpegls_by_gdcm(data: bytes, pixels: PixelFormat, shape: Shape, reduction: int) -> Samples:  # noqa: ARG001
    """JPEG-LS by the CharLS in GDCM.

    :raises CorruptFrameError: it does not decode, or not to this shape
    :raises UnsupportedPixelsError: less than 8 bits, which GDCM decodes wrong, or other bits than the header says,
        for which it ends the process
    """
    precision = read_frame_header(data).precision
    if precision < 8 or precision != pixels.bits_stored:
        message = f"GDCM does not decode JPEG-LS of {precision} bits as samples of {pixels.bits_stored}"
        raise UnsupportedPixelsError(message)
    return _by_pydicom(data, pixels, shape, (_JPEG_LS, "gdcm"))


def jpegls_by_libjpeg(data: bytes, pixels: PixelFormat, shape: Shape, reduction: int) -> Samples:  # noqa: ARG001
    """JPEG-LS by the libjpeg of its standard's reference software (ITU-T T.873).

    :raises CorruptFrameError: it does not decode, or not to this shape
    """
    return fit(_by_libjpeg(data), pixels, shape)


def jpeg_by_libjpeg(data: bytes, pixels: PixelFormat, shape: Shape, reduction: int) -> Samples:  # noqa: ARG001
    """JPEG by the same; colours come out as RGB.

    :raises CorruptFrameError: it does not decode, or not to this shape
    :raises UnsupportedPixelsError: subsampled chrominance, which it does not interpolate as others do
    """
    header = read_frame_header(data)
    if len(set(header.sampling)) > 1:
        message = "libjpeg spreads subsampled chrominance without interpolation"
        raise UnsupportedPixelsError(message)
    is_ycbcr = header.colour_model is ColourModel.YCBCR and not (
        pixels.photometric == "RGB" and not header.states_colours
    )
    return fit(_by_libjpeg(data, 1 if is_ycbcr else 0), pixels, shape)


def jpeg_by_pillow(data: bytes, pixels: PixelFormat, shape: Shape, reduction: int) -> Samples:  # noqa: ARG001
    """JPEG of 8 bits by the libjpeg-turbo in Pillow; colours come out as RGB.

    :raises CorruptFrameError: it does not decode, or not to this shape
    """
    from PIL import Image  # noqa: PLC0415 - costs memory, and few need it

    if pixels.photometric == "RGB" and not read_frame_header(data).states_colours:
        data = with_adobe_marker(data, 0)
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            decoded = np.asarray(image if image.mode == "L" else image.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        message = f"JPEG: {error}"
        raise CorruptFrameError(message) from error
    return fit(decoded, pixels, shape)


def jpeg_lossless_by_sof3(data: bytes, pixels: PixelFormat, shape: Shape, reduction: int) -> Samples:  # noqa: ARG001
    """Lossless JPEG by imagecodecs' jpegsof3.

    :raises CorruptFrameError: it does not decode, or not to this shape
    """
    try:
        decoded = imagecodecs.jpegsof3_decode(data)
    except (RuntimeError, ValueError) as error:
        message = f"JPEG: {error}"
        raise CorruptFrameError(message) from error
    return fit(decoded, pixels, shape)


def rle_by_pydicom(data: bytes, pixels: PixelFormat, shape: Shape, reduction: int) -> Samples:  # noqa: ARG001
    """RLE by pydicom, in plain Python.

    :raises CorruptFrameError: it does not decode, or not to this shape
    """
    return _by_pydicom(data, pixels, shape, (_RLE, "pydicom"))


def raw_by_numpy(data: bytes, pixels: PixelFormat, shape: Shape, reduction: int) -> Samples:  # noqa: ARG001
    """Plain samples.

    :raises CorruptFrameError: not the bytes of this shape
    """
    rows, columns, samples = shape
    count = rows * columns * samples
    if len(data) < count * pixels.dtype.itemsize:
        message = f"{len(data)} bytes are not {columns} x {rows} pixels of {samples} x {pixels.dtype}"
        raise CorruptFrameError(message)
    found: NDArray[Any] = np.frombuffer(data, pixels.dtype.newbyteorder("<"), count).astype(pixels.dtype)
    return found.reshape(shape)


def _by_libjpeg(data: bytes, colour_transform: int = 0) -> NDArray[Any]:
    import libjpeg.utils  # noqa: PLC0415 - need not be installed

    if not ends_properly(data):
        message = "a JPEG stream that has lost its end"  # libjpeg makes up the rest
        raise CorruptFrameError(message)
    try:
        decoded: NDArray[Any] = libjpeg.utils.decode(data, colour_transform)
    except (RuntimeError, ValueError) as error:
        message = f"libjpeg: {error}"
        raise CorruptFrameError(message) from error
    return decoded


def _by_pydicom(data: bytes, pixels: PixelFormat, shape: Shape, how: tuple[str, str]) -> Samples:
    """Decode by a plugin of pydicom.

    :param how: transfer syntax, name of the plugin
    :raises CorruptFrameError: it does not decode, or not to this shape
    """
    from pydicom.encaps import encapsulate  # noqa: PLC0415
    from pydicom.pixels.decoders.base import get_decoder  # noqa: PLC0415

    uid, plugin = how
    options: dict[str, Any] = {
        "rows": shape[0],
        "columns": shape[1],
        "samples_per_pixel": shape[2],
        "number_of_frames": 1,
        "bits_allocated": pixels.bits_allocated,
        "bits_stored": pixels.bits_stored,
        "pixel_representation": int(pixels.signed),
        "photometric_interpretation": pixels.photometric,
        "planar_configuration": 0,
        "pixel_keyword": "PixelData",
    }
    try:
        with quiet(plugin):
            decoded, _ = get_decoder(uid).as_array(encapsulate([data]), raw=True, decoding_plugin=plugin, **options)
    except DicomFileError as error:
        raise CorruptFrameError(str(error)) from error
    return fit(decoded, pixels, shape)
