"""HTML and SVG made of values, so that nothing that comes from a file can become part of the page.

A plain string is text: it is escaped wherever it goes. Only what `tag` and `join` return, and what the page itself
is made of, is `Markup`, which is not escaped again.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def tag(name: str, *children: str | int | Iterable[Markup], **attributes: str | float | bool | None) -> Markup:
    """An element. `class_` is written class, `stroke_width` stroke-width; what is None or False is left out.

    Numbers have at most two digits behind the point: enough for a plot.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"'
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    return Markup(f"<{name}{written}>{join(*children)}</{name}>")


def join(*children: str | int | Iterable[Markup]) -> Markup:
    """The children one after the other; plain strings escaped."""
    return Markup("".join(map(_child, children)))


def _child(child: str | int | Iterable[Markup]) -> str:
    if isinstance(child, Markup):
        return child
    if isinstance(child, str | int):
        return escape(_visible(str(child)), quote=True)
    return "".join(map(_child, child))


def _value(value: str | float | bool) -> str:
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return "" if value is True else escape(_visible(str(value)), quote=True)


def _visible(text: str) -> str:
    """Control characters, which HTML forbids, and half surrogates, which UTF-8 cannot hold, as their replacement."""
    return "".join("\N{REPLACEMENT CHARACTER}" if _is_unwritable(character) else character for character in text)


def _is_unwritable(character: str) -> bool:
    code = ord(character)
    return (code < 32 and character not in "\t\n\r") or 0x7F <= code < 0xA0 or 0xD800 <= code < 0xE000
