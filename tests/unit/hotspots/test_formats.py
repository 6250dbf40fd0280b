"""The forms of lines that servers write."""

from __future__ import annotations

import json

import pytest

from medtiles.hotspots import formats
from medtiles.hotspots.errors import HotspotsError
from medtiles.hotspots.filters import Filters
from medtiles.hotspots.scan import scan

WANTED = {"address": "192.0.2.7", "time": 1760104536, "target": "/iip?FIF=a.tif&JTL=7,10", "status": 200, "bytes": 1234}
REQUEST = "GET /iip?FIF=a.tif&JTL=7,10 HTTP/1.1"
TIME = "[10/Oct/2025:13:55:36 +0000]"
COMMON = f'192.0.2.7 - - {TIME} "{REQUEST}" 200 1234'
W3C = "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query c-ip cs(User-Agent) sc-status sc-bytes time-taken"
LINES = {
    "common": [COMMON],
    "combined": [f'{COMMON} "https://v.test/" "Mozilla/5.0 (X11)"'],
    "with more behind": [f'{COMMON} "https://v.test/" "Mozilla/5.0 (X11)" 0.012 HIT "-"'],
    "lighttpd": [f'192.0.2.7 v.test - {TIME} "{REQUEST}" 200 1234 "-" "Mozilla/5.0"'],
    "vhost": [f'v.test:443 {COMMON} "-" "Mozilla/5.0"'],
    "tomcat": [f"{COMMON} 15"],
    "w3c": [W3C, "2025-10-10 13:55:36 10.0.0.1 GET /iip FIF=a.tif&JTL=7,10 192.0.2.7 Mozilla/5.0+(X) 200 1234 15"],
    "nginx json": [
        json.dumps(
            {
                "time_iso8601": "2025-10-10T15:55:36+02:00",
                "remote_addr": "192.0.2.7",
                "request_uri": WANTED["target"],
                "request_method": "GET",
                "status": 200,
                "body_bytes_sent": 1234,
            }
        )
    ],
    "caddy": [
        '{"level":"info","ts":1760104536.25,"request":{"remote_ip":"192.0.2.7","method":"GET",'
        '"uri":"/iip?FIF=a.tif\\u0026JTL=7,10","headers":{"User-Agent":["Mozilla/5.0"]}},'
        '"duration":0.5,"size":1234,"status":200}'
    ],
}


def rows(lines: list[str], form: formats.LineFormat | None = None) -> list[dict[str, object]]:
    form = form or formats.detected(lines)
    assert form is not None
    found = scan(("\n".join(lines) + "\n").encode(), form, formats.FIELDS, Filters(status=(), methods=()))
    return [
        {**row, "target": part.counts[0][row["at"]]}
        for part in found
        if part.frame is not None
        for row in part.frame.to_dicts()
    ]


@pytest.mark.parametrize("name", LINES)
def test_a_line_of_each_server_says_the_same(name: str) -> None:
    (found,) = rows(LINES[name])
    found["target"] = str(found["target"]).replace("\\u0026", "&")
    assert {field: found[field] for field in WANTED} == WANTED


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            '$remote_addr [$time_iso8601] "$request" $status $body_bytes_sent $request_time $upstream_cache_status',
            f'192.0.2.7 [2025-10-10T13:55:36+00:00] "{REQUEST}" 200 1234 0.250 HIT',
        ),
        (
            "$msec|$remote_addr|$request_method|$uri?$args|$status|$bytes_sent|$request_time",
            "1760104536.001|192.0.2.7|GET|/iip?FIF=a.tif&JTL=7,10|200|1234|0.250",
        ),
        ('%h %l %u %t "%r" %>s %b %D', f"{COMMON} 250000"),
        ("%{X-Forwarded-For}i %t %m %U%q %>s %B %{ms}T", f"192.0.2.7 {TIME} GET /iip?FIF=a.tif&JTL=7,10 200 1234 250"),
    ],
)
def test_format_strings(text: str, line: str) -> None:
    form = formats.named(text)
    (found,) = rows([line], form)
    target = str(found["target"])
    assert target.startswith("/iip")
    assert found["seconds"] == pytest.approx(0.25)
    assert {name: found[name] for name in ("address", "time", "status", "bytes")} == {
        name: WANTED[name] for name in ("address", "time", "status", "bytes")
    }


def test_our_own_access_log_in_both_forms() -> None:
    from medtiles.access_log import Answer, format_combined, format_json

    answer = Answer(
        1760104536.5, "192.0.2.7", "GET", "/dzi/abc_files/3/1_2.jpeg", "HTTP/1.1", 200, 77, 0.125, "dzi_tile"
    )
    for line in (format_combined(answer), format_json(answer)):
        (found,) = rows([line])
        wanted = ("192.0.2.7", 1760104536, "/dzi/abc_files/3/1_2.jpeg", 77)
        assert (found["address"], found["time"], found["target"], found["bytes"]) == wanted


def test_fields_of_w3c_change_in_the_middle() -> None:
    other = ["#Software: x", "#Fields: time cs-uri-stem sc-status", "13:55:37 /other 404"]
    found = rows([*LINES["w3c"], *other])
    assert [(row["target"], row["status"]) for row in found] == [(WANTED["target"], 200), ("/other", 404)]


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        ("31/Dec/2016:23:59:60 +0000", 1483228800),
        ("01/Jan/2017:00:00:00 +0000", 1483228800),
        ("01/Jan/2017:01:59:60 +0200", 1483228800),
        ("29/Feb/2024:23:59:59 -0930", 1709285399),
    ],
)
def test_leap_seconds_and_zones(time: str, seconds: int) -> None:
    (found,) = rows([f'::1 - - [{time}] "GET /x HTTP/1.1" 200 1'])
    assert (found["time"], found["address"]) == (seconds, "::1")


def test_quotes_and_what_is_no_request() -> None:
    lines = [
        f'192.0.2.7 - - {TIME} "GET /a\\"b HTTP/1.1" 200 1 "-" "say \\"hi\\""',
        f'192.0.2.7 - - {TIME} "\\x16\\x03\\x01" 400 0 "-" "-"',
    ]
    (part,) = scan("\n".join(lines).encode(), formats.PRESETS["combined"], formats.FIELDS, Filters(status=()))
    assert (part.lines, part.unreadable, part.counts) == (2, 0, (['/a\\"b'], [1]))


@pytest.mark.parametrize("text", ["%h %t", "clf", "$remote_addr"])
def test_a_form_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(HotspotsError, match="format"):
        formats.named(text)


def test_lines_of_no_form_are_not_guessed() -> None:
    assert formats.detected(["hello", "world"]) is None
