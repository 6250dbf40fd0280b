"""Where and when each frame of a radiology instance was taken, as far as its header says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from pydicom.dataset import Dataset

from transcode.dicom.attributes import items, number, numbers, text
from transcode.dicom.functional_groups import FunctionalGroups
from transcode.errors import DicomFileError

Vector = tuple[float, float, float]
Found = TypeVar("Found")

_CINE = ("FrameTime", "FrameTimeVector", "CineRate", "RecommendedDisplayFrameRate")
_TIMES = ("TemporalPositionIdentifier", "EchoTime", "DiffusionBValue", "TriggerTime", "AcquisitionNumber")
_NOTHING = Dataset()


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


def frame_facts(dataset: Dataset, instance: int, frames: int) -> Iterator[FrameFacts]:
    """The facts of every frame of an instance. Attributes that cannot be read count as absent.

    :param frames: how many there are; frames beyond the functional groups get what is shared
    """
    groups = _tolerant(lambda: FunctionalGroups(dataset)) or FunctionalGroups(Dataset())
    base = FrameFacts(
        instance=instance,
        frame=0,
        sop_instance_uid=_text(dataset, "SOPInstanceUID"),
        instance_number=int(_number(dataset, "InstanceNumber")),
        position=_vector(dataset, "ImagePositionPatient"),
        normal=_normal(dataset),
        times=tuple(_number(dataset, keyword) for keyword in _TIMES),
        acquired=_acquired(dataset),
        is_cine=frames > 1 and any(keyword in dataset for keyword in _CINE),
    )
    offsets = _grid_offsets(dataset, frames)
    names = _segment_names(dataset)
    for frame in range(frames):
        facts = replace(base, frame=frame)
        if offsets and base.position and base.normal:
            facts = replace(facts, position=_moved(base.position, base.normal, offsets[frame]))
        yield _of_groups(groups, facts, names) if frame < groups.frames else facts


def _of_groups(groups: FunctionalGroups, facts: FrameFacts, names: dict[int, str]) -> FrameFacts:
    """The facts of a frame with functional groups of its own (C.7.6.16.2)."""

    def find(keyword: str) -> Dataset:
        return _tolerant(lambda: groups.find(facts.frame, keyword)) or _NOTHING

    content = find("FrameContentSequence")
    segment = int(_number(find("SegmentIdentificationSequence"), "ReferencedSegmentNumber"))
    return replace(
        facts,
        position=_vector(find("PlanePositionSequence"), "ImagePositionPatient") or facts.position,
        normal=_normal(find("PlaneOrientationSequence")) or facts.normal,
        channel=max(0, segment - 1),
        channel_name=names.get(segment, f"segment {segment}") if segment else "",
        times=(
            _number(content, "TemporalPositionIndex"),
            _number(find("MREchoSequence"), "EffectiveEchoTime"),
            _number(find("MRDiffusionSequence"), "DiffusionBValue"),
            _number(find("CardiacSynchronizationSequence"), "NominalCardiacTriggerDelayTime"),
            _number(content, "FrameAcquisitionNumber"),
        ),
        acquired=_text(content, "FrameAcquisitionDateTime") or facts.acquired,
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


def _vector(dataset: Dataset, keyword: str) -> Vector | None:
    if keyword not in dataset:
        return None
    values = _tolerant(lambda: numbers(dataset, keyword)) or ()
    return (values[0], values[1], values[2]) if len(values) == 3 else None


def _normal(dataset: Dataset) -> Vector | None:
    """The direction of the slices, from Image Orientation (Patient); None when its two directions are no directions."""
    if "ImageOrientationPatient" not in dataset:
        return None
    values = _tolerant(lambda: numbers(dataset, "ImageOrientationPatient")) or ()
    if len(values) != 6:
        return None
    rx, ry, rz, cx, cy, cz = values
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
    if "GridFrameOffsetVector" not in dataset:
        return ()
    offsets = _tolerant(lambda: numbers(dataset, "GridFrameOffsetVector")) or ()
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
