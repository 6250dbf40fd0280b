"""Rates that several processes share, and sessions that several servers share."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from medtiles.jpip.delegation import Shares
from medtiles.jpip.rates import SharedBucket


def test_a_rate_is_kept_by_all_who_share_it(tmp_path: Path) -> None:
    first, second = (SharedBucket(tmp_path / "rate", 1000.0) for _ in range(2))
    now, gone = 50.0, 0
    for number in range(200):
        bucket = (first, second)[number % 3 == 0]
        now += bucket.take(50, now)
        gone += 50
    assert gone / (now - 50.0) == pytest.approx(1000, rel=0.02)
    assert second.take(0, now + 5) == 0
    first.close()
    second.close()


def test_each_has_its_turn_as_often_as_its_share_says() -> None:
    shares = Shares(["http://b/jpip*3", "http://c/jpip", "self*1"])
    turns = [shares.next() for _ in range(80)]
    assert Counter(turns) == {"http://b/jpip": 30, "http://c/jpip": 40, "self": 10}
    for start in range(0, 80, 8):  # and not one after the other
        assert Counter(turns[start : start + 8]) == {"http://b/jpip": 3, "http://c/jpip": 4, "self": 1}
    unsaid = Shares(["https://b/jpip"])
    assert Counter(unsaid.next() for _ in range(8)) == {"https://b/jpip": 4, "self": 4}


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["nonsense"], "'nonsense': neither self nor an address"),
        (["http://b/jpip*x"], "a share is a number"),
        (["http://b/jpip*-1"], "a share is a number"),
        (["http://b/jpip*0", "self*0"], "nobody has a share"),
    ],
)
def test_what_makes_no_sense_is_named(words: list[str], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        Shares(words)
