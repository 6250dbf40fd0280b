"""Reads what addresses say: numbers within reason, query strings, percent-encoding. What is not there is None."""

from __future__ import annotations

from urllib.parse import unquote, unquote_plus

_MOST_DIGITS = 9
_MOST_PARAMETERS = 64


def whole(text: str) -> int | None:
    """A number of at most nine digits."""
    return int(text) if text.isdigit() and text.isascii() and len(text) <= _MOST_DIGITS else None


def wholes(text: str, count: int) -> list[int] | None:
    """So many numbers with commas between."""
    found = [number for word in text.split(",", count) if (number := whole(word)) is not None]
    return found if len(found) == count == text.count(",") + 1 else None


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
        found.setdefault(_plain(name).lower(), _plain(value))
    return found


def _plain(text: str) -> str:
    return unquote_plus(text) if "%" in text or "+" in text else text


def decoded(text: str) -> str:
    """Percent-encoding taken away; what is none stays."""
    return unquote(text)
