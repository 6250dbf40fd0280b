"""Tables of a report: headings that sort, numbers that line up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from transcode.batch.markup import Markup, tag


@dataclass(frozen=True, slots=True)
class Cell:
    """One field of a table."""

    words: str | Markup
    value: float | None = None
    """What a number sorts by; None for text."""
    class_: str = "what"


def number(value: float, words: str) -> Cell:
    """A number, told in words of its own."""
    return Cell(words, value, "number")


def name(words: str) -> Cell:
    """The name of a file."""
    return Cell(words, class_="name")


def table(headings: Sequence[str], rows: Iterable[Sequence[Cell]], total: Sequence[Cell] | None = None) -> Markup:
    """A table that its reader can sort.

    :param total: a last row that stays where it is
    """
    found = list(rows)
    is_number = [cell.value is not None for cell in found[0]] if found else [False] * len(headings)
    head = (
        tag("th", tag("button", heading, type="button"), scope="col", class_="number" if numeric else None)
        for heading, numeric in zip(headings, is_number, strict=True)
    )
    parts = [tag("thead", tag("tr", head)), tag("tbody", (tag("tr", map(_cell, row)) for row in found))]
    if total is not None:
        parts.append(tag("tfoot", tag("tr", map(_cell, total), class_="sum")))
    return tag("div", tag("table", parts, class_="sortable"), class_="scroll")


def _cell(cell: Cell) -> Markup:
    value = None if cell.value is None else f"{cell.value:.12g}"
    return tag("td", cell.words, class_=cell.class_, data_value=value)
