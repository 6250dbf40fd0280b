r"""One line per answer: how it is written, and how it is read back. Combined Log Format or JSON lines. Pure.

Nothing that could name a patient or open a door is written: of a query string only the names of its parameters, but for
a fixed list of parameters that say which pixels were asked for; of a referring page no query string at all. Searches of
DICOMweb are by patients' names and dates: there no value is written, whatever it is called.

Control characters, quotes and backslashes are escaped as Apache does it (`\n`, `\xhh`), so one answer is always one
line whatever a client sends.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

PIXEL_PARAMETERS = frozenset(
    {
        *("tile_size", "overlap", "quality", "plane", "window", "region", "size", "format", "offset", "limit", "kind"),
        *("level", "column", "row", "keys"),  # calls of gRPC
        *("jtl", "ptl", "wtl", "atl", "ttl", "til", "jtls", "sds", "rgn", "wid", "hei", "cvt", "qlt"),  # IIP
        *("stream", "fsiz", "roff", "rsiz", "comps", "layers", "len"),  # JPIP
    }
)
"""Parameters, in lower case, whose values are written when they look like numbers or a word."""
_IMAGE_PARAMETERS = frozenset({"image", "fif", "target"})
"""Those whose values are written when they are ids: paths and names may name a patient."""

_PLAIN_VALUE = re.compile(r"[0-9A-Za-z.,_-]{1,64}|[0-9.,]{1,1024}", re.ASCII)
_IMAGE_ID = re.compile(r"[a-z2-7]{16}", re.ASCII)
_PLAIN_NAME = re.compile(r"[0-9A-Za-z._-]{1,32}", re.ASCII)
_SEARCHED = "/dicomweb"
_MAX_TEXT = 2048
_MAX_PARAMETERS = 16


class Answer(NamedTuple):
    """One answer that was given."""

    time: float
    """Seconds since 1970 in UTC, when the request came."""
    client: str
    """Network address."""
    method: str
    target: str
    """Path and query string as they came; `format_*` leaves out what must not be written."""
    protocol: str
    """HTTP/1.1, or gRPC."""
    status: int
    """As HTTP counts; 499 when the client went away."""
    bytes_sent: int
    """Of the body."""
    seconds: float = 0.0
    """From the request's header to the answer's last byte. Not in Combined Log Format."""
    route: str = ""
    """The kind of request, such as dzi_tile. Not in Combined Log Format."""
    referer: str = ""
    user_agent: str = ""


def loggable_target(target: str) -> str:
    """The path, and of the query string what may be written."""
    path, mark, query = target.partition("?")
    if not mark:
        return path[:_MAX_TEXT]
    loggable = _loggable_name if path.startswith(_SEARCHED) else _loggable_parameter
    parts = [loggable(part) for part in query.split("&")[:_MAX_PARAMETERS]]
    return f"{path[:_MAX_TEXT]}?{'&'.join(parts)}"


def format_combined(answer: Answer) -> str:
    """The line in Combined Log Format, without its end of line."""
    time, client, method, target, protocol, status, bytes_sent, _, _, referer, agent = answer
    request = _escape(f"{method} {loggable_target(target)} {protocol}")
    rest = f"{status} {bytes_sent or '-'} {_quoted(referer, agent)}"
    return f'{_word(client)} - - [{_clf_time(int(time))}] "{request}" {rest}'


def format_json(answer: Answer) -> str:
    """The line as a JSON object, without its end of line."""
    fields = answer._asdict()
    fields["time"] = datetime.fromtimestamp(answer.time, UTC).isoformat(timespec="microseconds")
    fields["target"] = loggable_target(answer.target)
    fields["referer"] = answer.referer.partition("?")[0][:_MAX_TEXT]
    fields["user_agent"] = answer.user_agent[:_MAX_TEXT]
    fields["seconds"] = round(answer.seconds, 6)
    return json.dumps(fields, separators=(",", ":"))


def parse_line(line: str) -> Answer | None:
    """Read back a line of either format; None when it is neither.

    Combined Log Format knows whole seconds only, and neither duration nor route.
    """
    text = line.strip()
    return _parse_json(text) if text.startswith("{") else _parse_combined(text)


def _loggable_name(part: str) -> str:
    """The name of a parameter alone; not even that where no value follows, since then it may be one."""
    name, equals, _ = part.partition("=")
    return name if equals and _PLAIN_NAME.fullmatch(name) else "_"


def _loggable_parameter(part: str) -> str:
    name, _, value = part.partition("=")
    if not _PLAIN_NAME.fullmatch(name):
        return "_"
    kind = name.lower()
    if kind in PIXEL_PARAMETERS and _PLAIN_VALUE.fullmatch(value):
        return f"{name}={value}"
    if kind in _IMAGE_PARAMETERS and _IMAGE_ID.fullmatch(value):
        return f"{name}={value}"
    return name


@lru_cache(maxsize=8)
def _clf_time(seconds: int) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment.day:02}/{_MONTHS[moment.month - 1]}/{moment:%Y:%H:%M:%S} +0000"


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_NO_WORD = re.compile(r"[^0-9A-Za-z.:_%-]")
_SPECIAL = re.compile(r"[^\x20-\x7e]|[\"\\]")
_NAMED = {'"': r"\"", "\\": r"\\", "\n": r"\n", "\r": r"\r", "\t": r"\t"}


def _escape(text: str) -> str:
    cut = text[:_MAX_TEXT]
    is_plain = cut.isascii() and cut.isprintable() and '"' not in cut and "\\" not in cut
    return cut if is_plain else _SPECIAL.sub(_escape_one, cut)


def _escape_one(match: re.Match[str]) -> str:
    character = match.group()
    return _NAMED.get(character) or "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "backslashreplace"))


@lru_cache(maxsize=1024)
def _word(text: str) -> str:
    return _NO_WORD.sub("_", text[:64]) or "-"


@lru_cache(maxsize=1024)
def _quoted(referer: str, agent: str) -> str:
    """Both are the same in most requests of a client."""
    return f'"{_escape(referer.partition("?")[0]) or "-"}" "{_escape(agent) or "-"}"'


_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_COMBINED = re.compile(
    rf"(\S+) \S+ \S+ \[(\d\d)/([A-Z][a-z][a-z])/(\d{{4}}):(\d\d):(\d\d):(\d\d) ([+-]\d{{4}})\] "
    rf"{_QUOTED} (\d{{3}}) (\d{{1,18}}|-)(?: {_QUOTED} {_QUOTED})?.*",
    re.ASCII,
)
_ESCAPE = re.compile(rb"\\(?:x([0-9a-f]{2})|(.))", re.DOTALL)
_UNNAMED = {b"n": b"\n", b"r": b"\r", b"t": b"\t"}


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text
    raw = _ESCAPE.sub(
        lambda match: bytes([int(match[1], 16)]) if match[1] else _UNNAMED.get(match[2], match[2]), text.encode()
    )
    return raw.decode("utf-8", "replace")


def _parse_combined(text: str) -> Answer | None:
    match = _COMBINED.fullmatch(text)
    if match is None:
        return None
    client, *when, request, status, size, referer, agent = match.groups()
    moment = _moment(*when)
    words = _unescape(request).split(" ")
    if moment is None or len(words) < 3:
        return None
    texts = ["" if text in {None, "-"} else _unescape(text) for text in (referer, agent)]
    return Answer(
        time=moment,
        client="" if client == "-" else client,
        method=words[0],
        target=" ".join(words[1:-1]),
        protocol=words[-1],
        status=int(status),
        bytes_sent=0 if size == "-" else int(size),
        referer=texts[0],
        user_agent=texts[1],
    )


def _moment(day: str, month: str, *rest: str) -> float | None:
    if month not in _MONTHS:
        return None
    number = _MONTHS.index(month) + 1
    try:
        return datetime.strptime(f"{day} {number} {' '.join(rest)}", "%d %m %Y %H %M %S %z").timestamp()
    except ValueError:
        return None


_JSON_TYPES: dict[str, type | tuple[type, ...]] = {
    "client": str,
    "method": str,
    "target": str,
    "protocol": str,
    "status": int,
    "bytes_sent": int,
    "seconds": (int, float),
    "route": str,
    "referer": str,
    "user_agent": str,
}


def _parse_json(text: str) -> Answer | None:
    try:
        fields = json.loads(text)
        moment = datetime.fromisoformat(fields["time"]).timestamp()
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    kept = {name: fields[name] for name in _JSON_TYPES if name in fields}
    is_typed = all(isinstance(value, _JSON_TYPES[name]) for name, value in kept.items())
    is_whole = {"client", "method", "target", "protocol", "status", "bytes_sent"} <= kept.keys()
    return Answer(time=moment, **kept) if is_typed and is_whole else None
