"""A derived frame as an entry of the cache folder: what it is, its bytes, and a check sum over all of it. Pure.

Layout: eight letters, lengths of header and data (big endian, 4 and 8 bytes), the header as JSON, the data, and CRC-32
of everything before. The header holds the key, so that an entry under a wrong name is known for what it is.
"""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import astuple
from typing import Any

from medtiles.core.frames import ResolutionBytes, TravelFrame
from transcode.codecs import ENCODINGS
from transcode.frames import EncodedFrame, PixelFormat

_HEAD = struct.Struct(">8sIQ")
_SUM = struct.Struct(">I")
_LETTERS = b"MTFRAME1"
"""Another last one when the layout changes: older entries are then made anew."""
_ENCODINGS = {encoding.name: encoding for encoding in ENCODINGS}


def entry_of(travel: TravelFrame, key: str) -> tuple[bytes, bytes, bytes]:
    """The entry, in three pieces to be written one after the other."""
    frame = travel.frame
    header = json.dumps(
        {
            "key": key,
            "encoding": frame.encoding.name,
            "format": astuple(frame.format),
            "size": [frame.width, frame.height],
            "transfer_syntax": travel.transfer_syntax,
            "resolutions": [astuple(each) for each in travel.resolutions],
            "etag": travel.etag,
        }
    ).encode()
    head = _HEAD.pack(_LETTERS, len(header), len(frame.data)) + header
    return head, frame.data, _SUM.pack(zlib.crc32(frame.data, zlib.crc32(head)))


def frame_in(entry: bytes, key: str) -> TravelFrame | None:
    """The frame of an entry; None when the entry is damaged, cut, of another layout or of another key."""
    if len(entry) < _HEAD.size + _SUM.size:
        return None
    letters, header_length, data_length = _HEAD.unpack_from(entry)
    start = _HEAD.size + header_length
    if letters != _LETTERS or len(entry) != start + data_length + _SUM.size:
        return None
    if zlib.crc32(memoryview(entry)[: -_SUM.size]) != _SUM.unpack_from(entry, start + data_length)[0]:
        return None
    header: dict[str, Any] = json.loads(entry[_HEAD.size : start])  # as it was written: the sum says so
    if header["key"] != key or header["encoding"] not in _ENCODINGS:
        return None
    return TravelFrame(
        EncodedFrame(
            entry[start : start + data_length],
            _ENCODINGS[header["encoding"]],
            PixelFormat(*header["format"]),
            *header["size"],
        ),
        header["transfer_syntax"],
        is_stored=False,
        resolutions=tuple(ResolutionBytes(*each) for each in header["resolutions"]),
        etag=header["etag"],
    )
