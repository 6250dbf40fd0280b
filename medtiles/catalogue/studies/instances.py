"""The instances of a scope, in the order of their slices."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, NamedTuple

from medtiles.core.studies import Instance, Scope

_ALIKE = 0.999
"""Of the cosine between two normals, as where images are made of slices."""
_NINE = struct.Struct("<9d")
_COLUMNS = "study, series, uid, sop_class, transfer_syntax, frames, height, width, version, image, number, size, plane"


class _Row(NamedTuple):
    study: str
    series: str
    uid: str
    sop_class: str
    transfer_syntax: str
    frames: int
    height: int
    width: int
    version: str
    image: str
    number: int
    size: int
    plane: bytes


def instances(connection: sqlite3.Connection, scope: Scope) -> list[Instance]:
    """The instances; none when there is no such scope."""
    asked = {"study": scope.study, "series": scope.series, "uid": scope.instance}
    given = {name: uid for name, uid in asked.items() if uid}
    where = " AND ".join(["hidden = 0", *(f"{name} = ?" for name in given)])
    order = "ORDER BY study, series, number, uid"
    rows = connection.execute(f"SELECT {_COLUMNS} FROM files WHERE {where} {order}", tuple(given.values()))
    grouped = groupby(map(_Row._make, rows), key=lambda row: (row.study, row.series))
    return [instance for _, inside in grouped for instance in _ordered(list(inside))]


def path_of(connection: sqlite3.Connection, uid: str, study: str, series: str) -> tuple[bytes, str] | None:
    """The path of an instance's file, and its version; None when there is no such instance."""
    row = connection.execute(
        "SELECT path, version FROM files WHERE uid = ? AND study = ? AND series = ? AND hidden = 0",
        (uid, study, series),
    ).fetchone()
    return None if row is None else (bytes(row[0]), str(row[1]))


def _ordered(rows: list[_Row]) -> Iterable[Instance]:
    """By their place along the normal of the series where all have one, else by number."""
    placed = list(zip(rows, _positions(rows), strict=True))
    if all(position is not None for _, position in placed):
        placed.sort(key=lambda each: (each[1], each[0].number, each[0].uid))
    return [_instance(row, position) for row, position in placed]


def _positions(rows: list[_Row]) -> Iterator[float | None]:
    """Along the normal of the first instance that has one; None where an instance is inclined to it."""
    normal: tuple[float, ...] | None = None
    for row in rows:
        plane = _NINE.unpack(row.plane) if row.plane else None
        own = _normal(plane) if plane else None
        normal = normal or own
        is_parallel = own is not None and normal is not None and _dot(own, normal) > _ALIKE
        yield _dot(plane[:3], normal) if is_parallel and plane and normal else None


def _normal(plane: tuple[float, ...]) -> tuple[float, ...] | None:
    """Of unit length; None when the two directions do not span a plane."""
    a, b = plane[3:6], plane[6:9]
    cross = (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])
    length = _dot(cross, cross) ** 0.5
    return tuple(each / length for each in cross) if length > 1e-6 else None


def _dot(one: Iterable[float], other: Iterable[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def _instance(row: _Row, position: float | None) -> Instance:
    values: dict[str, Any] = row._asdict()
    del values["plane"]
    return Instance(rows=values.pop("height"), columns=values.pop("width"), position_mm=position, **values)
