"""The images as they are listed: replaced as a whole by each scan, completed line by line as images are opened."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from medtiles.catalogue.entries import Entry
from medtiles.core.errors import BadRequestError
from medtiles.core.tiles import ImagePage, ImageQuery, ImageSummary


class Listing:
    """Entries and what is known of them. Safe to call from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: Mapping[str, Entry] = {}
        self._order: tuple[str, ...] = ()
        self._learned: dict[str, ImageSummary] = {}

    def __len__(self) -> int:
        """How many images there are."""
        return len(self._entries)

    def entry(self, image: str) -> Entry | None:
        """An image by its id."""
        return self._entries.get(image)

    def replace(self, entries: Mapping[str, Entry]) -> None:
        """List these images from now on; what has been learned of unchanged ones is kept."""
        by_name = sorted(entries.values(), key=lambda entry: (entry.summary.name.casefold(), entry.id))
        with self._lock:
            old = self._entries
            self._learned = {
                image: summary
                for image, summary in self._learned.items()
                if image in entries and image in old and entries[image].version == old[image].version
            }
            self._entries = entries
            self._order = tuple(entry.id for entry in by_name)

    def learn(self, summary: ImageSummary) -> None:
        """Take in what an opened image said; its name stays."""
        with self._lock:
            entry = self._entries.get(summary.id)
            if entry is not None:
                self._learned[summary.id] = replace(summary, name=entry.summary.name)

    def unknown(self) -> list[Entry]:
        """Images that have not been opened yet, in order."""
        with self._lock:
            entries, learned, order = self._entries, self._learned, self._order
            return [entries[image] for image in order if image not in learned and not entries[image].summary.problem]

    def page(self, query: ImageQuery, files: Collection[str] | None = None, *, is_scanning: bool) -> ImagePage:
        """The images that match, in order.

        :param files: only images that lie in one of these; None: all
        :raises BadRequestError: a negative offset or limit
        """
        if query.offset < 0 or query.limit < 0:
            message = "offset and limit of a listing must not be negative"
            raise BadRequestError(message)
        matching = [summary for summary in self._summaries(files) if _matches(summary, query)]
        return ImagePage(tuple(matching[query.offset : query.offset + query.limit]), len(matching), is_scanning)

    def _summaries(self, files: Collection[str] | None) -> Iterable[ImageSummary]:
        with self._lock:
            entries, learned, order = self._entries, self._learned, self._order
            if files is not None:
                order = tuple(image for image in order if str(entries[image].paths[0]) in files)
            return [learned.get(image) or entries[image].summary for image in order]


def _matches(summary: ImageSummary, query: ImageQuery) -> bool:
    return (
        (not query.kind or summary.kind == query.kind)
        and (not query.study_uid or summary.study_uid == query.study_uid)
        and (not query.search or query.search.casefold() in summary.name.casefold())
    )
