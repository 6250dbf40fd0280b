"""Forms of log lines: format strings of nginx and Apache, W3C extended, JSON lines. Each says where fields are.

A form is a regular expression with named groups (that of Rust's `regex`, as Polars has it, and of Python), so that one
scan finds all fields that are wanted, or an expression for each key of JSON.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from medtiles.hotspots.errors import HotspotsError

FIELDS = ("address", "time", "method", "target", "query", "status", "bytes", "referer", "agent", "duration", "cache")
"""What is taken from a line."""
_QUOTED = r'[^"\\]*(?:\\.[^"\\]*)*'


class Clock(Enum):
    """How a line says when."""

    CLF = "10/Oct/2000:13:55:36 -0700"
    ISO = "2000-10-10T13:55:36-07:00"
    SECONDS = "seconds since 1970"
    MILLISECONDS = "milliseconds since 1970"


@dataclass(frozen=True, slots=True)
class LineFormat:
    """A form of lines."""

    name: str
    parts: tuple[tuple[str, str], ...]
    """Field and pattern, one behind the other; the field is empty for what stands between."""
    clock: Clock = Clock.CLF
    duration_unit: float = 1.0
    """Seconds of a unit of `duration`."""
    is_json: bool = False
    keys: Mapping[str, str] | None = None
    """Field to JSON key."""

    def pattern(self, wanted: Iterable[str]) -> str:
        """A regular expression with a group for each wanted field that it has."""
        names = set(wanted)
        needed = names | {"status", "target", _REQUEST}
        last = max(at for at, (field, _) in enumerate(self.parts) if field in needed)
        shown = [
            _request(names) if field == _REQUEST else _group(field, pattern, names) for field, pattern in self.parts
        ]
        return "^" + "".join(shown[: last + 1])  # what stands behind is not looked at

    @property
    def fields(self) -> frozenset[str]:
        """Those that it has."""
        if self.keys is not None:
            return frozenset(self.keys)
        found = {field for field, _ in self.parts if field}
        return frozenset(found - {_REQUEST} | ({"method", "target"} if _REQUEST in found else set()))


_REQUEST = "request"


def _group(field: str, pattern: str, names: set[str]) -> str:
    return f"(?P<{field}>{pattern})" if field in names else f"(?:{pattern})"


def _request(names: set[str]) -> str:
    """The request's line; one that is none (a port scan, half a TLS handshake) is a line all the same."""
    method = "(?P<method>[A-Z]+)" if "method" in names else "[A-Z]+"
    word = r'[^ "\\]+(?:\\.[^ "\\]*)*'
    target = f"(?P<target>{word})" if "target" in names else word
    return rf"(?:{method} {target}(?: {_QUOTED})?|{_QUOTED})"


# -- format strings ---------------------------------------------------------------------------------------------------

_NGINX: dict[str, str] = {
    "remote_addr": "address",
    "http_x_forwarded_for": "address",
    "realip_remote_addr": "address",
    "time_local": "time",
    "time_iso8601": "time",
    "msec": "time",
    "request": _REQUEST,
    "request_method": "method",
    "request_uri": "target",
    "uri": "target",
    "args": "query",
    "query_string": "query",
    "status": "status",
    "body_bytes_sent": "bytes",
    "bytes_sent": "bytes",
    "http_referer": "referer",
    "http_user_agent": "agent",
    "request_time": "duration",
    "upstream_cache_status": "cache",
}
_APACHE: dict[str, str] = {
    "h": "address",
    "a": "address",
    "t": "time",
    "r": _REQUEST,
    "m": "method",
    "U": "target",
    "q": "query",
    "s": "status",
    "b": "bytes",
    "B": "bytes",
    "O": "bytes",
    "D": "duration",
    "T": "duration",
    "{referer}i": "referer",
    "{user-agent}i": "agent",
    "{x-forwarded-for}i": "address",
    "{ms}T": "duration",
    "{us}T": "duration",
    "{s}T": "duration",
}
_UNITS = {"D": 1e-6, "T": 1.0, "{ms}T": 1e-3, "{us}T": 1e-6, "{s}T": 1.0}
_VARIABLE = re.compile(r"\$(\w+)|\$\{(\w+)\}|%[<>]?((?:\{[^}]*\})?[\^A-Za-z%])")
_CLOCKS = {"time_iso8601": Clock.ISO, "msec": Clock.SECONDS}


def by_format_string(text: str, name: str = "") -> LineFormat:
    """The form that a format string of nginx (`$remote_addr ...`) or Apache, lighttpd and Tomcat (`%h ...`) writes.

    :raises HotspotsError: it names no request
    """
    parts: list[tuple[str, str]] = []
    clock, unit, at = Clock.CLF, 1.0, 0
    text = text.replace('\\"', '"')
    taken: set[str] = set()
    for match in _VARIABLE.finditer(text):
        before = text[at : match.start()]
        if before:
            parts.append(("", re.escape(before).replace(r"\ ", " +")))
        at = match.end()
        if match[3] == "%%":
            parts.append(("", "%"))
            continue
        variable = match[1] or match[2] or match[3]
        field = _NGINX.get(variable, "") if not match[3] else _APACHE.get(_apache_name(variable), "")
        clock = _CLOCKS.get(variable, clock)
        unit = _UNITS.get(variable, unit) if match[3] else unit
        if field in taken:
            field = ""
        taken.add(field)
        parts.append((field, _value(variable, field, before[-1:], text[at : at + 1], is_apache=bool(match[3]))))
    if at < len(text) and text[at:].strip():
        parts.append(("", re.escape(text[at:].rstrip()).replace(r"\ ", " +")))
    if not taken & {_REQUEST, "target"}:
        message = f"{text[:80]!a}: a log format has the request in it, as $request or %r"
        raise HotspotsError(message)
    return LineFormat(name or "the given format", tuple(parts), clock, unit)


def _apache_name(variable: str) -> str:
    brace, end, letter = variable.rpartition("}")
    return f"{brace.lower()}{end}{letter}" if end else variable


def _value(variable: str, field: str, before: str, after: str, *, is_apache: bool) -> str:
    """The pattern of a variable's value, by what stands around it."""
    around = {'""': _QUOTED, "[]": r"[^\]]+"}.get(before + after)
    if field == _REQUEST:
        return ""
    if is_apache and variable == "t":
        return r"\[[^\]]+\]"
    if around is not None:
        return around
    if field == "status":
        return "[0-9]{3}|-"
    ends = {"": r"[^ \t\r]*", " ": "[^ ]+"}
    return ends.get(after, rf"[^{re.escape(after)}]*")


_COMMON = '%h %l %u %t "%r" %>s %b'
PRESETS: dict[str, LineFormat] = {
    name: by_format_string(text, name)
    for name, text in {
        "combined": _COMMON + ' "%{Referer}i" "%{User-Agent}i"',
        "common": _COMMON,
        "vhost": "%v " + _COMMON + ' "%{Referer}i" "%{User-Agent}i"',
        "nginx": '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
        '"$http_referer" "$http_user_agent"',
        "lighttpd": '%h %V %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"',
        "tomcat": _COMMON + " %D",
    }.items()
}
"""By name. The first that fits is taken where none is named; those of Apache, nginx and lighttpd are of one shape."""
_TRIED = ("combined", "vhost", "common")

# -- W3C extended, as IIS writes it -----------------------------------------------------------------------------------

_W3C = {
    "c-ip": "address",
    "date": "date",
    "time": "time",
    "cs-method": "method",
    "cs-uri-stem": "target",
    "cs-uri": "target",
    "cs-uri-query": "query",
    "sc-status": "status",
    "sc-bytes": "bytes",
    "cs(referer)": "referer",
    "cs(user-agent)": "agent",
    "time-taken": "duration",
    "x-edge-result-type": "cache",
}
W3C_FIELDS = "#Fields:"


def by_w3c_fields(line: str) -> LineFormat:
    """The form that a line `#Fields: date time ...` announces.

    :raises HotspotsError: there is no request in it
    """
    words = line.removeprefix(W3C_FIELDS).split()
    fields = [_W3C.get(word.lower(), "") for word in words]
    if "target" not in fields:
        message = f"{line[:80]!a}: there is no cs-uri-stem among the fields"
        raise HotspotsError(message)
    parts: list[tuple[str, str]] = []
    at = 0
    while at < len(fields):
        if parts:
            parts.append(("", r"[ \t]+"))
        if fields[at] == "date" and fields[at + 1 : at + 2] == ["time"]:
            parts.append(("time", r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ \t]+[0-9:]{8}(?:\.[0-9]+)?"))
            at += 2
            continue
        field = fields[at] if fields[at] not in {"date", "time"} else ""
        parts.append((field, r'"[^"]*(?:""[^"]*)*"|[^ \t\r"][^ \t\r]*'))
        at += 1
    unit = 1.0 if "x-edge-result-type" in words else 1e-3  # Amazon counts seconds, IIS milliseconds
    return LineFormat("w3c", tuple(parts), Clock.ISO, unit)


# -- JSON lines -------------------------------------------------------------------------------------------------------

_JSON_KEYS: dict[str, tuple[str, ...]] = {
    "address": ("client", "remote_addr", "remote_ip", "client_ip", "ClientHost", "clientip", "address", "host", "ip"),
    "time": ("time", "time_iso8601", "time_local", "msec", "timestamp", "@timestamp", "ts", "StartUTC", "date"),
    "method": ("method", "request_method", "RequestMethod", "verb"),
    "target": ("target", "request_uri", "uri", "RequestPath", "path", "url", "request"),
    "query": ("args", "query_string", "query"),
    "status": ("status", "DownstreamStatus", "response", "status_code", "code"),
    "bytes": ("bytes_sent", "body_bytes_sent", "size", "DownstreamContentSize", "bytes", "response_size"),
    "referer": ("referer", "http_referer", "referrer", "request_Referer", "Referer"),
    "agent": ("user_agent", "http_user_agent", "userAgent", "agent", "request_User-Agent", "User-Agent"),
    "duration": ("seconds", "request_time", "duration", "Duration", "latency", "elapsed", "duration_ms"),
    "cache": ("upstream_cache_status", "cache", "cache_status"),
}
"""Keys under which servers write a field, the likeliest first."""
_DURATIONS = {"Duration": 1e-9, "duration_ms": 1e-3}


def by_json(lines: Sequence[str]) -> LineFormat | None:
    """The form of JSON lines, by the keys that these have; None: they name no request."""
    present = {key for line in lines for key in re.findall(r'"((?:[^"\\]|\\.)+)"\s*:', line)}
    keys = {field: next((key for key in names if key in present), "") for field, names in _JSON_KEYS.items()}
    keys = {field: key for field, key in keys.items() if key}
    if "target" not in keys:
        return None
    sample = next(
        (found[1].strip('"') for line in lines if (found := re.search(json_value(keys.get("time", "\0")), line))), ""
    )
    clock = Clock.ISO
    if re.fullmatch(r"[0-9.]+", sample):
        clock = Clock.SECONDS if float(sample) < 1e11 else Clock.MILLISECONDS
    elif re.match(r"\[?\d\d/[A-Z]", sample):
        clock = Clock.CLF
    return LineFormat("json", (), clock, _DURATIONS.get(keys.get("duration", ""), 1.0), is_json=True, keys=keys)


def json_value(key: str) -> str:
    """A regular expression for the value of a key: one group, with the quotes of a text."""
    return rf'"{re.escape(key)}"\s*:\s*\[?("(?:[^"\\]|\\.)*"|[^",}}\]\s]+)'


# -- which one --------------------------------------------------------------------------------------------------------


def detected(lines: Sequence[str]) -> LineFormat | None:
    """The form of these lines; None: of none that is known."""
    w3c = next((line for line in lines if line.startswith(W3C_FIELDS)), None)
    if w3c is not None:
        return by_w3c_fields(w3c)
    objects = [line for line in lines if line.lstrip().startswith("{")]
    if len(objects) * 2 > len(lines):
        return by_json(objects)
    counts = {name: sum(re.match(PRESETS[name].pattern(FIELDS), line) is not None for line in lines) for name in _TRIED}
    best = max(_TRIED, key=lambda name: counts[name])
    if not counts[best]:
        return None
    # a line of the combined form is one of the common form too
    return PRESETS[best]


def named(text: str) -> LineFormat | None:
    """The form that a user names: a preset, a format string; None: whatever it is (`auto`, `json`, `w3c`).

    :raises HotspotsError: it is none
    """
    if text in {"auto", "json", "w3c", "iis", "medtiles"}:
        return None
    if text in PRESETS:
        return PRESETS[text]
    if "%" in text or "$" in text:
        return by_format_string(text)
    message = (
        f"{text[:60]!a}: a log format is auto, {', '.join(PRESETS)}, json, w3c, or a format string of nginx or Apache"
    )
    raise HotspotsError(message)
