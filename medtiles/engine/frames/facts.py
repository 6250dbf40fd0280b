"""What a policy wants to know of a stored frame, and what is told of a codestream's resolutions. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from medtiles.core.frames import ResolutionBytes
from medtiles.engine.frames.seen import Seen
from transcode.codestream import Codestream, resolution_ends_of, rpcl_faults
from transcode.frames import PixelArray, PixelFormat
from transcode.policy import Facts

if TYPE_CHECKING:
    from transcode.dicom.reader import InstanceReader

_LOSSY = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 81, 91, 111, 112, 203))
"""Transfer syntaxes of frames that may have lost something."""


def facts_of(reader: InstanceReader, decoded: PixelFormat) -> Facts:
    """The facts of an instance whose frames decode to samples of a format."""
    from transcode.dicom.attributes import text  # noqa: PLC0415 - it stands on pydicom, 38 MB

    dataset = reader.header
    return Facts(
        width=reader.columns,
        height=reader.rows,
        frames=reader.number_of_frames,
        pixels=decoded,
        bits_allocated=reader.pixels.bits_allocated,
        transfer_syntax=reader.transfer_syntax,
        is_lossy=reader.transfer_syntax in _LOSSY or text(dataset, "LossyImageCompression") == "01",
        modality=text(dataset, "Modality"),
        sop_class=text(dataset, "SOPClassUID"),
    )


def seen_of(pixels: PixelArray, codestream: Codestream | None) -> Seen:
    """What is worth remembering of a frame that has been decoded."""
    is_rgb = pixels.format.photometric == "RGB"
    if codestream is None:
        return Seen(is_rgb)
    return Seen(is_rgb, codestream.is_htj2k and not rpcl_faults(codestream), codestream.is_reversible)


def decoded_format(stored: PixelFormat, seen: Seen) -> PixelFormat:
    """What a stored frame decodes to."""
    return replace(stored, photometric="RGB") if seen.is_rgb and stored.photometric != "RGB" else stored


def resolutions_of(codestream: Codestream | None, offset: int = 0) -> tuple[ResolutionBytes, ...]:
    """Where each resolution of a codestream is complete, coarsest first; none when it cannot be cut.

    :param offset: of the codestream within the bytes that are sent
    """
    if codestream is None:
        return ()
    ends = resolution_ends_of(codestream)
    if len(ends) < 2:
        return ()
    return tuple(ResolutionBytes(end.reduction, *end.size, offset + end.end_offset) for end in ends)
