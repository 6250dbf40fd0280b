"""Four channels of 16 bits as one picture, beside the same in plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from medtiles.core.rendering import Blend, Bound, ChannelRendering, ValueRange
from medtiles.engine.compositing import Layer, composite_bytes
from tests.bench.conftest import Table, in_turns
from transcode.frames import PixelFormat

pytestmark = pytest.mark.bench
SIDE = 256
PIXELS = PixelFormat(1, 16, 16)
COLOURS = ((0, 0, 255), (0, 255, 0), (255, 40, 0), (200, 200, 10))
RANGES = ((200, 6000), (500, 4000), (0, 9000), (100, 3000))


def plain(planes: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Each channel windowed, coloured and added, in floating point."""
    total = np.zeros((SIDE, SIDE, 3), np.float32)
    for plane, colour, (low, high) in zip(planes, COLOURS, RANGES, strict=True):
        shown = np.clip((plane.astype(np.float32) - low) / (high - low), 0, 1)
        total += shown[..., np.newaxis] * np.array(colour, np.float32)
    return (np.minimum(total, 255) + 0.5).astype(np.uint8)


def test_four_channels_of_16_bits(table: Table) -> None:
    random = np.random.default_rng(1)
    planes = random.gamma(2, 900, (8, 4, SIDE, SIDE)).clip(0, 65535).astype(np.uint16)
    layers = [
        Layer(ChannelRendering(index, ValueRange(Bound(low), Bound(high)), colour), colour, PIXELS, None)
        for index, (colour, (low, high)) in enumerate(zip(COLOURS, RANGES, strict=True))
    ]

    def ours(number: int) -> NDArray[np.generic]:
        made = composite_bytes(list(planes[number % 8]), layers, Blend.ADD)
        assert made is not None
        return made.samples

    assert np.abs(ours(0).astype(int) - plain(planes[0])).max() <= 1
    took, theirs, ratio = in_turns(ours, lambda number: plain(planes[number % 8]), 200)
    table.add(
        "four channels of 16 bits, 256 x 256",
        f"{took:.0f} µs",
        f"plain NumPy {theirs:.0f} µs: {ratio:.1f} x",
        "≤ 900 µs",
        is_met=took <= 900,
        is_passed=ratio >= 1.5,
    )
