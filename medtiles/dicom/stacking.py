"""Frames in the order in which people look through them. Pure.

Slices lie along their normal: the position of a slice is its Image Position projected on the normal of its Image
Orientation (PS3.3 C.7.6.2.1.1). Frames at one position are time points (or echoes, b-values and the like). Without
geometry the order is that of Instance Number, then of acquisition; frames of a cine follow one another in time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from medtiles.dicom.frame_facts import FrameFacts, Vector

_SAME_PLACE_MM = 1e-3
_SAME_DIRECTION = 0.999
"""Of the cosine between two normals: about 2.5 degrees."""
_EVEN = 0.02
"""How much neighbouring distances may differ and still be even, as a part of them."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A frame and its place in the image."""

    facts: FrameFacts
    z: int = 0
    t: int = 0
    position_mm: float | None = None


@dataclass(frozen=True, slots=True)
class Stack:
    """All the frames of an image, in order."""

    frames: tuple[Placed, ...]
    slice_spacing_mm: float | None = None
    """Between neighbouring positions, when they are even."""


def stack(frames: Sequence[FrameFacts]) -> Stack:
    """Put frames in order: channels apart, in each of them time points apart, in each of those slices in space."""
    if all(facts.position is not None and facts.normal is not None for facts in frames):
        return _by_geometry(frames)
    return Stack(_by_number(frames))


def _by_number(frames: Sequence[FrameFacts]) -> tuple[Placed, ...]:
    ordered = sorted(frames, key=lambda facts: (facts.channel, *_moment(facts)))
    if ordered and all(facts.is_cine for facts in ordered):
        return tuple(Placed(facts, t=index) for index, facts in enumerate(ordered))
    return tuple(Placed(facts, z=index) for index, facts in enumerate(ordered))


def _moment(facts: FrameFacts) -> tuple[int, str, int, int]:
    return facts.instance_number, facts.acquired, facts.instance, facts.frame


def _by_geometry(frames: Sequence[FrameFacts]) -> Stack:
    placed: list[Placed] = []
    for parallel in _parallels(frames):
        first_z = max((each.z for each in placed), default=-1) + 1
        placed += _along_normal(parallel, first_z)
    placed.sort(key=lambda each: (each.facts.channel, each.t, each.z))
    return Stack(tuple(placed), _spacing(placed) if len(_parallels(frames)) == 1 else None)


def _parallels(frames: Sequence[FrameFacts]) -> list[list[FrameFacts]]:
    """Frames with the same normal together; localizers have several."""
    found: list[tuple[Vector, list[FrameFacts]]] = []
    for facts in sorted(frames, key=_moment):
        normal = facts.normal or (0.0, 0.0, 1.0)
        for other, inside in found:
            if _dot(normal, other) > _SAME_DIRECTION:
                inside.append(facts)
                break
        else:
            found.append((normal, [facts]))
    return [inside for _, inside in found]


def _along_normal(frames: Sequence[FrameFacts], first_z: int) -> list[Placed]:
    normal = frames[0].normal or (0.0, 0.0, 1.0)
    measured = sorted(
        (Placed(facts, position_mm=_dot(facts.position or (0.0, 0.0, 0.0), normal)) for facts in frames),
        key=lambda each: each.position_mm or 0.0,
    )
    z = first_z - 1
    last: float | None = None
    slices: dict[tuple[int, int], list[Placed]] = defaultdict(list)
    for each in measured:
        position = each.position_mm or 0.0
        if last is None or position - last > _SAME_PLACE_MM:
            z, last = z + 1, position
        slices[z, each.facts.channel].append(replace(each, z=z))
    return [
        replace(each, t=t)
        for inside in slices.values()
        for t, each in enumerate(sorted(inside, key=lambda each: (each.facts.times, *_later(each.facts))))
    ]


def _later(facts: FrameFacts) -> tuple[str, int, int, int]:
    return facts.acquired, facts.instance_number, facts.instance, facts.frame


def _spacing(placed: Sequence[Placed]) -> float | None:
    positions = sorted({each.z: each.position_mm or 0.0 for each in placed}.values())
    gaps = [after - before for before, after in pairwise(positions)]
    if not gaps or max(gaps) - min(gaps) > _EVEN * max(gaps):
        return None
    return (positions[-1] - positions[0]) / len(gaps)


def _dot(one: Vector, other: Vector) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))
