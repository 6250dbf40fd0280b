"""One file compared with its transcoded copy: frame by frame, and element by element."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from transcode.batch.blame import DifferentError, UnreadableError, blaming_copy, blaming_source
from transcode.batch.comparison import Comparison, Limits, Verdict
from transcode.batch.errors import BatchError
from transcode.batch.header_differences import header_differences
from transcode.batch.opening import opened
from transcode.batch.pairing import Pair
from transcode.batch.quality import worst
from transcode.batch.verify_frames import Findings, FrameVerifier
from transcode.dicom.attributes import items, text
from transcode.dicom.file_header import FileHeader, read_header
from transcode.dicom.reader import InstanceReader
from transcode.errors import DicomFileError, TranscodeError
from transcode.files import StableFile
from transcode.isolation import Isolation

_CHUNK = 1 << 20


class Verifier:
    """Compares pairs, one after the other."""

    def __init__(self, limits: Limits, root: Path, spool: Path) -> None:
        """Decode in a child process of its own, which is started with the first frame that needs it.

        :param root: of the archive before
        :param spool: a folder for what is unpacked for a while
        """
        self._root, self._spool = root, spool
        self._isolation = Isolation(1)
        self._frames = FrameVerifier(limits, self._isolation)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._isolation.close()

    def compare(self, pair: Pair) -> Comparison:
        """What became of one file. Whatever is wrong with it is a verdict, not an exception."""
        if pair.before is None or pair.after is None:
            verdict = Verdict.EXTRA if pair.before is None else Verdict.MISSING
            size = pair.before.size if pair.before is not None else 0
            return Comparison(pair.name, verdict, bytes_before=size, bytes_after=_size(pair.after))
        found = Comparison(pair.name, Verdict.IDENTICAL, bytes_after=_size(pair.after))
        try:
            with opened(self._root, pair.before, self._spool) as source:
                found = replace(found, bytes_before=_size(source))
                if _has_same_bytes(source, pair.after):
                    return found
                with _stable(source) as before, _stable(pair.after) as after:
                    return self._compare_files(found, before, after)
        except DifferentError as error:
            return replace(found, verdict=Verdict.DIFFERENT, message=str(error))
        except (UnreadableError, BatchError, OSError, TranscodeError) as error:
            return replace(found, verdict=Verdict.UNREADABLE, message=str(error))

    def _compare_files(self, found: Comparison, before: StableFile, after: StableFile) -> Comparison:
        """Files that are not the same bytes."""
        source = _header_of_source(before)
        with blaming_copy():
            copy = read_header(after)
            is_lossy = _is_lossy_copy(source, copy)
            elements = header_differences(source, copy, is_lossy=is_lossy)
        frames = self._compare_pixels((before, source), (after, copy), is_lossy=is_lossy)
        complaint = frames.complaint or (f"{len(elements)} elements differ in the header" if elements else "")
        verdict = Verdict.WITHIN_LIMITS if is_lossy else Verdict.EQUAL
        return replace(
            found,
            verdict=Verdict.DIFFERENT if complaint else verdict,
            message=complaint,
            header=elements,
            frames=frames.frames,
            syntax_before=source.transfer_syntax,
            syntax_after=copy.transfer_syntax,
            quality=worst(frames.qualities),
            judge=", ".join(sorted(frames.judges)),
        )

    def _compare_pixels(
        self, before: tuple[StableFile, FileHeader], after: tuple[StableFile, FileHeader], *, is_lossy: bool
    ) -> Findings:
        has_pixels = [header.pixel_data is not None for _, header in (before, after)]
        if has_pixels[0] != has_pixels[1]:
            message = "the copy has no Pixel Data" if has_pixels[0] else "the copy has Pixel Data, its source has none"
            raise DifferentError(message)
        if not has_pixels[0]:
            return Findings()
        with blaming_source():
            source = InstanceReader(*before)
        with blaming_copy():
            copy = InstanceReader(*after)
        if source.number_of_frames != copy.number_of_frames:
            message = f"the copy has {copy.number_of_frames} frames, not {source.number_of_frames}"
            raise DifferentError(message)
        return self._frames.compare(source, copy, is_lossy=is_lossy)


def _is_lossy_copy(before: FileHeader, after: FileHeader) -> bool:
    """Whether the file after says that it was made of the one before, and is another instance (C.7.6.1.1.5)."""
    uid = text(before.dataset, "SOPInstanceUID")
    sources = {text(item, "ReferencedSOPInstanceUID") for item in items(after.dataset, "SourceImageSequence")}
    return uid in sources and uid != text(after.dataset, "SOPInstanceUID")


def _header_of_source(file: StableFile) -> FileHeader:
    try:
        return read_header(file)
    except DicomFileError as error:
        message = f"its bytes are not those of its source, and cannot be compared otherwise: {error}"
        raise DifferentError(message) from error


@contextmanager
def _stable(path: Path) -> Iterator[StableFile]:
    file = StableFile(path)
    try:
        yield file
    finally:
        file.close()


def _has_same_bytes(before: Path, after: Path) -> bool:
    if before.stat().st_size != after.stat().st_size:
        return False
    with before.open("rb") as one, after.open("rb") as other:
        while chunk := one.read(_CHUNK):
            if chunk != other.read(_CHUNK):
                return False
    return True


def _size(path: Path | None) -> int:
    try:
        return path.stat().st_size if path is not None else 0
    except OSError:
        return 0
