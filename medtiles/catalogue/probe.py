"""Opens each image once, in the background, to learn its size and whether it opens at all."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from medtiles.catalogue.entries import Entry
from medtiles.catalogue.index import Claim, Index
from medtiles.core.errors import DamagedImageError, ImageNotFoundError, MedTilesError, UnsupportedFormatError
from medtiles.core.pyramid import ImageInfo
from medtiles.core.source import Source
from medtiles.core.tiles import ImageSummary
from transcode.errors import TranscodeError, UnsupportedEncodingError, UnsupportedPixelsError

_NOT_SUPPORTED = "not supported here"
_UNSUPPORTED = (UnsupportedFormatError, UnsupportedEncodingError, UnsupportedPixelsError)
_LOG = logging.getLogger(__name__)


class Prober:
    """A small pool of threads that opens images nobody has opened yet, shared out among processes by the index."""

    def __init__(
        self,
        index: Index,
        open_source: Callable[[Entry], Source],
        learn: Callable[[ImageSummary], None],
        threads: int,
    ) -> None:
        """Use `open_source` to open, and tell `learn` what came of it."""
        self._index = index
        self._open_source = open_source
        self._learn = learn
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="probe")
        self._lock = threading.Lock()
        self._waiting: set[tuple[str, str]] = set()
        self._is_closed = False

    @property
    def is_busy(self) -> bool:
        """Whether images wait to be opened."""
        return bool(self._waiting)

    def submit(self, entries: Iterable[Entry]) -> None:
        """Open images when there is time; those that wait already are not put in twice."""
        for entry in entries:
            key = (entry.id, entry.version)
            with self._lock:
                if self._is_closed or key in self._waiting:
                    continue
                self._waiting.add(key)
                self._pool.submit(self._work, entry)

    def open(self, entry: Entry) -> Source:
        """Open an image for a client, and learn from it.

        :raises MedTilesError, TranscodeError: it cannot be opened, or opening it is known to end processes
        """
        known = self._index.summary(entry.id, entry.version)
        if known is None:
            self._index.claim(entry.summary, entry.version)
            known = self._index.summary(entry.id, entry.version)
        if known is not None and self._index.is_deadly(known):
            raise DamagedImageError(known.problem)
        if known is not None and not known.problem:
            return self._open_source(entry)
        return self._open_and_learn(entry)

    def close(self) -> None:
        """Open no more images; waits for those under way."""
        with self._lock:
            self._is_closed = True
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _work(self, entry: Entry) -> None:
        try:
            if not self._is_closed:
                self._probe(entry)
        except (MedTilesError, TranscodeError, OSError):
            pass  # learned: the listing tells it
        except Exception:  # noqa: BLE001 - the edge of a thread: a fault in a source is logged
            _LOG.exception("image %s cannot be opened", entry.id)
        finally:
            with self._lock:
                self._waiting.discard((entry.id, entry.version))

    def _probe(self, entry: Entry) -> None:
        claim = self._index.claim(entry.summary, entry.version)
        known = self._index.summary(entry.id, entry.version) if claim is Claim.DONE else None
        if known is not None:
            self._learn(known)
        elif claim is not Claim.OTHERS:
            self._open_and_learn(entry).close()

    def _open_and_learn(self, entry: Entry) -> Source:
        try:
            source = self._open_source(entry)
        except ImageNotFoundError:
            raise  # gone, not broken
        except Exception as error:
            self._remember(entry.version, dataclasses.replace(entry.summary, problem=problem_of(error)))
            raise
        self._remember(source.info.version, summarised(entry.summary, source.info))
        return source

    def _remember(self, version: str, summary: ImageSummary) -> None:
        self._index.remember_image(version, summary)
        self._learn(summary)


def summarised(found: ImageSummary, info: ImageInfo) -> ImageSummary:
    """A line of the listing, completed by what the opened image says."""
    return dataclasses.replace(
        found,
        kind=info.kind,
        format=info.format,
        width=info.size.width,
        height=info.size.height,
        planes=len(info.planes),
        modality=info.dicom.modality if info.dicom else found.modality,
        study_uid=info.dicom.study_uid if info.dicom else found.study_uid,
        series_uid=info.dicom.series_uid if info.dicom else found.series_uid,
        problem="",
    )


def problem_of(error: Exception) -> str:
    """What to tell of an image that cannot be opened, damaged or not supported; nothing of the server's folders."""
    if isinstance(error, _UNSUPPORTED):
        return str(error) if _NOT_SUPPORTED in str(error) else f"{_NOT_SUPPORTED}: {error}"
    if isinstance(error, MedTilesError | TranscodeError):
        return str(error)
    if isinstance(error, OSError):
        return f"the file cannot be read: {error.strerror or 'input/output error'}"
    return f"the file cannot be opened ({type(error).__name__})"
