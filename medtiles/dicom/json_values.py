"""Values of attributes in the DICOM JSON Model (PS3.18 F.2). Never raises: odd values become text, or nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from pydicom.multival import MultiValue
from pydicom.valuerep import PersonName

BINARY_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
ONE_TEXT_VRS = frozenset({"LT", "ST", "UR", "UT"})
"""A backslash in them is a backslash."""
TEXT_VRS = frozenset({"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "PN", "SH", "TM", "UC", "UI"}) | ONE_TEXT_VRS
_WHOLE_VRS = frozenset({"IS", "SL", "SS", "SV", "UL", "US", "UV"})
_REAL_VRS = frozenset({"DS", "FD", "FL"})
_EXACT_IN_JSON = 2**53
_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")


def values_of(vr: str, value: Any) -> list[Any]:  # noqa: ANN401 - an attribute may be anything
    """The values as JSON has them; none when there is none."""
    if value is None or (isinstance(value, str | bytes | MultiValue | list) and len(value) == 0):
        return []
    several = value if isinstance(value, MultiValue | list | tuple) else (value,)
    found = list(map(_CONVERTERS.get(vr, _text), several))
    return found if any(each is not None for each in found) else []


def is_plain(data: bytes) -> bool:
    """Whether text means the same in every character set: ASCII, and no escape to another set (PS3.5 6.1.2.5)."""
    return data.isascii() and b"\x1b" not in data


def text_values(vr: str, text: str) -> list[Any]:
    """The values that a decoded text holds, as `values_of` gives them."""
    if vr in ONE_TEXT_VRS:
        return values_of(vr, text)
    words = text.rstrip(" \0").split("\\")
    if vr == "PN":
        found = [person(_clean(group) for group in word.split("=")) for word in words]
        return found if any(found) else []
    return values_of(vr, [word.strip(" \0") for word in words])


def person(groups: Iterable[str]) -> dict[str, str] | None:
    """A name by its component groups; None when all are empty."""
    return {key: text for key, text in zip(_GROUPS, groups, strict=False) if text} or None


def whole(value: object) -> int | str | None:
    """A whole number; as text when a reader of JSON could not hold it, or when it is none."""
    text = str(value).strip(" \0")
    try:
        number = int(float(text)) if "." in text else int(text)
    except (ValueError, OverflowError):
        return text or None
    return number if abs(number) < _EXACT_IN_JSON else str(number)


def real(value: object) -> float | str | None:
    """A number; NaN and the infinities, which JSON lacks, by their names, and what is no number as text."""
    text = str(value).strip(" \0")
    try:
        number = float(value if isinstance(value, float) else text)
    except ValueError:
        return text or None
    if math.isfinite(number):
        return float(number)
    return "NaN" if math.isnan(number) else "inf" if number > 0 else "-inf"


def _name(value: object) -> dict[str, str] | None:
    components = value.components if isinstance(value, PersonName) else str(value).split("=")
    return person(_clean(str(each)) for each in components)


def _text(value: object) -> str | None:
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace")
    return _clean(str(value)) or None


def _clean(text: str) -> str:
    """Text that JSON can hold: no halves of surrogate pairs."""
    return text.rstrip(" \0").encode("utf-8", "replace").decode("utf-8")


def _tag(value: object) -> str | None:
    return f"{int(value):08X}" if isinstance(value, int) else _text(value)


_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "AT": _tag,
    "PN": _name,
    **dict.fromkeys(_WHOLE_VRS, whole),
    **dict.fromkeys(_REAL_VRS, real),
}
