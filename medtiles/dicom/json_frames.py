"""The Per-Frame Functional Groups in the DICOM JSON Model, fast enough for slides of a hundred thousand frames.

Theory of operation. pydicom takes a millisecond for the item of one frame. Here its bytes are read at once and walked,
element by element, straight into JSON. Most groups say the same in every frame (pixel measures, the optical path): one
that has been seen before, byte by byte, is not walked again, and its JSON is the same object.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

from pydicom.charset import decode_bytes
from pydicom.datadict import dictionary_VR

from medtiles.dicom.json_model import BULK, MOST_INLINE, Json
from medtiles.dicom.json_values import BINARY_VRS, is_plain, text_values, values_of
from transcode.dicom.attributes import quiet
from transcode.dicom.per_frame import PerFrameSequence
from transcode.errors import DicomFileError

_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_LONG_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})
_DECODED_VRS = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
"""In the character set of the data set; all others are ASCII (PS3.5 6.1.2.3)."""
_DELIMITERS = set(b"\\^=\n\r\f\t")
"""Behind which the character set is the first one again (PS3.5 6.1.2.5.3)."""
_NUMBERS = {"FD": "d", "FL": "f", "SL": "l", "SS": "h", "SV": "q", "UL": "L", "US": "H", "UV": "Q"}
_DEEPEST = 16
_MOST_KEPT = 4096
_LONGEST_KEPT = 4096


class _Element(NamedTuple):
    tag: int
    vr: str
    start: int
    length: int


def frame_items(sequence: PerFrameSequence, encodings: Sequence[str], place: str) -> list[Json]:
    """The items in order. `place` is where bulk data in them are found: the path of the sequence.

    :raises DicomFileError: the file ends within the sequence, or it is not made of items
    """
    order = "<" if sequence.is_little else ">"
    seen: dict[bytes, Json] = {}
    found = []
    for number, frame in enumerate(sequence.items({}), 1):
        data = sequence.file.read(frame.start, frame.end - frame.start)
        item = _Item(data, order, encodings, f"{place}/{number}/", seen)
        try:
            found.append(item.json(sequence.is_implicit))
        except (struct.error, ValueError, LookupError, RecursionError, DicomFileError):
            found.append({})  # damaged: the frames after it keep their places
    return found


class _Item:
    def __init__(self, data: bytes, order: str, encodings: Sequence[str], place: str, seen: dict[bytes, Json]) -> None:
        self._data = data
        self._order = order
        self._encodings = list(encodings)
        self._place = place
        self._seen = seen
        self._tag_length = struct.Struct(f"{order}HHL").unpack_from
        self._length16 = struct.Struct(f"{order}H").unpack_from
        self._length32 = struct.Struct(f"{order}L").unpack_from

    def json(self, is_implicit: bool) -> Json:
        return self._data_set(0, len(self._data), is_implicit, self._place, 0)[0]

    def _data_set(self, start: int, end: int, is_implicit: bool, place: str, depth: int) -> tuple[Json, int]:
        if depth > _DEEPEST:
            message = "nested too deep"
            raise ValueError(message)
        found: Json = {}
        while start < end:
            element = self._element(start, is_implicit)
            if element.tag == _ITEM_END:
                return found, element.start
            name = f"{element.tag:08X}"
            written, start = self._value(element, is_implicit, f"{place}{name}", depth)
            if element.tag & 0xFFFF:
                found[name] = written
        return found, start

    def _element(self, start: int, is_implicit: bool) -> _Element:
        group, number, length = self._tag_length(self._data, start)
        tag = group << 16 | number
        if is_implicit or group == 0xFFFE:
            return _Element(tag, _dictionary_vr(tag), start + 8, length)
        vr = self._data[start + 4 : start + 6].decode("latin-1")
        if vr in _LONG_VRS:
            return _Element(tag, vr, start + 12, self._length32(self._data, start + 8)[0])
        return _Element(tag, vr, start + 8, self._length16(self._data, start + 6)[0])

    def _value(self, element: _Element, is_implicit: bool, place: str, depth: int) -> tuple[Json, int]:
        if element.length == _UNDEFINED:
            return self._sequence(element, len(self._data), is_implicit or element.vr == "UN", place, depth)
        end = element.start + element.length
        if end > len(self._data):
            message = "an element reaches beyond its item"
            raise ValueError(message)
        if element.vr == "SQ":
            return self._known(element, end, partial(self._sequence, element, end, is_implicit, place, depth)), end
        return self._plain(element.vr, self._data[element.start : end], place), end

    def _known(self, element: _Element, end: int, make: Callable[[], tuple[Json, int]]) -> Json:
        if element.length > _LONGEST_KEPT:
            return make()[0]
        key = b"%d %b" % (element.tag, self._data[element.start : end])
        found = self._seen.get(key)
        if found is None:
            found = make()[0]
            if len(self._seen) < _MOST_KEPT and "BulkDataURI" not in str(found):
                self._seen[key] = found
        return found

    def _sequence(self, element: _Element, end: int, is_implicit: bool, place: str, depth: int) -> tuple[Json, int]:
        items: list[Json] = []
        position = element.start
        while position < end:
            item = self._element(position, is_implicit=True)
            position = item.start
            if item.tag != _ITEM:
                break
            stop = end if item.length == _UNDEFINED else position + item.length
            if stop > len(self._data):
                message = "an item reaches beyond its sequence"
                raise ValueError(message)
            written, position = self._data_set(position, stop, is_implicit, f"{place}/{len(items) + 1}/", depth + 1)
            items.append(written)
        return ({"vr": "SQ", "Value": items} if items else {"vr": "SQ"}), position

    def _plain(self, vr: str, data: bytes, place: str) -> Json:
        if vr in BINARY_VRS:
            return _binary(vr, data, place)
        if vr in _NUMBERS:
            form = _NUMBERS[vr]
            count = len(data) // struct.calcsize(f"={form}")
            values: list[Any] = values_of(vr, list(struct.unpack_from(f"{self._order}{count}{form}", data)))
        elif vr == "AT":
            pairs = struct.unpack_from(f"{self._order}{len(data) // 4 * 2}H", data)
            values = [f"{group:04X}{number:04X}" for group, number in zip(pairs[::2], pairs[1::2], strict=True)]
        else:
            values = self._texts(vr, data)
        return {"vr": vr, "Value": values} if values else {"vr": vr}

    def _texts(self, vr: str, data: bytes) -> list[Any]:
        if vr in _DECODED_VRS and not is_plain(data):
            with quiet(vr):
                return text_values(vr, decode_bytes(data, self._encodings, _DELIMITERS))
        return text_values(vr, data.decode("ascii", "replace"))


def _binary(vr: str, data: bytes, place: str) -> Json:
    if not data:
        return {"vr": vr}
    if len(data) > MOST_INLINE:
        return {"vr": vr, "BulkDataURI": BULK + place}
    return {"vr": vr, "InlineBinary": base64.b64encode(data).decode("ascii")}


@lru_cache(maxsize=1024)
def _dictionary_vr(tag: int) -> str:
    try:
        return dictionary_VR(tag).partition(" or ")[0]
    except KeyError:
        return "UN"
