"""What a new encoding of the frames changes in the header, and nothing else. Pure: no IO.

PS3.5 8.2 wants the Image Pixel Module to say what the codestreams say. A lossless step changes no more than that, and
the instance stays the same instance. A lossy one makes a new one and says where it came from; see `lossy_changes`.
Group lengths (PS3.5 7.2) of groups that change are dropped: they are retired, and no reader may need them.
"""

from __future__ import annotations

import struct

from transcode.dicom.lossy_changes import is_told_as_lossy, lossy_changes
from transcode.dicom.new_elements import Changes, NewElement, padded
from transcode.dicom.source_facts import SourceFacts
from transcode.errors import UnsupportedPixelsError
from transcode.frames import PixelFormat
from transcode.targets import ArchiveOptions, Target

PIXEL_DATA_TAGS = frozenset({0x7FE00001, 0x7FE00002, 0x7FE00003, 0x7FE00008, 0x7FE00009, 0x7FE00010})
"""Pixel Data in its kinds, its extended offset tables, and its total length: written anew with the frames."""

_LENGTH_TO_END = 0x00080001
_PIXEL_GROUP_LENGTH = 0x7FE00000
_PHOTOMETRIC_INTERPRETATION = 0x00280004
_PLANAR_CONFIGURATION = 0x00280006
_BITS_ALLOCATED, _BITS_STORED, _HIGH_BIT, _PIXEL_REPRESENTATION = 0x00280100, 0x00280101, 0x00280102, 0x00280103
_SIGNED = {0xFFFAFFFA: "Digital Signatures Sequence", 0x4FFE0001: "MAC Parameters Sequence"}
_RLE = "1.2.840.10008.1.2.5"
"""Lies in planes by itself and may say either of Planar Configuration (PS3.5 8.2.2)."""
_LOSSY_SYNTAXES = frozenset({"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"})
"""Nothing encoded so is free of loss."""


def changes_for(
    source: SourceFacts,
    target: Target,
    pixels: PixelFormat | None,
    options: ArchiveOptions = ArchiveOptions(),
) -> Changes:
    """What changes when the frames are written for a target.

    :param pixels: of the encoded frames; None when codestreams are copied, which loses nothing and keeps their format
    :param options: what they were encoded with: for a lossy target a part of the new SOP Instance UID
    :raises UnsupportedPixelsError: the frames have another number of samples than the source
    """
    elements = {} if pixels is None else _image_pixel(source, pixels, target)
    warnings = _warnings(source)
    ratio = None
    if pixels is not None and not target.is_lossless:
        lossy = lossy_changes(source, target, options)
        elements |= lossy.elements
        warnings, ratio = (*warnings, *lossy.warnings), lossy.ratio
    return Changes(elements | _stale_lengths(source, elements), warnings, ratio)


def _image_pixel(source: SourceFacts, pixels: PixelFormat, target: Target) -> dict[int, NewElement | None]:
    """The attributes of the Image Pixel Module that differ from the source's (PS3.3 C.7.6.3)."""
    before = source.pixels.format
    if pixels.samples_per_pixel != before.samples_per_pixel:
        message = f"frames of {pixels.samples_per_pixel} samples a pixel for a source of {before.samples_per_pixel}"
        raise UnsupportedPixelsError(message)
    changed: dict[int, NewElement | None] = {}
    if pixels.photometric != before.photometric:
        changed[_PHOTOMETRIC_INTERPRETATION] = padded("CS", pixels.photometric)
    is_planar = source.pixels.is_planar and target.transfer_syntax != _RLE
    if pixels.is_colour and (is_planar or _PLANAR_CONFIGURATION not in source.tags):
        changed[_PLANAR_CONFIGURATION] = _number(0)
    if pixels.is_float or (source.pixels.bits_allocated == 1 and pixels.bits_stored == 1):
        return changed  # one-bit samples are unpacked in memory only
    numbers = {
        _BITS_ALLOCATED: (source.pixels.bits_allocated, pixels.bits_allocated),
        _BITS_STORED: (before.bits_stored, pixels.bits_stored),
        _HIGH_BIT: (source.pixels.high_bit, pixels.bits_stored - 1),
        _PIXEL_REPRESENTATION: (int(before.signed), int(pixels.signed)),
    }
    changed |= {
        tag: _number(after) for tag, (before, after) in numbers.items() if before != after or tag not in source.tags
    }
    return changed


def _stale_lengths(source: SourceFacts, changed: dict[int, NewElement | None]) -> dict[int, NewElement | None]:
    """Group lengths that would be wrong, and the retired Length to End, which counts Pixel Data too."""
    lengths = {tag & 0xFFFF0000 for tag in changed} | {_PIXEL_GROUP_LENGTH, _LENGTH_TO_END}
    if _LENGTH_TO_END in source.tags:
        lengths.add(_LENGTH_TO_END & 0xFFFF0000)
    return dict.fromkeys(lengths & source.tags)


def _warnings(source: SourceFacts) -> tuple[str, ...]:
    found = [
        f"{name} ({tag >> 16:04X},{tag & 0xFFFF:04X}) is kept, but what it signs of the Pixel Data has changed"
        for tag, name in _SIGNED.items()
        if tag in source.tags
    ]
    if source.transfer_syntax in _LOSSY_SYNTAXES and not is_told_as_lossy(source):
        found.append("its frames were compressed with loss, but Lossy Image Compression (0028,2110) does not say 01")
    return tuple(found)


def _number(value: int) -> NewElement:
    return NewElement("US", struct.pack("<H", value))
