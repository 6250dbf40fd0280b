"""The sections of `report.html` behind its plots: what is lossy now, copied, warned of, slow, and who verified.

Each is a function of the summary; None where there is nothing to tell.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from transcode.batch.amounts import decimal_bytes, duration, files_word, short
from transcode.batch.markup import Markup, tag
from transcode.batch.model import Outcome
from transcode.batch.plots import histogram
from transcode.batch.report_tables import Cell, name, number, table
from transcode.batch.summary import Summary
from transcode.batch.sums import Told

_MOST_REASONS = 200


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
            _decibels(quality.psnr_db),
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
        f"{short(summary.lossy.files)} {files_word(summary.lossy.files)} lost something in this step and say so "
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
    """By the time of a worker."""
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


def _decibels(psnr_db: float) -> Cell:
    return number(psnr_db, f"{psnr_db:.2f} dB") if math.isfinite(psnr_db) else number(1e9, "equal")


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
