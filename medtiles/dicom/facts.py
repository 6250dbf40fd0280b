"""What both DICOM sources tell of an image besides its pixels: identifiers and attributes worth showing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from pydicom.dataset import Dataset

from medtiles.core.pyramid import DicomIdentity
from transcode.dicom.attributes import texts
from transcode.errors import DicomFileError
from transcode.frames import PixelFormat

_SHOWN = (
    "Modality",
    "StudyDate",
    "StudyDescription",
    "SeriesNumber",
    "SeriesDescription",
    "ProtocolName",
    "BodyPartExamined",
    "Laterality",
    "ViewPosition",
    "PatientPosition",
    "Manufacturer",
    "ManufacturerModelName",
    "SoftwareVersions",
    "ImageType",
    "PhotometricInterpretation",
    "BitsStored",
    "SliceThickness",
    "SpacingBetweenSlices",
    "KVP",
    "ConvolutionKernel",
    "MagneticFieldStrength",
    "RepetitionTime",
    "EchoTime",
    "FlipAngle",
    "ContrastBolusAgent",
    "FrameTime",
    "LossyImageCompression",
    "LossyImageCompressionRatio",
    "LossyImageCompressionMethod",
    "ImagedVolumeWidth",
    "ImagedVolumeHeight",
    "FocusMethod",
    "ExtendedDepthOfField",
)


def shown_properties(dataset: Dataset) -> Mapping[str, str]:
    """Attributes worth showing, by keyword. None of them names a patient."""
    found = {}
    for keyword in _SHOWN:
        if keyword not in dataset:
            continue
        try:
            values = texts(dataset, keyword)
        except DicomFileError:
            continue
        if any(values):
            found[keyword] = "\\".join(values)
    return MappingProxyType(found)


def identity(dataset: Dataset, instances: tuple[str, ...], transfer_syntaxes: tuple[str, ...]) -> DicomIdentity:
    """The identifiers of an image, from one of its instances.

    :param instances: SOP Instance UIDs of all
    :param transfer_syntaxes: of all; alike ones are told once
    """

    def uid(keyword: str) -> str:
        return next(iter(texts(dataset, keyword)), "")

    return DicomIdentity(
        study_uid=uid("StudyInstanceUID"),
        series_uid=uid("SeriesInstanceUID"),
        sop_instance_uids=instances,
        sop_class_uid=uid("SOPClassUID"),
        frame_of_reference_uid=uid("FrameOfReferenceUID"),
        modality=uid("Modality"),
        transfer_syntaxes=tuple(dict.fromkeys(transfer_syntaxes)),
    )


def image_name(dataset: Dataset) -> str:
    """The series' description, or its modality and number."""

    def first(keyword: str) -> str:
        try:
            return next(iter(texts(dataset, keyword)), "")
        except DicomFileError:
            return ""

    return first("SeriesDescription") or f"{first('Modality') or 'DICOM'} {first('SeriesNumber')}".strip()


def decoded_format(pixels: PixelFormat) -> PixelFormat:
    """What decoders make of samples of this format: colours come out as RGB."""
    return replace(pixels, photometric="RGB") if pixels.is_colour else pixels
