"""Which DICOM files make one image. Pure: takes heads, gives groups.

A slide is what lies in one series on one container in one frame of reference: its levels, and its label, overview and
thumbnail. A radiology image is the single-frame instances of one series that are alike in size and format (its planes),
or one multi-frame instance, or the parts of one concatenation.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from medtiles.dicom.heads import DicomHead

ASSOCIATED_FLAVOURS = ("LABEL", "OVERVIEW", "THUMBNAIL")
"""Values 3 of Image Type that mark pictures beside the levels of a slide (PS3.3 C.8.12.4.1.1)."""

Member = tuple[str, DicomHead]


@dataclass(frozen=True, slots=True)
class ImageGroup:
    """The files of one image, and what a listing says of it."""

    kind: str
    """slide or radiology."""
    key: str
    """Stays the same when files move, or when files of other images come and go."""
    name: str
    """The series' description, or its modality and number; never a patient's name."""
    members: tuple[str, ...]
    """Paths, in order."""
    width: int
    height: int
    planes: int
    modality: str = ""
    study_uid: str = ""
    series_uid: str = ""
    study_description: str = ""
    study_date: str = ""
    """YYYYMMDD."""

    @property
    def format(self) -> str:
        """The name of the source format that opens it."""
        return "dicom-wsi" if self.kind == "slide" else "dicom-radiology"


def flavour(image_type: tuple[str, ...]) -> str:
    """What a whole-slide instance is of its slide: VOLUME, LABEL, OVERVIEW or THUMBNAIL."""
    return next((value for value in image_type[2:3] if value in ASSOCIATED_FLAVOURS), "VOLUME")


def group(heads: Iterable[Member]) -> list[ImageGroup]:
    """The images that some files make, in a stable order. Files without a picture are left out."""
    members = _without_repeats(sorted((m for m in heads if m[1].has_picture), key=lambda member: member[0]))
    slides = [member for member in members if member[1].is_slide]
    others = [member for member in members if not member[1].is_slide]
    groups = [*_slides(slides), *_radiology(others)]
    return sorted(_told_apart(groups), key=lambda image: (image.study_date, image.study_uid, image.name, image.key))


def _without_repeats(members: Iterable[Member]) -> list[Member]:
    """The same instance in two files counts once."""
    seen: set[str] = set()
    kept = []
    for path, head in members:
        if head.sop_instance_uid and head.sop_instance_uid in seen:
            continue
        seen.add(head.sop_instance_uid)
        kept.append((path, head))
    return kept


def _series_key(member: Member) -> str:
    path, head = member
    return head.series_uid or head.sop_instance_uid or hashlib.blake2b(path.encode(), digest_size=8).hexdigest()


def _slides(members: list[Member]) -> list[ImageGroup]:
    containers: dict[tuple[str, str], list[Member]] = defaultdict(list)
    for member in members:
        containers[_series_key(member), member[1].container_key].append(member)
    return [
        slide
        for (series, container), inside in containers.items()
        for slide in _slides_of_container(f"{series}:{container}", inside)
    ]


def _slides_of_container(key: str, members: list[Member]) -> list[ImageGroup]:
    """One slide for each frame of reference and sample format that has levels; the pictures beside go with each."""
    beside = [member for member in members if flavour(member[1].image_type) != "VOLUME"]
    levels: dict[str, list[Member]] = defaultdict(list)
    for member in members:
        if flavour(member[1].image_type) == "VOLUME":
            levels[_level_key(member[1])].append(member)
    if not levels:
        return [_slide(f"{key}:{flavour(member[1].image_type)}", [member]) for member in beside]
    return [_slide(f"{key}:{each}", [*inside, *beside]) for each, inside in levels.items()]


def _level_key(head: DicomHead) -> str:
    """Equal for levels of one slide; the colour space of their encoding may differ."""
    samples = head.pixel_key.rsplit("-", 1)[0]
    return f"{head.frame_of_reference_uid}:{samples}"


def _slide(key: str, members: list[Member]) -> ImageGroup:
    def order(member: Member) -> tuple[bool, int, str, int, str]:
        head = member[1]
        is_beside = flavour(head.image_type) != "VOLUME"
        return is_beside, -head.matrix_columns, head.concatenation_uid, head.in_concatenation, member[0]

    ordered = sorted(members, key=order)
    first = ordered[0][1]
    return _image("slide", key, ordered, (first.matrix_columns or first.columns, first.matrix_rows or first.rows), 1)


def _radiology(members: list[Member]) -> list[ImageGroup]:
    stacks: dict[str, list[Member]] = defaultdict(list)
    for member in members:
        stacks[_stack_key(member)].append(member)
    return [_stack(key, inside) for key, inside in stacks.items()]


def _stack_key(member: Member) -> str:
    path, head = member
    series = _series_key(member)
    if head.concatenation_uid:
        return f"{series}:{head.concatenation_uid}"
    if head.frames > 1:
        return f"{series}:{head.sop_instance_uid or path}"
    return f"{series}:{head.columns}x{head.rows}:{head.pixel_key}"


def _stack(key: str, members: list[Member]) -> ImageGroup:
    def order(member: Member) -> tuple[int, int, str]:
        return member[1].in_concatenation, member[1].instance_number or 0, member[0]

    ordered = sorted(members, key=order)
    first = ordered[0][1]
    return _image("radiology", key, ordered, (first.columns, first.rows), sum(head.frames for _, head in ordered))


def _image(kind: str, key: str, members: list[Member], size: tuple[int, int], planes: int) -> ImageGroup:
    first = members[0][1]
    name = first.series_description.strip() or f"{first.modality or 'DICOM'} {first.series_number or ''}".strip()
    return ImageGroup(
        kind=kind,
        key=key,
        name=name,
        members=tuple(path for path, _ in members),
        width=size[0],
        height=size[1],
        planes=planes,
        modality=first.modality,
        study_uid=first.study_uid,
        series_uid=first.series_uid,
        study_description=first.study_description,
        study_date=first.study_date,
    )


def _told_apart(groups: list[ImageGroup]) -> list[ImageGroup]:
    """Images of one series that would have the same name get a number."""
    repeated = Counter((image.series_uid, image.name) for image in groups)
    seen: Counter[tuple[str, str]] = Counter()
    told = []
    for image in groups:
        place = (image.series_uid, image.name)
        seen[place] += 1
        told.append(replace(image, name=f"{image.name} ({seen[place]})") if repeated[place] > 1 else image)
    return told
