"""Pictures of everyday formats, decoded whole by Pillow: headers first, and only as many pixels as the limit allows."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile

from medtiles.core.errors import DamagedImageError, UnsupportedFormatError
from medtiles.core.geometry import Size
from medtiles.pyramids.layout import MOST_PIXELS
from transcode.errors import FileChangedError
from transcode.files import version_of
from transcode.frames import GREY8, RGB8, PixelArray, PixelFormat

GREY16 = PixelFormat(1, 16, 16)
RGB16 = PixelFormat(3, 16, 16, photometric="RGB")

_FORMATS = (
    ("jpeg", b"\xff\xd8\xff", 0, "Jpeg"),
    ("png", b"\x89PNG\r\n\x1a\n", 0, "Png"),
    ("webp", b"WEBP", 8, "WebP"),
    ("bmp", b"BM", 0, "Bmp"),
    ("gif", b"GIF8", 0, "Gif"),
    ("jpeg2000", b"\x00\x00\x00\x0cjP  \r\n\x87\n", 0, "Jpeg2K"),
    ("jpeg2000", b"\xff\x4f\xff\x51", 0, "Jpeg2K"),
)
"""Our name, the first bytes, where they are, and what Pillow's modules are called by, which are loaded when needed."""
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, OverflowError, struct.error, zlib.error)
"""What Pillow's readers raise on broken files. They are opened by class, so that Pillow's own limit, which belongs
to the whole process, is neither met nor moved."""
_JPEG_LS = b"\xff\xd8\xff\xf7"
"""SOI and SOF55."""
_SCREEN_DPI = (72.0, 96.0)
"""Written by programs that know nothing of the picture's scale."""
_MM_PER_INCH = 25.4
_ALPHA = frozenset({"LA", "La", "PA", "RGBA", "RGBa"})


@dataclass(frozen=True)
class FlatHeader:
    """What the header of a picture says."""

    format: str
    """jpeg, png, webp, bmp, gif or jpeg2000."""
    size: Size
    """As it is shown: turned by the EXIF orientation."""
    pixels: PixelFormat
    """Of the samples that decoding gives: grey or RGB, 8 or 16 bits."""
    orientation: int
    """EXIF: 1 is upright."""
    icc_profile: bytes | None
    """Not of CMYK: those pictures become RGB."""
    spacing_mm: tuple[float, float] | None
    """Only where the file states a resolution in units of length, and not that of a screen (72 or 96 dpi)."""


@dataclass(frozen=True, eq=False)
class FlatPicture:
    """A picture, decoded."""

    header: FlatHeader
    pixels: PixelArray


def format_of(head: bytes) -> str | None:
    """Which of the formats a file has, by its first bytes; JPEG-LS only begins like JPEG (ISO/IEC 14495-1 C.2.2)."""
    if head.startswith(_JPEG_LS):
        return None
    return next((name for name, magic, at, _ in _FORMATS if head[at : at + len(magic)] == magic), None)


def read_flat_header(path: Path) -> FlatHeader:
    """Read a picture's header.

    :raises UnsupportedFormatError: another format, or more pixels than are decoded whole
    :raises DamagedImageError: the header is broken
    """
    with _opened(path) as opened:
        return _header(path, opened)


def read_flat_picture(path: Path) -> FlatPicture:
    """Decode a picture: alpha is laid on white, a palette becomes RGB, EXIF orientation is honoured.

    :raises UnsupportedFormatError: another format, or more pixels than are decoded whole
    :raises DamagedImageError: the file is broken, or cut short
    :raises FileChangedError: it changed while it was read
    """
    version = version_of([path])
    with _opened(path) as opened:
        header = _header(path, opened)
        samples = _deep_png(opened.file) if opened.is_deep_png else _samples(opened.image, header.pixels)
        if header.orientation > 1:
            samples = _turned(samples, header.orientation)
    if version_of([path]) != version:
        message = f"{path.name} changed while it was read"
        raise FileChangedError(message)
    return FlatPicture(header, PixelArray(np.ascontiguousarray(samples), header.pixels))


@dataclass(frozen=True, slots=True)
class _Opened:
    """A picture whose header Pillow has read."""

    format: str
    image: ImageFile.ImageFile
    file: BinaryIO
    head: bytes

    @property
    def is_deep_png(self) -> bool:
        """Whether it is a PNG of 16 bits (IHDR): Pillow cuts those in colour to 8."""
        return self.format == "png" and self.head[24] == 16

    @property
    def is_grey_png(self) -> bool:
        """Whether IHDR's colour type is grey, without or with alpha."""
        return self.head[25] in {0, 4}


@contextmanager
def _opened(path: Path) -> Iterator[_Opened]:
    try:
        with path.open("rb") as file:
            head = file.read(32)
            file.seek(0)
            for name, magic, at, plugin in _FORMATS:
                if head[at : at + len(magic)] == magic:
                    with _read(plugin, file) as image:
                        _require_sane_size(path, image)
                        yield _Opened(name, image, file, head)
                    return
    except _BROKEN as error:
        message = f"{path.name} is broken: {error}"
        raise DamagedImageError(message) from error
    message = f"{path.name} is no picture of a known format"
    raise UnsupportedFormatError(message)


def _read(plugin: str, file: BinaryIO) -> ImageFile.ImageFile:
    reader = getattr(import_module(f"PIL.{plugin}ImagePlugin"), f"{plugin}ImageFile")
    image: ImageFile.ImageFile = reader(file)
    return image


def _require_sane_size(path: Path, image: Image.Image) -> None:
    width, height = image.size
    if width * height > MOST_PIXELS:
        message = f"{path.name} has {width} x {height} pixels; pictures are opened up to {MOST_PIXELS} pixels"
        raise UnsupportedFormatError(message)


def _header(path: Path, opened: _Opened) -> FlatHeader:
    image = opened.image
    orientation = _orientation(image)
    size, spacing = Size(*image.size), _spacing(opened.format, image)
    if min(size.width, size.height) < 1:
        message = f"{path.name} has no pixels"
        raise DamagedImageError(message)
    if orientation >= 5:
        size, spacing = Size(size.height, size.width), spacing and (spacing[1], spacing[0])
    profile = image.info.get("icc_profile") if image.mode != "CMYK" else None
    profile = profile if isinstance(profile, bytes) else None
    return FlatHeader(opened.format, size, _format(opened), orientation, profile, spacing)


def _format(opened: _Opened) -> PixelFormat:
    if opened.is_deep_png:
        return GREY16 if opened.is_grey_png else RGB16
    mode = opened.image.mode
    if mode.startswith("I"):
        return GREY16
    return GREY8 if mode in {"1", "L", "LA", "La"} else RGB8


def _orientation(image: ImageFile.ImageFile) -> int:
    try:
        stated = image.getexif().get(ExifTags.Base.Orientation)
    except _BROKEN:
        return 1  # EXIF that cannot be read turns nothing
    return stated if isinstance(stated, int) and 1 <= stated <= 8 else 1


def _spacing(name: str, image: ImageFile.ImageFile) -> tuple[float, float] | None:
    dpi = image.info.get("dpi")
    has_unit = name in {"png", "bmp"} or (name == "jpeg" and image.info.get("jfif_unit") in {1, 2})
    if not has_unit or not isinstance(dpi, tuple) or len(dpi) != 2:
        return None
    across, down = float(dpi[0]), float(dpi[1])
    if not (1 <= across <= 1e6 and 1 <= down <= 1e6) or any(abs(across - screen) < 0.5 for screen in _SCREEN_DPI):
        return None
    return _MM_PER_INCH / across, _MM_PER_INCH / down


def _deep_png(file: BinaryIO) -> NDArray[Any]:
    file.seek(0)
    try:
        samples: NDArray[Any] = imagecodecs.png_decode(file.read())
    except imagecodecs.PngError as error:
        raise ValueError(str(error)) from error
    if samples.ndim == 2:
        samples = samples[:, :, np.newaxis]
    if samples.shape[2] in {1, 3}:
        return samples
    colour, alpha = samples[:, :, :-1].astype(np.float32), samples[:, :, -1:].astype(np.float32) / 65535
    composed: NDArray[Any] = np.rint(colour * alpha + 65535 * (1 - alpha)).astype(np.uint16)
    return composed


def _samples(image: ImageFile.ImageFile, pixels: PixelFormat) -> NDArray[Any]:
    image.load()
    picture: Image.Image = image
    if picture.mode.startswith("I"):
        values: NDArray[Any] = np.clip(np.asarray(picture), 0, 65535).astype(np.uint16)
        return values[:, :, np.newaxis]
    if picture.mode in _ALPHA or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
        picture = Image.alpha_composite(white, picture)
    samples: NDArray[Any] = np.asarray(picture.convert("RGB" if pixels.is_colour else "L"))
    return samples if pixels.is_colour else samples[:, :, np.newaxis]


def _turned(samples: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Upright samples of a picture that was stored in an EXIF orientation of 2 to 8."""
    if orientation >= 5:
        samples = samples.transpose(1, 0, 2)
    if orientation in {2, 3, 6, 7}:
        samples = samples[:, ::-1]
    if orientation in {3, 4, 7, 8}:
        samples = samples[::-1]
    return samples
