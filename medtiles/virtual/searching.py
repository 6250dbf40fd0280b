"""Searches for virtual slides (PS3.18 10.6): the same rules as for files, over metadata that are made. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from medtiles.catalogue.studies.attribute_names import tag_path, vr_of
from medtiles.catalogue.studies.conditions import COUNTED_VRS, values_at
from medtiles.catalogue.studies.matching import matcher
from medtiles.catalogue.studies.search import wanted_fields
from medtiles.core.studies import QueryScope, StudyQuery
from medtiles.dicom.study_attributes import (
    OF_INSTANCE,
    OF_SERIES,
    OF_STUDY,
    USUAL_OF_INSTANCE,
    USUAL_OF_SERIES,
    USUAL_OF_STUDY,
)
from medtiles.virtual.metadata import metadata_of
from medtiles.virtual.slide import VirtualSlide

Json = dict[str, Any]
_OF_STUDY = {**USUAL_OF_STUDY, "00080061": "CS", "00201206": "IS", "00201208": "IS"}
_OF_SERIES = {**USUAL_OF_SERIES, "00201209": "IS"}
_OF_INSTANCE = {**USUAL_OF_INSTANCE, "00083002": "UI"}
_TOLD = {
    QueryScope.STUDIES: OF_STUDY | {"00080062"},
    QueryScope.SERIES: OF_STUDY | OF_SERIES | {"00080062"},
    QueryScope.INSTANCES: OF_STUDY | OF_SERIES | OF_INSTANCE | {"00080062"},
}


def matches_of(slide: VirtualSlide, query: StudyQuery) -> list[int]:
    """What a search finds of a slide: places in its instances, of a study or series the first alone.

    :raises BadRequestError: a value that cannot be matched
    """
    within = query.within.instance
    places = [place for place, level in enumerate(slide.levels) if within in {"", slide.uid(level)}]
    if query.matches:  # else nothing of them needs to be made
        found = dict(zip(places, (_data_set(slide, place) for place in places), strict=True))
        if query.level is QueryScope.INSTANCES:
            return [place for place, each in found.items() if _is_match([each], query)]
        places = places if _is_match(list(found.values()), query) else []
    return places if query.level is QueryScope.INSTANCES else places[:1]


def told(slide: VirtualSlide, place: int, query: StudyQuery) -> Json:
    """What is told of a match: its own attributes, and those of what it lies in where the address does not say it."""
    found = _data_set(slide, place)
    usual, url = _usual(found, query)
    wanted = wanted_fields(query.fields)
    made = {tag: found.get(tag, {"vr": vr}) for tag, vr in usual.items()}
    allowed = _TOLD[query.level]
    made |= {tag: found[tag] for tag in allowed & found.keys() if wanted is None or tag in wanted}
    made |= {"00080056": {"vr": "CS", "Value": ["ONLINE"]}, "00081190": {"vr": "UR", "Value": [url]}}
    return dict(sorted(made.items()))


def _data_set(slide: VirtualSlide, place: int) -> Json:
    """The metadata of an instance, with what is counted of its study and series."""
    instance, level = list(slide.instances())[place]
    count = len(slide.levels)
    return {
        **metadata_of(slide, instance, level),
        "00080061": {"vr": "CS", "Value": ["SM"]},
        "00080062": {"vr": "UI", "Value": [instance.sop_class]},
        "00201206": {"vr": "IS", "Value": [1]},
        "00201208": {"vr": "IS", "Value": [count]},
        "00201209": {"vr": "IS", "Value": [count]},
    }


def _is_match(data_sets: Sequence[Json], query: StudyQuery) -> bool:
    """Whether each attribute is matched by one of them."""
    for name, text in query.matches:
        path = tag_path(name)
        test = matcher(COUNTED_VRS.get(path[-1]) or vr_of(path[-1]), text, fuzzy=query.fuzzy)
        if test is not None and not any(test(values) for each in data_sets for values in values_at(each, path)):
            return False
    return True


def _usual(found: Json, query: StudyQuery) -> tuple[dict[str, str], str]:
    """What is told without being asked for, and the address."""
    level, within = query.level, query.within
    is_study_told = level is QueryScope.STUDIES or not within.study
    usual = dict(_OF_STUDY) if is_study_told else {"0020000D": "UI"}
    url = f"studies/{found['0020000D']['Value'][0]}"
    if level is not QueryScope.STUDIES:
        usual |= _OF_SERIES if level is QueryScope.SERIES or not within.series else {"0020000E": "UI"}
        url += f"/series/{found['0020000E']['Value'][0]}"
    if level is QueryScope.INSTANCES:
        usual |= _OF_INSTANCE
        url += f"/instances/{found['00080018']['Value'][0]}"
    return usual, url
