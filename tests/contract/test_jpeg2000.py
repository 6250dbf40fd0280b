"""Files of the JPEG 2000 family keep the promise of sources."""

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
from medtiles.sources.jpeg2000 import Jpeg2000Format
from tests.contract.source_contract import SourceContract

pytestmark = pytest.mark.slow


def colour(height: int = 300, width: int = 420) -> np.ndarray[Any, Any]:
    y, x = np.mgrid[0:height, 0:width]
    return np.dstack([x * 255 // width, y * 255 // height, (x + y) // 32 % 256]).astype(np.uint8)


def deep(height: int = 300, width: int = 420) -> np.ndarray[Any, Any]:
    y, x = np.mgrid[0:height, 0:width]
    return np.asarray(x * 9 + y * 5, np.uint16)


def save(pixels: np.ndarray[Any, Any], **options: Any) -> Callable[[Path], None]:
    return lambda path: Image.fromarray(pixels).save(path, "JPEG2000", **options)


def htj2k(pixels: np.ndarray[Any, Any], **options: Any) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(imagecodecs.htj2k_encode(pixels, **options))

    return write


def j2k(pixels: np.ndarray[Any, Any]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(imagecodecs.jpeg2k_encode(pixels, codecformat="j2k", reversible=True))

    return write


FILES: dict[str, Callable[[Path], None]] = {
    "whole.jp2": save(colour()),
    "lossy.jp2": save(colour(), irreversible=True, quality_layers=[20]),
    "grey.j2k": save(deep(), no_jp2=True),
    "tiles.jp2": save(colour(), tile_size=(128, 64)),
    "offset.jp2": save(colour(), tile_size=(128, 64), offset=(9, 5), tile_offset=(3, 1)),
    "alpha.jp2": save(np.dstack([colour(), deep().astype(np.uint8)])),
    "tiles.jph": htj2k(colour(), reversible=True, tile=(128, 128), resolutions=3),
    "whole.jhc": htj2k(deep(), reversible=True, tlm=True, tilepart=1),
    "planes.j2c": j2k(np.concatenate([colour(), colour()[:, ::-1]], axis=2)),
    "large.j2c": htj2k(colour(40, 4200), reversible=True, resolutions=2),
}


class TestJpeg2000(SourceContract):
    @pytest.fixture(params=FILES)
    def source(self, request: pytest.FixtureRequest, tmp_path: Path) -> Source:
        path = tmp_path / request.param
        FILES[request.param](path)
        return Jpeg2000Format(PyramidFolder(tmp_path / "cache")).open([path])
