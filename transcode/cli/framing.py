"""`medtiles transcode frame`: one frame of a DICOM file, or one picture, as a codestream of a target."""

from __future__ import annotations

from pathlib import Path

from transcode.archive import archive_encoders
from transcode.batch.convert import opened_instance, tools
from transcode.batch.encoding import digest_of
from transcode.batch.publish import Draft
from transcode.cli.errors import CommandError, UsageError
from transcode.targets import ArchiveEncoder, ArchiveOptions

_SECONDS = 60.0


def transcode_frame(source: Path, out: Path, number: int, target: str, options: ArchiveOptions, *, force: bool) -> str:
    """Write one frame, compared before it appears; says what was written.

    :raises UsageError: there is no such frame
    :raises CommandError: the output exists, or is not what was read
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
    used = tools(_SECONDS)
    pixels = used.codecs.decode(stored)
    repacked = encoder.repack(stored)
    encoded = repacked or encoder.encode(pixels, options)
    opinion = used.second_opinion.decode(encoded)
    if encoder.target.is_lossless and digest_of(opinion.pixels) != digest_of(pixels):
        message = f"{opinion.judge} does not find in the {target} what was encoded; nothing is written"
        raise CommandError(message)
    with Draft(out, "frame", number) as draft:
        draft.path.write_bytes(encoded.data)
        draft.publish(may_replace=force)
    return _told(encoder, len(stored.data), len(encoded.data), opinion.judge)


def _told(encoder: ArchiveEncoder, before: int, after: int, judge: str) -> str:
    compared = "samples equal" if encoder.target.is_lossless else "lossy"
    return f"{encoder.target.name} ({encoder.target.transfer_syntax}): {before} -> {after} bytes, {compared} by {judge}"
