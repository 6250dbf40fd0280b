"""Dates and times as intervals (PS3.5 6.2, PS3.4 C.2.2.2.5): of a value's own precision, or of a range. Pure.

A moment is a tuple of whole numbers (year, month, day, hour, minute, second, microsecond); dates have the first three,
times the last four. Tuples of equal length compare as moments do.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from medtiles.core.errors import BadRequestError

Moment = tuple[int, ...]
Interval = tuple[Moment | None, Moment | None]
"""First and last moment; None: there is no such end."""

_DATE = re.compile(r"(\d{4})\.?(\d{2})\.?(\d{2})", re.ASCII)
_TIME = re.compile(r"(\d{2})(?::?(\d{2})(?::?(\d{2})(?:\.(\d{1,6}))?)?)?", re.ASCII)
_DATE_TIME = re.compile(
    r"(\d{4})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:\.(\d{1,6}))?)?)?)?)?)?([+-]\d{4})?", re.ASCII
)
_LEAST = {"DA": (0, 1, 1), "TM": (0, 0, 0, 0), "DT": (0, 1, 1, 0, 0, 0, 0)}
_MOST = {"DA": (9999, 12, 31), "TM": (23, 59, 60, 999999), "DT": (9999, 12, 31, 23, 59, 60, 999999)}
_PATTERNS = {"DA": _DATE, "TM": _TIME, "DT": _DATE_TIME}
_ZONE = re.compile(r"^\d{4,14}(?:\.\d{1,6})?-\d{4}$", re.ASCII)


def interval(vr: str, text: str) -> Interval:
    """What a client asks for: a value, or a range with a hyphen.

    :raises BadRequestError: it is neither
    """
    first, last = _ends(vr, text.strip())
    low = _own(vr, first) if first else None
    high = _own(vr, last) if last else None
    is_wrong = (first and low is None) or (last and high is None) or not (first or last)
    if is_wrong:
        message = f"a value of VR {vr} to search for is a {_KINDS[vr]}, or two with a hyphen between"
        raise BadRequestError(message)
    return (low[0] if low else None, high[1] if high else None)


_KINDS = {"DA": "date YYYYMMDD", "TM": "time HHMMSS.FFFFFF", "DT": "date and time YYYYMMDDHHMMSS.FFFFFF&ZZXX"}


def covers(vr: str, wanted: Interval, value: str) -> bool:
    """Whether a stored value lies in an interval, or overlaps it where it is less precise."""
    own = _own(vr, value.strip())
    if own is None:
        return False
    low, high = wanted
    return (low is None or own[1] >= low) and (high is None or own[0] <= high)


def plain_date(value: str) -> str:
    """A date as YYYYMMDD, also where a file has the older YYYY.MM.DD; others as they are."""
    match = _DATE.fullmatch(value.strip())
    return "".join(match.groups()) if match else value.strip()


def _ends(vr: str, text: str) -> tuple[str, str]:
    """First and last of a range; twice the same where it is none. A zone west of Greenwich has a hyphen too."""
    if vr == "DT":
        places = [index for index, letter in enumerate(text) if letter == "-"]
        for place in places:
            ends = text[:place], text[place + 1 :]
            if all(not end or _own(vr, end) for end in ends) and not _is_zone(text, place):
                return ends
        return text, text
    first, hyphen, last = text.partition("-")
    return (first.strip(), last.strip()) if hyphen else (text, text)


def _is_zone(text: str, place: int) -> bool:
    """Whether the hyphen begins an offset from UTC: four digits follow it and then nothing, at most 1200."""
    after = text[place + 1 :]
    return _ZONE.match(text) is not None and len(after) == 4 and int(after) <= 1200


def _own(vr: str, text: str) -> tuple[Moment, Moment] | None:
    """The first and the last moment that a value stands for; None when it is none."""
    match = _PATTERNS[vr].fullmatch(text)
    if match is None:
        return None
    groups = list(match.groups())
    zone = groups.pop() if vr == "DT" else None
    if vr != "DA" and groups[-1] is not None:
        fraction = groups[-1]
        groups[-1] = fraction.ljust(6, "0")
        tops = [int(each) for each in groups[:-1]] + [int(fraction.ljust(6, "9"))]
    else:
        tops = [int(each) for each in groups if each is not None]
    known = [int(each) for each in groups if each is not None]
    low = (*known, *_LEAST[vr][len(known) :])
    high = (*tops, *_MOST[vr][len(tops) :])
    if not _is_possible(low, vr):
        return None
    return (_in_utc(low, zone), _in_utc(high, zone)) if zone else (low, high)


def _is_possible(moment: Moment, vr: str) -> bool:
    return all(least <= part <= most for least, part, most in zip(_LEAST[vr], moment, _MOST[vr], strict=True))


def _in_utc(moment: Moment, zone: str) -> Moment:
    year, month, day, hour, minute, second, micro = moment
    sign = -1 if zone[0] == "-" else 1
    offset = sign * timedelta(hours=int(zone[1:3]), minutes=int(zone[3:5]))
    try:
        shifted = datetime(max(1, year), month, min(day, 28), hour, minute, min(second, 59)) - offset
        shifted += timedelta(days=day - min(day, 28))
    except (ValueError, OverflowError):
        return moment
    return (*shifted.timetuple()[:6], micro)
