"""Is the output the input? Asked of the file that was written, before it is published.

Of lossless outputs every frame is decoded, by another implementation where there is one, and must give the samples
that were encoded. Lossy ones are measured. Copied codestreams must be the same bytes, and packed ones must come back
as such. Headers must differ in what was to change and in nothing else. A codestream must be what the target asks for:
its precision, its layout.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from transcode.batch import quality
from transcode.batch.encoding import Tools, Written, frames_of
from transcode.batch.frame_checksums import frame_checksums
from transcode.batch.model import Quality
from transcode.dicom.compare import differences
from transcode.dicom.reader import InstanceReader
from transcode.errors import TranscodeError
from transcode.exactness import first_difference
from transcode.frames import EncodedFrame
from transcode.policy import Decision

_MOST_TOLD = 3
_CHUNK = 1 << 20
Checksums = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found."""

    fault: str = ""
    """What is wrong; empty where nothing is."""
    checksums: Checksums = ()
    quality: Quality | None = None
    """Of a lossy output: the worst of its frames."""
    judge: str = ""
    """Who decoded it."""


def same_pictures(source: InstanceReader, output: InstanceReader, written: Written, tools: Tools) -> Verdict:
    """Hold an output with encoded frames against its source."""
    try:
        fault = _header_fault(source, output, written) or _frames_fault(output, written)
        if fault:
            return Verdict(fault)
        return _pictures(source, output, written, tools)
    except TranscodeError as error:
        return Verdict(f"what was written cannot be read: {error}")


def same_codestreams(source: InstanceReader, output: InstanceReader, written: Written) -> tuple[str, Checksums]:
    """Hold an output with copied codestreams against its source: the fault, and the check sums of its frames."""
    try:
        fault = _header_fault(source, output, written) or _frames_fault(output, written)
        if fault:
            return fault, ()
        sums = []
        for index, (before, after) in enumerate(zip(frames_of(source), frames_of(output), strict=True), 1):
            if before.data != after.data:
                return f"frame {index}: the codestream is not the source's", ()
            sums.append(frame_checksums(after))
    except TranscodeError as error:
        return f"what was written cannot be read: {error}", ()
    return "", tuple(sums)


def same_bytes(source: Path, output: Path) -> str:
    """What is wrong with a copy; empty where nothing is.

    :raises OSError: one of the files cannot be read
    """
    with source.open("rb") as one, output.open("rb") as other:
        if all(left == right for left, right in itertools.zip_longest(_chunks(one), _chunks(other))):
            return ""
    return "the copy is not the source, byte for byte"


def missed(found: Quality, wanted: Decision) -> str:
    """Which limits a lossy output misses, for people; empty when it keeps them."""
    misses = []
    if found.psnr_db < wanted.min_psnr_db:
        misses.append(f"PSNR {found.psnr_db:.2f} dB below {wanted.min_psnr_db:g}")
    if found.ssim < wanted.min_ssim:
        misses.append(f"SSIM {found.ssim:.4f} below {wanted.min_ssim:g}")
    return ", ".join(misses)


def _pictures(source: InstanceReader, output: InstanceReader, written: Written, tools: Tools) -> Verdict:
    sums, found, judge = [], [], ""
    for index, frame in enumerate(frames_of(output)):
        try:
            one = _picture(source, frame, index, written, tools)
        except TranscodeError as error:
            return Verdict(f"frame {index + 1}: what was written cannot be read: {error}", judge=judge)
        judge = one.judge
        if one.fault:
            return Verdict(one.fault, judge=judge)
        if one.quality is not None:
            found.append(one.quality)
        sums.append(frame_checksums(frame))
    return Verdict("", tuple(sums), quality.worst(found), judge)


def _picture(source: InstanceReader, frame: EncodedFrame, index: int, written: Written, tools: Tools) -> Verdict:
    """What is found of one frame, without its check sums."""
    if written.encoder is not None and not written.encoder.writes(frame):
        return Verdict(f"frame {index + 1}: the codestream is not what {written.target} asks for")
    packed = written.encoder.unpack(frame) if written.encoder is not None else None
    if packed is not None:
        is_same = written.proofs[index].holds_stream(packed)
        return Verdict("" if is_same else f"frame {index + 1}: the codestream within is not the source's")
    opinion = tools.second_opinion.decode(frame)
    if written.changes.ratio is not None:
        before = tools.codecs.decode(source.read_frame(index))
        return Verdict(quality=quality.measure(before, opinion.pixels), judge=opinion.judge)
    is_same = written.proofs[index].holds(opinion.pixels)
    return Verdict("" if is_same else _difference(source, frame, index, tools), judge=opinion.judge)


def _difference(source: InstanceReader, frame: EncodedFrame, index: int, tools: Tools) -> str:
    """Where a frame first differs from its source."""
    before = tools.codecs.decode(source.read_frame(index))
    difference = first_difference(before, tools.second_opinion.decode(frame).pixels, index)
    return str(difference) if difference else f"frame {index + 1}: its samples are not those that were encoded"


def _header_fault(source: InstanceReader, output: InstanceReader, written: Written) -> str:
    found = differences(source.file_header, output.file_header, written.changes)
    told = [str(difference) for difference in itertools.islice(found, _MOST_TOLD)]
    return f"the header is not as it should be: {'; '.join(told)}" if told else ""


def _frames_fault(output: InstanceReader, written: Written) -> str:
    held = output.frames_held()
    if (held, output.number_of_frames) != (written.frames, written.frames):
        return f"{held} of {output.number_of_frames} frames were found, {written.frames} were written"
    return ""


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    return iter(lambda: file.read(_CHUNK), b"")
