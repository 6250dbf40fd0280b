"""A CT series of a head-like phantom: ellipsoids after Shepp and Logan, in Hounsfield units. Made, not measured."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

SIDE = 256
SLICES = 48
PIXEL_MM = 0.9
SLICE_MM = 4.0
AIR = -1000


class Ellipsoid(NamedTuple):
    """One body of the phantom, in units where the phantom reaches from -1 to 1."""

    value: int
    """Hounsfield units inside; a later ellipsoid hides an earlier one."""
    centre: tuple[float, float, float]
    radii: tuple[float, float, float]
    turn: float = 0.0
    """Degrees about the long axis of the body."""


ELLIPSOIDS = (
    Ellipsoid(60, (0.0, 0.0, 0.0), (0.72, 0.95, 0.93)),  # skin
    Ellipsoid(1000, (0.0, 0.0, 0.0), (0.69, 0.92, 0.90)),  # skull
    Ellipsoid(35, (0.0, -0.0184, 0.0), (0.6624, 0.874, 0.88)),  # brain
    Ellipsoid(5, (0.22, 0.0, 0.0), (0.11, 0.31, 0.22), -18.0),  # ventricles
    Ellipsoid(5, (-0.22, 0.0, 0.0), (0.16, 0.41, 0.28), 18.0),
    Ellipsoid(70, (0.0, 0.35, -0.15), (0.21, 0.25, 0.41)),  # a bleeding
    Ellipsoid(45, (0.0, 0.1, 0.25), (0.046, 0.046, 0.05)),
    Ellipsoid(45, (0.0, -0.1, 0.25), (0.046, 0.046, 0.05)),
    Ellipsoid(20, (-0.08, -0.605, 0.0), (0.046, 0.023, 0.05)),
    Ellipsoid(20, (0.06, -0.605, 0.0), (0.023, 0.046, 0.05), -90.0),
)


def slice_values(index: int) -> NDArray[np.int16]:
    """One slice in Hounsfield units, (rows, columns); the first is the lowest."""
    line = (np.arange(SIDE) + 0.5) / SIDE * 2 - 1
    x, y = np.meshgrid(line, -line)
    z = (index + 0.5) / SLICES * 2 - 1
    values = np.full((SIDE, SIDE), AIR, np.int16)
    for body in ELLIPSOIDS:
        angle = np.deg2rad(body.turn)
        dx, dy, dz = x - body.centre[0], y - body.centre[1], z - body.centre[2]
        along = (dx * np.cos(angle) + dy * np.sin(angle)) / body.radii[0]
        across = (dy * np.cos(angle) - dx * np.sin(angle)) / body.radii[1]
        values[along**2 + across**2 + (dz / body.radii[2]) ** 2 <= 1] = body.value
    return values


def slice_dataset(index: int, study: str, series: str, frame_of_reference: str) -> Dataset:
    """One slice as a CT image (PS3.3 A.3)."""
    made = Dataset()
    made.SOPClassUID = CTImageStorage
    made.SOPInstanceUID = generate_uid(entropy_srcs=[series, str(index)])
    made.StudyInstanceUID, made.SeriesInstanceUID, made.FrameOfReferenceUID = study, series, frame_of_reference
    made.Modality, made.ImageType = "CT", ["DERIVED", "SECONDARY", "AXIAL"]
    made.PatientName, made.PatientID = "Phantom^Head", "PHANTOM"
    made.PatientBirthDate = made.PatientSex = made.AccessionNumber = made.ReferringPhysicianName = ""
    made.StudyID, made.StudyDate, made.StudyTime = "1", "20200101", "120000"
    made.StudyDescription, made.SeriesDescription = "Synthetic phantom", "Axial, 4 mm"
    made.SeriesNumber, made.InstanceNumber = 1, index + 1
    made.PositionReferenceIndicator, made.Manufacturer, made.KVP = "", "", None
    made.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    left = -SIDE / 2 * PIXEL_MM
    made.ImagePositionPatient = [left, left, (index - SLICES / 2) * SLICE_MM]
    made.PixelSpacing, made.SliceThickness = [PIXEL_MM, PIXEL_MM], SLICE_MM
    made.Rows = made.Columns = SIDE
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 12, 11, 0
    made.RescaleSlope, made.RescaleIntercept, made.RescaleType = 1, -1024, "HU"
    made.WindowCenter, made.WindowWidth = [40, 400], [80, 2000]
    made.WindowCenterWidthExplanation = ["Brain", "Bone"]
    made.PixelData = (slice_values(index).astype(np.int32) + 1024).astype("<u2").tobytes()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return made


def write_phantom(folder: Path) -> None:
    """Write the series into a folder, one file a slice; the same bytes whenever it is made."""
    folder.mkdir(parents=True)
    study, series, frame_of_reference = (
        generate_uid(entropy_srcs=["medtiles phantom", word]) for word in ("study", "series", "frame")
    )
    for index in range(SLICES):
        dataset = slice_dataset(index, study, series, frame_of_reference)
        dataset.save_as(folder / f"slice-{index + 1:02}.dcm", enforce_file_format=True)
