"""Functional groups of enhanced multi-frame instances: what holds for one frame (PS3.3 C.7.6.16)."""

from __future__ import annotations

import math
import struct
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset

from transcode.dicom.attributes import item, numbers, quiet, text
from transcode.dicom.file_header import FileHeader
from transcode.dicom.streams import HeadStream, MemoryFile

Value = tuple[float, ...] | str
"""Numbers of a numeric attribute, or a text."""

_BINARY = {"US": "H", "SS": "h", "UL": "L", "SL": "l", "FL": "f", "FD": "d"}
_DECIMAL = ("DS", "IS")


class FunctionalGroups:
    """The shared and the per-frame functional groups; both empty for instances that have none.

    Safe to call from several threads.
    """

    def __init__(self, header: FileHeader) -> None:
        """Note where they lie.

        :raises DicomFileError: the shared ones are no sequence
        """
        self._header = header
        self._shared = item(header.dataset, "SharedFunctionalGroupsSequence")
        self._spans: tuple[tuple[int, int], ...] | None = None
        self._last: tuple[int, Dataset] | None = None
        self._lock = threading.Lock()

    @property
    def frames(self) -> int:
        """How many frames have groups of their own.

        :raises DicomFileError: the sequence is damaged
        """
        return len(self._items())

    def find(self, frame: int, keyword: str) -> Dataset | None:
        """The first item of a macro's sequence, for one frame: its own, or else the shared one.

        :param frame: from 0; beyond the groups there are only the shared ones
        :raises DicomFileError: the sequence is none, or damaged
        """
        spans = self._items()
        own = item(self._parsed(frame, *spans[frame]), keyword) if 0 <= frame < len(spans) else None
        if own is not None:
            return own
        return item(self._shared, keyword) if self._shared is not None else None

    def table(self, macros: Mapping[str, str]) -> Sequence[Mapping[str, Value]]:
        """Some attributes of all frames in one pass; what cannot be read is left out.

        :param macros: the keyword of the macro's sequence that holds it, by the keyword of each attribute
        :raises DicomFileError: the sequence is damaged
        """
        if self._header.per_frame is None:
            return ()
        tags = {_tag(keyword): keyword for keyword in macros}
        wanted: dict[int, set[int]] = defaultdict(set)
        for keyword, macro in macros.items():
            wanted[_tag(macro)].add(_tag(keyword))
        shared = self._shared_values(macros)
        is_little = self._header.is_little_endian
        rows: list[Mapping[str, Value]] = []
        spans: list[tuple[int, int]] = []
        for each in self._header.per_frame.items({macro: frozenset(picked) for macro, picked in wanted.items()}):
            row = dict(shared)
            for tag, raw in each.values.items():
                if (value := _decoded(raw, dictionary_VR(tag), is_little=is_little)) is not None:
                    row[tags[tag]] = value
            rows.append(row)
            spans.append((each.start, each.end))
        self._spans = tuple(spans)
        return rows

    def _items(self) -> tuple[tuple[int, int], ...]:
        """Where the item of each frame lies."""
        with self._lock:
            if self._spans is None:
                sequence = self._header.per_frame
                self._spans = tuple((each.start, each.end) for each in sequence.items({})) if sequence else ()
            return self._spans

    def _parsed(self, frame: int, start: int, end: int) -> Dataset:
        last = self._last
        if last is not None and last[0] == frame:
            return last[1]
        body, sequence = self._header.body, self._header.per_frame
        is_implicit = sequence is not None and sequence.is_implicit
        with quiet(f"{body.name}: groups of frame {frame + 1}"):
            data = MemoryFile(body.name, body.read(start, end - start))
            parsed = read_dataset(
                HeadStream(data),  # type: ignore[arg-type]
                is_implicit,
                self._header.is_little_endian,
                bytelength=data.size,
                at_top_level=False,
            )
        self._last = frame, parsed
        return parsed

    def _shared_values(self, macros: Mapping[str, str]) -> dict[str, Value]:
        found: dict[str, Value] = {}
        for keyword, macro in macros.items():
            where = item(self._shared, macro) if self._shared is not None else None
            if where is not None and keyword in where:
                is_number = _is_number(dictionary_VR(_tag(keyword)))
                found[keyword] = numbers(where, keyword) if is_number else text(where, keyword)
        return found


def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    if tag is None:
        message = f"{keyword} is no DICOM keyword"
        raise ValueError(message)
    return tag


def _is_number(vr: str) -> bool:
    return vr in _BINARY or vr in _DECIMAL


def _decoded(raw: bytes, vr: str, *, is_little: bool) -> Value | None:
    """A raw value by the VR that the standard gives it; None when it is empty or makes no sense."""
    if vr in _BINARY:
        layout = struct.Struct(f"{'<' if is_little else '>'}{_BINARY[vr]}")
        values = tuple(float(one) for (one,) in layout.iter_unpack(raw[: len(raw) // layout.size * layout.size]))
        return values if values and all(map(math.isfinite, values)) else None
    words = raw.decode("latin-1").strip(" \0")
    if vr not in _DECIMAL:
        return words or None
    try:
        values = tuple(float(word) for word in words.split("\\"))
    except ValueError:
        return None
    return values if all(map(math.isfinite, values)) else None
