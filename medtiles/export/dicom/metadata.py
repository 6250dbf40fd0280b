"""The data sets of an export: those of a virtual slide, and what a file of its own must have (PS3.3 A.32.8.4)."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from PIL import ImageCms
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID
from pydicom.valuerep import format_number_as_ds

import medtiles
from medtiles.core.channels import channels_of
from medtiles.core.pyramid import Channel
from medtiles.virtual.metadata import metadata_of
from medtiles.virtual.slide import VirtualLevel, VirtualSlide, uid_of

_IMPLEMENTATION = "2.25.150214863421984315904921430982374012983"
_FLUORESCENCE = ("111743", "DCM", "Epifluorescence illumination")
_FULL_SPECTRUM = ("414298005", "SCT", "Full Spectrum")
_SHORT = 16


@dataclass(frozen=True, slots=True)
class Stack:
    """Channels and slices, in the order of their frames: all slices of a channel, then those of the next."""

    channels: tuple[int, ...]
    slices: int
    slice_spacing_mm: float | None

    @property
    def planes(self) -> int:
        """Pictures behind one another."""
        return len(self.channels) * self.slices


@dataclass(frozen=True, slots=True)
class Loss:
    """What a lossy step has made of an image."""

    method: str
    """Lossy Image Compression Method; empty: DICOM has no name for it."""
    ratio: float
    """Bytes of the samples to those that they were stored in."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of an instance besides."""

    stack: Stack
    acquired: datetime
    """When its file was written: no source tells when the slide was scanned."""
    loss: Loss | None


def header_of(slide: VirtualSlide, level: VirtualLevel, told: Told) -> bytes:
    """Preamble, File Meta Information and all elements before the Pixel Data."""
    instance = next(found for found, each in slide.instances() if each is level)
    document = metadata_of(slide, instance, level)
    document.pop("00083002", None)  # Available Transfer Syntax UID: of metadata, not of files
    dataset = Dataset.from_json(document, bulk_data_uri_handler=lambda _: slide.info.icc_profile)
    _tell_device(dataset, told)
    _tell_specimen(dataset, slide)
    _tell_image(dataset, level, told)
    _tell_paths(dataset, slide, told.stack)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = UID(level.transfer_syntax)
    dataset.file_meta.ImplementationClassUID = UID(_IMPLEMENTATION)
    dataset.file_meta.ImplementationVersionName = f"MEDTILES {medtiles.__version__}"[:_SHORT]
    file = io.BytesIO()
    dcmwrite(file, dataset, enforce_file_format=True)
    return file.getvalue()


def _tell_device(dataset: Dataset, told: Told) -> None:
    dataset.AcquisitionDateTime = told.acquired.strftime("%Y%m%d%H%M%S")
    dataset.ContentDate = told.acquired.strftime("%Y%m%d")
    dataset.ContentTime = told.acquired.strftime("%H%M%S")
    dataset.Manufacturer = "unknown"
    dataset.ManufacturerModelName = "unknown"
    dataset.DeviceSerialNumber = "unknown"
    dataset.SoftwareVersions = f"medtiles {medtiles.__version__}"
    dataset.PositionReferenceIndicator = "SLIDE_CORNER"


def _tell_specimen(dataset: Dataset, slide: VirtualSlide) -> None:
    dataset.AcquisitionContextSequence = []
    dataset.ContainerIdentifier = slide.name[:64]
    dataset.IssuerOfTheContainerIdentifierSequence = []
    dataset.ContainerTypeCodeSequence = [_code("433466003", "SCT", "Microscope slide")]
    specimen = Dataset()
    specimen.SpecimenIdentifier = slide.name[:64]
    specimen.IssuerOfTheSpecimenIdentifierSequence = []
    specimen.SpecimenUID = uid_of(slide.image, "specimen")
    specimen.SpecimenPreparationSequence = []
    dataset.SpecimenDescriptionSequence = [specimen]


def _tell_image(dataset: Dataset, level: VirtualLevel, told: Told) -> None:
    dataset.NumberOfFrames = level.frames * told.stack.planes
    dataset.PixelRepresentation = int(level.pixels.signed)
    dataset.BurnedInAnnotation = "NO"
    dataset.VolumetricProperties = "VOLUME"
    dataset.LossyImageCompression = "00" if told.loss is None else "01"
    if told.loss is not None:
        dataset.LossyImageCompressionRatio = f"{told.loss.ratio:.4g}"
        if told.loss.method:
            dataset.LossyImageCompressionMethod = told.loss.method
    dataset.TotalPixelMatrixFocalPlanes = told.stack.slices
    dataset.NumberOfOpticalPaths = len(told.stack.channels)
    if not level.pixels.is_colour:
        dataset.PresentationLUTShape = "IDENTITY"
        dataset.RescaleIntercept = 0
        dataset.RescaleSlope = 1
    if told.stack.slices > 1:
        dataset.ExtendedDepthOfField = "NO"
    measures = dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    measures.SliceThickness = dataset.ImagedVolumeDepth
    if told.stack.slices > 1 and told.stack.slice_spacing_mm is not None:
        measures.SpacingBetweenSlices = format_number_as_ds(told.stack.slice_spacing_mm)
    organization = Dataset()
    organization.DimensionOrganizationUID = uid_of(dataset.SOPInstanceUID, "dimensions")
    dataset.DimensionOrganizationSequence = [organization]


def _tell_paths(dataset: Dataset, slide: VirtualSlide, stack: Stack) -> None:
    """The optical paths: bright field for colours, fluorescence for channels."""
    if slide.info.pixels.is_colour or len(slide.info.planes) == 1:
        path = dataset.OpticalPathSequence[0]
        path.IlluminationColorCodeSequence = [_code(*_FULL_SPECTRUM)]
        if slide.info.pixels.is_colour and "ICCProfile" not in path:  # must be there; scanners that tell none mean it
            path.ICCProfile = _srgb()
        return
    channels = channels_of(slide.info)
    dataset.OpticalPathSequence = [
        _path(str(number), channels[channel]) for number, channel in enumerate(stack.channels, 1)
    ]
    shared = dataset.SharedFunctionalGroupsSequence[0]
    if len(stack.channels) > 1 and "OpticalPathIdentificationSequence" in shared:
        del shared.OpticalPathIdentificationSequence  # TILED_FULL: the order of the frames says it


@cache
def _srgb() -> bytes:
    """The profile of sRGB; of an even length, as DICOM's values are."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile + bytes(len(profile) % 2)


def _path(identifier: str, channel: Channel) -> Dataset:
    path = Dataset()
    path.OpticalPathIdentifier = identifier
    if channel.name:
        path.OpticalPathDescription = channel.name[:64]
    path.IlluminationTypeCodeSequence = [_code(*_FLUORESCENCE)]
    wave = channel.excitation_nm or channel.emission_nm
    if wave is not None:
        path.IlluminationWaveLength = wave
    else:
        path.IlluminationColorCodeSequence = [_code(*_FULL_SPECTRUM)]
    return path


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    return code
