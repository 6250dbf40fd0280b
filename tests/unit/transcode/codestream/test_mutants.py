"""Thousands of damaged codestreams: each is read, or refused with our error, at once."""

from __future__ import annotations

import gc
import random
import time

import numpy as np

from tests.unit.transcode.codestream.conftest import Picture, jpeg2000
from transcode.codestream import Codestream, can_cut, cut_tile, parse, require_sane, resolution_ends_of
from transcode.errors import CorruptFrameError

MUTANTS = 2000


def mutant(data: bytes, dice: random.Random) -> bytes:
    """Flipped bits near the start or anywhere, a cut, bytes taken out or doubled, extreme values."""
    changed = bytearray(data)
    for _ in range(dice.choice((1, 1, 2, 5))):
        kind = dice.randrange(5)
        at = dice.randrange(min(len(changed), dice.choice((150, len(changed)))))
        if kind == 0:
            changed[at] ^= 1 << dice.randrange(8)
        elif kind == 1:
            changed[at : at + 4] = dice.choice((b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\1"))
        elif kind == 2:
            del changed[at + 1 :]
        elif kind == 3:
            del changed[at : at + dice.randrange(1, 9)]
        else:
            changed[at:at] = changed[at : at + dice.randrange(1, 60)]
        if not changed:
            break
    return bytes(changed)


def _use(codestream: Codestream, data: bytes) -> None:
    ends = resolution_ends_of(codestream)
    assert ends[-1].end_offset == codestream.length <= len(data)
    assert [end.end_offset for end in ends] == sorted({end.end_offset for end in ends})
    if can_cut(codestream):
        first = codestream.tile_parts[0].tile
        cut = cut_tile(codestream, first, lambda offset, length: data[offset : offset + length])
        assert parse(cut).siz.tile_count == 1
    require_sane(codestream, 420, 300, 1)


def test_mutants_are_read_or_refused_with_our_error(by_tile_parts: bytes, picture: Picture) -> None:
    dice = random.Random(20)
    small = np.ascontiguousarray(picture[:60, :80])
    streams = (
        by_tile_parts,
        jpeg2000(small, plt=True, tile_size=(32, 32)),
        jpeg2000(small, progression="RPCL", plt=True),
    )
    refused = 0
    for number in range(MUTANTS):
        data = mutant(streams[number % len(streams)], dice)
        try:
            _use(parse(data), data)
        except CorruptFrameError:
            refused += 1
    assert MUTANTS / 2 < refused <= MUTANTS


def test_time_is_linear_in_the_bytes(picture: Picture) -> None:
    """Sixteen times the tile-parts take about sixteen times as long, and not 256 times.

    The best of several runs is taken of both, without the garbage collector: it walks over
    everything that other tests hold, and neighbours on the machine slow single runs down.
    """

    def seconds(side: int) -> float:
        stream = jpeg2000(np.ascontiguousarray(picture[:side, :side]), tile_size=(1, 1), num_resolutions=1)
        gc.collect()
        gc.disable()
        try:
            start = time.process_time()
            codestream = parse(stream)
            resolution_ends_of(codestream)
            taken = time.process_time() - start
        finally:
            gc.enable()
        assert len(codestream.tile_parts) == side * side
        return taken

    assert min(seconds(160) for _ in range(5)) < 64 * min(seconds(40) for _ in range(5))
