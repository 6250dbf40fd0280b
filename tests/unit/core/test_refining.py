"""A frame cut at its resolutions, from any offset on, as far as any reduction."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtiles.core.errors import BadRequestError
from medtiles.core.frames import ResolutionBytes, TravelFrame
from medtiles.core.refining import bytes_for, refinements
from transcode.codecs import HTJ2K, JPEG_LS
from transcode.frames import GREY8, EncodedFrame

DATA = bytes(range(100))
ENDS = (ResolutionBytes(3, 5, 4, 20), ResolutionBytes(2, 10, 8, 40), ResolutionBytes(0, 40, 30, 98))
CUT = TravelFrame(EncodedFrame(DATA, HTJ2K, GREY8, 40, 30), "1.2", is_stored=True, resolutions=ENDS)
WHOLE = TravelFrame(EncodedFrame(DATA, JPEG_LS, GREY8, 40, 30), "1.3", is_stored=True)


@given(st.integers(0, 100))
def test_refinements_joined_are_the_rest(offset: int) -> None:
    for travel in (CUT, WHOLE):
        pieces = list(refinements(travel, offset))

        assert b"".join(piece.data for piece in pieces) == DATA[offset:]
        assert [piece.is_last for piece in pieces] == [False] * (len(pieces) - 1) + [True] * bool(pieces)
        ends = [offset, *(piece.offset + len(piece.data) for piece in pieces)]
        assert ends[:-1] == [piece.offset for piece in pieces]


def test_each_refinement_tells_what_it_completes() -> None:
    told = [(piece.reduction, piece.size.width, len(piece.data)) for piece in refinements(CUT)]

    assert told == [(3, 5, 20), (2, 10, 20), (0, 40, 60)]


@pytest.mark.parametrize(("until", "expected"), [(5, 20), (3, 20), (2, 40), (1, 100), (0, 100)])
def test_a_reduction_takes_so_many_bytes(until: int, expected: int) -> None:
    assert bytes_for(CUT, until) == expected
    assert sum(len(piece.data) for piece in refinements(CUT, 0, until)) == expected
    assert bytes_for(WHOLE, until) == 100


def test_nothing_comes_twice() -> None:
    first = list(refinements(CUT, 0, 2))
    rest = list(refinements(CUT, 40))

    assert b"".join(piece.data for piece in [*first, *rest]) == DATA
    assert list(refinements(CUT, 40, 2)) == []


@pytest.mark.parametrize("offset", [-1, 101, 2**63])
def test_an_offset_beyond_the_frame_is_refused(offset: int) -> None:
    with pytest.raises(BadRequestError, match="100 bytes"):
        refinements(CUT, offset)
