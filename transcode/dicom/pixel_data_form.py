"""Which element the frames of an output lie in, and how large they are there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from transcode.dicom.data_set import pieces
from transcode.dicom.element_places import PIXEL_DATA, UNDEFINED_LENGTH
from transcode.dicom.file_header import DEFLATED_LITTLE_ENDIAN, EXPLICIT_LITTLE_ENDIAN, NATIVE_TRANSFER_SYNTAXES
from transcode.dicom.new_elements import Changes
from transcode.dicom.pixel_format import ImagePixel
from transcode.errors import DicomFileError, UnsupportedEncodingError, UnsupportedPixelsError

if TYPE_CHECKING:
    from transcode.dicom.file_header import FileHeader, PixelDataElement

_BITS_ALLOCATED = 0x00280100
_TAGS = {"PixelData": PIXEL_DATA, "FloatPixelData": 0x7FE00008, "DoubleFloatPixelData": 0x7FE00009}
_FLOAT_VRS = {0x7FE00008: "OF", 0x7FE00009: "OD"}
_WRITTEN_NATIVE = frozenset({EXPLICIT_LITTLE_ENDIAN, DEFLATED_LITTLE_ENDIAN})


@dataclass(frozen=True, slots=True)
class PixelDataForm:
    """The element that holds the frames of an output."""

    tag: int
    vr: str
    frames: int
    """As the header says."""
    samples: int
    """Of one frame."""
    bits: int
    """Of one native sample: 1, or whole bytes."""


def pixel_data_form(header: FileHeader, changes: Changes, transfer_syntax: str) -> PixelDataForm:
    """The form that frames have in an output of this transfer syntax.

    :raises DicomFileError: the source has no Pixel Data, or an Image Pixel Module that cannot be
    :raises UnsupportedEncodingError: nothing is written in this transfer syntax
    :raises UnsupportedPixelsError: floating point samples in an encapsulated transfer syntax
    """
    name, place = header.body.name, header.pixel_data
    if place is None:
        message = f"{name} has no Pixel Data, or ends before it"
        raise DicomFileError(message)
    is_encapsulated = transfer_syntax not in NATIVE_TRANSFER_SYNTAXES
    if not is_encapsulated and transfer_syntax not in _WRITTEN_NATIVE:
        message = f"{name}: transfer syntax {transfer_syntax} is read, not written"
        raise UnsupportedEncodingError(message)
    tag = _TAGS[place.keyword]
    if is_encapsulated and tag != PIXEL_DATA:
        message = f"{name}: {place.keyword} cannot be encapsulated"
        raise UnsupportedPixelsError(message)
    pixels = header.image_pixel
    new = changes.elements.get(_BITS_ALLOCATED)
    bits = pixels.bits_allocated if new is None else int.from_bytes(new.value, "little")
    vr = "OB" if is_encapsulated else _native_vr(tag, place, bits, is_new=new is not None)
    samples = pixels.rows * pixels.columns * pixels.format.samples_per_pixel
    return PixelDataForm(tag, vr, pixels.frames, samples, bits)


def _native_vr(tag: int, place: PixelDataElement, bits: int, *, is_new: bool) -> str:
    """As it is, when native and explicit already; else OW where a sample takes more than a byte (PS3.5 A.2)."""
    if tag in _FLOAT_VRS:
        return _FLOAT_VRS[tag]
    if place.length != UNDEFINED_LENGTH and not is_new and place.vr in ("OB", "OW"):
        return place.vr
    return "OW" if bits > 8 else "OB"


def left_out(header: FileHeader) -> str | None:
    """What to say of native Pixel Data that goes on behind its last frame and the pad, if it does."""
    place = header.pixel_data
    if place is None or place.length == UNDEFINED_LENGTH:
        return None
    length = _length(header.image_pixel)
    start, stop = place.offset + length + length % 2, place.offset + place.length
    if stop <= start:
        return None
    kind = "not all zeros" if any(any(piece) for piece in pieces(header.body, start, stop)) else "all zeros"
    return f"{stop - start} bytes behind the last frame of the source are left out ({kind})"


def _length(pixels: ImagePixel) -> int:
    """Of all frames, in bytes."""
    return -(-pixels.frames * pixels.frame_bits // 8)
