"""The port of studies over files and virtual slides together: the files first."""

from __future__ import annotations

from collections.abc import Iterator

from medtiles.core.errors import ImageNotFoundError
from medtiles.core.studies import DicomJson, Instance, Scope, SearchPage, Studies, StudyQuery
from medtiles.virtual.metadata import PROFILE, metadata_of
from medtiles.virtual.offered import Offered, require
from medtiles.virtual.slide import VirtualLevel, VirtualSlide
from transcode.errors import FileChangedError


class WithSlides:
    """Studies of files, and behind them the virtual slides. Safe to call from several threads."""

    def __init__(self, files: Studies, offered: Offered) -> None:
        self._files = files
        self._offered = offered

    def search(self, query: StudyQuery) -> SearchPage:
        """See `Studies.search`. Virtual slides have no date: they come last.

        :raises BadRequestError: a value that cannot be matched
        """
        from medtiles.virtual.searching import matches_of, told  # noqa: PLC0415 - with it comes pydicom, 38 MB

        page = self._files.search(query)
        slides = self._offered.within(query.within)
        found = [(slide, place) for slide in slides for place in matches_of(slide, query)]
        start = max(0, query.offset - page.total)
        virtual = found[start : start + query.limit - len(page.found)]
        is_scanning = page.is_scanning or not self._offered.is_complete()
        matches = (*page.found, *(told(slide, place, query) for slide, place in virtual))
        return SearchPage(matches, page.total + len(found), is_scanning)

    def instances(self, scope: Scope) -> tuple[Instance, ...]:
        """See `Studies.instances`.

        :raises ImageNotFoundError: there is none
        """
        slide = self._offered.slide(scope.study) if scope.study else None
        if scope.study and slide is None:
            return self._files.instances(scope)
        slides = self._offered.within(scope) if slide is None else [slide]
        virtual = [instance for each in slides for instance, _ in each.instances() if _is_within(instance, scope)]
        if slide is not None:
            if not virtual:
                require(None)
            return tuple(virtual)
        try:
            return (*self._files.instances(scope), *virtual)
        except ImageNotFoundError:
            if not virtual:
                raise
            return tuple(virtual)

    def metadata(self, instance: Instance) -> DicomJson:
        """See `Studies.metadata`.

        :raises ImageNotFoundError, FileChangedError, DicomFileError: its file is gone, another, or damaged
        """
        slide = self._offered.slide(instance.study)
        if slide is None:
            return self._files.metadata(instance)
        return metadata_of(slide, *level_of(slide, instance))

    def bulk_data(self, instance: Instance, path: str) -> bytes:
        """See `Studies.bulk_data`. Of a virtual slide there is the ICC profile.

        :raises ImageNotFoundError: there is no such value
        """
        slide = self._offered.slide(instance.study)
        if slide is None:
            return self._files.bulk_data(instance, path)
        level_of(slide, instance)
        if path != PROFILE or slide.info.icc_profile is None:
            message = "the instance has no such bulk data"
            raise ImageNotFoundError(message)
        return slide.info.icc_profile

    def file(self, instance: Instance) -> tuple[int, Iterator[bytes]]:
        """See `Studies.file`.

        :raises ImageNotFoundError: it is gone, or it is no DICOM file: a virtual slide has metadata and frames
        :raises FileChangedError: it is another
        """
        if self._offered.slide(instance.study) is None:
            return self._files.file(instance)
        message = "the slide is no DICOM file: it is had by its metadata and frames"
        raise ImageNotFoundError(message)


def _is_within(instance: Instance, scope: Scope) -> bool:
    return scope.series in {"", instance.series} and scope.instance in {"", instance.uid}


def level_of(slide: VirtualSlide, instance: Instance) -> tuple[Instance, VirtualLevel]:
    """The instance as it is now.

    :raises ImageNotFoundError: the slide has no such instance
    :raises FileChangedError: its file is another
    """
    for mine, level in slide.instances():
        if mine.uid == instance.uid and mine.series == instance.series:
            if mine.version != instance.version:
                message = "the slide was replaced; ask again"
                raise FileChangedError(message)
            return mine, level
    message = "there is no such study, series or instance"
    raise ImageNotFoundError(message)
