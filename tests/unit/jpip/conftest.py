"""A picture with smooth parts and fine ones."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.transcode.codestream.conftest import Picture


@pytest.fixture(scope="session")
def colours() -> Picture:
    y, x = np.mgrid[0:300, 0:421]
    noise = np.random.default_rng(3).normal(0, 8, x.shape)
    waves = [128 + 60 * np.sin(x / 9) + 40 * np.cos(y / 13) + noise, x * y % 251, (x + y) % 256]
    return np.stack(waves, axis=-1).clip(0, 255).astype(np.uint8)
