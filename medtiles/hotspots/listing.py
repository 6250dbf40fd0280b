"""The list of tiles and how often each was asked for: rows, as text, CSV, JSON and Parquet."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from medtiles.hotspots.geometry import Geometries
from medtiles.hotspots.tally import Tally

FORMATS = ("text", "csv", "json", "parquet")
Row = dict[str, Any]


def rows(tally: Tally, geometries: Geometries) -> list[Row]:
    """Tiles of all images, the most looked at first; what is asked for equally often, by image, level, row and column.

    With a geometry a row has level, column and row, and the rectangle `x, y, width, height` in pixels of full
    resolution; without one, what the protocol calls it.
    """
    counts: Counter[tuple[str, int, int, int]] = Counter()
    unknown: Counter[tuple[str, tuple[tuple[str, Any], ...]]] = Counter()
    for place, count in tally.places.items():
        geometry = geometries(place.image)
        if place.spot is None or geometry is None:
            unknown[place.image, place.own] += count
            continue
        for column, row in geometry.tiles(place.spot):
            counts[place.image, place.spot.level, row, column] += count
    found = [_known(key, count, geometries) for key, count in counts.items()]
    found += [{"image": image, **dict(own), "count": count} for (image, own), count in unknown.items()]
    return sorted(found, key=_order)


def _known(key: tuple[str, int, int, int], count: int, geometries: Geometries) -> Row:
    image, level, row, column = key
    geometry = geometries(image)
    assert geometry is not None
    left, top, right, bottom = map(int, geometry.tile_rectangle(level, column, row))
    place = {"x": left, "y": top, "width": right - left, "height": bottom - top}
    return {"image": image, "level": level, "column": column, "row": row, "count": count, **place}


def _order(row: Row) -> tuple[Any, ...]:
    numbers = tuple(-1 if row.get(name) is None else row[name] for name in ("level", "row", "column", "index", "frame"))
    return -row["count"], row["image"], numbers, str(row.get("region", ""))


def as_json(tally: Tally, found: Sequence[Row]) -> str:
    """One object: `image` (null: several, and each tile names its own), `tiles`, and what was not counted."""
    images = list(dict.fromkeys(row["image"] for row in found))
    is_one = len(images) == 1
    tiles = [{name: value for name, value in row.items() if name != "image" or not is_one} for row in found]
    document = {
        "image": images[0] if is_one else None,
        "tiles": tiles,
        "requests": sum(tally.seen().values()),
        "lines": tally.lines,
        "unreadable_lines": tally.unreadable,
        "filtered_lines": tally.left_out,
        "other_requests": tally.others,
        "requests_outside": tally.outside,
    }
    return json.dumps(document, ensure_ascii=False, separators=(", ", ": "))


def as_csv(found: Sequence[Row]) -> str:
    """Comma-separated values with a line of names."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _names(found), lineterminator="\n")
    writer.writeheader()
    writer.writerows(found)
    return text.getvalue()


def titled(image: str, geometries: Geometries) -> str:
    """An image as people know it: by its name, and its id where that is another."""
    geometry = geometries(image)
    return f"{geometry.name} ({image})" if geometry is not None and geometry.name not in {"", image} else image


def as_text(found: Sequence[Row], geometries: Geometries, most: int | None = None) -> str:
    """Columns for people: one table for all of an image's tiles, with its hits."""
    images = list(dict.fromkeys(row["image"] for row in found))
    parts = []
    for image in images:
        own = [row for row in found if row["image"] == image]
        names = [name for name in _names(own) if name not in {"image", "x", "y", "width", "height"}]
        table = [names, *([_shown(row.get(name)) for name in names] for row in own[:most])]
        widths = [max(len(line[at]) for line in table) for at in range(len(names))]
        lines = ["  ".join(word.rjust(width) for word, width in zip(line, widths, strict=True)) for line in table]
        total = sum(row["count"] for row in own)
        more = f"\n... and {len(own) - most} more" if most is not None and len(own) > most else ""
        parts.append(
            f"{titled(image, geometries)}: {total} hits on {len(own)} tiles\n" + "\n".join(lines) + more + "\n"
        )
    return "\n".join(parts) or "no requests for tiles\n"


def write_parquet(found: Sequence[Row], path: Path) -> None:
    """A file for data frames."""
    frame = pl.DataFrame(list(found), infer_schema_length=None) if found else pl.DataFrame({"image": [], "count": []})
    frame.write_parquet(path)


def _names(found: Sequence[Row]) -> list[str]:
    names = dict.fromkeys(name for row in found for name in row)
    last = [name for name in ("count", "x", "y", "width", "height") if name in names]
    return [name for name in names if name not in last] + last or ["image", "count"]


def _shown(value: object) -> str:
    return "" if value is None else str(value)
