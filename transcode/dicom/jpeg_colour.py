"""The colours of JPEG frames: what the stream says against what Photometric Interpretation says.

PS3.5 8.2.1 wants the two to agree and asks for no marker in the stream, so both go wrong in practice. The stream wins
where it says something: a JFIF marker means YCbCr, an Adobe marker tells its transform, components numbered "RGB" are
RGB, and subsampled components are YCbCr. A stream that says nothing is what the header says. Browsers never see the
header and take a silent stream for YCbCr, so silent RGB streams get an Adobe marker before they leave.
"""

from __future__ import annotations

from dataclasses import replace

from transcode.frames import EncodedFrame
from transcode.jpeg_structure import ColourModel, JpegHeader, read_frame_header, with_adobe_marker

_APP14 = b"\xff\xee"
_RGB_NUMBERS = ((82, 71, 66), (114, 103, 98))
"""Component numbers R, G, B and r, g, b."""


def jpeg_photometric(data: bytes, photometric: str) -> str:
    """The Photometric Interpretation of a JPEG stream, given what the DICOM header says.

    :raises CorruptFrameError: its markers cannot be read
    """
    header = read_frame_header(data)
    if header.components != 3:
        return photometric
    model = _stated_model(header)
    if model is ColourModel.RGB:
        return "RGB"
    if model is ColourModel.YCBCR and not photometric.startswith("YBR"):
        return "YBR_FULL_422" if header.process == 0 else "YBR_FULL"
    return photometric


def _stated_model(header: JpegHeader) -> ColourModel:
    if header.component_ids in _RGB_NUMBERS:
        return ColourModel.RGB
    if header.states_colours:
        return header.colour_model
    return ColourModel.YCBCR if header.subsampling != "4:4:4" else ColourModel.UNKNOWN


def self_describing(frame: EncodedFrame) -> EncodedFrame:
    """The frame as a file of its own: a JPEG of RGB samples that does not say so gets an Adobe marker, transform 0.

    :raises CorruptFrameError: a JPEG whose markers cannot be read
    """
    if frame.encoding.media_type != "image/jpeg" or frame.format.photometric != "RGB":
        return frame
    if frame.data[2:4] == _APP14 and frame.data[6:11] == b"Adobe":
        return frame
    data = with_adobe_marker(frame.data, 0)
    return frame if data is frame.data else replace(frame, data=data)
