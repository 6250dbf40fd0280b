"""Pictures and small codestreams that the tests of this folder are about."""

from __future__ import annotations

import io
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

Picture = NDArray[Any]


@pytest.fixture(scope="session")
def picture() -> Picture:
    """Smooth with a little noise, (rows, columns), 12 bits in 16."""
    y, x = np.mgrid[0:300, 0:420]
    wave = 1800 + 900 * np.sin(x / 23) + 700 * np.cos(y / 31)
    pixels: Picture = (wave + np.random.default_rng(7).integers(0, 64, wave.shape)).astype(np.uint16)
    return pixels


@pytest.fixture(scope="session")
def by_tile_parts(picture: Picture) -> bytes:
    """HTJ2K, RPCL, with TLM and one tile-part for each of five resolutions."""
    return htj2k(picture, reversible=True, tlm=True, tilepart=1, resolutions=4)


def htj2k(pixels: Picture, **options: Any) -> bytes:
    """An HTJ2K codestream by OpenJPH."""
    return bytes(imagecodecs.htj2k_encode(pixels, **options))


def jpeg2000(pixels: Picture, **options: Any) -> bytes:
    """A bare JPEG 2000 codestream by OpenJPEG, with Pillow's options."""
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, "JPEG2000", no_jp2=True, **options)
    return target.getvalue()
