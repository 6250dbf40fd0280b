"""Sessions divided among servers, by shares."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass

OURSELVES = "self"
_SHARE = 4
"""Of a server whose share is not said."""


@dataclass(slots=True)
class _Place:
    name: str
    share: int
    credit: int = 0


class Shares:
    """Whose turn it is: each as often as its share says, and evenly spread. Safe to use from several threads."""

    def __init__(self, words: Iterable[str]) -> None:
        """Begin.

        :param words: `http://host:port/jpip*3`, without a star for a share of 4; `self*1`: this server's own
        :raises ValueError: a share is no number, or nobody has one
        """
        self._places = [_place(word) for word in words]
        if all(place.name != OURSELVES for place in self._places):
            self._places.append(_Place(OURSELVES, _SHARE))
        self._total = sum(place.share for place in self._places)
        if not self._total:
            message = "nobody has a share"
            raise ValueError(message)
        self._lock = threading.Lock()

    def next(self) -> str:
        """The name of the server whose turn it is."""
        with self._lock:
            for place in self._places:
                place.credit += place.share
            best = max(self._places, key=lambda place: place.credit)
            best.credit -= self._total
            return best.name


def _place(word: str) -> _Place:
    name, star, share = word.strip().partition("*")
    if star and not (share.isascii() and share.isdecimal() and len(share) < 5):
        message = f"{word!r}: a share is a number, as in http://host:8080/jpip*3"
        raise ValueError(message)
    if name != OURSELVES and not name.startswith(("http://", "https://")):
        message = f"{word!r}: neither {OURSELVES} nor an address such as http://host:8080/jpip"
        raise ValueError(message)
    return _Place(name, int(share) if star else _SHARE)
