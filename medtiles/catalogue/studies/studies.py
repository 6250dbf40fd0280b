"""The port of studies over the files of the catalogue."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from medtiles.catalogue.roots import Roots
from medtiles.catalogue.studies import filling, instances
from medtiles.catalogue.studies.filling import SeenFile
from medtiles.catalogue.studies.search import search
from medtiles.catalogue.studies.store import Store
from medtiles.core.errors import ImageNotFoundError
from medtiles.core.studies import DicomJson, Instance, Scope, SearchPage, StudyQuery
from transcode.errors import DicomFileError, FileChangedError, TruncatedFileError
from transcode.files import StableFile, version_of

_PIECE = 256 * 1024
T = TypeVar("T")


class FileStudies:
    """The instances under the served roots. Safe to call from several threads."""

    def __init__(self, roots: Roots, folder: Path | None, fingerprint: str, is_scanning: Callable[[], bool]) -> None:
        """Know nothing yet but what the index in the folder holds: the catalogue's scan fills it."""
        self._roots = roots
        self._store = Store(folder, (str(root.path) for root in roots.all), fingerprint)
        self._is_scanning = is_scanning

    # -- the port -----------------------------------------------------------------------------------------------

    def search(self, query: StudyQuery) -> SearchPage:
        """Find studies, series or instances, the latest studies first.

        :raises BadRequestError: a value that cannot be matched
        """
        found, total = self._store.read(lambda connection: search(connection, query))
        return SearchPage(tuple(found), total, self._is_scanning())

    def instances(self, scope: Scope) -> tuple[Instance, ...]:
        """All instances of a scope, series by series, in the order of their slices.

        :raises ImageNotFoundError: there is none
        """
        found = self._store.read(lambda connection: instances.instances(connection, scope))
        if not found:
            raise _nothing()
        return tuple(found)

    def metadata(self, instance: Instance) -> DicomJson:
        """Its data set without bulk data.

        :raises ImageNotFoundError, FileChangedError, DicomFileError: its file is gone, another, or damaged
        """
        from medtiles.dicom.metadata import metadata_of  # noqa: PLC0415 - with it comes pydicom, 38 MB
        from transcode.dicom.file_header import read_header  # noqa: PLC0415

        with self._opened(instance) as file:
            return metadata_of(read_header(file))

    def bulk_data(self, instance: Instance, path: str) -> bytes:
        """The value that a BulkDataURI of its metadata stands for.

        :raises ImageNotFoundError: there is no such value
        """
        from medtiles.dicom.metadata import bulk_data_of  # noqa: PLC0415 - as above
        from transcode.dicom.file_header import read_header  # noqa: PLC0415

        with self._opened(instance) as file:
            return bulk_data_of(read_header(file), path)

    def file(self, instance: Instance) -> tuple[int, Iterator[bytes]]:
        """Its file as it is stored: length in bytes, and the bytes, piece by piece. Opened when the first is taken.

        :raises ImageNotFoundError, FileChangedError: it is gone, or another
        """
        with self._opened(instance) as file:
            return file.size, self._pieces(instance)

    def path(self, instance: Instance) -> Path:
        """The file of an instance, for who reads its frames; see `InstanceFiles.path`.

        :raises ImageNotFoundError, FileChangedError: it is gone, or another
        """
        path = self._path(instance)
        self._roots.require_inside([path])
        return path

    # -- filling it ---------------------------------------------------------------------------------------------

    def begin(self) -> dict[str, str]:
        """The identities of all files that the index knows, by path; a deleted index is made anew."""
        self._store.require_whole()
        return self._store.read(filling.known)

    def is_whole(self) -> bool:
        """Whether the index is still there; when it is not, all files must be put again."""
        return self._store.require_whole()

    def put(self, files: Iterable[SeenFile], walked: float) -> None:
        """Take in new and changed files, as a walk that began at `walked` (`time.time()`) saw them."""
        found = list(files)
        if found:
            self._store.write(lambda connection: filling.put(connection, found, walked))

    def settle(self, paths: Collection[str], images: Mapping[str, str], walked: float) -> None:
        """Forget all files but these, and count what has changed."""
        if not self._store.read(lambda connection: filling.is_settled(connection, paths, images)):
            self._store.write(lambda connection: filling.settle(connection, paths, images, walked))

    def close(self) -> None:
        """Let go of the index."""
        self._store.close()

    # -- how ----------------------------------------------------------------------------------------------------

    @contextmanager
    def _opened(self, instance: Instance) -> Iterator[StableFile]:
        """The file of an instance, which is the one that the instance was read from.

        :raises ImageNotFoundError, FileChangedError: it is gone, or another
        """
        path = self.path(instance)
        try:
            file = StableFile(path)
        except OSError as error:
            raise _nothing() from error
        try:
            if version_of([path]) != instance.version:
                raise _changed()
            yield file
        except FileChangedError:
            raise _changed() from None  # what was said names the file, which may name a patient
        except (DicomFileError, TruncatedFileError) as error:
            message = "the file of the instance is damaged"
            raise type(error)(message) from None  # likewise, and pydicom quotes values
        finally:
            file.close()

    def _path(self, instance: Instance) -> Path:
        key = (instance.uid, instance.study, instance.series)
        found = self._store.read(lambda connection: instances.path_of(connection, *key))
        if found is None:
            raise _nothing()
        if found[1] != instance.version:
            raise _changed()
        return Path(os.fsdecode(found[0]))

    def _pieces(self, instance: Instance) -> Iterator[bytes]:
        with self._opened(instance) as file:
            for start in range(0, file.size, _PIECE):
                yield file.read(start, min(_PIECE, file.size - start))


def _nothing() -> ImageNotFoundError:
    return ImageNotFoundError("there is no such study, series or instance")


def _changed() -> FileChangedError:
    return FileChangedError("the instance was replaced; ask again")
