"""Small archives of real images, converted in this process; and encoders and writers that go wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from tests.dicom_files import gradient, image, save
from tests.unit.transcode.batch.jobs import tree
from transcode.archive import ArchiveEncoders, archive_encoders
from transcode.batch import convert as converting
from transcode.batch import encoding
from transcode.batch.choosing import chooser
from transcode.batch.conversion import Conversion, Options, plan_archive
from transcode.batch.convert import convert
from transcode.batch.engines import InlineEngine
from transcode.batch.execute import Summary
from transcode.batch.model import JobSettings, Outcome
from transcode.batch.stopping import Stop
from transcode.codecs import builtin
from transcode.dicom import rewrap
from transcode.dicom.new_elements import Changes
from transcode.dicom.offset_tables import OffsetTable
from transcode.dicom.reader import InstanceReader
from transcode.dicom.streams import MemoryFile
from transcode.dicom.writer import InstanceWriter
from transcode.frames import EncodedFrame, PixelArray
from transcode.policy import Policy
from transcode.targets import ArchiveEncoder, ArchiveOptions

Frames = NDArray[Any]
BUNDLED = Path(pydicom.__file__).parent / "data/test_files"
"""The test files that come with pydicom."""


@dataclass(frozen=True)
class Archive:
    """A folder of files, and what a batch made of it."""

    root: Path

    @property
    def source(self) -> Path:
        return self.root / "source"

    @property
    def destination(self) -> Path:
        return self.root / "destination"

    def add(self, dataset: Dataset, syntax: str = "1.2.840.10008.1.2.1", name: str = "a.dcm") -> bytes:
        """Put an image in; returns its bytes."""
        self.source.mkdir(exist_ok=True)
        return save(self.source / name, dataset, syntax).read_bytes()

    def take(self, name: str) -> bytes:
        """Put a file of pydicom in."""
        self.source.mkdir(exist_ok=True)
        data = (BUNDLED / name).read_bytes()
        (self.source / name).write_bytes(data)
        return data

    def converted(self, policy: Policy = Policy(), **settings: Any) -> tuple[Summary, dict[str, Outcome]]:
        """Plan and run; the summary, and the outcomes by name."""
        spool = self.root / "spool"
        plan = plan_archive(self.source, self.destination, chooser(policy), InlineEngine(), spool, lambda _found: None)
        wanted = JobSettings(self.source, self.destination, **settings)
        with Conversion(plan, wanted, Options()) as conversion:
            summary = conversion.run(convert, InlineEngine(), Stop(), lambda _outcome: None)
            return summary, {outcome.name: outcome for outcome in conversion.journal.outcomes()}

    def one(self, policy: Policy = Policy(), **settings: Any) -> Outcome:
        """The outcome of the only file."""
        (outcome,) = self.converted(policy, **settings)[1].values()
        return outcome

    def refused(self, policy: Policy = Policy(), **settings: Any) -> Outcome:
        """The outcome of the only file, of which nothing may have been published."""
        summary, outcomes = self.converted(policy, **settings)
        assert summary.exit_code == 3
        assert tree(self.destination) == {}
        (outcome,) = outcomes.values()
        assert outcome.bytes_written == 0
        return outcome

    def output(self, name: str = "a.dcm") -> Dataset:
        """What was published, as pydicom reads it."""
        return pydicom.dcmread(self.destination / name)


def frames_of(data: bytes) -> Frames:
    """The samples of every frame, decoded by the codecs of this project."""
    reader = InstanceReader(MemoryFile("made.dcm", data))
    codecs = builtin()
    return np.stack([codecs.decode(reader.read_frame(index)).samples for index in range(reader.number_of_frames)])


def grey(frames: int = 3, side: int = 40, bits: int = 12, **attributes: object) -> Dataset:
    """Frames that all differ, of so many bits in 16."""
    attributes = {"BitsStored": bits, "HighBit": bits - 1, "PatientName": "Nobody^At All", **attributes}
    return image(gradient(frames, side, side + 10, "u2"), **attributes)


def noise(*shape: int, dtype: str = "u1", seed: int = 1) -> Frames:
    """What no encoding makes smaller."""
    return np.random.default_rng(seed).integers(0, 256, shape).astype(dtype)


Change = Callable[[EncodedFrame], EncodedFrame]


class Mutant:
    """An encoder that goes wrong: with what it is given, or with what it gives."""

    def __init__(
        self, real: ArchiveEncoder, given: Callable[[int, PixelArray], PixelArray] | None, gives: Change | None
    ) -> None:
        self._real, self._given, self._gives = real, given, gives
        self._calls = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def encode(self, pixels: PixelArray, options: ArchiveOptions) -> EncodedFrame:
        if self._given is not None:
            pixels = self._given(self._calls, pixels)
        self._calls += 1
        encoded = self._real.encode(pixels, options)
        return encoded if self._gives is None else self._gives(encoded)

    def repack(self, frame: EncodedFrame) -> EncodedFrame | None:
        packed = self._real.repack(frame)
        return packed if packed is None or self._gives is None else self._gives(packed)


def break_encoder(
    monkeypatch: pytest.MonkeyPatch,
    target: str,
    *,
    given: Callable[[int, PixelArray], PixelArray] | None = None,
    gives: Change | None = None,
) -> None:
    """Have a batch use an encoder that changes samples before, or codestreams after."""
    mutant: Any = Mutant(archive_encoders().named(target), given, gives)
    others = (encoder for encoder in archive_encoders() if encoder.target.name != target)
    broken = ArchiveEncoders((mutant, *others))
    monkeypatch.setattr(converting, "archive_encoders", lambda: broken)


def break_writer(monkeypatch: pytest.MonkeyPatch, writer: type[InstanceWriter]) -> None:
    """Have a batch write files with another writer."""
    monkeypatch.setattr(encoding, "InstanceWriter", writer)
    monkeypatch.setattr(rewrap, "InstanceWriter", writer)


class OneFrameShort(InstanceWriter):
    """Writes all frames but the last."""

    def __init__(
        self, out: Any, source: Any, changes: Changes, target: Any, frames: int, table: Any, **how: Any
    ) -> None:
        super().__init__(out, source, changes, target, frames, OffsetTable.EMPTY, **how)
        self._frames -= 1

    def write_frame(self, data: bytes) -> None:
        if self._written < self._frames:
            super().write_frame(data)


class FramesSwapped(InstanceWriter):
    """Writes the second frame before the first."""

    _kept: bytes | None = None

    def write_frame(self, data: bytes) -> None:
        if self._kept is None:
            self._kept = data
            return
        super().write_frame(data)
        if self._kept:
            super().write_frame(self._kept)
            self._kept = b""


class OneByteElsewhere(InstanceWriter):
    """Changes a name in the header."""

    def finish(self, ratio: float | None = None) -> None:
        super().finish(ratio)
        out: Any = self._out
        out.seek(0)
        written = out.read() if out.readable() else b""
        place = written.index(b"Nobody^")
        out.seek(place)
        out.write(b"Nobodz^")
        out.seek(0, 2)


def with_one_bit_flipped(frame: EncodedFrame) -> EncodedFrame:
    """Somewhere in the middle of the codestream."""
    data = bytearray(frame.data)
    data[len(data) * 2 // 3] ^= 0x10
    return replace(frame, data=bytes(data))


def in_memory(dataset: Dataset, syntax: str) -> bytes:
    return save(BytesIO(), dataset, syntax).getvalue()
