"""`report.html`: well formed, complete, sufficient to itself, and deaf to what file names would like it to do."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.transcode.batch.outcomes import batch, outcome
from transcode.batch.model import Outcome, Quality, Status
from transcode.batch.report import Report, write_summary
from transcode.batch.report_html import report_html
from transcode.batch.summary import Summary

VOID = {"meta"}
HOSTILE = "\"><img src=x onerror=alert(1)><script>alert('&amp;')</script>\x00\x1b[31m\ud800"


class Page(HTMLParser):
    """What a browser would find, and whether every element is closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"an attribute twice: {attrs}"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"{tag} was never opened"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] not in (["script"], ["style"]):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def count(self, tag: str, class_: str | None = None) -> int:
        return sum(1 for name, attributes in self.elements if name == tag and class_ in {None, attributes.get("class")})

    def ids(self) -> list[str]:
        return [attributes["id"] or "" for name, attributes in self.elements if name == "section"]


def page_of(*outcomes: Outcome) -> Page:
    return Page(report_html(Summary(outcomes)))


def test_a_batch_of_every_kind_has_every_section_failures_first() -> None:
    page = page_of(*batch(400))
    assert page.ids() == [
        "failures",
        "modalities",
        "codecs",
        "judges",
        "figures",
        "ratios",
        "throughput",
        "lossy",
        "copied",
        "warnings",
        "slowest",
    ]
    assert page.count("svg") == 6
    assert 350 > page.count("circle") > 200


def test_an_empty_batch_is_a_page_too() -> None:
    page = page_of()
    assert "There was nothing to do" in page.text
    assert not page.ids()


def test_a_batch_of_failures_alone_shows_them() -> None:
    page = page_of(*(outcome(n, status=Status.FAILED, message=f"reason {n}", finished_at="") for n in range(3)))
    assert page.ids()[0] == "failures"
    assert "3 of 3 files are not in the destination." in page.text
    assert "reason 2" in page.text


def test_refused_files_stand_before_failed_ones() -> None:
    text = page_of(
        outcome(1, status=Status.FAILED, message="later"), outcome(2, status=Status.REFUSED, message="sooner")
    ).text
    assert text.index("sooner") < text.index("later")
    assert "1 of them failed their verification" in text


@pytest.mark.parametrize(
    ("outcomes", "told"),
    [
        ([outcome(1), outcome(2, status=Status.COPIED, judge="")], "What was encoded was decoded again and compared"),
        ([outcome(1), outcome(2, judge="")], "1 of 2 encoded ones were not verified."),
        ([outcome(1, status=Status.COPIED)], "The one file is in the destination."),
    ],
)
def test_the_verdict_claims_no_more_than_what_was_done(outcomes: list[Outcome], told: str) -> None:
    assert told in page_of(*outcomes).text


def test_many_failures_point_to_the_lines() -> None:
    assert "The first 1 000 are shown" in page_of(
        *(outcome(n, status=Status.FAILED) for n in range(1003))
    ).text.replace("\N{NARROW NO-BREAK SPACE}", " ")


def hostile(number: int, status: Status) -> Outcome:
    return outcome(
        number,
        name=HOSTILE,
        status=status,
        message=HOSTILE,
        target=HOSTILE,
        modality=HOSTILE,
        reason=HOSTILE,
        judge=HOSTILE,
        warnings=(HOSTILE,),
        quality=Quality(41, 0.98, 3),
        is_lossy=True,
    )


def test_nothing_that_comes_from_files_becomes_markup() -> None:
    harmless = page_of(
        *(
            outcome(n, status=status, quality=Quality(41, 0.98, 3), is_lossy=True, warnings=("w",))
            for n, status in enumerate(Status)
        )
    )
    hostile_page = report_html(Summary(hostile(n, status) for n, status in enumerate(Status)), HOSTILE, HOSTILE)
    page = Page(hostile_page)
    assert page.count("script") == 1
    assert page.count("img") == 0
    assert {name for name, _ in page.elements} - {name for name, _ in harmless.elements} <= {"p"}
    assert not any(attribute.startswith("on") for _, attributes in page.elements for attribute in attributes)
    assert "<img src=x onerror=alert(1)>" in page.text
    hostile_page.encode("utf-8")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", hostile_page)


@given(st.lists(st.text(max_size=30), min_size=6, max_size=6))
def test_any_text_leaves_the_page_well_formed(words: list[str]) -> None:
    name, message, target, modality, reason, warning = words
    one = outcome(1, name=name, message=message, target=target, modality=modality, reason=reason, warnings=(warning,))
    bad = outcome(2, name=name, message=message, status=Status.FAILED)
    copied = outcome(3, name=name, reason=reason, status=Status.COPIED)
    assert page_of(one, bad, copied).count("script") == 1


def test_the_page_needs_nothing_from_elsewhere() -> None:
    page = report_html(Summary(batch(200)))
    assert not re.search(r"""(src|href|url|@import|https?:)""", re.sub(r"Content-Security-Policy.*", "", page))


def test_only_its_own_script_may_run() -> None:
    page = report_html(Summary(batch(20)))
    script = re.search("<script>(.*)</script>", page, re.DOTALL)
    assert script is not None
    digest = base64.b64encode(hashlib.sha256(script.group(1).encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'" in page


def test_the_page_is_the_same_each_time_and_of_a_bounded_size() -> None:
    many = list(batch(6000))
    page = report_html(Summary(many))
    assert page == report_html(Summary(many))
    assert len(page) < 600_000


@pytest.mark.parametrize("size", [0, 1, 10**15])
@pytest.mark.parametrize("seconds", [0.0, 1e-9, 1e7])
def test_extreme_figures_are_drawn(size: int, seconds: float) -> None:
    fields = {"bytes_read": size, "encode_seconds": seconds, "quality": Quality(math.inf, 1.0, 0), "is_lossy": True}
    page = report_html(Summary([outcome(1, **fields), outcome(2, bytes_written=0)]))
    Page(page)
    assert "nan" not in page
    assert "inf " not in page


def test_a_batch_of_days_is_drawn_over_its_days() -> None:
    days = [outcome(n, finished_at=f"2026-01-{n + 1:02}T00:00:00Z") for n in range(20)]
    assert len(re.findall(r"\d\d Jan 00:00", page_of(*days).text)) > 4


def test_summary_and_page_are_made_of_the_lines(tmp_path: Path) -> None:
    with Report(tmp_path / "report") as report:
        for one in batch(30):
            report.add(one)
        summary = report.finish()
    folder = tmp_path / "report"
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "report.ndjson", "summary.json"]
    assert json.loads((folder / "summary.json").read_text()) == json.loads(json.dumps(summary.document()))
    before = (folder / "report.html").read_text()
    write_summary(folder)
    assert (folder / "report.html").read_text() == before


def test_a_resumed_batch_is_told_as_a_whole(tmp_path: Path) -> None:
    with Report(tmp_path) as report:
        report.add(outcome(1, status=Status.FAILED))
        report.add(outcome(2))
    with Report(tmp_path) as report:
        report.add(outcome(1))
        summary = report.finish()
    assert (summary.files, summary.bad) == (2, 0)
