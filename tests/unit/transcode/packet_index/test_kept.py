"""Where packets lie is kept as bytes: found again in full, and anew whatever is damaged."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.unit.transcode.codestream.conftest import Picture, jpeg2000
from tests.unit.transcode.packet_index.test_packet_index import index_of, real
from transcode.errors import UnsupportedFeatureError
from transcode.packet_index import PacketIndex, TileIndex, index


class Kept(dict[int, bytes]):
    """Keeps in memory, and counts."""

    loads = 0

    def load(self, tile: int) -> bytes | None:
        self.loads += tile in self
        return self.get(tile)

    def save(self, tile: int, data: bytes) -> None:
        assert tile not in self or data != self[tile]
        self[tile] = data


@pytest.fixture(autouse=True)
def all_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "_LARGE", 1)


@pytest.fixture(scope="module")
def data(picture: Picture) -> bytes:
    eight = (picture >> 4).astype(np.uint8)
    return jpeg2000(np.stack([eight] * 3, axis=-1), tile_size=(200, 150), quality_layers=[20, 1])


def require_same(found: TileIndex, wanted: TileIndex) -> None:
    assert found.offsets == wanted.offsets
    assert found.lengths == wanted.lengths
    assert found.packed_headers == wanted.packed_headers
    precincts = range(wanted.layout.precincts)
    assert all(found.packets(precinct) == wanted.packets(precinct) for precinct in precincts)


def no_walk(*_: object) -> None:
    pytest.fail("its packets are found anew")


def test_what_was_found_is_not_found_again(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Kept()
    first = index_of(data, kept=kept)
    wanted = [first.tile(tile) for tile in range(first.codestream.siz.tile_count)]
    assert len(kept) == len(wanted) > 1
    again = index_of(data, kept=kept)
    monkeypatch.setattr(TileIndex, "_is_waiting", no_walk)
    for tile in wanted:
        found = again._open(tile.tile)
        assert found.is_whole
        require_same(found, tile)


def test_a_tile_is_kept_once_it_is_whole(data: bytes) -> None:
    kept = Kept()
    found = index_of(data, kept=kept)
    found.tile(0, 1)
    assert not kept
    found.tile(0)
    assert list(kept) == [0]
    found.tile(0)
    assert not kept.loads


def test_small_tiles_are_not_kept(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "_LARGE", 100_000)
    kept = Kept()
    index_of(data, kept=kept).tile(0)
    assert not kept


def test_packed_headers_and_all_orders_come_back(shared_data: Callable[[str], Path]) -> None:
    with_packed = 0
    for path in real(shared_data):
        data, kept = path.read_bytes(), Kept()
        first, again = index_of(data, kept=kept), index_of(data, kept=kept)
        try:
            for tile in range(first.codestream.siz.tile_count):
                wanted = first.tile(tile)
                require_same(again.tile(tile), wanted)
                with_packed += bool(wanted.packed_headers)
        except UnsupportedFeatureError:
            continue
        assert kept.loads == len(kept)
    assert with_packed


DAMAGE: dict[str, Callable[[bytes, bytes], bytes]] = {
    "empty": lambda data, plain: b"",
    "rubbish": lambda data, plain: b"rubbish",
    "cut": lambda data, plain: data[:-9],
    "a bit": lambda data, plain: data[:20] + bytes([data[20] ^ 4]) + data[21:],
    "nothing": lambda data, plain: zlib.compress(b""),
    "cut before": lambda data, plain: zlib.compress(plain[:100]),
    "longer": lambda data, plain: zlib.compress(plain + b"\0"),
    "of another tile": lambda data, plain: zlib.compress((7).to_bytes(8, "little") + bytes(7 * 12)),
    "headers that are not there": lambda data, plain: zlib.compress(plain[:4] + b"\2\0\0\0" + plain[8:]),
    "beyond the end": lambda data, plain: zlib.compress(plain[:8] + (1 << 40).to_bytes(8, "little") + plain[16:]),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_what_is_damaged_is_found_anew(data: bytes, how: str) -> None:
    kept = Kept()
    wanted = index_of(data, kept=kept).tile(0)
    good = kept[0]
    kept[0] = DAMAGE[how](good, zlib.decompress(good))
    found: PacketIndex = index_of(data, kept=kept)
    require_same(found.tile(0), wanted)
    assert kept[0] == good
