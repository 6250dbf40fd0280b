"""Where and when each frame of a radiology instance was taken, as far as its header says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from pydicom.dataset import Dataset

from transcode.dicom.attributes import items, number, numbers, text
from transcode.dicom.functional_groups import FunctionalGroups, Value
from transcode.errors import DicomFileError

Vector = tuple[float, float, float]
Found = TypeVar("Found")

_CINE = ("FrameTime", "FrameTimeVector", "CineRate", "RecommendedDisplayFrameRate")
_TIMES = ("TemporalPositionIdentifier", "EchoTime", "DiffusionBValue", "TriggerTime", "AcquisitionNumber")
_FRAME_TIMES = (
    "TemporalPositionIndex",
    "EffectiveEchoTime",
    "DiffusionBValue",
    "NominalCardiacTriggerDelayTime",
    "FrameAcquisitionNumber",
)
_MACROS = {
    "ImagePositionPatient": "PlanePositionSequence",
    "ImageOrientationPatient": "PlaneOrientationSequence",
    "ReferencedSegmentNumber": "SegmentIdentificationSequence",
    "TemporalPositionIndex": "FrameContentSequence",
    "FrameAcquisitionNumber": "FrameContentSequence",
    "FrameAcquisitionDateTime": "FrameContentSequence",
    "EffectiveEchoTime": "MREchoSequence",
    "DiffusionBValue": "MRDiffusionSequence",
    "NominalCardiacTriggerDelayTime": "CardiacSynchronizationSequence",
}
"""Attributes of single frames, and the macros that hold them."""


@dataclass(frozen=True, slots=True)
class FrameFacts:
    """What planes are sorted by."""

    instance: int
    """Number of the file."""
    frame: int
    """From 0."""
    sop_instance_uid: str = ""
    instance_number: int = 0
    position: Vector | None = None
    """Image Position (Patient), millimetres."""
    normal: Vector | None = None
    """Of the slice: row direction x column direction."""
    channel: int = 0
    """Segment of a segmentation."""
    channel_name: str = ""
    times: tuple[float, ...] = ()
    """What tells frames at one position apart: temporal position, echo time, b-value, trigger time, acquisition."""
    acquired: str = ""
    """Acquisition or content date and time, as text that sorts."""
    is_cine: bool = False
    """Whether the frames of the instance follow one another in time."""


def frame_facts(dataset: Dataset, groups: FunctionalGroups, instance: int, frames: int) -> Iterator[FrameFacts]:
    """The facts of every frame of an instance. Attributes that cannot be read count as absent.

    :param frames: how many there are; frames beyond the functional groups get what is shared
    """
    base = FrameFacts(
        instance=instance,
        frame=0,
        sop_instance_uid=_text(dataset, "SOPInstanceUID"),
        instance_number=int(_number(dataset, "InstanceNumber")),
        position=_vector(dataset, "ImagePositionPatient"),
        normal=_normal(_numbers(dataset, "ImageOrientationPatient")),
        times=tuple(_number(dataset, keyword) for keyword in _TIMES),
        acquired=_acquired(dataset),
        is_cine=frames > 1 and any(keyword in dataset for keyword in _CINE),
    )
    offsets = _grid_offsets(dataset, frames)
    names = _segment_names(dataset)
    rows = _tolerant(lambda: groups.table(_MACROS)) or ()
    for frame in range(frames):
        facts = replace(base, frame=frame)
        if offsets and base.position and base.normal:
            facts = replace(facts, position=_moved(base.position, base.normal, offsets[frame]))
        yield _of_groups(rows[frame], facts, names) if frame < len(rows) else facts


def _of_groups(row: Mapping[str, Value], facts: FrameFacts, names: Mapping[int, str]) -> FrameFacts:
    """The facts of a frame with functional groups of its own (C.7.6.16.2)."""

    def found(keyword: str) -> tuple[float, ...]:
        value = row.get(keyword, ())
        return value if isinstance(value, tuple) else ()

    position = found("ImagePositionPatient")
    segment = int(next(iter(found("ReferencedSegmentNumber")), 0))
    acquired = row.get("FrameAcquisitionDateTime", "")
    return replace(
        facts,
        position=(position[0], position[1], position[2]) if len(position) == 3 else facts.position,
        normal=_normal(found("ImageOrientationPatient")) or facts.normal,
        channel=max(0, segment - 1),
        channel_name=names.get(segment, f"segment {segment}") if segment else "",
        times=tuple(next(iter(found(keyword)), 0.0) for keyword in _FRAME_TIMES),
        acquired=acquired if isinstance(acquired, str) and acquired else facts.acquired,
    )


def _tolerant(read: Callable[[], Found]) -> Found | None:
    try:
        return read()
    except DicomFileError:
        return None


def _number(dataset: Dataset, keyword: str) -> float:
    if keyword not in dataset:
        return 0.0
    return _tolerant(lambda: number(dataset, keyword, 0.0)) or 0.0


def _text(dataset: Dataset, keyword: str) -> str:
    if keyword not in dataset:
        return ""
    return _tolerant(lambda: text(dataset, keyword)) or ""


def _numbers(dataset: Dataset, keyword: str) -> tuple[float, ...]:
    if keyword not in dataset:
        return ()
    return _tolerant(lambda: numbers(dataset, keyword)) or ()


def _vector(dataset: Dataset, keyword: str) -> Vector | None:
    values = _numbers(dataset, keyword)
    return (values[0], values[1], values[2]) if len(values) == 3 else None


def _normal(orientation: Sequence[float]) -> Vector | None:
    """The direction of the slices, from Image Orientation (Patient); None when its two directions are no directions."""
    if len(orientation) != 6:
        return None
    rx, ry, rz, cx, cy, cz = orientation
    normal = (ry * cz - rz * cy, rz * cx - rx * cz, rx * cy - ry * cx)
    length = sum(part * part for part in normal) ** 0.5
    return None if length < 0.5 else (normal[0] / length, normal[1] / length, normal[2] / length)


def _acquired(dataset: Dataset) -> str:
    stamp = _text(dataset, "AcquisitionDateTime")
    if stamp:
        return stamp
    for kind in ("Acquisition", "Content"):
        if time := _text(dataset, f"{kind}Time"):
            return _text(dataset, f"{kind}Date") + time
    return ""


def _grid_offsets(dataset: Dataset, frames: int) -> tuple[float, ...]:
    """Grid Frame Offset Vector of doses: where each frame lies, from the first or absolutely (C.8.8.3.2)."""
    offsets = _numbers(dataset, "GridFrameOffsetVector")
    if len(offsets) != frames or frames < 2:
        return ()
    return tuple(offset - offsets[0] for offset in offsets)


def _moved(position: Vector, normal: Vector, distance: float) -> Vector:
    return (
        position[0] + normal[0] * distance,
        position[1] + normal[1] * distance,
        position[2] + normal[2] * distance,
    )


def _segment_names(dataset: Dataset) -> dict[int, str]:
    if "SegmentSequence" not in dataset:
        return {}
    segments = _tolerant(lambda: items(dataset, "SegmentSequence")) or ()
    return {int(_number(segment, "SegmentNumber")): _text(segment, "SegmentLabel") for segment in segments}
