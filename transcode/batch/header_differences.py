"""In what the header of an instance differs from that of its transcoded copy, beside what transcoding may change.

The tables follow PS3.3 C.7.6.1.1.5 (lossy compression: new SOP Instance UID, what is appended) and PS3.5 8.2
(attributes that describe the stream). A batch knows its own changes to the byte and checks them with
`transcode.dicom.compare` alone; here any tool may have made the copy. Differences are told by tag and keyword and never
by value: values name patients.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydicom.datadict import keyword_for_tag

from transcode.dicom.attributes import texts
from transcode.dicom.compare import Difference, differences
from transcode.dicom.file_header import FileHeader

DESCRIBES_STREAM = frozenset(
    {
        0x00020000,  # File Meta Information Group Length
        0x00020001,  # its version
        0x00020010,  # Transfer Syntax UID
        0x00020012,  # Implementation Class UID
        0x00020013,  # Implementation Version Name
        0x00080001,  # Length to End, retired: counts Pixel Data too
        0x00280004,  # Photometric Interpretation: what the stream holds
        0x00280006,  # Planar Configuration: 0 in every encapsulated stream
        0x00280100,  # Bits Allocated, Bits Stored and Pixel Representation: decoded samples are compared with them
        0x00280101,
        0x00280102,  # High Bit: Bits Stored - 1 in every encapsulated stream
        0x00280103,
        0x7FE00001,  # Extended Offset Table
        0x7FE00002,  # its lengths
        0x7FE00010,  # Pixel Data, which is compared as samples
    }
)
"""May differ after any transcoding."""

MARKS_LOSS = frozenset(
    {
        0x00020003,  # Media Storage SOP Instance UID
        0x00080012,  # Instance Creation Date
        0x00080013,  # Instance Creation Time
        0x00080018,  # SOP Instance UID
        0x00081115,  # Referenced Series Sequence: its own series, where the source's frames are referred to
        0x00082111,  # Derivation Description
        0x00082112,  # Source Image Sequence
        0x00089007,  # Frame Type
        0x00089215,  # Derivation Code Sequence
        0x0018A001,  # Contributing Equipment Sequence
        0x00280106,  # Smallest and Largest Image Pixel Value, and in Series: of other samples
        0x00280107,
        0x00280110,
        0x00280111,
        0x00282110,  # Lossy Image Compression
    }
)
"""May differ besides after a lossy one."""

GROWS_WITH_LOSS = {0x00282112: "LossyImageCompressionRatio", 0x00282114: "LossyImageCompressionMethod"}
"""A lossy step appends one of each, in order, and keeps those that there were."""

_IMAGE_TYPE = 0x00080008
_TAG = re.compile(r"\(([0-9A-Fa-f]{4}),([0-9A-Fa-f]{4})\)")


def header_differences(before: FileHeader, after: FileHeader, *, is_lossy: bool) -> tuple[str, ...]:
    """What differs although it must not, such as `(0010,0020) PatientID has another value`; by path in sequences.

    :param is_lossy: whether the step between the two lost something and says so
    :raises DicomFileError: one of the files is not made of elements to its end
    :raises TruncatedFileError, FileChangedError: see RandomAccess
    """
    return tuple(_told(difference) for difference in _unexpected(before, after, is_lossy=is_lossy))


def _unexpected(before: FileHeader, after: FileHeader, *, is_lossy: bool) -> Iterator[Difference]:
    for difference in differences(before, after):
        tags = [int(group + element, 16) for group, element in _TAG.findall(difference.path)]
        if any(map(_describes_stream, tags)) or (is_lossy and _is_of_loss(tags, before, after)):
            continue
        yield difference


def _describes_stream(tag: int) -> bool:
    group, element = tag >> 16, tag & 0xFFFF
    is_overlay = 0x6000 <= group <= 0x601E and element in {0x0100, 0x0102, 0x3000}  # moved out of the samples
    is_group_length = element == 0 and group > 2  # retired: PS3.5 7.2
    return tag in DESCRIBES_STREAM or is_overlay or is_group_length


def _is_of_loss(tags: list[int], before: FileHeader, after: FileHeader) -> bool:
    if not MARKS_LOSS.isdisjoint(tags):
        return True
    if tags == [_IMAGE_TYPE]:
        old, new = (texts(header.dataset, "ImageType") for header in (before, after))
        return new[:1] == ("DERIVED",) and new[1:] == (old[1:] or ("PRIMARY",))
    if len(tags) == 1 and (keyword := GROWS_WITH_LOSS.get(tags[0])):
        old, new = (texts(header.dataset, keyword) for header in (before, after))
        return new[: len(old)] == old
    return False


def _told(difference: Difference) -> str:
    tags = _TAG.findall(difference.path)
    keyword = keyword_for_tag(int("".join(tags[-1]), 16)) if tags else ""
    return " ".join(filter(None, (difference.path, keyword, difference.message)))
