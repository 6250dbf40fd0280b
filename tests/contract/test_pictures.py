"""Plain pictures keep the promise of sources."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from medtiles.core.source import Source
from medtiles.pyramids import PyramidFolder
from medtiles.sources.pictures import PictureFormat
from tests.contract.source_contract import SourceContract

pytestmark = pytest.mark.slow


def _colour(height: int, width: int) -> np.ndarray[Any, Any]:
    y, x = np.mgrid[0:height, 0:width]
    return np.dstack([x * 255 // width, y * 255 // height, (x + y) // 32 % 256]).astype(np.uint8)


def _deep(path: Path) -> None:
    path.write_bytes(imagecodecs.png_encode(_colour(300, 400).astype(np.uint16) * 200))


def _turned(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(_colour(300, 400)).save(path, exif=exif)


PICTURES: dict[str, Callable[[Path], None]] = {
    "a.jpg": lambda path: Image.fromarray(_colour(300, 400)).save(path),
    "turned.jpg": _turned,
    "grey.png": lambda path: Image.fromarray(_colour(300, 400)[:, :, 0]).save(path),
    "deep.png": _deep,
    "a.webp": lambda path: Image.fromarray(_colour(300, 400)).save(path),
    "a.bmp": lambda path: Image.fromarray(_colour(300, 400)).save(path),
    "a.gif": lambda path: Image.fromarray(_colour(300, 400)).save(path),
    "large.jpg": lambda path: Image.fromarray(_colour(900, 4200)).save(path),
    "large.png": lambda path: Image.fromarray(_colour(4200, 900)).save(path, compress_level=1),
}


class TestPictures(SourceContract):
    @pytest.fixture(params=PICTURES)
    def source(self, request: pytest.FixtureRequest, tmp_path: Path) -> Source:
        path = tmp_path / request.param
        PICTURES[request.param](path)
        return PictureFormat(PyramidFolder(tmp_path / "cache")).open([path])
