"""What archive encoders have in common: the look at format and samples first, then the library. And the set of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator

import numpy as np

from transcode.archive.capacity import Capacity, require_stored_bits
from transcode.errors import UnsupportedEncodingError, UnsupportedPixelsError
from transcode.frames import EncodedFrame, PixelArray, PixelFormat, Samples
from transcode.targets import ArchiveEncoder, ArchiveOptions, Target


class FrameEncoder(ABC):
    """An `ArchiveEncoder` of one target and its capacity. A subclass calls the library."""

    def __init__(self, target: Target, capacity: Capacity) -> None:
        """Take what is written and what of."""
        self._target = target
        self._capacity = capacity

    @property
    def target(self) -> Target:
        """See `ArchiveEncoder.target`."""
        return self._target

    def refusal(self, pixels: PixelFormat, width: int, height: int) -> str | None:
        """See `ArchiveEncoder.refusal`."""
        return self._capacity.refusal(pixels, width, height)

    @abstractmethod
    def keeps(self, frame: EncodedFrame) -> bool:
        """See `ArchiveEncoder.keeps`."""

    def writes(self, frame: EncodedFrame) -> bool:
        """See `ArchiveEncoder.writes`."""
        return self.keeps(frame)

    def encode(self, pixels: PixelArray, options: ArchiveOptions) -> EncodedFrame:
        """See `ArchiveEncoder.encode`.

        :raises UnsupportedPixelsError: `refusal` gives a reason, a sample is no value of Bits Stored, or the library
            refuses
        """
        reason = self.refusal(pixels.format, pixels.width, pixels.height)
        if reason is not None:
            message = f"{self._target.name} cannot hold {reason}"
            raise UnsupportedPixelsError(message)
        require_stored_bits(pixels)
        try:
            data, stored = self.encoded(pixels, options)
        except (RuntimeError, ValueError) as error:
            message = f"{self._target.name}: {error}"
            raise UnsupportedPixelsError(message) from error
        return EncodedFrame(data, self._target.encoding, stored, pixels.width, pixels.height)

    @abstractmethod
    def encoded(self, pixels: PixelArray, options: ArchiveOptions) -> tuple[bytes, PixelFormat]:
        """The stream, and the format of what it holds; the samples are known to fit.

        :raises UnsupportedPixelsError, RuntimeError, ValueError: the library refuses
        """

    @property
    def repacks(self) -> frozenset[str]:
        """See `ArchiveEncoder.repacks`. Most targets have no such way."""
        return frozenset()

    def repack(self, frame: EncodedFrame) -> EncodedFrame | None:  # noqa: ARG002 - for subclasses
        """See `ArchiveEncoder.repack`."""
        return None

    def unpack(self, frame: EncodedFrame) -> bytes | None:  # noqa: ARG002 - for subclasses
        """See `ArchiveEncoder.unpack`."""
        return None


def samples_for_library(pixels: PixelArray) -> Samples:
    """The samples as libraries take them: (rows, columns) of grey, (rows, columns, samples) of colours, contiguous.

    Up to 8 stored bits come as bytes, also where 16 are allocated: libraries want the narrowest type.
    """
    samples = pixels.samples[:, :, 0] if pixels.format.samples_per_pixel == 1 else pixels.samples
    if pixels.format.bits_stored <= 8 and samples.itemsize == 2:
        return samples.astype(np.int8 if pixels.format.signed else np.uint8, order="C")
    return samples if samples.flags.c_contiguous else samples.copy()


class ArchiveEncoders:
    """An unchanging set of archive encoders, found by the name of their target or by transfer syntax."""

    def __init__(self, encoders: Iterable[ArchiveEncoder]) -> None:
        self._encoders = tuple(encoders)
        self._by_name = {encoder.target.name: encoder for encoder in self._encoders}
        self._by_transfer_syntax = {encoder.target.transfer_syntax: encoder for encoder in self._encoders}

    def __iter__(self) -> Iterator[ArchiveEncoder]:
        return iter(self._encoders)

    def named(self, name: str) -> ArchiveEncoder:
        """The encoder of a target.

        :raises UnsupportedEncodingError: there is none; the message lists those that there are
        """
        try:
            return self._by_name[name]
        except KeyError:
            message = f"there is no target {name!r}, there are: {', '.join(self._by_name)}"
            raise UnsupportedEncodingError(message) from None

    def for_transfer_syntax(self, uid: str) -> ArchiveEncoder:
        """The encoder that writes a DICOM transfer syntax.

        :raises UnsupportedEncodingError: there is none
        """
        try:
            return self._by_transfer_syntax[uid]
        except KeyError:
            message = f"frames of transfer syntax {uid} are not written here"
            raise UnsupportedEncodingError(message) from None
