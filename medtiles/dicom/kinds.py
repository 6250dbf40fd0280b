"""DICOM objects that hold no picture this software shows, told by their names."""

from __future__ import annotations

from pydicom.uid import UID

from medtiles.core.errors import UnsupportedFormatError
from transcode.dicom.attributes import quiet, text
from transcode.dicom.file_header import FileHeader

_VIDEO = {
    "1.2.840.10008.1.2.4.100": "MPEG-2",
    "1.2.840.10008.1.2.4.100.1": "MPEG-2",
    "1.2.840.10008.1.2.4.101": "MPEG-2",
    "1.2.840.10008.1.2.4.101.1": "MPEG-2",
    "1.2.840.10008.1.2.4.102": "MPEG-4 AVC/H.264",
    "1.2.840.10008.1.2.4.102.1": "MPEG-4 AVC/H.264",
    "1.2.840.10008.1.2.4.103": "MPEG-4 AVC/H.264",
    "1.2.840.10008.1.2.4.103.1": "MPEG-4 AVC/H.264",
    "1.2.840.10008.1.2.4.104": "MPEG-4 AVC/H.264",
    "1.2.840.10008.1.2.4.104.1": "MPEG-4 AVC/H.264",
    "1.2.840.10008.1.2.4.105": "MPEG-4 AVC/H.264",
    "1.2.840.10008.1.2.4.105.1": "MPEG-4 AVC/H.264",
    "1.2.840.10008.1.2.4.106": "MPEG-4 AVC/H.264",
    "1.2.840.10008.1.2.4.106.1": "MPEG-4 AVC/H.264",
    "1.2.840.10008.1.2.4.107": "HEVC/H.265",
    "1.2.840.10008.1.2.4.108": "HEVC/H.265",
}
_REFERENCED = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (94, 95, 204, 205))
_DIRECTORY = "1.2.840.10008.1.3.10"


def require_pictures(name: str, header: FileHeader) -> None:
    """Refuse a file whose kind has no picture, and say what it is.

    :raises UnsupportedFormatError: a report, a plan, a waveform, a video
    """
    syntax = header.transfer_syntax
    if syntax in _VIDEO:
        message = f"{name} is a video ({_VIDEO[syntax]}), which has no frames that can be read one by one"
        raise UnsupportedFormatError(message)
    if syntax in _REFERENCED:
        message = f"{name} only refers to pixels that lie on a JPIP server"
        raise UnsupportedFormatError(message)
    if header.pixel_data is None and "Rows" not in header.dataset:
        message = f"{name} holds no picture: it is {_kind(header)}"
        raise UnsupportedFormatError(message)


def _kind(header: FileHeader) -> str:
    dataset = header.dataset
    uid = text(dataset, "SOPClassUID") or text(dataset.file_meta, "MediaStorageSOPClassUID")
    if uid == _DIRECTORY:
        return "a DICOMDIR"
    with quiet("SOPClassUID"):
        name = UID(uid).name if uid else ""
    if name and name != uid:
        return name.removesuffix(" Storage")
    return f"an object of modality {text(dataset, 'Modality')}" if text(dataset, "Modality") else "of unknown kind"
