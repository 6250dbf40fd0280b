"""The frames of an instance compared with those of its transcoded copy, one at a time."""

from __future__ import annotations

from dataclasses import dataclass, field

from transcode.batch.blame import blaming_copy, blaming_source
from transcode.batch.comparison import Limits
from transcode.batch.model import Quality
from transcode.batch.quality import measure
from transcode.batch.second_opinion import SecondOpinion
from transcode.codecs import JPEG, JPEG_XL, builtin
from transcode.codecs.jpegxl import jpeg_within
from transcode.dicom.reader import InstanceReader
from transcode.errors import UnsupportedPixelsError
from transcode.exactness import first_difference
from transcode.frames import EncodedFrame, PixelArray
from transcode.isolation import Isolation


@dataclass(slots=True)
class Findings:
    """What was found in the frames so far."""

    frames: int = 0
    complaint: str = ""
    """Of the first frame that is not good; empty when all are."""
    qualities: list[Quality] = field(default_factory=list)
    """Of the frames that differ, where they may."""
    judges: set[str] = field(default_factory=set)


class FrameVerifier:
    """Decodes what was before by our codecs, and what came after by a second opinion."""

    def __init__(self, limits: Limits, isolation: Isolation) -> None:
        """Take the limits of lossy copies, and where decoders run."""
        self._limits = limits
        self._codecs = builtin(isolation)
        self._opinions = SecondOpinion(isolation)

    def compare(self, source: InstanceReader, copy: InstanceReader, *, is_lossy: bool) -> Findings:
        """All frames; after the first that is not good, the rest is only decoded.

        :param is_lossy: whether frames may differ within the limits
        :raises DifferentError: frames are missing, or one of the copy is damaged
        :raises UnreadableError: a frame of the source is damaged, or nothing here reads it
        """
        found = Findings()
        for index in range(source.number_of_frames):
            self._compare_frame(source, copy, index, found, is_lossy=is_lossy)
        return found

    def _compare_frame(
        self, source: InstanceReader, copy: InstanceReader, index: int, found: Findings, *, is_lossy: bool
    ) -> None:
        with blaming_source():
            ours = source.read_frame(index)
        with blaming_copy():
            theirs = copy.read_frame(index)
        found.frames += 1
        if _has_same_stream(ours, theirs):
            return
        with blaming_source(f"frame {index + 1}: "):
            expected = self._codecs.decode(ours)
        with blaming_copy(f"frame {index + 1}: "):
            opinion = self._opinions.decode(theirs)
        found.judges.add(opinion.judge)
        difference = first_difference(expected, opinion.pixels, index)
        if difference is not None and not found.complaint:
            found.complaint = self._loss(expected, opinion.pixels, index, found) if is_lossy else str(difference)

    def _loss(self, expected: PixelArray, decoded: PixelArray, index: int, found: Findings) -> str:
        """What is wrong with the quality of a frame; empty when nothing is."""
        try:
            quality = measure(expected, decoded)
        except UnsupportedPixelsError as error:
            return f"frame {index + 1}: {error}"
        found.qualities.append(quality)
        complaint = self._limits.complaint(quality)
        return f"frame {index + 1}: {complaint}" if complaint else ""


def _has_same_stream(before: EncodedFrame, after: EncodedFrame) -> bool:
    """Whether nothing need be decoded: the same bytes, or a JPEG that JPEG XL gives back bit for bit."""
    if before.encoding is after.encoding:
        return before.data == after.data and before.format == after.format
    if {before.encoding, after.encoding} == {JPEG, JPEG_XL}:
        jpegs = [frame.data if frame.encoding is JPEG else jpeg_within(frame.data) for frame in (before, after)]
        return jpegs[0] == jpegs[1]
    return False
