"""`report.html`: all of it on one page that needs nothing from elsewhere and runs no script."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from importlib.resources import files

import numpy as np

from medtiles.hotspots import histograms, listing
from medtiles.hotspots.histograms import Histogram, as_svg
from medtiles.hotspots.hot_map import Counts, Look, counts_of, encoded, map_size, picture_of
from medtiles.hotspots.images import Images
from medtiles.hotspots.sessions import Session
from medtiles.hotspots.tally import ImageTally, Tally
from transcode.batch.amounts import decimal_bytes
from transcode.batch.markup import Markup, tag

_MOST_IMAGES, _MOST_TILES, _MOST_PATHS = 12, 10, 40
_MAP_WIDTH = 560
_COLOURS = ("#0d9488", "#d97706", "#7c3aed", "#dc2626", "#2563eb", "#65a30d")


@dataclass(frozen=True, slots=True)
class Options:
    """How the page looks."""

    title: str = "What was looked at"
    subtitle: str = ""
    look: Look = field(default_factory=lambda: Look(colours="inferno", scale="log"))
    bins: int = histograms.BINS
    limit: float | None = None
    zone: tzinfo = UTC


def report_html(tally: Tally, images: Images, sessions: Sequence[Session], options: Options) -> str:
    """The page."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'"
    style = Markup((files("medtiles.hotspots") / "report.css").read_text(encoding="utf-8"))
    head = tag(
        "head",
        Markup('<meta charset="utf-8">'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
        tag("title", options.title),
        tag("style", style),
    )
    seen = tally.seen()
    sections = [_image(name, tally, images, sessions, options) for name in list(seen)[:_MOST_IMAGES]]
    more = len(seen) - _MOST_IMAGES
    main = tag(
        "main",
        tag("header", tag("h1", options.title), tag("p", options.subtitle)),
        _figures(tally, seen),
        _drawing(_clock(tally, options)) if tally.moments else "",
        _drawing(histograms.by_age(tally.ages, options.bins, options.limit)) if tally.ages else "",
        _table(tally, seen, images),
        *sections,
        tag("p", f"{more} more images are in the table alone.") if more > 0 else "",
        _footer(tally),
    )
    return f"<!doctype html>\n{tag('html', head, tag('body', main), lang='en')}\n"


def _figures(tally: Tally, seen: dict[str, int]) -> Markup:
    visitors = len(set().union(*(image.visitors for image in tally.images.values())))
    figures = [
        (f"{sum(seen.values()):,}", "requests for pixels"),
        (f"{len(seen):,}", "images" if len(seen) != 1 else "image"),
        (f"{visitors:,}", "visitors"),
        (f"{sum(image.visits for image in tally.images.values()):,}", "visits"),
        (decimal_bytes(sum(image.bytes for image in tally.images.values())), "sent"),
        (f"{tally.unreadable:,}", "lines not read"),
    ]
    return tag(
        "div",
        [tag("div", tag("b", figure), tag("span", words), class_="tile") for figure, words in figures],
        class_="tiles",
    )


def _clock(tally: Tally, options: Options) -> Histogram:
    return histograms.by_clock(tally.moments, tally.moment_seconds, options.bins, options.zone)


def _drawing(histogram: Histogram) -> Markup:
    return tag("figure", Markup(as_svg(histogram)))


def _table(tally: Tally, seen: dict[str, int], images: Images) -> Markup:
    heads = ["image", "requests", "visits", "visitors", "sent", "from a cache", "p50", "p95", "p99"]
    rows = []
    for name, count in seen.items():
        image = tally.images.get(name, ImageTally())
        share = f"{100 * image.hits / image.answers:.0f} %" if image.answers else "–"
        latencies = [_seconds(image.latency(part)) for part in (0.5, 0.95, 0.99)]
        cells = [
            f"{count:,}",
            f"{image.visits:,}",
            f"{len(image.visitors):,}",
            decimal_bytes(image.bytes),
            share,
            *latencies,
        ]
        rows.append(tag("tr", tag("td", _title(name, images)), [tag("td", cell) for cell in cells]))
    head = tag("tr", [tag("th", word) for word in heads])
    return tag(
        "section", tag("h2", "Images"), tag("div", tag("table", tag("thead", head), tag("tbody", rows)), class_="wide")
    )


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value * 1000:.3g} ms" if value < 1 else f"{value:.3g} s"


def _title(name: str, images: Images) -> str:
    geometry = images.geometry(name)
    return geometry.name or name if geometry is not None else name


def _image(name: str, tally: Tally, images: Images, sessions: Sequence[Session], options: Options) -> Markup:
    geometry = images.geometry(name)
    found = [row for row in listing.rows(tally, images.geometry) if row["image"] == name]
    parts = [tag("h2", _title(name, images))]
    if geometry is not None:
        size = map_size(geometry.size, _MAP_WIDTH)
        background = images.picture(name, size)
        counts = counts_of(tally.spots(name), geometry.size, size)
        paths = _paths([session for session in sessions if session.image == name], geometry.size.width, size.width)
        parts.append(tag("div", _map(counts, background, options.look, paths), _levels(name, tally), class_="map"))
    parts += [_tiles(found), _drawing(histograms.of_tiles([row["count"] for row in found]))]
    return tag("section", parts)


def _map(
    counts: Counts, background: np.ndarray[tuple[int, ...], np.dtype[np.uint8]] | None, look: Look, paths: Markup
) -> Markup:
    picture = picture_of(counts, look, background)
    kind = ".jpg" if background is not None else ".png"
    data = base64.b64encode(encoded(picture, kind)).decode()
    media = "jpeg" if background is not None else "png"
    height, width = counts.shape
    return tag(
        "figure",
        Markup(
            f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="Map of what was looked at">'
            f'<image href="data:image/{media};base64,{data}" width="{width}" height="{height}"/>{paths}</svg>'
        ),
        tag("figcaption", f"Brighter is more, up to {counts.max():,.0f} requests. Lines are the ways of visitors."),
    )


def _paths(sessions: Sequence[Session], across: int, width: int) -> Markup:
    lines = []
    longest = sorted(sessions, key=lambda session: -len(session.steps))[:_MOST_PATHS]
    opacity = max(0.12, 0.6 / max(1, len(longest)) ** 0.4)  # many lines would hide the map
    for at, session in enumerate(longest):
        points = " ".join(f"{step.x * width / across:.1f},{step.y * width / across:.1f}" for step in session.steps)
        lines.append(
            f'<polyline points="{points}" fill="none" stroke="{_COLOURS[at % len(_COLOURS)]}" '
            f'stroke-opacity="{opacity:.2f}"/>'
        )
    return Markup("".join(lines))


def _levels(name: str, tally: Tally) -> Markup:
    counts: dict[int, int] = {}
    for spot, count in tally.spots(name):
        counts[spot.level] = counts.get(spot.level, 0) + count
    most = max(counts.values(), default=1)
    rows = [
        tag("tr", tag("td", str(level)), tag("td", f"{count:,}"), tag("td", _bar(count / most)))
        for level, count in sorted(counts.items())
    ]
    head = tag("tr", tag("th", "level"), tag("th", "requests"), tag("th", ""))
    return tag(
        "div",
        tag("table", tag("thead", head), tag("tbody", rows)),
        tag("p", "Level 0 is full resolution; each other is half the one before."),
        class_="levels",
    )


def _bar(share: float) -> Markup:
    return Markup(f'<svg viewBox="0 0 100 8" class="bar"><rect width="{100 * share:.1f}" height="8" rx="2"/></svg>')


def _tiles(found: Sequence[listing.Row]) -> Markup:
    names = [
        name for name in ("level", "column", "row", "index", "region", "frame") if any(name in row for row in found)
    ]
    rows = [
        tag(
            "tr",
            [tag("td", "" if row.get(name) is None else str(row[name])) for name in names],
            tag("td", f"{row['count']:,}"),
        )
        for row in found[:_MOST_TILES]
    ]
    head = tag("tr", [tag("th", name) for name in (*names, "requests")])
    caption = f"The {len(rows)} tiles looked at most, of {len(found):,}"
    return tag("div", tag("table", tag("caption", caption), tag("thead", head), tag("tbody", rows)), class_="wide")


def _footer(tally: Tally) -> Markup:
    told = (
        f"{tally.lines:,} lines were read: {tally.unreadable:,} of them are no lines of the log's form, "
        f"{tally.left_out:,} are left out by filters, {tally.others:,} ask for something else than pixels, "
        f"{tally.outside:,} for pixels that the image does not have. "
    )
    return tag("footer", told, f"Made {datetime.now(UTC):%Y-%m-%d %H:%M} UTC. Addresses are not on this page.")
