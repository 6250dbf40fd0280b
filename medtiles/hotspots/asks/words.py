"""Reads what addresses say: numbers within reason, query strings, percent-encoding. What is not there is None."""

from __future__ import annotations

from urllib.parse import unquote, unquote_plus

_MOST_DIGITS = 9
_MOST_PARAMETERS = 64


def whole(text: str) -> int | None:
    """A number of at most nine digits."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None


def wholes(text: str, count: int) -> list[int] | None:
    """So many numbers with commas between."""
    found = [whole(word) for word in text.split(",", count)]
    return [number for number in found if number is not None] if len(found) == count and None not in found else None


def decimals(text: str, count: int) -> list[float] | None:
    """So many decimal numbers, finite and not negative."""
    words = text.split(",", count)
    if len(words) != count or any(not word or not set(word) <= set("0123456789.") for word in words):
        return None
    try:
        return [float(word) for word in words]
    except ValueError:
        return None


def parameters(query: str) -> dict[str, str]:
    """The query string's, by name in lower case; the first of a name counts."""
    found: dict[str, str] = {}
    for part in query.split("&", _MOST_PARAMETERS)[:_MOST_PARAMETERS]:
        name, _, value = part.partition("=")
        found.setdefault(unquote_plus(name).lower(), unquote_plus(value))
    return found


def decoded(text: str) -> str:
    """Percent-encoding taken away; what is none stays."""
    return unquote(text)
