"""Pixels as messages, and back: frames, samples, keys, regions. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from medtiles.api.v1 import frames_pb2 as pb
from medtiles.api.v1 import tiles_pb2
from medtiles.core.errors import BadRequestError, TileOutOfRangeError, ViewTooLargeError
from medtiles.core.geometry import Region, Size
from medtiles.core.pyramid import TileKey
from medtiles.core.view import View
from transcode.frames import EncodedFrame, Encoding, PixelArray, PixelFormat

Encodings = Mapping[str, Encoding]
"""Encodings by name."""

MOST_TILES = 256
"""Tiles of one GetTiles."""
MOST_STREAMED = 16384
"""Tiles of one StreamTiles."""
MOST_SAMPLE_BYTES = 4 * 1024 * 1024 - 4096
"""Samples of one GetRegion: what fits into a message that clients take by default."""


@lru_cache(maxsize=256)
def pixel_format(pixels: PixelFormat) -> pb.PixelFormat:
    """The message of a format; shared, so never to be changed."""
    return pb.PixelFormat(
        samples_per_pixel=pixels.samples_per_pixel,
        bits_allocated=pixels.bits_allocated,
        bits_stored=pixels.bits_stored,
        signed=pixels.signed,
        photometric=pixels.photometric,
        is_float=pixels.is_float,
    )


def pixel_format_of(message: pb.PixelFormat) -> PixelFormat:
    """The format of a message."""
    return PixelFormat(
        message.samples_per_pixel,
        message.bits_allocated,
        message.bits_stored,
        message.signed,
        message.photometric,
        message.is_float,
    )


def describe_frame(message: pb.EncodedFrame, frame: EncodedFrame) -> None:
    """Make a message say everything about an encoded frame but its data.

    Nearly all tiles of an image are alike but for their data, and copying a message costs a third of making it.
    """
    message.CopyFrom(_description(frame.encoding, frame.format, frame.width, frame.height, frame.reduction))


@lru_cache(maxsize=256)
def _description(encoding: Encoding, pixels: PixelFormat, width: int, height: int, reduction: int) -> pb.EncodedFrame:
    return pb.EncodedFrame(
        media_type=encoding.media_type,
        encoding=encoding.name,
        width=width,
        height=height,
        format=pixel_format(pixels),
        reduction=reduction,
    )


def put_frame(message: pb.EncodedFrame, frame: EncodedFrame) -> None:
    """Make a message say an encoded frame, data and all."""
    message.CopyFrom(_description(frame.encoding, frame.format, frame.width, frame.height, frame.reduction))
    message.data = frame.data


def encoded_frame_of(message: pb.EncodedFrame, encodings: Encodings, data: bytes | None = None) -> EncodedFrame:
    """The encoded frame of a message; `data` in place of its own."""
    return EncodedFrame(
        message.data if data is None else data,
        encoding_of(message.encoding, message.media_type, encodings),
        pixel_format_of(message.format),
        message.width,
        message.height,
        message.reduction,
    )


def encoding_of(name: str, media_type: str, encodings: Encodings) -> Encoding:
    """The encoding of that name; one that this side does not know is taken by its names alone."""
    known = encodings.get(name)
    return known if known is not None else Encoding(name, media_type, suffix=name)


def samples(pixels: PixelArray, data: bytes = b"") -> pb.Samples:
    """The message of decoded samples, with their bytes or without."""
    return pb.Samples(
        data=data,
        dtype=pixels.format.dtype.newbyteorder("<").str,
        rows=pixels.height,
        columns=pixels.width,
        format=pixel_format(pixels.format),
    )


def sample_bytes(size: Size, pixels: PixelFormat) -> int:
    """Bytes that the samples of a picture take."""
    return size.area * pixels.samples_per_pixel * pixels.bits_allocated // 8


def packed_samples(pixels: PixelArray) -> memoryview:
    """The samples row by row, little-endian, without gaps; a copy only where they are not so already."""
    little = np.ascontiguousarray(pixels.samples, pixels.format.dtype.newbyteorder("<"))
    return memoryview(little.reshape(-1).view(np.uint8))


def samples_of(message: pb.Samples, data: bytes | bytearray) -> PixelArray:
    """The samples of a message, in native byte order.

    :raises ValueError: the bytes are not as many as the message says
    """
    pixels = pixel_format_of(message.format)
    shape = (message.rows, message.columns, pixels.samples_per_pixel)
    array = np.frombuffer(data, np.dtype(message.dtype)).reshape(shape)
    return PixelArray(array.astype(pixels.dtype, copy=False), pixels)


def tile_key(key: TileKey) -> tiles_pb2.TileKey:
    """The message of a tile's address.

    :raises TileOutOfRangeError: a number that no image reaches, and no message holds
    """
    try:
        return tiles_pb2.TileKey(level=key.level, column=key.column, row=key.row, plane=key.plane)
    except ValueError as error:
        message = f"no image has a tile {key.column}, {key.row} of level {key.level}, plane {key.plane}"
        raise TileOutOfRangeError(message) from error


def tile_key_of(message: tiles_pb2.TileKey) -> TileKey:
    """The tile's address of a message."""
    return TileKey(message.level, message.column, message.row, message.plane)


def region(value: Region) -> pb.Region:
    """The message of a region.

    :raises BadRequestError: a number that no image reaches, and no message holds
    """
    try:
        return pb.Region(x=value.x, y=value.y, width=value.width, height=value.height)
    except ValueError as error:
        message = f"no image has a region {value.x},{value.y},{value.width},{value.height}"
        raise BadRequestError(message) from error


def region_of(message: pb.Region) -> Region:
    """The region of a message."""
    return Region(message.x, message.y, message.width, message.height)


def size(value: Size) -> pb.Size:
    """The message of a size.

    :raises ViewTooLargeError: a number that no message holds
    """
    try:
        return pb.Size(width=value.width, height=value.height)
    except ValueError as error:
        message = f"no picture has the size {value.width},{value.height}"
        raise ViewTooLargeError(message) from error


def size_of(message: pb.Size) -> Size:
    """The size of a message."""
    return Size(message.width, message.height)


def view_of(request: tiles_pb2.GetRegionRequest | tiles_pb2.ReadRegionRequest) -> View:
    """The view that a request asks for; as large as its region when it names no size.

    :raises BadRequestError: it names no region
    """
    if not request.HasField("region"):
        message = "the request names no region"
        raise BadRequestError(message)
    wanted = region_of(request.region)
    return View(wanted, size_of(request.size) if request.HasField("size") else wanted.size, request.plane)
