"""Instances that say where their pixels are instead of bringing them: JPIP Referenced (PS3.5 8.4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from medtiles.core.frames import FrameRequest
from medtiles.core.instance_targets import HTJ2K, JPEG_2000, InstanceTarget
from medtiles.core.studies import Instance, Studies
from medtiles.core.tiles import Tiles
from medtiles.protocols.http.dicomweb.accept import ANY, MediaRange
from transcode.codestream import parse
from transcode.dicom.referenced_syntaxes import OF_HTJ2K, REFERENCED
from transcode.errors import TruncatedFileError
from transcode.jp2_boxes import codestream_within

DICOM = "application/dicom"


def wanted_reference(ranges: Sequence[MediaRange]) -> MediaRange | None:
    """The references that a client likes best; None: it wants the pixels."""
    best = next((each for each in ranges if each.quality > 0), None)
    is_meant = best is not None and best.media_type in {DICOM, ANY} and best.transfer_syntax in REFERENCED
    return best if is_meant else None


def reference(tiles: Tiles, instance: Instance, transfer_syntax: str, origin: str) -> bytes:
    """The file of an instance that refers to this server.

    :param origin: of this server, as the client knows it
    :raises UnsupportedPixelsError, UnsupportedEncodingError: it has no pixels, or none that may be referred to
    :raises CorruptFrameError, DicomFileError: it is damaged
    :raises ImageNotFoundError, FileChangedError: its file is gone, or another
    """
    from transcode.dicom.file_header import read_header  # noqa: PLC0415 - pydicom is loaded when it is first needed
    from transcode.dicom.jpip_reference import refer  # noqa: PLC0415

    target = InstanceTarget(instance.uid, HTJ2K if transfer_syntax in OF_HTJ2K else JPEG_2000)
    header = read_header(_Pieces(tiles.studies, instance))
    photometric = header.image_pixel.format.photometric
    if instance.frames:
        frame = tiles.frames.frame(FrameRequest(instance, 1, target.accepted))
        photometric = parse(codestream_within(frame.frame.data)).cod.photometric(photometric)
    url = f"{origin}/jpip?target={quote(target.name)}"
    return refer(header, url, transfer_syntax, photometric)


class _Pieces:
    """A file of an archive that is read from its beginning, as far as is wanted."""

    def __init__(self, studies: Studies, instance: Instance) -> None:
        self.name = instance.uid
        self.size, self._pieces = studies.file(instance)
        self._data = bytearray()

    def read(self, offset: int, length: int) -> bytes:
        """See `RandomAccess.read`."""
        while len(self._data) < offset + length:
            piece = next(self._pieces, None)
            if piece is None:
                message = f"{self.name} ends at byte {len(self._data)}"
                raise TruncatedFileError(message)
            self._data += piece
        return bytes(self._data[offset : offset + length])
