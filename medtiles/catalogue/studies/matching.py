"""Whether an attribute matches what a client searches for (PS3.4 C.2.2.2). Pure.

Single values, lists (of UIDs and of codes also with commas), wildcards `*` and `?`, ranges of dates and times,
universal matching. Names of persons match in any case; `Family^Given` or `*part*` is compared with each component
group, and `Alphabetic=Ideographic=Phonetic` with the group at its place. A date or time of less precision matches all
that it covers: the time `10` is 10:00:00 to 10:59:59.999999.

Fuzzy matching of names, when it is asked for: every word of what is searched begins a word of the name, or sounds like
one (Soundex), whatever the order, the accents and the case.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

from medtiles.catalogue.studies.moments import Interval, covers, interval
from medtiles.catalogue.studies.sounds import sounds_like
from medtiles.core.errors import BadRequestError

Matcher = Callable[[Sequence[str]], bool]
"""Takes the values of an attribute, as text; none when it is absent or empty."""

_WILD_VRS = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
_TEXT_VRS = frozenset({"LT", "ST", "UR", "UT"})
"""May hold a backslash: no lists."""
_MOMENT_VRS = frozenset({"DA", "DT", "TM"})
_NUMBER_VRS = frozenset({"DS", "FD", "FL", "IS", "SL", "SS", "SV", "UL", "US", "UV"})
_MOST_VALUES = 10_000
_LONGEST = 10_000 * 65
_UID = re.compile(r"[0-9.]{1,64}", re.ASCII)


def matcher(vr: str, text: str, *, fuzzy: bool = False) -> Matcher | None:
    """What decides for an attribute of this VR; None: everything matches.

    :raises BadRequestError: the value cannot be one of this VR
    """
    wanted = text.strip(" \0")
    if wanted.strip("*") == "" and (not wanted or vr in _WILD_VRS):
        return None
    if len(wanted) > _LONGEST:
        message = "a value to search for is too long"
        raise BadRequestError(message)
    if vr == "SQ":
        message = "a sequence is searched by the attributes of its items, such as 00400275.00400007"
        raise BadRequestError(message)
    if vr in _MOMENT_VRS:
        return _moments(vr, wanted)
    if vr == "PN":
        return _names(wanted, fuzzy=fuzzy)
    tests = [_test(vr, each) for each in values_of_list(vr, wanted)]
    return lambda values: any(test(value) for value in values for test in tests)


def values_of_list(vr: str, text: str) -> list[str]:
    """The values that a client lists, any of which may match.

    :raises BadRequestError: too many
    """
    separator = r"\\" if vr not in {"UI", "CS"} else r"[\\,]"
    parts = [text] if vr in _TEXT_VRS else [part.strip() for part in re.split(separator, text)]
    if len(parts) > _MOST_VALUES:
        message = f"a list of more than {_MOST_VALUES} values"
        raise BadRequestError(message)
    return [part for part in parts if part]


def exact_values(vr: str, text: str) -> list[str] | None:
    """The values of which one must be equal to the attribute, where that is all; None where more is to be looked at."""
    if vr not in {"UI", "LO", "SH"} or not text.strip(" \0"):
        return None
    values = values_of_list(vr, text.strip(" \0"))
    return None if any(mark in value for mark in "*?" for value in values) and vr != "UI" else values


def _test(vr: str, wanted: str) -> Callable[[str], bool]:
    if vr in _NUMBER_VRS:
        number = _number(vr, wanted)
        return lambda value: _is_number(value, number)
    if vr == "UI" and _UID.fullmatch(wanted) is None:
        message = "a UID has only digits and dots, at most 64"
        raise BadRequestError(message)
    if vr in _WILD_VRS and ("*" in wanted or "?" in wanted):
        pattern = wildcard(wanted)
        return lambda value: pattern.fullmatch(value) is not None
    return lambda value: value == wanted


def wildcard(text: str) -> re.Pattern[str]:
    """`*` is any text, also none; `?` is one character. Never slow: stars that follow one another are one."""
    collapsed = re.sub(r"\*+", "*", text)
    if collapsed.count("*") > 32:
        message = "more than 32 asterisks in a value to search for"
        raise BadRequestError(message)
    # Atomic groups: what a star has passed over is not tried again, so that the time grows with the length alone.
    first, *rest = (re.escape(part).replace(r"\?", ".") for part in collapsed.split("*"))
    middle = "".join(f"(?>.*?{part})" for part in rest[:-1])
    end = f".*{rest[-1]}" if rest else ""
    return re.compile(first + middle + end, re.DOTALL)


def _number(vr: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        message = f"a value of VR {vr} is a number"
        raise BadRequestError(message) from None


def _is_number(value: str, wanted: float) -> bool:
    try:
        return float(value) == wanted
    except ValueError:
        return False


def _moments(vr: str, text: str) -> Matcher:
    wanted: list[Interval] = [interval(vr, each) for each in values_of_list(vr, text)]
    return lambda values: any(covers(vr, each, value) for value in values for each in wanted)


# -- names of persons -----------------------------------------------------------------------------------------------


def _names(text: str, *, fuzzy: bool) -> Matcher:
    tests = [_fuzzy_name(each) if fuzzy else _name(each) for each in values_of_list("PN", text)]
    return lambda values: any(test(value) for value in values for test in tests)


def _name(wanted: str) -> Callable[[str], bool]:
    if "=" not in wanted:
        test = _group(wanted)
        return lambda value: any(test(group) for group in value.split("="))
    tests = [(place, _group(group)) for place, group in enumerate(wanted.split("=")) if group.strip("^ *")]

    def matches(value: str) -> bool:
        groups = [*value.split("="), "", ""]
        return all(test(groups[place]) for place, test in tests if place < 3)

    return matches


def _group(wanted: str) -> Callable[[str], bool]:
    folded = folded_name(wanted)
    if "*" in folded or "?" in folded:
        pattern = wildcard(folded)
        return lambda group: pattern.fullmatch(folded_name(group)) is not None
    return lambda group: folded_name(group) == folded


def folded_name(group: str) -> str:
    """A component group without what does not count: case, width of letters, empty components at its end."""
    return unicodedata.normalize("NFKC", group).casefold().rstrip("^ ").lstrip()


def _fuzzy_name(wanted: str) -> Callable[[str], bool]:
    words = _words(wanted)
    return lambda value: all(any(_is_like(word, other) for other in _words(value)) for word in words)


def _words(text: str) -> list[str]:
    plain = "".join(each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each))
    return [word for word in re.split(r"[\s^=,.*?'-]+", plain.casefold()) if word]


def _is_like(wanted: str, word: str) -> bool:
    return word.startswith(wanted) or sounds_like(wanted, word)
