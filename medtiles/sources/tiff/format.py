"""Which TIFF files are opened here, and how. Those of vendors that need more than TIFF are left to OpenSlide."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from medtiles.core.errors import DamagedImageError, MedTilesError
from medtiles.pyramids import PyramidFolder
from medtiles.sources.tiff import aperio, generic, ome, qptiff
from medtiles.sources.tiff.ifd import Directories, Directory
from medtiles.sources.tiff.leaves import Leaf, read_leaves
from medtiles.sources.tiff.picture import Picture
from medtiles.sources.tiff.source import TiffSource
from medtiles.sources.tiff.tags import Tag
from transcode.codec import Codecs
from transcode.codecs import builtin
from transcode.errors import FileChangedError, TranscodeError
from transcode.files import StableFile, version_of

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_FOREIGN_SUFFIXES = frozenset({".ndpi", ".scn", ".bif"})
_FOREIGN_SOFTWARE = ("Philips", "MedScan")
"""Software of Philips and Trestle, whose levels overlap or have holes."""
_FOREIGN_DESCRIPTIONS = ("www.leica-microsystems.com/scn", "DPUfsImport", "Level=", "<iScan")
_LONGEST_LOOKED_AT = 64 * 1024
_KINDS = (
    (aperio.detects, aperio.picture_of),
    (ome.detects, ome.picture_of),
    (qptiff.detects, qptiff.picture_of),
)


class TiffFormat:
    """TIFF files, but for those of Hamamatsu, Leica, Philips, Trestle and Ventana."""

    name = "tiff"

    def __init__(self, codecs: Codecs | None = None, cache: PyramidFolder | None = None) -> None:
        """:param codecs: decode what must be decoded to be read; by default in this process, for files one trusts
        :param cache: where smaller levels of large files without them are kept; None: they have none
        """
        self._codecs = codecs or builtin()
        self._cache = cache

    def detects(self, path: Path, head: bytes) -> bool:
        """Whether the file is a TIFF that no vendor has made his own. Reads the first directory."""
        is_dicom = head[128:132] == b"DICM"  # whose preamble may look like a TIFF (PS3.10 7.1)
        if head[:4] not in _MAGIC or is_dicom or path.suffix.lower() in _FOREIGN_SUFFIXES:
            return False
        try:
            file = StableFile(path)
        except OSError:
            return False
        try:
            first = Directories(file).first()
            return first is None or not _is_foreign(first)
        except (MedTilesError, TranscodeError):
            return True
        finally:
            file.close()

    def open(self, paths: Sequence[Path]) -> TiffSource:
        """Open a file.

        :raises UnsupportedFormatError: no TIFF, or stored in a way that is not read
        :raises DamagedImageError: a TIFF, but broken
        :raises FileChangedError: it is gone, or was replaced meanwhile
        """
        path = paths[0]
        version = version_of(paths[:1])
        try:
            file = StableFile(path)
        except OSError as error:
            message = f"{path.name} cannot be read: {error.strerror}"
            raise DamagedImageError(message) from error
        try:
            source = self._opened(file, version)
            _require_same(path, version)
        except BaseException:
            file.close()
            raise
        return source

    def _opened(self, file: StableFile, version: str) -> TiffSource:
        try:
            leaves = read_leaves(file)
            return TiffSource(file, version, leaves, picture_of(leaves), self._codecs, self._cache)
        except FileChangedError:
            raise
        except TranscodeError as error:
            message = f"{file.name}: {error}"
            raise DamagedImageError(message) from error


FORMAT = TiffFormat()


def picture_of(leaves: Sequence[Leaf]) -> Picture:
    """The pages sorted by the rules of whoever wrote them."""
    for detects, sort in _KINDS:
        if detects(leaves):
            return sort(leaves)
    return generic.picture_of(leaves)


def _require_same(path: Path, version: str) -> None:
    """The file that was opened must be the one whose version was taken."""
    if version_of([path]) != version:
        message = f"{path.name} was replaced while it was opened"
        raise FileChangedError(message)


def _is_foreign(directory: Directory) -> bool:
    """Whether a vendor's own rules, which OpenSlide knows, say what the file shows."""
    if Tag.HAMAMATSU_FORMAT in directory or directory.text(Tag.MAKE).startswith("Hamamatsu"):
        return True
    if directory.text(Tag.SOFTWARE).startswith(_FOREIGN_SOFTWARE):
        return True
    text = directory.text(Tag.DESCRIPTION)[:_LONGEST_LOOKED_AT]
    packet = directory.raw(Tag.XML_PACKET)[:_LONGEST_LOOKED_AT]
    return any(mark in text or mark.encode() in packet for mark in _FOREIGN_DESCRIPTIONS)
