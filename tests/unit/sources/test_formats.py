"""Each kind of file is opened by the format that is meant for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from medtiles.core.pyramid import TileKey
from medtiles.sources import formats
from tests.unit.sources.matlab_files import version5, version73

PIXELS = np.zeros((16, 16, 3), np.uint8)


def _saved(kind: str) -> Callable[[Path], object]:
    return lambda path: Image.fromarray(PIXELS).save(path, kind)


FILES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "a.testcard": ("synthetic", lambda path: path.touch()),
    "a.jpg": ("picture", _saved("JPEG")),
    "a.png": ("picture", _saved("PNG")),
    "a.webp": ("picture", _saved("WEBP")),
    "a.bmp": ("picture", _saved("BMP")),
    "a.gif": ("picture", _saved("GIF")),
    "a.tif": ("tiff", _saved("TIFF")),
    "a.jp2": ("jpeg2000", _saved("JPEG2000")),
    "a.jph": ("jpeg2000", _saved("JPEG2000")),
    "v5.mat": ("matlab", lambda path: version5(path, a=PIXELS)),
    "v73.mat": ("matlab", lambda path: version73(path, a=PIXELS)),
}


def _format_of(path: Path) -> str | None:
    with path.open("rb") as file:
        head = file.read(4096)
    return next((each.name for each in formats(None) if each.detects(path, head)), None)


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_known_by_the_format_for_it(tmp_path: Path, name: str) -> None:
    expected, write = FILES[name]
    write(tmp_path / name)
    assert _format_of(tmp_path / name) == expected


@pytest.mark.parametrize("content", [b"", b"\0", b"just text", bytes(5000), b"\xff" * 5000, b"\xff\xd8\xff\xf7\0\x0b"])
def test_a_file_of_no_kind_is_known_by_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(content)
    assert _format_of(path) is None


def test_names_of_formats_are_one_lower_case_word() -> None:
    names = [each.name for each in formats(None)]
    assert len(set(names)) == len(names)
    assert all(name == name.lower() and " " not in name for name in names)


def test_pyramids_of_all_formats_share_one_bound(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    Image.new("L", (4200, 20), 70).save(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "b.tif", np.zeros((20, 4200), np.uint8), metadata=None)
    kept = []
    for name in ("a.png", "b.tif"):
        head = (tmp_path / name).read_bytes()[:4096]
        known = formats(cache, pyramid_bytes=1)
        source = next(each for each in known if each.detects(tmp_path / name, head)).open([tmp_path / name])
        source.read_tile(TileKey(1, 0, 0))
        source.close()
        kept.append({path.name for path in cache.iterdir()})
    assert [len(names) for names in kept] == [1, 1]
    assert kept[0] != kept[1]
