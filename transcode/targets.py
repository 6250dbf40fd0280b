"""What an archive's frames can be written as: the port that archive encoders keep, and the values it speaks in.

A tile is encoded for one answer; a frame of an archive is encoded for good. So an archive encoder is asked for a
transfer syntax and not for a media type, states the precision, sign and colours that PS3.5 8.2 demands, and never makes
lossy what is not asked for as lossy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from transcode.frames import EncodedFrame, Encoding, PixelArray, PixelFormat


@dataclass(frozen=True, slots=True)
class Target:
    """One way to write the frames of an instance."""

    name: str
    """As policies and the command line call it, such as `htj2k-rpcl`."""
    transfer_syntax: str
    """UID."""
    encoding: Encoding
    is_lossless: bool
    lossy_method: str = ""
    """Lossy Image Compression Method (0028,2114), such as ISO_10918_1; empty where nothing is lost."""


@dataclass(frozen=True, slots=True)
class ArchiveOptions:
    """How to encode. A target ignores what it has no use for."""

    quality: int = 95
    """Of lossy targets, 1 to 100 on the scale of libjpeg, where 100 is best; beyond them the nearest is taken."""
    near: int = 2
    """Largest error of a sample in near-lossless JPEG-LS, from 1 to half of the range, at most 255."""


class ArchiveEncoder(Protocol):
    """Writes frames for one target. Safe to call from several threads."""

    @property
    def target(self) -> Target:
        """What it writes."""

    def refusal(self, pixels: PixelFormat, width: int, height: int) -> str | None:
        """Why frames of this format and size cannot be written so, in words that follow "cannot hold"; None when they
        can. A target that is made of other codestreams alone (`repack`) refuses all samples.
        """

    def keeps(self, frame: EncodedFrame) -> bool:
        """Whether a stored codestream is already what this target asks for, so that its bytes may be copied: of this
        encoding, of the size, precision and sign that the frame's format states, and for a lossless target without any
        loss. False where the bytes cannot prove it.
        """

    def writes(self, frame: EncodedFrame) -> bool:
        """Whether a codestream has the form of those that it writes. Says less than `keeps` where a stream does not
        tell what it lost: of what was just encoded that is known.
        """

    def encode(self, pixels: PixelArray, options: ArchiveOptions) -> EncodedFrame:
        """Encode the samples. The format that comes back says what the stream holds: its photometric interpretation
        is what (0028,0004) must say.

        :raises UnsupportedPixelsError: `refusal` gives a reason, a sample is no value of Bits Stored, or the options
            are none that the encoding knows
        """

    @property
    def repacks(self) -> frozenset[str]:
        """Transfer syntaxes of the codestreams that `repack` takes; empty of most targets."""

    def repack(self, frame: EncodedFrame) -> EncodedFrame | None:
        """The stored codestream in this target's encoding, without decoding and so that it can be had back bit for
        bit (JPEG in JPEG XL); None where that is not possible.
        """

    def unpack(self, frame: EncodedFrame) -> bytes | None:
        """The codestream that `repack` made a frame of; None where it made none, or it cannot be had back."""
