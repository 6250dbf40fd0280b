"""What is done with one file: it is copied, wrapped anew, or encoded; then held against its source. See `task.Convert`.

The way that the plan chose is taken unless the file itself forbids it: samples that a target cannot hold, or that carry
something beside their value, are left alone and the file is copied; a lossy output below the limits of quality is
made again without loss. What was chosen and what was done are both in the outcome.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from transcode.archive import archive_encoders
from transcode.batch import encoding, verification
from transcode.batch.model import Job, JobSettings, Outcome, Status
from transcode.batch.publish import copy_file
from transcode.batch.second_opinion import SecondOpinion
from transcode.batch.task import JobFiles, ended
from transcode.codecs import builtin
from transcode.dicom.reader import InstanceReader
from transcode.errors import TruncatedFileError, UnsupportedFeatureError, UnsupportedPixelsError
from transcode.files import StableFile
from transcode.isolation import Isolation, IsolationLimits
from transcode.policy import Action


def convert(job: Job, settings: JobSettings, files: JobFiles) -> Outcome:
    """Do a job: see `task.Convert`.

    :raises TranscodeError: the source is damaged, or its frames do not decode
    :raises OSError: a file cannot be read or written
    """
    begun = time.perf_counter()
    if job.decision.action is Action.COPY:
        outcome = _copied(job, files)
    else:
        with opened_instance(files.source) as reader:
            outcome = _Conversion(job, settings, files, reader).run()
    taken = time.perf_counter() - begun
    if not outcome.encode_seconds:
        outcome = replace(outcome, encode_seconds=taken - outcome.verify_seconds)
    finished = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return replace(outcome, bytes_read=files.source.stat().st_size, finished_at=finished)


@contextmanager
def opened_instance(path: Path) -> Iterator[InstanceReader]:
    """The frames of a file, while the context lasts.

    :raises TranscodeError: it is no image of DICOM that can be read
    :raises OSError: it cannot be opened
    """
    file = StableFile(path)
    try:
        yield InstanceReader(file)
    finally:
        file.close()


@cache
def tools(decode_seconds: float) -> encoding.Tools:
    """What decodes in this process: one set for all its jobs, whose decoders live in children."""
    isolation = Isolation(limits=IsolationLimits(seconds=decode_seconds))
    return encoding.Tools(builtin(isolation), SecondOpinion(isolation))


@dataclass(frozen=True, slots=True)
class _Conversion:
    """One image on its way."""

    job: Job
    settings: JobSettings
    files: JobFiles
    reader: InstanceReader

    def run(self) -> Outcome:
        held, promised = self.reader.frames_held(), self.reader.number_of_frames
        if held < promised:
            message = f"{self.job.item.name}: NumberOfFrames is {promised}, Pixel Data holds {held}"
            raise TruncatedFileError(message)
        decision = self.job.decision
        if decision.action is Action.KEEP and self._may_keep(decision.target):
            return self._kept(decision.target)
        return self._encoded(decision.target, is_lossy=decision.is_lossy)

    def _may_keep(self, target: str) -> bool:
        """Whether every codestream is already what the target asks for; with no target they need not be anything."""
        if not target:
            return True
        encoder = archive_encoders().named(target)
        return all(encoder.keeps(self.reader.read_frame(index)) for index in range(self.reader.number_of_frames))

    def _kept(self, target: str) -> Outcome:
        begun = time.perf_counter()
        with self.files.draft.open("wb+") as out:
            written = encoding.rewrap(out, self.reader, target, self.settings.offset_table)
        split = time.perf_counter()
        with opened_instance(self.files.draft) as output:
            fault, checksums = verification.same_codestreams(self.reader, output, written)
        return self._ended(Status.REWRAPPED, written, fault, checksums, (begun, split))

    def _encoded(self, target: str, *, is_lossy: bool, warnings: tuple[str, ...] = ()) -> Outcome:
        begun = time.perf_counter()
        encoder = archive_encoders().named(target)
        how = encoding.How(encoder, self.job.decision.options, self.settings.offset_table)
        with_tools = tools(self.settings.decode_seconds)
        try:
            with self.files.draft.open("wb+") as out:
                written = encoding.write_instance(out, self.reader, how, with_tools)
        except (encoding.LeftAloneError, UnsupportedPixelsError, UnsupportedFeatureError) as error:
            outcome = _copied(self.job, self.files, f"left alone: {error}")
            return replace(outcome, warnings=(*warnings, *outcome.warnings))
        split = time.perf_counter()
        with opened_instance(self.files.draft) as output:
            verdict = verification.same_pictures(self.reader, output, written, with_tools)
        if is_lossy and verdict.quality is not None and not verdict.fault:
            missed = verification.missed(verdict.quality, self.job.decision)
            if missed:
                note = f"{target} missed the limits of quality ({missed}): encoded without loss instead"
                return self._encoded(self.job.decision.fallback, is_lossy=False, warnings=(note,))
        outcome = self._ended(Status.WRITTEN, written, verdict.fault, verdict.checksums, (begun, split))
        if outcome.status is Status.COPIED:
            return replace(outcome, warnings=(*warnings, *outcome.warnings))
        return replace(
            outcome,
            quality=verdict.quality,
            judge=verdict.judge,
            is_lossy=is_lossy,
            warnings=(*warnings, *outcome.warnings),
        )

    def _ended(
        self,
        status: Status,
        written: encoding.Written,
        fault: str,
        checksums: tuple[tuple[int, ...], ...],
        times: tuple[float, float],
    ) -> Outcome:
        """The outcome of what was written: refused where it is not what was read."""
        size, before = self.files.draft.stat().st_size, self.files.source.stat().st_size
        if not fault and size > before and self.settings.keep_smaller:
            self.files.draft.unlink()
            return _copied(self.job, self.files, f"{written.target} would be {size - before} bytes larger")
        grown = ("larger than its source",) if size > before else ()
        begun, split = times
        return replace(
            ended(self.job, Status.REFUSED if fault else status, fault),
            bytes_written=0 if fault else size,
            frames=written.frames,
            pixel_bytes=written.pixel_bytes,
            encode_seconds=split - begun,
            verify_seconds=time.perf_counter() - split,
            target=written.target,
            warnings=(*written.warnings, *grown),
            checksums=checksums,
        )


def _copied(job: Job, files: JobFiles, message: str = "") -> Outcome:
    """The source, byte for byte, compared."""
    files.draft.unlink(missing_ok=True)
    size = copy_file(files.source, files.draft)
    split = time.perf_counter()
    fault = verification.same_bytes(files.source, files.draft)
    facts = job.facts
    return replace(
        ended(job, Status.REFUSED if fault else Status.COPIED, fault or message),
        bytes_written=0 if fault else size,
        frames=facts.frames if facts else 0,
        verify_seconds=time.perf_counter() - split,
        target="",
    )
