"""Instances whose pixels are elsewhere: JPIP Referenced transfer syntaxes (PS3.5 8.4.1, A.6, A.7, A.11, A.12).

Pixel Data is replaced by Pixel Data Provider URL (0028,7FE0), which names a target of a JPIP server: each frame is a
codestream of it, numbered from 1 as frames are. Two of the four transfer syntaxes deflate the data set as A.5 does,
which pydicom neither writes nor reads.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass

from pydicom import dcmwrite
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.filereader import read_dataset
from pydicom.uid import UID

from transcode.dicom.attributes import quiet, text
from transcode.dicom.file_header import FileHeader, read_header
from transcode.dicom.referenced_syntaxes import DEFLATED, OF_HTJ2K, REFERENCED
from transcode.errors import DicomFileError, UnsupportedPixelsError
from transcode.files import RandomAccess

_PIXELS = 0x7FE0
"""The group of Pixel Data and all that belongs to it."""
_TRAILING = 0xFFFA
"""From this group on stand signatures of what was there before, and padding."""
_META = 144
"""Where the elements behind File Meta Information Group Length begin, whose value stands before them."""
_GREY = frozenset({"MONOCHROME1", "MONOCHROME2"})
_COLOUR = frozenset({"YBR_RCT", "YBR_ICT"})


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """An instance that says where its pixels are."""

    dataset: FileDataset
    url: str
    """Fields of a request are added to it."""
    frames: int
    is_htj2k: bool

    def frame_url(self, frame: int = 1) -> str:
        """The address of a frame.

        :param frame: from 1
        :raises DicomFileError: there is no such frame
        """
        if not 1 <= frame <= self.frames:
            message = f"frame {frame}: the instance has {self.frames}, from 1"
            raise DicomFileError(message)
        if self.frames == 1:
            return self.url
        return f"{self.url}{'&' if '?' in self.url else '?'}stream={frame}"


def refer(header: FileHeader, url: str, transfer_syntax: str, photometric: str) -> bytes:
    """The file of an instance whose pixels a server provides.

    :param transfer_syntax: one of `REFERENCED`
    :param photometric: Photometric Interpretation of the codestreams
    :raises UnsupportedPixelsError: the instance has no pixels, or none that may be referred to
    """
    pixel_data = header.pixel_data
    if pixel_data is None or pixel_data.keyword != "PixelData":
        what = pixel_data.keyword if pixel_data is not None else "no Pixel Data"
        message = f"{header.body.name} has {what}; a reference stands for Pixel Data alone"
        raise UnsupportedPixelsError(message)
    if transfer_syntax in OF_HTJ2K and photometric not in _GREY | _COLOUR:
        message = f"{header.body.name} is {photometric}, which {transfer_syntax} does not know"
        raise UnsupportedPixelsError(message)
    dataset = _without_pixels(header)
    dataset.PhotometricInterpretation = photometric
    if photometric in _COLOUR:
        dataset.PlanarConfiguration = 0
    dataset.PixelDataProviderURL = url
    meta = FileMetaDataset(header.dataset.file_meta)
    meta.TransferSyntaxUID = UID(transfer_syntax)
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta = meta
    written = io.BytesIO()
    with quiet(header.body.name):
        dcmwrite(written, dataset, implicit_vr=False, little_endian=True, enforce_file_format=True)
    data = written.getvalue()
    return _deflated(data) if transfer_syntax in DEFLATED else data


def _without_pixels(header: FileHeader) -> FileDataset:
    """All that stands before Pixel Data, as it is."""
    pixel_data, start = header.pixel_data, header.place.start
    assert pixel_data is not None
    end = pixel_data.offset - (8 if header.place.is_implicit else 12)
    stream = io.BytesIO(header.body.read(start, end - start))
    with quiet(header.body.name):
        found = read_dataset(stream, header.place.is_implicit, header.is_little_endian)
    for tag in list(found.keys()):
        if tag.group == _PIXELS or tag.group >= _TRAILING:
            del found[tag]
    dataset = FileDataset(
        io.BytesIO(), found, is_implicit_VR=header.place.is_implicit, is_little_endian=header.is_little_endian
    )
    dataset.set_original_encoding(header.place.is_implicit, header.is_little_endian, found.original_character_set)
    return dataset


def _deflated(data: bytes) -> bytes:
    """The same file with its data set deflated, of an even number of bytes (A.5)."""
    start = _META + struct.unpack_from("<I", data, _META - 4)[0]
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(data[start:]) + packer.flush()
    return data[:start] + packed + b"\0" * (len(packed) % 2)


def read_reference(file: RandomAccess) -> Reference:
    """Read an instance that says where its pixels are.

    :raises DicomFileError: it is no DICOM, damaged, or its pixels are in itself
    """
    header = read_header(file)
    if header.transfer_syntax not in REFERENCED:
        message = f"{file.name} is of transfer syntax {header.transfer_syntax}, which refers to no server"
        raise DicomFileError(message)
    url = text(header.dataset, "PixelDataProviderURL")
    if not url:
        message = f"{file.name} has no Pixel Data Provider URL (0028,7FE0)"
        raise DicomFileError(message)
    try:
        frames = int(header.dataset.get("NumberOfFrames") or 1)
    except (TypeError, ValueError) as error:
        message = f"{file.name}: Number of Frames is no number"
        raise DicomFileError(message) from error
    return Reference(header.dataset, url, max(1, frames), header.transfer_syntax in OF_HTJ2K)
