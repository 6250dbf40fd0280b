"""Whether two decodings of a frame are the same, sample for sample; and where they first differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from transcode.frames import PixelArray, PixelFormat

_SAME_COLOURS = {"YBR_FULL_422": "YBR_FULL", "YBR_PARTIAL_422": "YBR_PARTIAL", "YBR_PARTIAL_420": "YBR_PARTIAL"}
"""Decoded samples are never subsampled, whatever their photometric interpretation says of the stream."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The first place, row by row, where a frame is not what it should be; or why the two cannot be compared."""

    frame: int
    """From 0, as in `InstanceReader.read_frame`."""
    what: str = ""
    """Why they cannot be compared, such as another size; empty where samples differ."""
    row: int = 0
    column: int = 0
    sample: int = 0
    """Which sample of the pixel, from 0."""
    expected: int | float = 0
    found: int | float = 0
    differing: int = 0
    """How many samples of the frame differ in all."""

    def __str__(self) -> str:
        """For people, who count frames from 1 as DICOM does (PS3.3 C.7.6.6), and rows and columns from 0."""
        if self.what:
            return f"frame {self.frame + 1}: {self.what}"
        place = f"row {self.row}, column {self.column}, sample {self.sample}"
        differ = "sample differs" if self.differing == 1 else "samples differ"
        said = f"{place} is {self.found}, not {self.expected}; {self.differing} {differ} in all"
        return f"frame {self.frame + 1}: {said}"


def samples_equal(expected: PixelArray, found: PixelArray) -> bool:
    """Whether the two hold the same samples of the same meaning."""
    return first_difference(expected, found) is None


def first_difference(expected: PixelArray, found: PixelArray, frame: int = 0) -> Difference | None:
    """Where they first differ; None when nowhere.

    Nothing is converted before: luminance and chrominance are not equal to the RGB that they stand for, because
    rounding maps several of the one to the same of the other. Floating samples are compared bit by bit, so that a NaN
    equals itself and -0.0 is not 0.0.

    :param frame: from 0, for the message
    """
    if (what := _contradiction(expected, found)) is not None:
        return Difference(frame, what)
    left, right = _bits(expected), _bits(found)
    if np.array_equal(left, right):
        return None
    differs = left != right
    place = np.unravel_index(int(np.argmax(differs)), differs.shape)
    row, column, sample = (int(axis) for axis in place)
    return Difference(
        frame,
        row=row,
        column=column,
        sample=sample,
        expected=expected.samples[place].item(),
        found=found.samples[place].item(),
        differing=int(np.count_nonzero(differs)),
    )


def _contradiction(expected: PixelArray, found: PixelArray) -> str | None:
    if (expected.width, expected.height) != (found.width, found.height):
        return f"{found.width} x {found.height} pixels, not {expected.width} x {expected.height}"
    ours, theirs = _meaning(expected.format), _meaning(found.format)
    if ours != theirs:
        return f"{_told(theirs)}, not {_told(ours)}"
    return None


def _meaning(pixels: PixelFormat) -> tuple[int, str, int, str]:
    photometric = _SAME_COLOURS.get(pixels.photometric, pixels.photometric)
    return pixels.samples_per_pixel, str(pixels.dtype), pixels.bits_stored, photometric


def _told(meaning: tuple[int, str, int, str]) -> str:
    samples, dtype, bits, photometric = meaning
    return f"{samples} x {dtype} of {bits} bits ({photometric})"


def _bits(pixels: PixelArray) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    if not pixels.format.is_float:
        return pixels.samples
    return np.ascontiguousarray(pixels.samples).view(f"u{pixels.samples.dtype.itemsize}")
