"""The catalogue of files and folders: finds images, watches for changes, opens images.

Theory of operation. A scan walks the roots (one stat for each file). When nothing has changed since the last scan, that
is all. Otherwise files that are new or changed are recognised by their first bytes (the index remembers the others),
files are made into images, and the listing is replaced as a whole: readers never see half of it. Images that nobody has
opened yet are then opened once in the background, to learn their size.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path

import medtiles
from medtiles.catalogue.entries import Entry, entries_of
from medtiles.catalogue.header_readers import HeaderReaders
from medtiles.catalogue.index import Index
from medtiles.catalogue.listing import Listing
from medtiles.catalogue.opening import open_entry
from medtiles.catalogue.probe import Prober
from medtiles.catalogue.recognise import DICOM, Recognised, Unread, recognise
from medtiles.catalogue.roots import Roots
from medtiles.catalogue.studies import FileStudies
from medtiles.catalogue.studies.filling import SeenFile
from medtiles.catalogue.walk import FoundFile, walk
from medtiles.core.errors import BusyError, ImageNotFoundError
from medtiles.core.source import Source, SourceFormat
from medtiles.core.tiles import ImagePage, ImageQuery
from medtiles.dicom import DicomHead
from medtiles.dicom.records import InstanceRecord
from transcode.errors import FileChangedError
from transcode.files import version_of

_LOG = logging.getLogger(__name__)
_BATCH = 256
"""Files that are recognised before they are remembered."""
_SHARE = 20
"""A scan, or a stat of an image's files, takes at most one part in so many of a process's time."""
_RECALL = 0.5
"""Seconds between two looks into the index, while other processes open images."""

Progress = Callable[[int, int], None]
"""Told (files looked into, files to look into)."""


@dataclass(frozen=True, slots=True)
class CatalogueOptions:
    """How a catalogue works."""

    cache: Path | None = None
    """Folder of the index; None: it is kept in memory."""
    interval: float = 5.0
    """Seconds between two looks for changes."""
    threads: int = 2
    """Threads that open images in the background; 0: none, sizes are learned when clients open images."""


class FileCatalogue:
    """All images under some roots, by id. Safe to call from several threads."""

    def __init__(
        self, paths: Iterable[Path], formats: Sequence[SourceFormat], options: CatalogueOptions | None = None
    ) -> None:
        """Look at nothing yet: `rescan` or `start` does.

        :raises ImageNotFoundError: a path does not exist
        """
        self._options = options or CatalogueOptions()
        self._roots = Roots(paths)
        self.formats = tuple(formats)
        """What it opens files by."""
        self._by_name = {each.name: each for each in self.formats}
        fingerprint = _fingerprint(self.formats)
        self._index = Index(self._options.cache, fingerprint)
        self._listing = Listing()
        self._prober = Prober(self._index, self._open, self._listing.learn, max(1, self._options.threads))
        self._scanning = threading.Lock()
        self.studies = FileStudies(self._roots, self._options.cache, fingerprint, lambda: self._is_filling)
        """The DICOM instances by their UIDs."""
        self._is_filling = True
        """Whether there are files that have not been read yet: a look that finds nothing new is none of it."""
        self._identities: dict[str, str] | None = None
        self._scan_cost = 0.0
        self._scanned_at = 0.0
        self._versions: dict[str, tuple[float, str]] = {}
        self._stop = threading.Event()
        self._watcher: threading.Thread | None = None

    # -- the port -----------------------------------------------------------------------------------------------

    def images(self, query: ImageQuery) -> ImagePage:
        """List images by name, then by id.

        :raises BadRequestError: a negative offset or limit
        """
        is_scanning = self._identities is None or self._scanning.locked() or self._prober.is_busy
        files = self._roots.named(query.path) if query.path else None
        return self._listing.page(query, files, is_scanning=is_scanning)

    def open(self, image: str) -> Source:
        """Open an image.

        :raises ImageNotFoundError: no such image, or its file is gone
        :raises UnsupportedFormatError, DamagedImageError, TranscodeError: it cannot be opened
        """
        self._versions.pop(image, None)  # whoever opens anew has reason to doubt it
        try:
            return self._prober.open(self._entry(image))
        except ImageNotFoundError:
            if not self._look_again():
                raise
        return self._prober.open(self._entry(image))

    def version(self, image: str) -> str:
        """The identity of the image's files as they are now, or were a second ago.

        :raises ImageNotFoundError: no such image, or its file is gone
        """
        known = self._versions.get(image)
        if known is not None and time.monotonic() < known[0]:
            return known[1]
        entry = self._entry(image)
        start = time.monotonic()
        try:
            version = version_of(entry.paths)
        except FileChangedError as error:
            raise ImageNotFoundError(str(error)) from error
        now = time.monotonic()
        if len(self._versions) > 2 * len(self._listing) + 64:
            self._versions.clear()
        self._versions[image] = (now + max(1.0, _SHARE * (now - start)), version)
        return version

    def paths(self, image: str) -> tuple[Path, ...]:
        """The files of an image: for commands of this machine's users, never for clients.

        :raises ImageNotFoundError: no such image
        """
        return self._entry(image).paths

    # -- finding images -----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Look for changes from now on, in a thread of its own; the first look is at once."""
        self._watcher = threading.Thread(target=self._watch, name="catalogue", daemon=True)
        self._watcher.start()

    def close(self) -> None:
        """Stop looking; let go of the index."""
        self._stop.set()
        if self._watcher is not None:
            self._watcher.join()
        self._prober.close()
        self._index.close()
        self.studies.close()

    def rescan(self, progress: Progress | None = None) -> bool:
        """Look at all files now; whether anything has changed."""
        with self._scanning:
            start, walked = time.monotonic(), time.time()
            files = walk(self._roots)
            identities = {file.path: file.identity for file in files}
            has_changed = identities != self._identities
            if has_changed or not self.studies.is_whole():
                self._is_filling = True
                entries = entries_of(files, self._recognise_all(files, walked, progress))
                self._listing.replace(entries)
                self._settle(files, entries.values(), walked)
                self._identities = identities
                self._is_filling = False
            self._recall()
            self._scanned_at = time.monotonic()
            self._scan_cost = self._scanned_at - start
            return has_changed

    def wait_until_known(self, timeout: float) -> bool:
        """Wait until all images have been opened once; whether they have."""
        end = time.monotonic() + timeout
        while self._prober.is_busy and time.monotonic() < end:
            self._stop.wait(0.01)
        return not self._prober.is_busy

    def probe(self) -> None:
        """Open the images that nobody has opened yet, in the background."""
        if self._options.threads:
            self._prober.submit(self._listing.unknown())

    def _watch(self) -> None:
        while not self._stop.is_set():
            try:
                self.rescan()
                self.probe()
            except Exception:  # noqa: BLE001 - the edge of a thread that must go on
                _LOG.exception("the served folders cannot be looked through")
            self._rest(max(self._options.interval, _SHARE * self._scan_cost))

    def _rest(self, seconds: float) -> None:
        """Wait for the next look; meanwhile take over what other processes learn of images nobody knew."""
        end = time.monotonic() + seconds
        pause = _RECALL
        while self._options.threads and not self._stop.is_set() and self._listing.unknown():
            left = end - time.monotonic()
            if left <= pause:
                break
            self._stop.wait(pause)
            start = time.monotonic()
            self._recall()
            self.probe()
            pause = max(_RECALL, _SHARE * (time.monotonic() - start))
        self._stop.wait(max(0.0, end - time.monotonic()))

    def _look_again(self) -> bool:
        """Scan because a client knows more than we do; not too often. Whether anything has changed."""
        if time.monotonic() - self._scanned_at < max(1.0, _SHARE * self._scan_cost):
            return False
        return self.rescan()

    def _recall(self) -> None:
        """Take over what other processes, or earlier ones, have learned of images."""
        for entry in self._listing.unknown():
            known = self._index.summary(entry.id, entry.version)
            if known is not None:
                self._listing.learn(known)

    def _recognise_all(
        self, files: Sequence[FoundFile], walked: float, progress: Progress | None
    ) -> dict[str, Recognised]:
        known: dict[str, Recognised] = {}
        new: list[FoundFile] = []
        indexed = self._indexed()
        for file in files:
            text = self._index.file(file.path, file.identity)
            remembered = None if text is None else Recognised.from_json(text)
            if remembered is None or (remembered.is_dicom and indexed.get(file.path) != file.identity):
                new.append(file)
            else:
                known[file.path] = remembered
        done = 0
        with HeaderReaders(len(new)) as readers:
            batches = (new[begin : begin + _BATCH] for begin in range(0, len(new), _BATCH))
            for batch, recognised in readers.read(batches, self._recognise):
                found = list(zip(batch, recognised, strict=True))
                known.update({file.path: replace(what, record=None) for file, what in found})
                self._index.remember_files(
                    (file.path, file.identity, what.to_json()) for file, what in found if not what.problem
                )
                self._put(found, walked)
                done += len(batch)
                if progress is not None:
                    progress(done, len(new))
        return known

    def _indexed(self) -> dict[str, str]:
        """What the index of studies knows; nothing while it fails, so that the files are read for it again."""
        try:
            return self.studies.begin()
        except BusyError:
            return {}

    def _put(self, found: Sequence[tuple[FoundFile, Recognised]], walked: float) -> None:
        seen = [SeenFile(file.path, file.identity, what.version, what.record) for file, what in found if what.is_dicom]
        unnamed = sum(file.record is None for file in seen)
        if unnamed:
            _LOG.warning("%d DICOM files without valid UIDs are left out of DICOMweb", unnamed)
        with suppress(BusyError):  # it has been logged; the next scan fills a new index
            self.studies.put(seen, walked)

    def _settle(self, files: Sequence[FoundFile], entries: Iterable[Entry], walked: float) -> None:
        images: dict[str, str] = {}
        for entry in entries:
            if entry.formats[:1] and entry.formats[0].startswith(DICOM):
                for path in entry.paths:
                    images.setdefault(str(path), entry.id)
        with suppress(BusyError):
            self.studies.settle({file.path for file in files}, images, walked)

    def _recognise(self, file: FoundFile) -> Recognised | Unread:
        return recognise(file.path, self.formats, self._roots)

    # -- opening images -----------------------------------------------------------------------------------------

    def _entry(self, image: str) -> Entry:
        entry = self._listing.entry(image)
        if entry is None and self._look_again():
            entry = self._listing.entry(image)
        if entry is None:
            message = f"there is no image {image[:64]!r}"
            raise ImageNotFoundError(message)
        return entry

    def _open(self, entry: Entry) -> Source:
        return open_entry(entry, self._by_name, self._roots)


def _fingerprint(formats: Sequence[SourceFormat]) -> str:
    """What remembered facts depend on besides the files."""
    words = [
        medtiles.__version__,
        *(each.name for each in formats),
        *(each.name for kind in (DicomHead, Recognised, InstanceRecord) for each in fields(kind)),
    ]
    return hashlib.blake2b("\0".join(words).encode(), digest_size=16).hexdigest()
