"""The sections of `report.html` up to its plots, each made of the summary; None where there is nothing to tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from transcode.batch.amounts import decimal_bytes, duration, files_word, short
from transcode.batch.markup import Markup, join, tag
from transcode.batch.model import Status
from transcode.batch.plots import before_and_after, ratio_by_size, throughput
from transcode.batch.report_tables import Cell, name, number, table
from transcode.batch.summary import Summary
from transcode.batch.sums import Sums

Section = Callable[[Summary], Markup | None]

_MOST_BARS = 10


def failures(summary: Summary) -> Markup | None:
    """First and large."""
    if not summary.failures:
        return None
    rows = (
        (
            Cell(tag("span", str(outcome.status), class_=f"badge {outcome.status}")),
            name(outcome.name),
            Cell(outcome.message or "no message"),
        )
        for outcome in sorted(summary.failures, key=lambda outcome: outcome.status is not Status.REFUSED)
    )
    told = ["The sources are untouched."]
    if summary.statuses[Status.REFUSED]:
        told.append("Refused means that what was written was not what had been read, which should never happen.")
    if summary.bad > len(summary.failures):
        told.append(f"The first {short(len(summary.failures))} are shown; report.ndjson has all.")
    return tag(
        "section",
        tag("h2", f"{short(summary.bad)} {files_word(summary.bad)} not published"),
        tag("p", " ".join(told)),
        table(("status", "file", "why"), rows),
        class_="failures",
        id="failures",
    )


def bytes_by_modality(summary: Summary) -> Markup | None:
    """Bars, and a table of modality and codec."""
    if not summary.total.files:
        return None
    return tag(
        "section",
        tag("h2", "Bytes by modality"),
        _bars(summary.by_modality, "Bytes before and after, by modality"),
        id="modalities",
    )


def bytes_by_codec(summary: Summary) -> Markup | None:
    """Bars."""
    if not summary.total.files:
        return None
    return tag(
        "section",
        tag("h2", "Bytes by codec"),
        _bars(summary.by_target, "Bytes before and after, by codec"),
        id="codecs",
    )


def modality_and_codec(summary: Summary) -> Markup | None:
    """The figures behind the bars."""
    if not summary.total.files:
        return None
    rows = (
        (Cell(modality), Cell(target), *_figures(sums))
        for (modality, target), sums in sorted(summary.by_both.items(), key=lambda item: -item[1].bytes_read)
    )
    headings = ("modality", "codec", "files", "before", "after", "times smaller", "pixels per worker second")
    total = (Cell("all"), Cell(""), *_figures(summary.total))
    return tag(
        "section",
        tag("h2", "Modality and codec"),
        tag("p", "The last column counts bytes of decoded samples; a worker reads, decodes, encodes and writes."),
        table(headings, rows, total),
        id="figures",
    )


def ratios(summary: Summary) -> Markup | None:
    """The scatter plot."""
    if not summary.sample:
        return None
    files = sum(summary.statuses[status] for status in (Status.WRITTEN, Status.REWRAPPED))
    told = f"Each dot is a file; below the dashed line it grew ({short(summary.larger.files)} did)."
    if files > len(summary.sample):
        told += f" A sample of {short(len(summary.sample))} of {short(files)}."
    plot = ratio_by_size(summary.sample, "How many times smaller each file became, against its size")
    return tag("section", tag("h2", "Ratio against size"), tag("p", told), plot, id="ratios")


def speed(summary: Summary) -> Markup | None:
    """The curve over time."""
    if not summary.bytes_by_second:
        return None
    total = sum(summary.bytes_by_second.values())
    told = f"{decimal_bytes(total)} read in {duration(summary.seconds)}, pauses between resumed runs included."
    plot = throughput(summary.bytes_by_second, "Bytes read per second over the time of the batch")
    return tag("section", tag("h2", "Throughput"), tag("p", told), plot, id="throughput")


def _bars(groups: Mapping[str, Sums], label: str) -> Markup:
    ordered = sorted(groups.items(), key=lambda item: -item[1].bytes_read)
    rows = [(key, sums.bytes_read, sums.bytes_written) for key, sums in ordered[:_MOST_BARS]]
    if rest := ordered[_MOST_BARS:]:
        rows.append(("others", sum(sums.bytes_read for _, sums in rest), sum(sums.bytes_written for _, sums in rest)))
    key = tag(
        "ul",
        tag("li", tag("i", class_="swatch before"), "before"),
        tag("li", tag("i", class_="swatch after"), "after"),
        class_="legend",
    )
    return join(before_and_after(rows, label), key)


def _figures(sums: Sums) -> tuple[Cell, ...]:
    ratio, rate = sums.ratio, sums.pixel_rate
    return (
        number(sums.files, short(sums.files)),
        number(sums.bytes_read, decimal_bytes(sums.bytes_read)),
        number(sums.bytes_written, decimal_bytes(sums.bytes_written)),
        number(ratio or 0, f"{ratio:.2f}×" if ratio else "–"),
        number(rate or 0, f"{decimal_bytes(rate)}" if rate else "–"),
    )
