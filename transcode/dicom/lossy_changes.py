"""What a lossy step changes in the header beyond the Image Pixel Module. Pure: no IO.

PS3.3 C.7.6.1.1.5: Lossy Image Compression becomes 01 and never goes back; ratio and method of each step are appended,
so that their values correspond; the image gets a new SOP Instance UID. PS3.3 C.7.6.1.1.2 and C.12.4: it is DERIVED, and
says how and of which instance. Largest and smallest pixel values are those of other samples, and go.

The new UID is made of the source's, the transfer syntax and the options: who does the same step again, such as a batch
that goes on after it was stopped, gets the same instance.
"""

from __future__ import annotations

from uuid import UUID, uuid5

from transcode.dicom.conversion import element_header, item_header
from transcode.dicom.element_places import ITEM
from transcode.dicom.frame_types import derived_frame_types
from transcode.dicom.new_elements import Changes, NewElement, RatioPlace, padded
from transcode.dicom.source_facts import (
    DERIVATION_CODE_SEQUENCE,
    DERIVATION_DESCRIPTION,
    IMAGE_TYPE,
    LOSSY_IMAGE_COMPRESSION,
    LOSSY_IMAGE_COMPRESSION_METHOD,
    LOSSY_IMAGE_COMPRESSION_RATIO,
    REFERENCED_SERIES_SEQUENCE,
    SHARED_FUNCTIONAL_GROUPS_SEQUENCE,
    SOP_INSTANCE_UID,
    SOURCE_IMAGE_SEQUENCE,
    SourceFacts,
)
from transcode.targets import ArchiveOptions, Target

_INSTANCES = UUID("2e781f89-01ef-4050-850b-29c2397033af")
"""Namespace of the names that new SOP Instance UIDs are made of."""
_NEAR_LOSSLESS = "ISO_14495_1"
_RATIO_WIDTH = 16
_LONGEST_DESCRIPTION = 1024
_PIXEL_VALUE_LIMITS = (0x00280106, 0x00280107, 0x00280110, 0x00280111)
_ICON_IMAGE_SEQUENCE = 0x00880200
_PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE = 0x52009230
_FUNCTIONAL_GROUPS = (SHARED_FUNCTIONAL_GROUPS_SEQUENCE, _PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE)
_WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"
_PURPOSE_OF_REFERENCE = 0x0040A170


def is_told_as_lossy(source: SourceFacts) -> bool:
    """Whether Lossy Image Compression says 01."""
    return source.values.get(LOSSY_IMAGE_COMPRESSION, b"").strip(b" \0") == b"01"


def lossy_instance_uid(source: SourceFacts, target: Target, options: ArchiveOptions) -> str:
    """The UID of what this step makes of this instance, derived from a UUID (PS3.5 B.2); always the same."""
    name = "\n".join((source.sop_instance, target.transfer_syntax, _setting(target, options)))
    return f"2.25.{uuid5(_INSTANCES, name).int}"


def lossy_changes(source: SourceFacts, target: Target, options: ArchiveOptions) -> Changes:
    """What one lossy step changes beside the Image Pixel Module."""
    ratios, methods, ratio = _steps(source, target)
    description, warnings = _description(source, target, options)
    elements: dict[int, NewElement | None] = {
        IMAGE_TYPE: _image_type(source),
        SOP_INSTANCE_UID: padded("UI", lossy_instance_uid(source, target, options)),
        SOURCE_IMAGE_SEQUENCE: _with_item(source, SOURCE_IMAGE_SEQUENCE, _source_image(source)),
        DERIVATION_CODE_SEQUENCE: _with_item(source, DERIVATION_CODE_SEQUENCE, _code("113040", "Lossy Compression")),
        LOSSY_IMAGE_COMPRESSION: padded("CS", "01"),
        LOSSY_IMAGE_COMPRESSION_RATIO: ratios,
        LOSSY_IMAGE_COMPRESSION_METHOD: methods,
        **dict.fromkeys(tag for tag in _PIXEL_VALUE_LIMITS if tag in source.tags),
    }
    has_references = source.tags.intersection((REFERENCED_SERIES_SEQUENCE, *_FUNCTIONAL_GROUPS))
    if has_references or source.sop_class == _WHOLE_SLIDE:
        elements[REFERENCED_SERIES_SEQUENCE] = _with_item(source, REFERENCED_SERIES_SEQUENCE, _own_series(source))
    if description is not None:
        elements[DERIVATION_DESCRIPTION] = description
    if _ICON_IMAGE_SEQUENCE in source.tags:
        warnings.append("Icon Image Sequence (0088,0200) is the one of the source")
    frame_types = derived_frame_types(source.values.get(SHARED_FUNCTIONAL_GROUPS_SEQUENCE, b""))
    if frame_types is not None:
        elements[SHARED_FUNCTIONAL_GROUPS_SEQUENCE] = frame_types
    if _PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE in source.tags:
        warnings.append("Frame Type (0008,9007) of single frames, where they have one, is the one of the source")
    return Changes(elements, tuple(warnings), ratio)


def _setting(target: Target, options: ArchiveOptions) -> str:
    return f"near {options.near}" if target.lossy_method == _NEAR_LOSSLESS else f"quality {options.quality}"


def _image_type(source: SourceFacts) -> NewElement:
    """The values as they are, the first one DERIVED; PRIMARY where there was no second (C.7.6.1.1.2)."""
    values = [value.strip(b" \0") for value in source.values.get(IMAGE_TYPE, b"").split(b"\\")]
    return _even("CS", b"\\".join((b"DERIVED", *(values[1:] or [b"PRIMARY"]))))


def _steps(source: SourceFacts, target: Target) -> tuple[NewElement, NewElement, RatioPlace]:
    """Ratio and method of every step, this one last, whose ratio is left blank.

    Where an earlier step lacks one of the two, its value is empty, so that the values correspond.
    """
    ratios = _values(source, LOSSY_IMAGE_COMPRESSION_RATIO)
    methods = _values(source, LOSSY_IMAGE_COMPRESSION_METHOD)
    steps = max(len(ratios), len(methods))
    before = b"".join(value + b"\\" for value in [*ratios, *[b""] * (steps - len(ratios))])
    methods += [b""] * (steps - len(methods)) + [target.lossy_method.encode("ascii")]
    place = RatioPlace(len(before), _RATIO_WIDTH)
    return _even("DS", before + b" " * _RATIO_WIDTH), _even("CS", b"\\".join(methods)), place


def _values(source: SourceFacts, tag: int) -> list[bytes]:
    value = source.values.get(tag, b"").strip(b" \0")
    return [each.strip(b" \0") for each in value.split(b"\\")] if value else []


def _description(source: SourceFacts, target: Target, options: ArchiveOptions) -> tuple[NewElement | None, list[str]]:
    """The description with this step at its end. A text ends in the default character set (PS3.5 6.1.2.5.3)."""
    step = f"Lossy compression: {target.lossy_method}, {_setting(target, options)}".encode("ascii")
    before = source.values.get(DERIVATION_DESCRIPTION, b"").rstrip(b" \0")
    whole = before + b"; " + step if before else step
    if len(whole) > _LONGEST_DESCRIPTION:
        return None, ["Derivation Description (0008,2111) has no room left to tell of the lossy compression"]
    return _even("ST", whole), []


def _with_item(source: SourceFacts, tag: int, content: bytes) -> NewElement:
    """A sequence with one more item at its end."""
    return NewElement("SQ", source.values.get(tag, b"") + _item(content))


def _source_image(source: SourceFacts) -> bytes:
    return (
        _element(0x00081150, padded("UI", source.sop_class))
        + _element(0x00081155, padded("UI", source.sop_instance))
        + _element(_PURPOSE_OF_REFERENCE, NewElement("SQ", _item(_code("121320", "Uncompressed predecessor"))))
    )


def _own_series(source: SourceFacts) -> bytes:
    """The source in the Common Instance Reference Module (PS3.3 C.12.2), which lists all that an instance refers to.

    Whole slides and multi-frame objects with functional groups have that module; others where the source has it.
    """
    reference = _element(0x00081150, padded("UI", source.sop_class)) + _element(
        0x00081155, padded("UI", source.sop_instance)
    )
    return _element(0x0008114A, NewElement("SQ", _item(reference))) + _element(
        0x0020000E, padded("UI", source.series_instance)
    )


def _code(value: str, meaning: str) -> bytes:
    """The elements of a code of DCM (PS3.3 8.8, PS3.16 annex D)."""
    return (
        _element(0x00080100, padded("SH", value))
        + _element(0x00080102, padded("SH", "DCM"))
        + _element(0x00080104, padded("LO", meaning))
    )


def _item(content: bytes) -> bytes:
    return item_header(ITEM, len(content)) + content


def _element(tag: int, element: NewElement) -> bytes:
    return element_header(tag, element.vr, len(element.value)) + element.value


def _even(vr: str, value: bytes) -> NewElement:
    return NewElement(vr, value + b" " * (len(value) % 2))
