"""An instance written anew, frame by frame: with its frames encoded for a target, or with its codestreams copied."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from transcode.archive import archive_encoders
from transcode.batch.second_opinion import SecondOpinion
from transcode.codec import Codecs
from transcode.dicom.changes import changes_for
from transcode.dicom.data_set import DataSet, data_set_of
from transcode.dicom.embedded_overlays import EmbeddedOverlay, embedded_overlays, moved_overlay
from transcode.dicom.new_elements import Changes
from transcode.dicom.offset_tables import OffsetTable
from transcode.dicom.reader import InstanceReader
from transcode.dicom.rewrap import rewrap as rewrapped
from transcode.dicom.source_facts import source_facts
from transcode.dicom.unused_bits import unused_bits_hold_data
from transcode.dicom.writer import InstanceWriter
from transcode.errors import TranscodeError, UnsupportedPixelsError
from transcode.frames import EncodedFrame, PixelArray, Samples
from transcode.targets import ArchiveEncoder, ArchiveOptions

_MOST_KEPT = 8 << 20
"""Bytes of samples that are kept for the comparison; beyond that, a frame more at the most, and hashes."""


class LeftAloneError(Exception):
    """Frames are something that the target cannot keep: the file is better copied."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What decodes."""

    codecs: Codecs
    second_opinion: SecondOpinion


@dataclass(frozen=True, slots=True)
class How:
    """How frames are written."""

    encoder: ArchiveEncoder
    options: ArchiveOptions
    offset_table: OffsetTable


@dataclass(frozen=True, slots=True)
class Written:
    """What was written, and what it is to be held against."""

    target: str
    """Name; empty where codestreams were copied in the source's own transfer syntax."""
    encoder: ArchiveEncoder | None
    frames: int
    changes: Changes
    proofs: tuple[Proof, ...] = ()
    """For each frame what it must give back; none where codestreams were copied."""
    pixel_bytes: int = 0
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Proof:
    """What a frame must give back: its samples as they were given to the encoder, or the codestream that was packed."""

    digest: bytes = b""
    """A hash of either; empty where the samples themselves are kept."""
    pixels: PixelArray | None = None
    """Kept of the first frames, which costs less than a hash of them."""

    def holds(self, found: PixelArray) -> bool:
        """Whether these are the samples."""
        if self.pixels is None:
            return digest_of(found) == self.digest
        return found.format == self.pixels.format and np.array_equal(found.samples, self.pixels.samples)

    def holds_stream(self, data: bytes) -> bool:
        """Whether this is the codestream."""
        return digest_of_stream(data) == self.digest


def digest_of(pixels: PixelArray) -> bytes:
    """A hash of the samples and of what they mean."""
    form = pixels.format
    meaning = f"{pixels.samples.shape} {pixels.samples.dtype} {form.bits_stored} {form.photometric}"
    digest = hashlib.sha256(meaning.encode())
    digest.update(np.ascontiguousarray(pixels.samples).data)
    return digest.digest()


def digest_of_stream(data: bytes) -> bytes:
    """A hash of a codestream."""
    return hashlib.sha256(data).digest()


@dataclass(frozen=True, slots=True)
class _Encoded:
    """A frame on its way from the source to the output."""

    frame: EncodedFrame
    proof: Proof
    pixel_bytes: int
    """Of its samples."""


def write_instance(out: BinaryIO, source: InstanceReader, how: How, tools: Tools) -> Written:
    """Write the source with its frames encoded anew.

    :raises LeftAloneError: samples carry something in unused bits
    :raises UnsupportedPixelsError: the target cannot hold the samples
    :raises CorruptFrameError: a frame does not decode; the file and the frame are named
    :raises UnsupportedFeatureError: a frame uses what no decoder here reads; named likewise
    :raises DicomFileError, TruncatedFileError, FileChangedError: see `InstanceReader`
    """
    data_set = data_set_of(source.file_header)
    overlays = embedded_overlays(source.header, source.pixels)
    writer: InstanceWriter | None = None
    changes = Changes()
    proofs, pixel_bytes = [], 0
    for index in range(source.number_of_frames):
        stored, words = source.read_frame_with_words(index)
        _require_nothing_else(source, index, words, overlays)
        encoded = _encoded(source, index, stored, how, tools.codecs, keeps_samples=pixel_bytes < _MOST_KEPT)
        proofs.append(encoded.proof)
        pixel_bytes += encoded.pixel_bytes
        if writer is None:
            changes = _changes(source, data_set, how, encoded.frame, overlays)
            target, frames = how.encoder.target, source.number_of_frames
            writer = InstanceWriter(out, source, changes, target, frames, how.offset_table, data_set=data_set)
        writer.write_frame(encoded.frame.data)
    if writer is None:
        message = "an image without frames"
        raise UnsupportedPixelsError(message)
    writer.finish(None if changes.ratio is None else pixel_bytes / max(1, writer.encoded_bytes))
    name = how.encoder.target.name
    return Written(name, how.encoder, len(proofs), changes, tuple(proofs), pixel_bytes, writer.warnings)


def rewrap(out: BinaryIO, source: InstanceReader, target: str, offset_table: OffsetTable) -> Written:
    """Write the source with its own codestreams, bit for bit.

    :param target: whose transfer syntax they get; empty: the one that they have
    :raises DicomFileError, TruncatedFileError, FileChangedError: see `InstanceReader`
    """
    encoder = archive_encoders().named(target) if target else None
    done = rewrapped(out, source, offset_table, encoder.target if encoder else None)
    return Written(target, encoder, source.number_of_frames, done.changes, warnings=done.warnings)


def _encoded(
    source: InstanceReader, index: int, stored: EncodedFrame, how: How, codecs: Codecs, *, keeps_samples: bool
) -> _Encoded:
    """The frame for the target, and what it must give back: a codestream that was packed, or samples."""
    repacked = how.encoder.repack(stored)
    if repacked is not None:
        pixel_bytes = stored.width * stored.height * stored.format.samples_per_pixel * stored.format.dtype.itemsize
        return _Encoded(repacked, Proof(digest_of_stream(stored.data)), pixel_bytes)
    if how.encoder.repacks.intersection(stored.encoding.transfer_syntaxes):
        message = f"frame {index + 1}: {how.encoder.target.name} cannot pack its codestream so that it comes back"
        raise LeftAloneError(message)
    try:
        pixels = codecs.decode(stored)
        pixels.samples.flags.writeable = False  # an encoder that changed them could not be found out
        encoded = how.encoder.encode(pixels, how.options)
    except TranscodeError as error:
        message = f"{source.file_header.body.name}: frame {index + 1}: {error}"
        raise type(error)(message) from error
    proof = Proof(pixels=pixels) if keeps_samples else Proof(digest_of(pixels))
    return _Encoded(encoded, proof, pixels.samples.nbytes)


def _require_nothing_else(
    source: InstanceReader, index: int, words: Samples | None, overlays: tuple[EmbeddedOverlay, ...]
) -> None:
    """Refuse native samples whose unused bits hold anything but their sign, and overlays that can be moved."""
    pixels = source.pixels
    if words is not None and unused_bits_hold_data(words, pixels, [overlay.bit for overlay in overlays]):
        message = f"frame {index + 1}: bits beside the {pixels.format.bits_stored} stored ones hold something"
        raise LeftAloneError(message)


def _changes(
    source: InstanceReader,
    data_set: DataSet,
    how: How,
    encoded: EncodedFrame,
    overlays: tuple[EmbeddedOverlay, ...],
) -> Changes:
    changes = changes_for(source_facts(source, data_set), how.encoder.target, encoded.format, how.options)
    for overlay in overlays:
        changes = changes.and_further(moved_overlay(overlay, source.header, source.pixels, _words(source)))
    return changes


def _words(source: InstanceReader) -> Iterator[Samples]:
    """The samples of each frame as they lie."""
    for index in range(source.number_of_frames):
        words = source.read_words(index)
        if words is None:
            message = "an overlay in samples that are encoded"
            raise LeftAloneError(message)
        yield words


def frames_of(reader: InstanceReader) -> Iterator[EncodedFrame]:
    """Every frame, as it is stored."""
    return (reader.read_frame(index) for index in range(reader.number_of_frames))
