"""A block of lines becomes columns. All in Polars: no loop over lines."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from medtiles.hotspots.filters import Filters
from medtiles.hotspots.formats import W3C_FIELDS, Clock, LineFormat, by_w3c_fields, json_value

_LEAP = r":60\b"
_VISITOR_SEED = 0x6D65_6474


@dataclass(frozen=True, slots=True)
class Scanned:
    """What a block holds."""

    counts: tuple[list[str], list[int]]
    """Targets of lines that count, each once, and how often they are there."""
    frame: pl.DataFrame | None = None
    """Of the same lines, where more is wanted: `at` (of their target in `counts`), `visitor` (a number for each pair of
    address and user agent), and by need `status`, `bytes`, `time` (seconds since 1970), `seconds`, `address`, `agent`,
    `cache`."""
    lines: int = 0
    unreadable: int = 0
    left_out: int = 0
    """By filters."""


def scan(block: bytes, form: LineFormat, wanted: Iterable[str], filters: Filters) -> list[Scanned]:
    """The lines of a block, one after the other; several where its form changes in the middle.

    :param wanted: fields, beside those that the filters need
    """
    names = frozenset(wanted)
    if form.name != "w3c" or W3C_FIELDS.encode() not in block:
        return [_scanned(block, form, names, filters)]
    found = []
    for part in _parts(block):
        first, _, _ = part.partition(b"\n")
        if first.startswith(W3C_FIELDS.encode()):
            form = by_w3c_fields(first.decode("utf-8", "replace"))
        found.append(_scanned(part, form, names, filters))
    return found


def last_form(block: bytes, form: LineFormat) -> LineFormat:
    """The form of what follows a block."""
    at = block.rfind(W3C_FIELDS.encode()) if form.name == "w3c" else -1
    return form if at < 0 else by_w3c_fields(block[at:].partition(b"\n")[0].decode("utf-8", "replace"))


def _parts(block: bytes) -> list[bytes]:
    mark = W3C_FIELDS.encode()
    pieces = block.split(b"\n" + mark)
    return [pieces[0], *(mark + piece for piece in pieces[1:])]


def _scanned(block: bytes, form: LineFormat, wanted: frozenset[str], filters: Filters) -> Scanned:
    names = (wanted | filters.fields | {"target", "query"}) & form.fields
    lines = _lines(block)
    if form.name == "w3c":
        lines = lines.filter(~pl.col("line").str.starts_with("#"))
    frame = _columns(lines, form, sorted(names))
    readable = frame.filter(pl.col("readable")).drop("readable")
    typed = readable.with_columns(**_typed(readable.columns, form))
    if "query" in typed.columns:
        typed = typed.with_columns(target=_with_query()).drop("query")
    if "duration" in typed.columns:
        typed = typed.rename({"duration": "seconds"})
    kept = filters.apply(typed.filter(pl.col("target").is_not_null()))
    counted = kept.group_by("target").len()
    counts = counted["target"].to_list(), counted["len"].to_list()
    visits = _visits(kept, counted, wanted) if wanted - {"target"} else None
    return Scanned(counts, visits, lines.height, lines.height - readable.height, readable.height - kept.height)


def _lines(block: bytes) -> pl.DataFrame:
    """The lines that are not empty."""
    if not block.strip():
        return pl.DataFrame({"line": []}, schema={"line": pl.String})
    read = pl.read_csv(
        io.BytesIO(block),
        has_header=False,
        schema={"line": pl.String},
        separator="\x01",
        quote_char=None,
        truncate_ragged_lines=True,
        encoding="utf8-lossy",
    )
    return read.filter(pl.col("line").is_not_null() & (pl.col("line") != "") & (pl.col("line") != "\r"))


def _columns(lines: pl.DataFrame, form: LineFormat, names: list[str]) -> pl.DataFrame:
    line = pl.col("line")
    if form.keys is not None:
        values = {
            name: line.str.extract(json_value(form.keys[name]), 1)
            .str.strip_prefix('"')
            .str.strip_suffix('"')
            .replace("null", None)
            for name in names
        }
        trimmed = line.str.strip_chars()
        is_whole = trimmed.str.starts_with("{") & trimmed.str.ends_with("}")
        return lines.select(**values, readable=is_whole & line.str.contains(f'"{form.keys["target"]}"', literal=True))
    found = lines.select(line.str.extract_groups(form.pattern(names)).alias("groups"), line).unnest("groups")
    # a group is found only where all of the pattern fits; a request that is none leaves its own groups empty
    is_readable = pl.col("status").is_not_null() if "status" in names else line.str.contains(form.pattern(()))
    return found.select(*names, readable=is_readable)


def _typed(columns: list[str], form: LineFormat) -> dict[str, pl.Expr]:
    found: dict[str, pl.Expr] = {}
    if "status" in columns:
        found["status"] = pl.col("status").cast(pl.Int32, strict=False)
    if "bytes" in columns:
        found["bytes"] = pl.col("bytes").cast(pl.Int64, strict=False).fill_null(0)
    if "duration" in columns:
        found["duration"] = pl.col("duration").cast(pl.Float64, strict=False) * form.duration_unit
    if "time" in columns:
        found["time"] = _seconds(pl.col("time"), form.clock)
    if form.name == "w3c":
        for name in {"agent", "referer", "query", "target"} & set(columns):
            found[name] = pl.col(name).str.strip_chars('"').replace("-", None)
            if name == "agent":
                found[name] = found[name].str.replace_all("+", " ", literal=True)
    return found


def _seconds(text: pl.Expr, clock: Clock) -> pl.Expr:
    """Whole seconds since 1970; a leap second is the first one of the next minute."""
    if clock is Clock.SECONDS:
        return text.cast(pl.Float64, strict=False).floor().cast(pl.Int64)
    if clock is Clock.MILLISECONDS:
        return (text.cast(pl.Float64, strict=False) / 1000).floor().cast(pl.Int64)
    is_leap = text.str.contains(_LEAP)
    plain = text.str.replace(_LEAP, ":59")
    if clock is Clock.CLF:
        found = plain.str.strip_chars("[]").str.to_datetime("%d/%b/%Y:%H:%M:%S %z", strict=False, time_zone="UTC")
    else:
        tidy = (
            plain.str.replace(r"[ \t+]+", "T").str.replace(r"Z$", "+00:00").str.replace(r"T(\d\d:\d\d|\d{4})$", "+$1")
        )
        zoned = pl.when(tidy.str.contains(r"[+-]\d\d:?\d\d$")).then(tidy).otherwise(tidy + "+00:00")
        found = zoned.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%z", strict=False, time_zone="UTC")
    return found.dt.epoch("s") + is_leap.cast(pl.Int64)


def _with_query() -> pl.Expr:
    """Path and query string, which some logs keep apart."""
    query = pl.col("query").fill_null("").str.strip_prefix("?")
    has_none = (query == "") | (query == "-") | pl.col("target").str.contains("?", literal=True)
    return pl.when(has_none).then(pl.col("target")).otherwise(pl.col("target") + "?" + query)


def _visits(kept: pl.DataFrame, counted: pl.DataFrame, wanted: frozenset[str]) -> pl.DataFrame:
    numbers = counted.select("target", at=pl.int_range(pl.len(), dtype=pl.UInt32))
    found = kept.join(numbers, on="target", how="left", maintain_order="left")
    parts = [pl.col(name).fill_null("") for name in ("address", "agent") if name in kept.columns]
    visitor = pl.struct(*parts).hash(_VISITOR_SEED) if parts else pl.lit(0, pl.UInt64)
    names = (wanted | {"seconds"}) - {"target"}
    return found.select("at", visitor.alias("visitor"), *[name for name in kept.columns if name in names])
