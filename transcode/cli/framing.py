"""`medtiles transcode frame`: one frame of a DICOM file, or one picture, as a codestream of a target."""

from __future__ import annotations

from pathlib import Path

from transcode.archive import archive_encoders
from transcode.batch.convert import opened_instance, tools
from transcode.batch.encoding import digest_of
from transcode.batch.publish import Draft
from transcode.cli.errors import CommandError, RefusedError, UsageError
from transcode.frames import EncodedFrame
from transcode.targets import ArchiveEncoder, ArchiveOptions

_SECONDS = 60.0


def transcode_frame(source: Path, out: Path, number: int, target: str, options: ArchiveOptions, *, force: bool) -> str:
    """Write one frame, compared before it appears; says what was written.

    :raises UsageError: there is no such frame
    :raises CommandError: the output exists
    :raises RefusedError: it is not what was read
    :raises TranscodeError: the source is damaged, or the target cannot hold its samples
    """
    if out.exists() and (out.samefile(source) or not force):
        message = f"{out} is the source itself" if out.samefile(source) else f"{out} exists; --force overwrites it"
        raise CommandError(message)
    encoder = archive_encoders().named(target)
    with opened_instance(source) as reader:
        if not 1 <= number <= reader.number_of_frames:
            message = f"there is no frame {number}: {source.name} has 1 to {reader.number_of_frames}"
            raise UsageError(message)
        stored = reader.read_frame(number - 1)
    encoded, compared = _packed(encoder, stored) or _encoded(encoder, stored, options)
    with Draft(out, "frame", number) as draft:
        draft.path.write_bytes(encoded.data)
        draft.publish(may_replace=force)
    name, syntax = encoder.target.name, encoder.target.transfer_syntax
    return f"{name} ({syntax}): {len(stored.data)} -> {len(encoded.data)} bytes, {compared}"


def _packed(encoder: ArchiveEncoder, stored: EncodedFrame) -> tuple[EncodedFrame, str] | None:
    """The codestream packed as it is, and how it was compared; None where the target does not do that."""
    packed = encoder.repack(stored)
    if packed is None:
        return None
    if encoder.unpack(packed) != stored.data:
        message = f"the codestream is not had back from {encoder.target.name}; nothing is written"
        raise RefusedError(message)
    return packed, "had back bit for bit"


def _encoded(encoder: ArchiveEncoder, stored: EncodedFrame, options: ArchiveOptions) -> tuple[EncodedFrame, str]:
    """The samples encoded, and how they were compared."""
    used = tools(_SECONDS)
    pixels = used.codecs.decode(stored)
    encoded = encoder.encode(pixels, options)
    opinion = used.second_opinion.decode(encoded)
    if not encoder.target.is_lossless:
        return encoded, f"lossy, decoded by {opinion.judge}"
    if digest_of(opinion.pixels) != digest_of(pixels):
        message = f"{opinion.judge} does not find in the {encoder.target.name} what was encoded; nothing is written"
        raise RefusedError(message)
    return encoded, f"samples equal by {opinion.judge}"
