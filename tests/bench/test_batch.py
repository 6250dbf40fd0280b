"""How much of a batch's time is the encoder's; two workers beside one; other converters; memory of a worker.

Encoding is CPU time of one process, beside the bare call of the library with the same samples, in turns. Verification
is counted apart: it decodes in another process, so it is told in time on the wall.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.bench.conftest import Table, in_turns
from tests.conftest import ROOT
from tests.dicom_files import image, save
from tests.unit.transcode.batch.images import frames_of
from transcode.archive import archive_encoders
from transcode.batch import encoding, verification
from transcode.batch.choosing import chooser
from transcode.batch.conversion import Conversion, Options, plan_archive
from transcode.batch.convert import convert, opened_instance, tools
from transcode.batch.engines import InlineEngine, LocalEngine
from transcode.batch.model import Outcome
from transcode.batch.stopping import Stop
from transcode.dicom.offset_tables import OffsetTable
from transcode.policy import Policy, Rule
from transcode.targets import ArchiveOptions

pytestmark = [pytest.mark.bench, pytest.mark.timeout(300)]

SharedData = Callable[[str], Path]


@dataclass(frozen=True)
class Kind:
    """One kind of image, made of a real one."""

    name: str
    file: str
    bits: int
    target: str
    goal: float | None
    """Share of the time that is to be the encoder's; None: reported alone."""
    cut: tuple[int, int] | None = None
    """Rows and columns, of the image beside itself."""
    step: int = 1

    def samples(self, shared_data: SharedData) -> NDArray[Any]:
        found: NDArray[Any] = frames_of(shared_data(f"radiology/{self.file}").read_bytes())[
            0, :: self.step, :: self.step, 0
        ]
        if self.cut:
            found = np.tile(found, (2, 2))[: self.cut[0], : self.cut[1]]
        return np.ascontiguousarray(found)


KINDS = (
    Kind("DX 2500 x 2048, 16 bits", "DX_16bit_1420x1416_J2KR.dcm", 16, "htj2k-rpcl", 0.9, (2500, 2048)),
    Kind("MG 4664 x 3064, 12 bits", "MG1_J2KI.dcm", 12, "htj2k-rpcl", 0.9),
    Kind("CT 512 x 512, 16 bits", "CT_SignedCT.dcm", 16, "jpegls", None),
    Kind("MR 256 x 256, 12 bits", "MR2_J2KR_1024.dcm", 12, "jpegls", None, step=4),
)


def file_of(kind: Kind, samples: NDArray[Any], folder: Path) -> Path:
    return save(folder / "source.dcm", image(samples[np.newaxis], BitsStored=kind.bits, HighBit=kind.bits - 1))


def bare_call(kind: Kind, samples: NDArray[Any]) -> Callable[[], bytes]:
    if kind.target == "jpegls":
        plain = samples.view(f"u{samples.itemsize}")
        return lambda: bytes(imagecodecs.jpegls_encode(plain, 0, bitspersample=kind.bits))
    resolutions = max(5, (-(-max(samples.shape) // 64) - 1).bit_length())
    how: dict[str, Any] = {"reversible": True, "tlm": True, "tilepart": 1, "resolutions": resolutions, "rgb": False}
    return lambda: bytes(imagecodecs.htj2k_encode(samples, bitspersample=kind.bits, **how))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name[:2])
def test_most_of_the_time_is_the_encoders(kind: Kind, shared_data: SharedData, tmp_path: Path, table: Table) -> None:
    samples = kind.samples(shared_data)
    source, out = file_of(kind, samples, tmp_path), tmp_path / "out.dcm"
    how = encoding.How(archive_encoders().named(kind.target), ArchiveOptions(), OffsetTable.BASIC)
    used, bare = tools(20.0), bare_call(kind, samples)

    def ours(_number: int = 0) -> encoding.Written:
        out.unlink(missing_ok=True)
        with opened_instance(source) as reader, out.open("wb+") as file:
            return encoding.write_instance(file, reader, how, used)

    def theirs(_number: int) -> None:
        bare()

    def theirs_with_files(_number: int) -> None:
        out.unlink(missing_ok=True)
        source.read_bytes()
        out.write_bytes(bare())

    written = ours()
    count = max(1, 60_000_000 // samples.nbytes // 8)
    took, alone, ratio = in_turns(ours, theirs, count, rounds=9)
    with_files = in_turns(ours, theirs_with_files, count, rounds=9)[2]
    ours()
    verified = statistics.median(verification_seconds(source, out, written) for _ in range(5))
    goal = kind.goal or 0.0
    table.add(
        f"{kind.name}, {kind.target}: one file encoded, without its verification ({verified * 1e3:.1f} ms)",
        f"{took / 1e3:.2f} ms, {samples.nbytes / took:.0f} MB/s",
        f"the library alone {alone / 1e3:.2f} ms: {ratio:.2f}; with reading and writing the bytes: {with_files:.2f}",
        f"≥ {goal}" if kind.goal else "reported",
        is_met=ratio >= goal,
        is_passed=ratio >= goal - 0.1,
    )


def verification_seconds(source: Path, out: Path, written: encoding.Written) -> float:
    begun = time.perf_counter()
    with opened_instance(source) as reader, opened_instance(out) as output:
        verdict = verification.same_pictures(reader, output, written, tools(20.0))
    assert not verdict.fault
    return time.perf_counter() - begun


GDCM = """
import sys, time, gdcm
source, target, out, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
def once():
    reader = gdcm.ImageReader(); reader.SetFileName(source); assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(target)))
    change.SetInput(reader.GetImage()); assert change.Change()
    writer = gdcm.ImageWriter(); writer.SetFileName(out); writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput()); assert writer.Write()
once()
begun = time.process_time()
for _ in range(count): once()
print((time.process_time() - begun) / count)
"""


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name[:2])
def test_gdcm_takes_longer_for_jpegls(kind: Kind, shared_data: SharedData, tmp_path: Path, table: Table) -> None:
    """Both write whole files and compare nothing. GDCM writes no HTJ2K."""
    samples = kind.samples(shared_data)
    source, out = file_of(kind, samples, tmp_path), tmp_path / "out.dcm"
    how = encoding.How(archive_encoders().named("jpegls"), ArchiveOptions(), OffsetTable.BASIC)
    count = max(1, 30_000_000 // samples.nbytes // 8)

    def ours() -> float:
        begun = time.process_time()
        for _ in range(count):
            with opened_instance(source) as reader, out.open("wb+") as file:
                encoding.write_instance(file, reader, how, tools(20.0))
        return (time.process_time() - begun) / count

    words = [sys.executable, "-c", GDCM, str(source), "1.2.840.10008.1.2.4.80", str(tmp_path / "gdcm.dcm"), str(count)]
    ours()
    pairs = [
        (ours(), float(subprocess.run(words, check=True, capture_output=True, text=True).stdout)) for _ in range(3)
    ]
    took, theirs = (statistics.median(times) for times in zip(*pairs, strict=True))
    table.add(
        f"{kind.name} as JPEG-LS: one file",
        f"{took * 1e3:.2f} ms",
        f"GDCM {theirs * 1e3:.2f} ms",
        "no slower",
        is_met=took <= theirs * 1.05,
        is_passed=True,
    )


COMMANDS = {"dcmcjpls": (), "gdcmconv": ("--jpegls",)}
"""Programs that write JPEG-LS, and what tells them to; Debian's dcmtk and libgdcm-tools."""


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name[:2])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_by_other_commands(
    command: str, kind: Kind, shared_data: SharedData, tmp_path: Path, table: Table
) -> None:
    """On the wall, a program started for each file as scripts do it. They compare nothing; our time for it is told."""
    if shutil.which(command) is None:
        pytest.skip(f"not applicable: {command} is not installed")
    samples = kind.samples(shared_data)
    source, count = tmp_path / "source", max(4, 30_000_000 // samples.nbytes)
    source.mkdir()
    for number in range(count):
        made = image(
            np.roll(samples, number, 0)[np.newaxis],
            SOPInstanceUID=f"1.2.3.{number}",
            BitsStored=kind.bits,
            HighBit=kind.bits - 1,
        )
        save(source / f"{number:03}.dcm", made)
    outcomes = whole_batch(source, tmp_path / "ours", 1, Policy(rules=(Rule("all", "jpegls"),)))[1]
    encoded, verified = (
        statistics.mean(getattr(each, seconds) for each in outcomes) for seconds in ("encode_seconds", "verify_seconds")
    )
    begun = time.perf_counter()
    for path in source.iterdir():
        words = [command, *COMMANDS[command], str(path), str(tmp_path / "theirs.dcm")]
        subprocess.run(words, check=True, capture_output=True)
    theirs = (time.perf_counter() - begun) / count
    table.add(
        f"{count} files {kind.name} to JPEG-LS, one process: a file",
        f"{encoded * 1e3:.1f} ms, and {verified * 1e3:.1f} ms to verify it",
        f"{command} {theirs * 1e3:.1f} ms",
        "no slower",
        is_met=encoded <= theirs,
    )


def test_two_workers_do_nearly_twice_as_much(shared_data: SharedData, tmp_path: Path, table: Table) -> None:
    busy = os.getloadavg()[0]
    if busy > 1.0 or (os.cpu_count() or 1) < 2:
        pytest.skip(f"not applicable: no two idle cores (load {busy:.1f}, {os.cpu_count()} cores)")
    samples = KINDS[0].samples(shared_data)
    source = tmp_path / "source"
    source.mkdir()
    for number in range(60):
        made = image(np.roll(samples, number, 0)[np.newaxis], SOPInstanceUID=f"1.2.3.{number}")
        save(source / f"{number:03}.dcm", made)
    pairs = [
        (whole_batch(source, tmp_path / f"{run}-1", 1)[0], whole_batch(source, tmp_path / f"{run}-2", 2)[0])
        for run in "abc"
    ]
    ratio = statistics.median(one / two for one, two in pairs)
    table.add(
        "60 radiographs, encoded and verified: two workers beside one, medians of three",
        f"{statistics.median(two for _, two in pairs):.1f} s",
        f"{statistics.median(one for one, _ in pairs):.1f} s: {ratio:.2f} times",
        "≥ 1.8",
        is_met=ratio >= 1.8,
        is_passed=ratio >= 1.5,
    )


def whole_batch(
    source: Path, destination: Path, workers: int, policy: Policy = Policy()
) -> tuple[float, list[Outcome]]:
    """Seconds on the wall, once the workers run, and what became of each file."""
    engine = LocalEngine(workers)
    outcomes: list[Outcome] = []
    try:
        plan = plan_archive(source, destination, chooser(policy), InlineEngine(), destination, lambda _found: None)
        for future in [engine.submit(time.sleep, 0.5) for _ in range(workers)]:
            future.result()
        begun = time.perf_counter()
        with Conversion(plan, plan.settings(), Options()) as conversion:
            summary = conversion.run(convert, engine, Stop(), outcomes.append)
        assert summary.exit_code == 0
        return time.perf_counter() - begun, outcomes
    finally:
        engine.close()


MEMORY = """
import re, sys
from pathlib import Path
from tests.unit.transcode.batch.images import Archive
from transcode.batch import encoding, verification
from transcode.policy import Policy, Rule

def resident():
    return int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024

class Watched(encoding.InstanceWriter):
    def write_frame(self, data):
        super().write_frame(data)
        if self._written in (50, 500):
            print("encoded", self._written, resident())

encoding.InstanceWriter = Watched
seen = 0
def checksums(frame, real=verification.frame_checksums):
    global seen
    seen += 1
    if seen in (50, 500):
        print("verified", seen, resident())
    return real(frame)
verification.frame_checksums = checksums
outcome = Archive(Path(sys.argv[1])).one(Policy(rules=(Rule("all", sys.argv[2]),)))
assert outcome.frames == 500, outcome
"""


@pytest.mark.parametrize("target", ["jpegls", "htj2k-rpcl"])
def test_memory_does_not_grow_with_the_frames(target: str, tmp_path: Path, table: Table) -> None:
    frames = np.random.default_rng(3).integers(0, 4096, (500, 512, 512), dtype=np.uint16) // 64
    (tmp_path / "source").mkdir()
    save(tmp_path / "source/a.dcm", image(frames, BitsStored=12, HighBit=11))
    words = [sys.executable, "-c", MEMORY, str(tmp_path), target]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    said = subprocess.run(words, check=True, capture_output=True, text=True, cwd=ROOT, env=environment).stdout
    found = {
        (what, int(number)): float(megabytes) for what, number, megabytes in re.findall(r"(\w+) (\d+) ([\d.]+)", said)
    }
    encoded = found["encoded", 500] - found["encoded", 50]
    verified = found["verified", 500] - found["verified", 50]
    table.add(
        f"a worker on 500 frames of 512 x 512, {target}: resident memory at the end",
        f"{found['verified', 500]:.0f} MB",
        f"from frame 50 to 500: {encoded:+.1f} MB encoding, {verified:+.1f} MB verifying",
        "flat: ≤ 4 MB",
        is_met=max(encoded, verified) <= 4,
    )
