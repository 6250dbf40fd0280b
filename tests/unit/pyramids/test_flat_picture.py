"""Everyday formats decode to grey or RGB, upright and opaque, and never to more pixels than the limit."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageOps

from medtiles.core.errors import DamagedImageError, UnsupportedFormatError
from medtiles.core.geometry import Size
from medtiles.pyramids import read_flat_header, read_flat_picture
from transcode.frames import GREY8, RGB8


@pytest.fixture
def colour() -> np.ndarray[Any, Any]:
    y, x = np.mgrid[0:40, 0:60]
    return np.dstack([x * 4, y * 6, x + y]).astype(np.uint8)


@pytest.mark.parametrize(
    ("suffix", "mode", "pixels"),
    [
        ("png", "RGB", RGB8),
        ("png", "L", GREY8),
        ("png", "1", GREY8),
        ("png", "P", RGB8),
        ("png", "LA", GREY8),
        ("png", "RGBA", RGB8),
        ("bmp", "RGB", RGB8),
        ("gif", "P", RGB8),
        ("webp", "RGB", RGB8),
        ("jpg", "RGB", RGB8),
        ("jpg", "L", GREY8),
        ("jpg", "CMYK", RGB8),
        ("jp2", "RGB", RGB8),
    ],
)
def test_each_mode_becomes_grey_or_rgb(tmp_path: Path, colour: Any, suffix: str, mode: str, pixels: Any) -> None:
    path = tmp_path / f"picture.{suffix}"
    image = Image.fromarray(colour).convert(mode)
    image.save(path, lossless=True)  # heard by WebP only
    found = read_flat_picture(path)
    assert found.header.size == Size(60, 40)
    assert found.pixels.format == pixels
    expected = np.asarray(image.convert("L" if pixels is GREY8 else "RGB")).reshape(found.pixels.samples.shape)
    tolerance = 12 if suffix == "jpg" else 0
    assert np.abs(found.pixels.samples.astype(int) - expected).max() <= tolerance


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_honoured_as_pillow_does(tmp_path: Path, colour: Any, orientation: int) -> None:
    path = tmp_path / "turned.png"
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(colour).save(path, exif=exif)
    with Image.open(path) as image:
        upright = np.asarray(ImageOps.exif_transpose(image))
    assert np.array_equal(read_flat_picture(path).pixels.samples, upright)
    assert read_flat_header(path).size == Size(upright.shape[1], upright.shape[0])


@pytest.mark.parametrize("samples", [1, 2, 3, 4])
def test_png_of_16_bits_keeps_them(tmp_path: Path, samples: int) -> None:
    stored = np.random.default_rng(1).integers(0, 65536, (20, 30, samples)).astype(np.uint16)
    if samples in {2, 4}:
        stored[:, :, -1] = 65535
    path = tmp_path / "deep.png"
    path.write_bytes(imagecodecs.png_encode(stored if samples > 1 else stored[:, :, 0]))
    found = read_flat_picture(path)
    colours = 3 if samples > 2 else 1
    assert found.pixels.format.bits_stored == 16
    assert np.array_equal(found.pixels.samples, stored[:, :, :colours])


def test_alpha_is_laid_on_white(tmp_path: Path) -> None:
    path = tmp_path / "alpha.png"
    pixels = np.zeros((1, 3, 4), np.uint8)
    pixels[0, :, 0] = 200
    pixels[0, :, 3] = 0, 128, 255
    Image.fromarray(pixels).save(path)
    seen = read_flat_picture(path).pixels.samples[0]
    assert seen[0].tolist() == [255, 255, 255]
    assert seen[2].tolist() == [200, 0, 0]
    assert np.abs(seen[1].astype(int) - [227, 127, 127]).max() <= 1


def test_deep_alpha_is_laid_on_white(tmp_path: Path) -> None:
    path = tmp_path / "alpha.png"
    path.write_bytes(imagecodecs.png_encode(np.array([[[1000, 0], [1000, 65535]]], np.uint16)))
    assert read_flat_picture(path).pixels.samples[0, :, 0].tolist() == [65535, 1000]


@pytest.mark.parametrize(
    ("name", "options", "spacing"),
    [
        ("a.jpg", {"dpi": (254, 508)}, (0.1, 0.05)),
        ("a.png", {"dpi": (2540, 2540)}, (0.01, 0.01)),
        ("a.bmp", {"dpi": (2540, 2540)}, (0.01, 0.01)),
        ("a.jpg", {"dpi": (72, 72)}, None),
        ("a.png", {"dpi": (96, 96)}, None),
        ("a.jpg", {}, None),
        ("a.png", {}, None),
        ("a.webp", {}, None),
    ],
)
def test_spacing_is_said_only_when_the_file_means_it(
    tmp_path: Path, colour: Any, name: str, options: dict[str, Any], spacing: tuple[float, float] | None
) -> None:
    Image.fromarray(colour).save(tmp_path / name, **options)
    found = read_flat_header(tmp_path / name).spacing_mm
    assert found is None if spacing is None else found == pytest.approx(spacing, rel=1e-3)


def test_jpeg_density_without_a_unit_is_no_spacing(tmp_path: Path, colour: Any) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(colour).save(path, dpi=(300, 300))
    data = path.read_bytes()
    path.write_bytes(data[:13] + b"\0" + data[14:])
    assert read_flat_header(path).spacing_mm is None


def test_profile_is_kept(tmp_path: Path, colour: Any) -> None:
    Image.fromarray(colour).save(tmp_path / "a.png", icc_profile=b"a profile")
    assert read_flat_header(tmp_path / "a.png").icc_profile == b"a profile"


def _png_of(width: int, height: int) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("side", [20000, 1 << 30])
def test_a_bomb_is_refused_before_it_is_decoded(tmp_path: Path, side: int) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(_png_of(side, side))
    with pytest.raises(UnsupportedFormatError, match=f"bomb.png has {side} x {side} pixels; pictures are opened up to"):
        read_flat_header(path)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp", "gif", "jp2"])
def test_a_cut_file_is_damaged_and_says_its_name(tmp_path: Path, colour: Any, suffix: str) -> None:
    path = tmp_path / f"cut.{suffix}"
    Image.fromarray(colour).save(path)
    whole = path.read_bytes()
    refused = 0
    for length in range(20, len(whole) - 40, max(1, len(whole) // 40)):
        path.write_bytes(whole[:length])
        try:
            read_flat_picture(path)
        except (DamagedImageError, UnsupportedFormatError) as error:
            assert "cut." in str(error)  # noqa: PT017 - some cuts of a progressive format still decode
            refused += 1
    assert refused > 20


def test_bytes_of_no_picture_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.png"
    path.write_bytes(b"just text, nothing more")
    with pytest.raises(UnsupportedFormatError, match="no picture of a known format"):
        read_flat_header(path)
