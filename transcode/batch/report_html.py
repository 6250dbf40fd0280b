"""`report.html`: a batch on one page that needs nothing else: no network, no font, no library.

The page forbids itself every resource and every script but its own (Content Security Policy), so that even a fault in
escaping would not run what a file brings.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from importlib.resources import files

from transcode.batch import report_lists as lists
from transcode.batch import report_sections as sections
from transcode.batch.amounts import decimal_bytes, short
from transcode.batch.markup import Markup, join, tag
from transcode.batch.model import Status
from transcode.batch.summary import Summary


def report_html(summary: Summary, title: str = "Transcoding report", subtitle: str = "") -> str:
    """The page.

    :param subtitle: such as the folders and the time; text
    """
    style, script = _asset("report.css"), _asset("report.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'"
    head = tag(
        "head",
        Markup('<meta charset="utf-8">'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
        tag("title", title),
        tag("style", style),
    )
    body = tag(
        "body",
        tag("main", _header(title, subtitle), _verdict(summary), _tiles(summary), _sections(summary), _footer()),
        tag("script", script),
    )
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _asset(name: str) -> Markup:
    return Markup((files("transcode.batch") / "page" / name).read_text(encoding="utf-8"))


def _header(title: str, subtitle: str) -> Markup:
    return tag("header", tag("h1", title), *([tag("p", subtitle)] if subtitle else []))


def _verdict(summary: Summary) -> Markup:
    if not summary.files:
        return tag("p", "There was nothing to do: no files were found.", class_="verdict")
    done = summary.files - summary.bad
    if not summary.bad:
        told = f"All {short(done)} files are" if done > 1 else "The one file is"
        return tag("p", f"{told} in the destination.{_verified(summary)}", class_="verdict")
    told = f"{short(summary.bad)} of {short(summary.files)} files are not in the destination"
    if refused := summary.statuses[Status.REFUSED]:
        told += f"; {short(refused)} of them failed their verification"
    rest = f" The other {short(done)} are.{_verified(summary)}" if done else ""
    return tag("p", tag("strong", f"{told}."), rest, class_="verdict bad")


def _verified(summary: Summary) -> str:
    written = summary.statuses[Status.WRITTEN]
    if not written:
        return ""
    if summary.verified < written:
        return f" {short(written - summary.verified)} of {short(written)} encoded ones were not verified."
    return " What was encoded was decoded again and compared with its source."


def _tiles(summary: Summary) -> Markup:
    total = summary.total
    tiles = [
        _tile(decimal_bytes(total.bytes_read), "before"),
        _tile(decimal_bytes(total.bytes_written), "after"),
        _tile(f"{total.ratio:.2f}×" if total.ratio else "–", "smaller", "good" if (total.ratio or 0) > 1 else ""),
        *(_tile(short(summary.statuses[status]), str(status), _class_of(status, summary)) for status in Status),
        _tile(short(summary.lossy.files), "lossy by this batch", "warn" if summary.lossy.files else ""),
        _tile(short(summary.frames), "frames"),
    ]
    return tag("div", tiles, class_="tiles")


def _class_of(status: Status, summary: Summary) -> str:
    return "bad" if status in {Status.FAILED, Status.REFUSED} and summary.statuses[status] else ""


def _tile(figure: str, words: str, class_: str = "") -> Markup:
    return tag("div", tag("b", figure), tag("span", words), class_=f"tile {class_}".rstrip())


def _sections(summary: Summary) -> Iterator[Markup]:
    yield from _shown(summary, sections.failures)
    yield _columns(_shown(summary, sections.bytes_by_modality), _shown(summary, sections.bytes_by_codec, lists.judges))
    yield from _shown(summary, sections.modality_and_codec)
    yield _columns(_shown(summary, sections.ratios), _shown(summary, sections.speed))
    yield from _shown(summary, lists.lossy, lists.skipped, lists.warnings, lists.slowest)


def _shown(summary: Summary, *wanted: sections.Section) -> list[Markup]:
    return [made for section in wanted if (made := section(summary)) is not None]


def _columns(*columns: list[Markup]) -> Markup:
    """Side by side, where there is room; each column may hold several sections."""
    filled = [column for column in columns if column]
    if not filled:
        return join()
    return tag(
        "div",
        (column[0] if len(column) == 1 else tag("div", column, class_="stack") for column in filled),
        class_="columns",
    )


def _footer() -> Markup:
    return tag(
        "footer",
        "Bytes are in powers of 1000. Every file has its line in ",
        tag("code", "report.ndjson"),
        "; the sums are in ",
        tag("code", "summary.json"),
        ".",
    )
