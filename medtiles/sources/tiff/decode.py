"""Bytes of one stored tile or strip → samples: decompression, bit and byte order, predictors.

What comes out of a decompressor is bounded by the size of the tile, so a small file cannot become gigabytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from medtiles.core.errors import UnsupportedFormatError
from medtiles.core.geometry import ceil_div
from medtiles.sources.tiff.page import Page
from medtiles.sources.tiff.tags import Photometric, SampleKind
from transcode.errors import CorruptFrameError
from transcode.frames import Samples

_SLACK = 1024
"""Bytes that a writer may have encoded beyond the tile; they are left out."""
_HORIZONTAL, _FLOATING_POINT = 2, 3
_LEAST_SIGNIFICANT_BIT_FIRST = 2
_LEAST_UNPACKED_FLOAT = 32

_Decompress = Callable[..., Any]
_DECOMPRESSORS: dict[int, _Decompress] = {
    5: imagecodecs.lzw_decode,
    8: imagecodecs.deflate_decode,
    32773: imagecodecs.packbits_decode,
    32946: imagecodecs.deflate_decode,
    34925: imagecodecs.lzma_decode,
    34926: imagecodecs.zstd_decode,
    50000: imagecodecs.zstd_decode,
}
_NONE = 1
READABLE = frozenset({_NONE, *_DECOMPRESSORS})
"""Values of the Compression tag that are decoded here."""


def require_decodable(page: Page) -> None:
    """Refuse a page whose tiles cannot be decoded, before any is read.

    :raises UnsupportedFormatError: naming what is not read
    """
    if page.compression not in READABLE:
        message = f"page {page.index} is compressed by method {page.compression}, which is not read"
        raise UnsupportedFormatError(message)
    is_whole = page.bits in {8, 16, 32, 64}
    is_plain = page.predictor == 1 or (
        is_whole and (page.predictor == _HORIZONTAL or (page.predictor == _FLOATING_POINT and _is_float(page)))
    )
    has_type = is_whole or (page.kind == SampleKind.UNSIGNED and page.bits < 32)
    if _is_float(page):
        has_type = page.bits in {16, 32, 64}
    if not has_type or not is_plain:
        message = (
            f"page {page.index} has {page.kind.name.lower()} samples of {page.bits} bits, predictor {page.predictor}"
        )
        raise UnsupportedFormatError(message)
    if is_subsampled(page) and page.bits != 8:
        message = f"page {page.index} has subsampled colours of {page.bits} bits"
        raise UnsupportedFormatError(message)


def is_subsampled(page: Page) -> bool:
    """Whether colours are stored more coarsely than brightness, several pixels to a unit (TIFF 6.0 section 21)."""
    return page.photometric == Photometric.YCBCR and not page.is_planar and page.colours.subsampling != (1, 1)


def segment_rows_bytes(page: Page, rows: int) -> int:
    """How many bytes so many rows of a stored tile or strip take, not compressed."""
    if is_subsampled(page):
        across, down = page.colours.subsampling
        return ceil_div(page.segment.width, across) * ceil_div(rows, down) * (across * down + 2)
    return page.row_bytes * rows


def decode_rows(page: Page, data: bytes, rows: int) -> Samples:
    """The first rows of a stored tile or strip: (rows, columns, samples stored together), native byte order.

    :raises CorruptFrameError: the bytes do not decode, or are too few
    """
    expected = segment_rows_bytes(page, rows)
    raw = _decompressed(page, data, segment_rows_bytes(page, page.segment.height))
    if len(raw) < expected:
        message = f"{len(raw)} bytes instead of {expected}"
        raise CorruptFrameError(message)
    raw = raw[:expected]
    if page.bits < 8 and page.fill_order == _LEAST_SIGNIFICANT_BIT_FIRST:
        raw = bytes(imagecodecs.bitorder_decode(bytes(raw)))
    if is_subsampled(page):
        return _unit_samples(page, raw, rows)
    shape = (rows, page.segment.width, page.segment_samples)
    if page.bits not in {8, 16, 32, 64}:
        return _unpacked(page, raw, shape)
    return _without_predictor(page, raw, shape)


def _decompressed(page: Page, data: bytes, whole: int) -> bytes:
    if page.compression == _NONE:
        return data
    try:
        return _DECOMPRESSORS[page.compression](data, out=whole + _SLACK)  # type: ignore[no-any-return]
    except (RuntimeError, ValueError, OSError, MemoryError) as error:
        raise CorruptFrameError(str(error)) from error


def _is_float(page: Page) -> bool:
    return page.kind == SampleKind.FLOAT


def _dtype(page: Page) -> np.dtype[np.generic]:
    letter = {SampleKind.FLOAT: "f", SampleKind.SIGNED: "i"}.get(page.kind, "u")
    return np.dtype(f"{letter}{page.bits // 8}")


def _without_predictor(page: Page, raw: bytes, shape: tuple[int, int, int]) -> Samples:
    dtype = _dtype(page)
    if page.predictor == _FLOATING_POINT:
        # The bytes of a row are sorted by significance, highest first, whatever the byte order of the file.
        mixed = np.frombuffer(raw, dtype).reshape(shape)
        samples: Samples = imagecodecs.floatpred_decode(mixed, axis=-2)
        samples = samples.astype(dtype.newbyteorder("="), copy=False)
    else:
        samples = np.frombuffer(raw, np.dtype(f"{page.order}{dtype.kind}{dtype.itemsize}")).reshape(shape)
        samples = samples.astype(dtype, copy=False)
        if page.predictor == _HORIZONTAL:
            whole = samples.view(f"u{dtype.itemsize}")
            samples = np.cumsum(whole, axis=1, dtype=whole.dtype).view(dtype)
    if _is_float(page) and page.bits < _LEAST_UNPACKED_FLOAT:
        samples = samples.astype(np.float32)
    return samples


def _unpacked(page: Page, raw: bytes, shape: tuple[int, int, int]) -> Samples:
    """Samples that do not fill bytes, each row beginning with a new byte."""
    dtype = page.pixels().dtype
    run = shape[1] * shape[2]
    try:
        samples = imagecodecs.packints_decode(bytes(raw), dtype, page.bits, runlen=run)
    except (RuntimeError, ValueError) as error:
        raise CorruptFrameError(str(error)) from error
    unpacked: Samples = np.asarray(samples)[: shape[0] * run].reshape(shape)
    return unpacked


def _unit_samples(page: Page, raw: bytes, rows: int) -> NDArray[np.uint8]:
    """Y, Cb, Cr for each pixel, from units of h x v Y, one Cb, one Cr."""
    across, down = page.colours.subsampling
    units_across, units_down = ceil_div(page.segment.width, across), ceil_div(rows, down)
    units = np.frombuffer(raw, np.uint8).reshape(units_down, units_across, across * down + 2)
    luma = units[..., :-2].reshape(units_down, units_across, down, across).transpose(0, 2, 1, 3)
    picture = np.empty((units_down * down, units_across * across, 3), np.uint8)
    picture[..., 0] = luma.reshape(picture.shape[:2])
    picture[..., 1:] = units[..., -2:].repeat(down, axis=0).repeat(across, axis=1)
    return picture[:rows, : page.segment.width]
