"""The grammar that fields of requests share (ISO/IEC 15444-9 Annex C): numbers, ranges, lists, choices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from medtiles.jpip.errors import FieldError

_LARGEST = (1 << 63) - 1
_MOST_ITEMS = 4096
"""Of a list: more say nothing that a range would not say."""


class Range(NamedTuple):
    """Numbers from one to another."""

    first: int
    last: int | None
    """None: to the end."""
    step: int = 1

    def within(self, count: int) -> range:
        """Those of it that are less than a count."""
        last = count - 1 if self.last is None else min(self.last, count - 1)
        return range(self.first, last + 1, self.step)


def number(field: str, text: str, most: int = _LARGEST) -> int:
    """A number that is not negative.

    :raises FieldError: it is none, or more than allowed
    """
    if not (text.isascii() and text.isdecimal() and len(text) < 20):
        raise _refuse(field, f"{text!r} is no number")
    value = int(text)
    if value > most:
        raise _refuse(field, f"{value} is more than {most}")
    return value


def items(field: str, text: str) -> list[str]:
    """A list with commas between.

    :raises FieldError: an item is empty, or there are too many
    """
    found = text.split(",", _MOST_ITEMS)
    if len(found) > _MOST_ITEMS or not all(found):
        raise _refuse(field, "an item is empty" if len(found) <= _MOST_ITEMS else f"more than {_MOST_ITEMS} items")
    return found


def numbers(field: str, text: str, count: int) -> tuple[int, ...]:
    """Exactly so many numbers.

    :raises FieldError: there are more or fewer, or something else
    """
    found = tuple(number(field, item, (1 << 32) - 1) for item in items(field, text))
    if len(found) != count:
        raise _refuse(field, f"{count} numbers are wanted, there are {len(found)}")
    return found


def span(field: str, text: str) -> Range:
    """`a`, `a-b` or `a-` (UINT-RANGE).

    :raises FieldError: it is none, or ends before it begins
    """
    start, dash, end = text.partition("-")
    first = number(field, start)
    last = first if not dash else number(field, end) if end else None
    if last is not None and last < first:
        raise _refuse(field, f"{text} ends before it begins")
    return Range(first, last)


def sampled_span(field: str, text: str) -> Range:
    """`a-b:s`: each s-th of a range.

    :raises FieldError: it is none
    """
    plain, colon, step = text.partition(":")
    found = span(field, plain)
    if not colon:
        return found
    by = number(field, step)
    if not by:
        raise _refuse(field, "a step of 0")
    return found._replace(step=by)


def pair(values: tuple[int, int]) -> str:
    """Two numbers as `numbers` reads them."""
    return f"{values[0]},{values[1]}"


def choice(field: str, text: str, among: Sequence[str]) -> str:
    """One of some words.

    :raises FieldError: it is none of them
    """
    if text not in among:
        raise _refuse(field, f"{text!r} is none of {', '.join(among)}")
    return text


def _refuse(field: str, why: str) -> FieldError:
    return FieldError(f"{field}: {why}")
