"""The sections of `report.html`, each of them a function of the summary; None where there is nothing to tell."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from transcode.batch.amounts import decimal_bytes, duration, short
from transcode.batch.markup import Markup, join, tag
from transcode.batch.model import Outcome, Status
from transcode.batch.plots import before_and_after, histogram, ratio_by_size, throughput
from transcode.batch.report_tables import Cell, name, number, table
from transcode.batch.summary import Summary
from transcode.batch.sums import Sums, Told

Section = Callable[[Summary], Markup | None]

_MOST_BARS = 10
_MOST_REASONS = 200


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
    told = [f"{short(summary.bad)} {_files(summary.bad)} not published: their sources are untouched."]
    if summary.statuses[Status.REFUSED]:
        told.append("Refused means that what was written was not what had been read, which should never happen.")
    if summary.bad > len(summary.failures):
        told.append(f"The first {short(len(summary.failures))} are shown; report.ndjson has all.")
    return tag(
        "section",
        tag("h2", f"{short(summary.bad)} failed"),
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
    headings = ("modality", "codec", "files", "before", "after", "times smaller", "pixels per CPU second")
    total = (Cell("all"), Cell(""), *_figures(summary.total))
    return tag(
        "section",
        tag("h2", "Modality and codec"),
        tag("p", "Pixels per CPU second are bytes of decoded samples, for reading, decoding and encoding together."),
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


def lossy(summary: Summary) -> Markup | None:
    """What this batch itself made lossy, and how good that is."""
    if not (summary.lossy.files or summary.qualities):
        return None
    parts: list[Markup] = []
    finite = [quality.psnr_db for quality in summary.qualities if math.isfinite(quality.psnr_db)]
    plots = []
    if finite:
        plots.append(tag("div", histogram(finite, "PSNR of the worst frame, dB", None, "Histogram of PSNR")))
    if summary.qualities:
        similarities = [quality.ssim for quality in summary.qualities]
        plots.append(tag("div", histogram(similarities, "SSIM of the worst frame", None, "Histogram of SSIM")))
        parts.append(tag("div", plots, class_="columns"))
    rows = [
        (
            name(outcome.name),
            Cell(outcome.target),
            number(quality.psnr_db, f"{quality.psnr_db:.2f} dB"),
            number(quality.ssim, f"{quality.ssim:.4f}"),
            number(quality.max_error, short(quality.max_error)),
        )
        for outcome in summary.worst
        if (quality := outcome.quality) is not None
    ]
    if rows:
        parts.append(tag("h3", "The worst"))
        parts.append(table(("file", "codec", "PSNR", "SSIM", "largest error"), rows))
    told = (
        f"{short(summary.lossy.files)} {_files(summary.lossy.files)} lost something in this step and say so "
        "in their headers, under a new SOP Instance UID."
    )
    return tag("section", tag("h2", "Lossy by this batch"), tag("p", told), parts, id="lossy")


def skipped(summary: Summary) -> Markup | None:
    """What was copied unchanged, and why."""
    if not summary.copied:
        return None
    return tag(
        "section",
        tag("h2", "Copied unchanged, and why"),
        _reasons(summary.copied, "reason"),
        id="copied",
    )


def warnings(summary: Summary) -> Markup | None:
    """What a reader should know of files that were published."""
    if not summary.warnings:
        return None
    return tag("section", tag("h2", "Warnings"), _reasons(summary.warnings, "warning"), id="warnings")


def slowest(summary: Summary) -> Markup | None:
    """By CPU time."""
    rows = [
        (
            name(outcome.name),
            Cell(outcome.target or str(outcome.status)),
            number(outcome.frames, short(outcome.frames)),
            number(outcome.bytes_read, decimal_bytes(outcome.bytes_read)),
            number(outcome.encode_seconds, duration(outcome.encode_seconds)),
            number(outcome.verify_seconds, duration(outcome.verify_seconds)),
        )
        for outcome in summary.slowest
        if _seconds(outcome)
    ]
    if not rows:
        return None
    headings = ("file", "codec", "frames", "size", "encode", "verify")
    return tag("section", tag("h2", "Slowest files"), table(headings, rows), id="slowest")


def judges(summary: Summary) -> Markup | None:
    """Who decoded what was written."""
    if not summary.judges:
        return None
    rows = ((Cell(judge), number(files, short(files))) for judge, files in summary.judges.most_common())
    return tag("section", tag("h2", "Verified by"), table(("decoder", "files"), rows), id="judges")


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


def _reasons(told: Mapping[str, Told], heading: str) -> Markup:
    ordered = sorted(told.items(), key=lambda item: -item[1].files)
    rows = (
        (
            Cell(what),
            number(found.files, short(found.files)),
            number(found.bytes_read, decimal_bytes(found.bytes_read)),
            name(", ".join(found.examples) + (" …" if found.files > len(found.examples) else "")),
        )
        for what, found in ordered[:_MOST_REASONS]
    )
    return table((heading, "files", "bytes", "such as"), rows)


def _seconds(outcome: Outcome) -> float:
    return outcome.encode_seconds + outcome.verify_seconds


def _files(count: int) -> str:
    return "file" if count == 1 else "files"
