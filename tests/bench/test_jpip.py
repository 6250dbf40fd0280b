"""What JPIP saves: bytes for a window, and for a first picture over a slow line, beside the whole file."""

from __future__ import annotations

import time
from statistics import median

import imagecodecs
import numpy as np
import pytest

from medtiles.jpip.answer import Target
from medtiles.jpip.bins import CodestreamBins
from medtiles.jpip.request import read_request
from medtiles.jpip.server import JpipLimits, JpipServer
from tests.bench.conftest import Table

pytestmark = pytest.mark.bench
SIDE = 2000
LINE = 30e6 / 8
"""Bytes a second."""


@pytest.fixture(scope="module")
def data() -> bytes:
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    noise = np.random.default_rng(0).normal(0, 6, x.shape)
    wave = [128 + 60 * np.sin(x / (9 + channel)) + 40 * np.cos(y / 13) + noise for channel in range(3)]
    pixels = np.stack(wave, axis=-1).clip(0, 255).astype(np.uint8)
    return bytes(imagecodecs.htj2k_encode(pixels, reversible=True, tile=(512, 512), planar=False))


def answered(data: bytes, query: str) -> tuple[int, float]:
    """Bytes, and seconds of the processor; the codestream is opened anew, as for a first request."""
    started = time.process_time()
    bins = CodestreamBins.of(data)
    target = Target("id", 1, lambda number: bins)
    response = JpipServer(lambda image, part: target, JpipLimits(), time.monotonic).begin(read_request(query), "image")
    length = sum(map(len, response.pieces()))
    return length, time.process_time() - started


def test_a_window_takes_a_part_of_the_file(data: bytes, table: Table) -> None:
    length, _ = answered(data, f"fsiz={SIDE},{SIDE}&roff=600,600&rsiz=512,512")
    share = length / len(data)
    ours = f"{length / 1e6:.2f} MB"
    table.add(
        "a window of 512 of 2,000 x 2,000 x 3", ours, f"whole {len(data) / 1e6:.2f} MB", "half", is_met=share <= 0.5
    )


def test_a_first_picture_over_a_slow_line(data: bytes, table: Table) -> None:
    found = [answered(data, "fsiz=500,500") for _ in range(5)]
    ours = found[0][0] / LINE + median(seconds for _, seconds in found)
    whole = len(data) / LINE
    table.add(
        "a first picture of 500 at 30 Mbit/s",
        f"{ours * 1e3:.0f} ms",
        f"whole file {whole * 1e3:.0f} ms, {whole / ours:.1f} x",
        "5 x less",
        is_met=whole / ours >= 5,
    )
