"""DICOM files of tests as instances: made, or found, and known by their UIDs."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pydicom

from medtiles.core.errors import ImageNotFoundError
from medtiles.core.studies import Instance, Scope
from tests.dicom_files import encapsulated, image, save
from tests.no_studies import NoStudies
from transcode.archive import archive_encoders
from transcode.files import version_of
from transcode.frames import PixelArray, PixelFormat
from transcode.targets import ArchiveOptions

SYNTAX = "1.2.840.10008.1.2.4."
EXPLICIT = "1.2.840.10008.1.2.1"
JPEG, JPEG_LS, J2K = f"{SYNTAX}50", f"{SYNTAX}80", f"{SYNTAX}90"
HTJ2K, RPCL, HTJ2K_ANY = f"{SYNTAX}201", f"{SYNTAX}202", f"{SYNTAX}203"
GREY = PixelFormat(1, 16, 16)


def instance_of(path: Path, image_id: str = "") -> Instance:
    """A file as an instance, as pydicom reads it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd values in real files
        return _instance_of(pydicom.dcmread(path, stop_before_pixels=True), path, image_id)


def _instance_of(header: pydicom.Dataset, path: Path, image_id: str) -> Instance:
    return Instance(
        str(header.get("StudyInstanceUID", "")),
        str(header.get("SeriesInstanceUID", "")),
        str(header.SOPInstanceUID),
        str(header.SOPClassUID),
        str(header.file_meta.TransferSyntaxUID),
        int(header.get("NumberOfFrames", 1) or 1),
        int(header.Rows),
        int(header.Columns),
        version_of([path]),
        image_id,
        int(header.get("InstanceNumber", 0) or 0),
    )


class Files(NoStudies):
    """Where instances lie, and which there are: the ports `InstanceFiles` and, as far as frames need it, `Studies`."""

    def __init__(self, paths: Iterable[Path] = ()) -> None:
        self.paths: dict[str, Path] = {}
        self.found: dict[str, Instance] = {}
        for path in paths:
            self.add(path)

    def add(self, path: Path) -> Instance:
        """Take in a file, or take note that it has been replaced."""
        found = instance_of(path)
        self.paths[found.uid] = path
        self.found[found.uid] = found
        return found

    def path(self, instance: Instance) -> Path:
        if instance.uid not in self.paths:
            message = f"no instance {instance.uid}"
            raise ImageNotFoundError(message)
        return self.paths[instance.uid]

    def instances(self, scope: Scope) -> tuple[Instance, ...]:
        found = [
            each
            for each in self.found.values()
            if scope.study in {"", each.study}
            and scope.series in {"", each.series}
            and scope.instance in {"", each.uid}
        ]
        if not found:
            message = "no such instance"
            raise ImageNotFoundError(message)
        return tuple(sorted(found, key=lambda each: (each.series, each.number)))


def waves(frames: int = 1, rows: int = 300, columns: int = 400) -> np.ndarray[tuple[int, ...], np.dtype[np.uint16]]:
    """Smooth frames of 16 bits, (frames, rows, columns), each unlike the others."""
    y, x = np.mgrid[:rows, :columns]
    made = [32768 + 20000 * np.sin(x / (9 + n)) * np.cos(y / 13) + (x * y + n) % 97 for n in range(frames)]
    return np.stack(made).astype(np.uint16)


def encoded(samples: np.ndarray[tuple[int, ...], np.dtype[np.uint16]], target: str) -> list[bytes]:
    """Frames of 16 bits in the encoding of a target."""
    encoder = archive_encoders().named(target)
    return [encoder.encode(PixelArray(frame[:, :, np.newaxis], GREY), ArchiveOptions()).data for frame in samples]


def native(folder: Path, name: str = "native", frames: int = 2, **attributes: object) -> Path:
    """A file whose frames are not encoded."""
    return save(folder / f"{name}.dcm", image(waves(frames), **attributes))


def compressed(folder: Path, target: str, frames: int = 2, **attributes: object) -> Path:
    """A file whose frames are encoded for a target."""
    samples = waves(frames)
    syntax = archive_encoders().named(target).target.transfer_syntax
    return save(folder / f"{target}.dcm", encapsulated(image(samples, **attributes), encoded(samples, target)), syntax)


def colour(folder: Path) -> Path:
    """A native colour file."""
    return save(folder / "colour.dcm", image(rainbow()))


def rainbow() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """One smooth frame of colours, (1, rows, columns, 3)."""
    return np.stack([waves(1, 90, 120)[:, ::step] >> 8 for step in (1, -1)] + [waves(1, 90, 120) >> 9], axis=-1).astype(
        np.uint8
    )
