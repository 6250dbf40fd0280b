"""The access log's lines: written and read back, one line for one answer, nothing that must not be written."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtiles.access_log import Answer, format_combined, format_json, loggable_target, parse_line

paths = st.text(st.characters(codec="utf-8", exclude_characters="? \t\n\r\x0b\x0c\x1c\x1d\x1e\x85\xa0"), max_size=60)
texts = st.text(st.characters(codec="utf-8"), max_size=60)
answers = st.builds(
    Answer,
    time=st.integers(0, 4_000_000_000).map(float),
    client=st.sampled_from(["127.0.0.1", "2001:db8::7", "10.0.0.9"]),
    method=st.sampled_from(["GET", "HEAD", "POST"]),
    target=paths.map("/".__add__),
    protocol=st.just("HTTP/1.1"),
    status=st.integers(100, 599),
    bytes_sent=st.integers(0, 2**40),
    seconds=st.integers(0, 60_000_000).map(lambda microseconds: round(microseconds / 1e6, 6)),
    route=st.sampled_from(["dzi_tile", "images"]),
    referer=texts.map(lambda text: text.partition("?")[0]),
    user_agent=texts,
)


def plain(**changes: object) -> Answer:
    fields = {
        "time": 1_780_000_000.0,
        "client": "10.1.2.3",
        "method": "GET",
        "target": "/dzi/abc_files/12/3_2.jpeg",
        "protocol": "HTTP/1.1",
        "status": 200,
        "bytes_sent": 15123,
        "seconds": 0.000123,
        "route": "dzi_tile",
        "referer": "http://pages.example/viewer",
        "user_agent": "Mozilla/5.0 (X11)",
    }
    return Answer(**{**fields, **changes})  # type: ignore[arg-type]


def test_a_line_is_in_combined_log_format() -> None:
    assert format_combined(plain()) == (
        '10.1.2.3 - - [28/May/2026:20:26:40 +0000] "GET /dzi/abc_files/12/3_2.jpeg HTTP/1.1" 200 15123 '
        '"http://pages.example/viewer" "Mozilla/5.0 (X11)"'
    )


@given(answers)
def test_what_json_lines_say_is_read_back_whole(answer: Answer) -> None:
    assert parse_line(format_json(answer)) == answer


@given(answers)
def test_what_combined_lines_say_is_read_back(answer: Answer) -> None:
    written = answer._replace(
        seconds=0.0,
        route="",
        referer=answer.referer if answer.referer != "-" else "",
        user_agent=answer.user_agent if answer.user_agent != "-" else "",
    )
    assert parse_line(format_combined(answer)) == written


@given(
    st.builds(Answer, st.just(0.0), texts, texts, texts, texts, st.just(200), st.just(1), st.just(0.0), texts, texts)
)
def test_one_answer_is_one_line_whatever_it_holds(answer: Answer) -> None:
    for line in (format_combined(answer), format_json(answer)):
        assert line.isascii()
        assert line.isprintable()
        assert len(line.splitlines()) == 1


def test_a_forged_line_in_a_header_stays_inside_its_quotes() -> None:
    forged = 'x"\r\n6.6.6.6 - - [28/May/2026:20:26:40 +0000] "GET /forged HTTP/1.1" 200 1 "-" "-'
    line = format_combined(plain(user_agent=forged))
    assert parse_line(line) == plain(user_agent=forged, seconds=0.0, route="")


def test_names_of_people_in_a_query_string_are_not_written() -> None:
    for line in (
        format_combined(plain(target="/images?search=ZZCANARY&kind=slide&study=1.2.3", referer="http://x/?p=ZZCANARY")),
        format_json(plain(target="/images?search=ZZCANARY&token=ZZCANARY", referer="http://x/?p=ZZCANARY")),
    ):
        assert "ZZCANARY" not in line
        assert "search" in line


def test_parameters_of_pixels_keep_their_values() -> None:
    assert loggable_target("/dzi/a_files/1/0_0.jpeg?plane=3&window=40,400&token=s3cret&quality=%0a") == (
        "/dzi/a_files/1/0_0.jpeg?plane=3&window=40,400&token&quality"
    )


def test_places_of_other_protocols_keep_their_values_and_paths_do_not() -> None:
    for target in (
        "/iip?FIF=abcdefgh234567ab&JTL=7,10",
        "/jpip?target=abcdefgh234567ab&fsiz=512,512&roff=0,0",
        "/GetTile?image=abcdefgh234567ab&level=0&column=3&row=2",
    ):
        assert loggable_target(target) == target
    assert loggable_target("/iip?FIF=/slides/Mustermann.svs&JTL=7,10") == "/iip?FIF&JTL=7,10"
    assert loggable_target("/iip?FIF=Mustermann.svs&JTL=7,10") == "/iip?FIF&JTL=7,10"


def test_a_target_of_any_length_makes_a_line_of_bounded_length() -> None:
    assert len(format_combined(plain(target="/" + "a" * 100_000, user_agent="b" * 100_000))) < 8000


@given(st.text())
def test_no_text_makes_the_reader_fail(line: str) -> None:
    parse_line(line)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{}",
        "[1]",
        '{"time": 5}',
        '{"time": "2026-01-01T00:00:00+00:00", "status": "200"}',
        '1.2.3.4 - - [99/May/2026:20:26:40 +0000] "GET / HTTP/1.1" 200 1',
        '1.2.3.4 - - [28/May/2026:20:26:40 +0000] "-" 408 -',
        json.dumps(["GET"]),
    ],
)
def test_what_is_no_answer_is_read_as_none(line: str) -> None:
    assert parse_line(line) is None


def test_lines_of_other_servers_in_other_time_zones_are_read() -> None:
    answer = parse_line('::1 - bob [28/May/2026:22:26:40 +0200] "GET /a HTTP/1.0" 304 - "-" "curl/8"')
    assert answer == Answer(1_780_000_000.0, "::1", "GET", "/a", "HTTP/1.0", 304, 0, user_agent="curl/8")
