"""Finding every packet of a slide's codestream, beside decoding it."""

from __future__ import annotations

import time
from statistics import median

import imagecodecs
import numpy as np
import pytest

from tests.bench.conftest import Table
from transcode.codestream import parse
from transcode.packet_index import PacketIndex, is_compiled

pytestmark = pytest.mark.bench
SIDE, TILE = 4096, 512
SLIDE_TILES = (40_000 // TILE + 1) * (30_000 // TILE + 1)


def test_indexing_takes_a_small_part_of_decoding(table: Table) -> None:
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    noise = np.random.default_rng(0).normal(0, 6, x.shape)
    wave = [128 + 60 * np.sin(x / (9 + channel)) + 40 * np.cos(y / 13) + noise for channel in range(3)]
    pixels = np.stack(wave, axis=-1).clip(0, 255).astype(np.uint8)
    data = bytes(imagecodecs.htj2k_encode(pixels, reversible=True, tile=(TILE, TILE), planar=False))
    indexing, decoding = [], []
    for _ in range(5):
        started = time.process_time()
        codestream = parse(data)
        index = PacketIndex(codestream, lambda offset, length: data[offset : offset + length])
        tiles = [index.tile(tile) for tile in range(codestream.siz.tile_count)]
        indexing.append(time.process_time() - started)
        started = time.process_time()
        imagecodecs.htj2k_decode(data)
        decoding.append(time.process_time() - started)
    assert all(-1 not in tile.offsets for tile in tiles)
    ratio = median(decoding) / median(indexing)
    seconds = median(indexing) / len(tiles) * SLIDE_TILES
    ours = f"{median(indexing) / len(tiles) * 1e3:.2f} ms a tile, {seconds:.1f} s for 40,000 x 30,000"
    peer = f"decoding {median(decoding) / len(tiles) * 1e3:.1f} ms, {ratio:.0f} x"
    assert is_compiled()
    table.add("packets of a tile of 512 found", ours, peer, "5 x less than decoding", is_met=ratio >= 5)
