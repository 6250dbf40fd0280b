"""`medtiles transcode` as people run it, in a process of its own, on small archives; sources are never touched."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest

from tests.conftest import ROOT
from tests.dicom_files import JPEG_BASELINE, encapsulated, gradient, image, save
from tests.unit.transcode.batch.images import BUNDLED, grey, noise
from tests.unit.transcode.batch.jobs import tree

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

JPEG_LS, HTJ2K_RPCL, JXL, JXL_OF_JPEG = (f"1.2.840.10008.1.2.4.{number}" for number in (80, 202, 110, 111))
EXPLICIT = "1.2.840.10008.1.2.1"

BROKEN_ENCODER = """
import functools, imagecodecs
_encode = imagecodecs.jpegls_encode
@functools.wraps(_encode)
def wrong(samples, *args, **how):
    samples = samples.copy()
    samples.flat[7] ^= 1
    return _encode(samples, *args, **how)
imagecodecs.jpegls_encode = wrong
"""
FULL_DISK = """
import builtins, errno, os
_link = os.link
def full(*args, **how):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
os.link = full
"""


@dataclass
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found

    @property
    def line(self) -> str:
        """What it said, when that was one line."""
        assert self.out == ""
        (line,) = self.err.splitlines()
        return line


@dataclass
class Command:
    """A place to run commands in."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def source(self) -> Path:
        return self.folder / "source"

    @property
    def destination(self) -> Path:
        return self.folder / "destination"

    def words(self, *words: object, command: str = "transcode") -> dict[str, Any]:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **self.environment}
        line = [sys.executable, "-m", "medtiles", command, *map(str, words)]
        return {"args": line, "cwd": self.folder, "env": environment, "text": True}

    def __call__(self, *words: object, command: str = "transcode") -> Ended:
        done = subprocess.run(
            **self.words(*words, command=command),
            capture_output=True,
            check=False,
            timeout=120,
            stdin=subprocess.DEVNULL,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def convert(self, *words: object) -> Ended:
        """The usual way, by one worker."""
        return self(self.source, self.destination, "--workers", 1, *words)

    def with_code(self, code: str) -> Command:
        """The same place, where Python runs this first, in every process."""
        broken = self.folder / "broken"
        broken.mkdir(exist_ok=True)
        (broken / "sitecustomize.py").write_text(code)
        return Command(self.folder, {"PYTHONPATH": f"{broken}{os.pathsep}{ROOT}"})

    def syntaxes(self, folder: Path | None = None) -> dict[str, str]:
        """Of the outputs that are DICOM, by name."""
        found = {}
        for path in sorted((folder or self.destination).rglob("*.dcm")):
            if ".transcode" not in path.parts:
                read = pydicom.dcmread(path, stop_before_pixels=True)
                found[path.relative_to(folder or self.destination).as_posix()] = str(read.file_meta.TransferSyntaxUID)
        return found


def smooth(rows: int = 64, columns: int = 80) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    down, across = np.mgrid[:rows, :columns]
    planes = [127 + 100 * np.sin((down * a + across * b) / 17) for a, b in ((1, 2), (2, 1), (1, 1))]
    return np.stack(planes, axis=2).astype(np.uint8)[np.newaxis]


def fill(folder: Path) -> None:
    """One file of each kind."""
    (folder / "study").mkdir(parents=True)
    save(folder / "study/small.dcm", grey(SOPInstanceUID="1.2.3.11", Modality="CT"))
    save(folder / "study/large.dcm", image(gradient(1, 1000, 40, "u2"), SOPInstanceUID="1.2.3.12", Modality="DX"))
    save(folder / "study/colour.dcm", image(smooth(), SOPInstanceUID="1.2.3.13", Modality="SC"))
    stream = bytes(imagecodecs.jpeg8_encode(smooth()[0], 90))
    jpeg = image(smooth(), SOPInstanceUID="1.2.3.14", PhotometricInterpretation="YBR_FULL_422", Modality="US")
    save(folder / "study/jpeg.dcm", encapsulated(jpeg, [stream]), JPEG_BASELINE)
    shutil.copy(BUNDLED / "rtplan.dcm", folder / "plan.dcm")
    (folder / "notes.txt").write_text("of no interest")


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Command]:
    """An archive with one file of each kind; afterwards it must be as it was, to the byte and the time."""
    made = Command(tmp_path)
    fill(made.source)
    before = snapshot(made.source)
    yield made
    assert snapshot(made.source) == before


@pytest.fixture
def empty(tmp_path: Path) -> Command:
    """A place without an archive."""
    return Command(tmp_path)


# --------------------------------------------------------------------------------------------- plan and outcome


def test_by_default_each_kind_gets_what_suits_it(command: Command) -> None:
    done = command.convert()
    assert done.code == 0, done.err
    assert command.syntaxes() == {
        "plan.dcm": "1.2.840.10008.1.2",
        "study/colour.dcm": JPEG_BASELINE,
        "study/jpeg.dcm": JPEG_BASELINE,
        "study/large.dcm": HTJ2K_RPCL,
        "study/small.dcm": JPEG_LS,
    }
    for copied in ("plan.dcm", "notes.txt"):
        assert (command.destination / copied).read_bytes() == (command.source / copied).read_bytes()
    assert "6 files: 3 written, 1 rewrapped, 2 copied" in done.err
    assert "lossy now: 1 file" in done.err
    assert done.out == ""
    work = command.destination / ".transcode"
    assert (work / "report.html").stat().st_size > 1000
    lines = (work / "report.ndjson").read_text().splitlines()
    assert all(json.loads(line) for line in lines)


def test_what_was_transcoded_is_verified_by_another_command(command: Command) -> None:
    command.convert("--colour", "lossless")
    done = command(command.source, command.destination, command="verify")
    assert done.code == 0, done.out + done.err


def test_a_dry_run_writes_nothing_but_the_plan(command: Command) -> None:
    done = command.convert("--dry-run")
    assert done.code == 0, done.err
    assert not command.destination.exists()
    assert sorted(path.name for path in command.folder.iterdir()) == ["source", "transcode-plan.ndjson"]
    assert "6 files in" in done.err
    (lossy,) = [line for line in done.err.splitlines() if "LOSSY" in line]
    assert lossy.split()[0] == "1"
    assert "encoded as jpeg (colour-jpeg)" in lossy
    for what in (
        "encoded as jpegls (grey-small)",
        "encoded as htj2k-rpcl (grey-large)",
        "codestreams kept as they are",
    ):
        assert what in done.err
    assert "Estimated from samples: " in done.err
    assert "on 1 worker" in done.err
    assert "--plan transcode-plan.ndjson" in done.err


def test_a_plan_is_carried_out_as_it_was_shown(command: Command) -> None:
    plan = command.folder / "wanted.ndjson"
    assert command.convert("--dry-run", "--plan", plan, "--colour", "lossless").code == 0
    assert command.convert("--plan", plan).code == 0
    assert command.syntaxes()["study/colour.dcm"] == HTJ2K_RPCL


def test_a_plan_for_another_place_is_refused(command: Command) -> None:
    plan = command.folder / "wanted.ndjson"
    command.convert("--dry-run", "--plan", plan)
    done = command(command.source, command.folder / "elsewhere", "--plan", plan)
    assert done.code == 2
    assert "the plan is for" in done.line
    assert not (command.folder / "elsewhere").exists()


@pytest.mark.parametrize(
    ("colour", "expected"),
    [
        ("jpeg", (JPEG_BASELINE, JPEG_BASELINE)),
        ("lossless", (HTJ2K_RPCL, JPEG_BASELINE)),
        ("jxl", (JXL, JXL_OF_JPEG)),
        ("keep", (EXPLICIT, JPEG_BASELINE)),
    ],
)
def test_colours_go_where_the_option_says(colour: str, expected: tuple[str, str], command: Command) -> None:
    done = command.convert("--color", colour, "--json")
    assert done.code == 0, done.err
    found = command.syntaxes()
    assert (found["study/colour.dcm"], found["study/jpeg.dcm"]) == expected


def test_a_policy_file_chooses(command: Command) -> None:
    policy = command.folder / "policy.toml"
    policy.write_text(
        '[policy]\nlarge_side = 2000\ncolour = "lossless"\n[[rule]]\nname = "ct"\nmodality = "CT"\ntarget = "rle"\n'
    )
    assert command.convert("--policy", policy).code == 0
    found = command.syntaxes()
    assert found["study/small.dcm"] == "1.2.840.10008.1.2.5"
    assert found["study/large.dcm"] == JPEG_LS
    assert found["study/colour.dcm"] == HTJ2K_RPCL


def test_explain_says_which_rule_and_why(command: Command) -> None:
    done = command("--explain", command.source / "study/colour.dcm")
    assert done.code == 0
    said = " ".join(done.out.split())
    for what in ("encoded as jpeg", "colour-jpeg", "loses something", "RGB, 8 of 8 bits", "a new SOP Instance UID"):
        assert what in said
    assert not command.destination.exists()


def test_explain_can_be_read_by_programs(command: Command) -> None:
    found = command("--explain", command.source / "study/large.dcm", "--json").document
    assert found["decision"]["target"] == "htj2k-rpcl"
    assert found["decision"]["rule"] == "grey-large"
    assert found["facts"]["width"] == 40
    other = command("--explain", command.source / "notes.txt", "--json").document
    assert (other["facts"], other["decision"]["action"], other["decision"]["reason"]) == (None, "copy", "not DICOM")


def test_what_grows_is_copied_when_asked_for(empty: Command) -> None:
    empty.source.mkdir()
    save(empty.source / "noise.dcm", image(noise(1, 40, 50)))
    assert empty.convert("--keep-smaller").code == 0
    assert (empty.destination / "noise.dcm").read_bytes() == (empty.source / "noise.dcm").read_bytes()


def test_json_is_a_document_on_one_side_and_lines_on_the_other(command: Command) -> None:
    done = command.convert("--json")
    document = done.document
    assert document["files"] == 6
    last = [json.loads(line) for line in done.err.splitlines()][-1]
    assert (last["event"], last["jobs"], last["ended"], last["failed"]) == ("progress", 6, 6, 0)


@pytest.mark.parametrize("table", ["basic", "extended", "empty"])
def test_offset_tables_are_as_asked_for(table: str, command: Command) -> None:
    assert command.convert("--offset-table", table).code == 0
    output = pydicom.dcmread(command.destination / "study/small.dcm")
    assert ("ExtendedOffsetTable" in output) == (table == "extended")
    assert int.from_bytes(output.PixelData[4:8], "little") == (12 if table == "basic" else 0)


# --------------------------------------------------------------------------------------------- stopping, resuming


def many(command: Command, count: int) -> None:
    command.source.mkdir()
    for number in range(count):
        save(command.source / f"{number:03}.dcm", grey(8, 200, SOPInstanceUID=f"1.2.3.{number}", InstanceNumber=number))


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 60
    while not condition() and time.monotonic() < end and process.poll() is None:
        time.sleep(0.01)
    assert condition()


def test_a_run_that_was_killed_is_resumed_to_the_same_end(empty: Command) -> None:
    many(empty, 40)
    before = snapshot(empty.source)
    form = ("--offset-table", "extended")
    words = empty.words(empty.source, empty.destination, "--workers", 1, *form)
    process = subprocess.Popen(**words, stderr=subprocess.DEVNULL)
    wait_for(lambda: len(list(empty.destination.glob("*.dcm"))) >= 3, process)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    assert len(list(empty.destination.glob("*.dcm"))) < 40
    again = empty.convert(*form)
    assert again.code == 1
    assert "resume it" in again.err.splitlines()[-1]
    done = empty.convert("--resume", "--json")
    assert done.code == 0, done.err
    assert done.document["files"] == 40
    whole = empty(empty.source, empty.folder / "whole", "--workers", 1, *form)
    assert whole.code == 0
    assert tree(empty.destination) == tree(empty.folder / "whole")
    assert len(tree(empty.destination)) == 40
    assert snapshot(empty.source) == before


def test_a_run_that_is_asked_to_stop_says_how_to_go_on(empty: Command) -> None:
    many(empty, 40)
    process = subprocess.Popen(**empty.words(empty.source, empty.destination, "--workers", 1), stderr=subprocess.PIPE)
    wait_for(lambda: len(list(empty.destination.glob("*.dcm"))) >= 2, process)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "go on with --resume" in said
    assert "Traceback" not in said
    assert empty.convert("--resume").code == 0
    assert len(empty.syntaxes()) == 40


def test_shards_together_are_the_whole(command: Command) -> None:
    for shard in ("0/2", "1/2"):
        done = command.convert("--shard", shard)
        assert done.code == 0, done.err
        if shard == "0/2":
            assert 0 < len(tree(command.destination)) < 6
    assert command(command.source, command.folder / "whole", "--workers", 1).code == 0
    assert tree(command.destination) == tree(command.folder / "whole")


def test_in_place_files_are_replaced_and_keep_their_times(empty: Command) -> None:
    fill(empty.source)
    before = snapshot(empty.source)
    done = empty(empty.source, "--in-place", "--workers", 1, "--colour", "lossless")
    assert done.code == 0, done.err
    after = {name: found for name, found in snapshot(empty.source).items() if not name.startswith(".transcode")}
    assert after.keys() == before.keys()
    assert {name for name in after if after[name][0] != before[name][0]} == {
        "study/small.dcm",
        "study/large.dcm",
        "study/colour.dcm",
    }
    assert {name: found[1] for name, found in after.items()} == {name: found[1] for name, found in before.items()}
    assert empty.syntaxes(empty.source)["study/small.dcm"] == JPEG_LS


# --------------------------------------------------------------------------------------------- exit codes


def test_1_when_a_file_fails_and_its_neighbours_are_done(command: Command) -> None:
    folder = command.folder / "damaged"
    shutil.copytree(command.source, folder)
    shutil.copy(BUNDLED / "MR_truncated.dcm", folder)
    done = command(folder, command.destination, "--workers", 1)
    assert done.code == 1
    assert "MR_truncated.dcm" in done.err
    assert "promises 8192 bytes" in " ".join(done.err.split())
    assert "Traceback" not in done.err
    assert len(tree(command.destination)) == 6


def test_a_damaged_frame_is_named_with_its_file(empty: Command) -> None:
    empty.source.mkdir()
    frames = gradient(3, 40, 50)
    streams = [bytes(imagecodecs.jpeg2k_encode(frame, reversible=True, codecformat="j2k")) for frame in frames]
    streams[1] = streams[1][:60]
    save(empty.source / "a.dcm", encapsulated(image(frames), streams), "1.2.840.10008.1.2.4.90")
    done = empty.convert()
    assert done.code == 1
    assert "a.dcm: frame 2: " in " ".join(done.err.split())
    assert tree(empty.destination) == {}


def test_3_when_a_library_writes_something_else_than_it_was_given(command: Command) -> None:
    done = command.with_code(BROKEN_ENCODER).convert()
    assert done.code == 3
    assert "frame 1: row 0, column 7, sample 0 is" in " ".join(done.err.split())
    assert not (command.destination / "study/small.dcm").exists()
    assert "study/large.dcm" in tree(command.destination)


def test_75_when_the_disk_is_full_and_0_once_there_is_room(command: Command) -> None:
    done = command.with_code(FULL_DISK).convert()
    assert done.code == 75, done.err
    assert "No space left on device" in done.err
    assert "Traceback" not in done.err
    assert tree(command.destination) == {}
    assert command.convert("--resume").code == 0
    assert len(tree(command.destination)) == 6


def test_failures_beyond_the_most_end_the_run(empty: Command) -> None:
    empty.source.mkdir()
    for number in range(12):
        shutil.copy(BUNDLED / "MR_truncated.dcm", empty.source / f"{number:02}.dcm")
    done = empty.convert("--max-failures", 2, "--json")
    assert done.code == 1
    assert 2 <= done.document["files"] < 12
    retried = empty.convert("--retry-failed")
    assert retried.code == 1
    assert "12 files" in retried.err


def test_fail_fast_ends_at_the_first_failure(empty: Command) -> None:
    empty.source.mkdir()
    for number in range(12):
        shutil.copy(BUNDLED / "MR_truncated.dcm", empty.source / f"{number:02}.dcm")
    done = empty.convert("--fail-fast", "--json")
    assert done.code == 1
    assert done.document["files"] < 6


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["absent", "destination"], "there is no absent"),
        ([], "SRC is missing"),
        (["source"], "name a DST"),
        (["source", "source"], "SRC and DST are the same"),
        (["source", "destination", "--in-place"], "name a DST"),
        (["source/notes.txt", "--in-place"], "wants a folder"),
        (["source/notes.txt", "source"], "lies in source"),
        (["source", "destination", "--shard", "2/2"], "shards of 2 are 0 to 1"),
        (["source", "destination", "--shard", "two"], "wanted is INDEX/COUNT"),
        (["source", "destination", "--engine", "slurm"], "there are local, dask and dask://HOST:PORT"),
        (["source", "destination", "--policy", "absent.toml"], "there is no policy absent.toml"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_2_and_one_line_for_what_makes_no_sense(words: list[str], said: str, command: Command) -> None:
    done = command(*words)
    assert done.code == 2
    assert said in done.line
    assert not command.destination.exists()


@pytest.mark.parametrize(
    "words", [["--colour", "pink"], ["--nonsense"], ["--workers", "0"], ["--quality", "101"], ["--offset-table", "big"]]
)
def test_2_for_options_that_there_are_not(words: list[str], command: Command) -> None:
    done = command("source", "destination", *words)
    assert done.code == 2
    assert words[0].lstrip("-") in done.err
    assert "Traceback" not in done.err
    assert not command.destination.exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[rule]]\ntarget = 'gif'\n", "there is no target 'gif'"),
        ("[policy]\nsize = 3\n", "unknown key 'size'"),
        ("[policy\n", "policy.toml: "),
        ("[policy]\nlossless_colour = 'jpeg'\n", "which loses"),
        ("[[rule]]\nmodality = 'CT'\n", "target is missing"),
    ],
)
def test_a_policy_that_cannot_be_followed_is_told_in_one_line(text: str, said: str, command: Command) -> None:
    (command.folder / "policy.toml").write_text(text)
    done = command("source", "destination", "--policy", "policy.toml")
    assert done.code in {1, 2}
    assert said in done.line
    assert not command.destination.exists()


# --------------------------------------------------------------------------------------------- places


def test_a_destination_within_the_source_is_not_looked_into(empty: Command) -> None:
    fill(empty.source)
    inside = empty.source / "out"
    assert empty(empty.source, inside, "--workers", 1).code == 0
    assert len(tree(inside)) == 6
    assert empty(empty.source, inside, "--workers", 1, "--resume").code == 0
    assert len(tree(inside)) == 6


@pytest.mark.parametrize("kind", ["zip", "tar", "gztar"])
def test_a_container_is_a_source(kind: str, empty: Command) -> None:
    fill(empty.folder / "filled")
    packed = Path(shutil.make_archive(str(empty.folder / "all"), kind, empty.folder / "filled"))
    data = packed.read_bytes()
    done = empty(packed, empty.destination, "--workers", 1)
    assert done.code == 0, done.err
    found = {Path(name).name for name in tree(empty.destination)}
    assert found == {"small.dcm", "large.dcm", "colour.dcm", "jpeg.dcm", "plan.dcm", "notes.txt"}
    assert JPEG_LS in empty.syntaxes().values()
    assert packed.read_bytes() == data


def test_a_single_file_is_a_source(command: Command) -> None:
    assert command(command.source / "study/small.dcm", command.destination, "--workers", 1).code == 0
    assert command.syntaxes() == {"small.dcm": JPEG_LS}


def test_a_gzipped_file_is_a_source(empty: Command) -> None:
    empty.source.mkdir()
    save(empty.folder / "a.dcm", grey())
    (empty.source / "a.dcm.gz").write_bytes(gzip.compress((empty.folder / "a.dcm").read_bytes()))
    assert empty.convert().code == 0
    assert list(empty.syntaxes().values()) == [JPEG_LS]


def test_a_damaged_container_is_copied_unopened_and_told(empty: Command) -> None:
    empty.source.mkdir()
    with tarfile.open(empty.source / "all.tar.gz", "w:gz") as made:
        made.add(BUNDLED / "CT_small.dcm", "CT_small.dcm")
    data = (empty.source / "all.tar.gz").read_bytes()[:-200]
    (empty.source / "all.tar.gz").write_bytes(data)
    done = empty.convert()
    assert "all.tar.gz" in done.err
    assert "Traceback" not in done.err
    assert (empty.destination / "all.tar.gz").read_bytes() == data


def test_files_that_are_in_the_way_stay(command: Command) -> None:
    (command.destination / "study").mkdir(parents=True)
    (command.destination / "study/small.dcm").write_bytes(b"of somebody else")
    done = command.convert()
    assert done.code == 1
    assert "is there already" in " ".join(done.err.split())
    assert (command.destination / "study/small.dcm").read_bytes() == b"of somebody else"
    assert command.convert("--retry-failed", "--overwrite").code == 0
    assert command.syntaxes()["study/small.dcm"] == JPEG_LS


def test_a_destination_that_cannot_be_made_is_told_in_one_line(command: Command) -> None:
    (command.folder / "file").touch()
    done = command("source", "file/destination")
    assert done.code == 1
    assert "file" in done.err.splitlines()[-1]
    assert "Traceback" not in done.err


@pytest.mark.skipif(os.geteuid() == 0, reason="not applicable: root may write anywhere")
def test_a_destination_that_may_not_be_written_is_told_in_one_line(command: Command) -> None:
    command.destination.mkdir(mode=0o500)
    done = command.convert()
    assert done.code in {1, 75}
    assert "Traceback" not in done.err


def test_nothing_to_resume_is_told_in_one_line(command: Command) -> None:
    done = command.convert("--resume")
    assert done.code == 1
    assert "there is nothing to resume" in done.line


# --------------------------------------------------------------------------------------------- one frame


def test_one_frame_becomes_a_codestream(command: Command) -> None:
    done = command("frame", command.source / "study/small.dcm", "out.jls", "--target", "jpegls", "--frame", 2)
    assert done.code == 0, done.err
    assert "samples equal by" in done.out
    decoded = imagecodecs.jpegls_decode((command.folder / "out.jls").read_bytes())
    assert np.array_equal(decoded, gradient(3, 40, 50, "u2")[1])
    again = command("frame", command.source / "study/small.dcm", "out.jls", "--target", "jpegls")
    assert again.code == 1
    assert "--force overwrites it" in again.line


def test_one_jpeg_frame_is_packed(command: Command) -> None:
    done = command("frame", command.source / "study/jpeg.dcm", "out.jxl", "--target", "jxl-jpeg")
    assert done.code == 0, done.err
    had_back = bytes(imagecodecs.jpegxl_decode_jpeg((command.folder / "out.jxl").read_bytes(), numthreads=1))
    assert had_back == bytes(imagecodecs.jpeg8_encode(smooth()[0], 90))


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--target", "gif"], 1, "there is no target 'gif', there are: jpegls"),
        (["--target", "jpegls", "--frame", "4"], 2, "there is no frame 4: small.dcm has 1 to 3"),
        (["--target", "jpeg"], 1, "jpeg cannot hold samples of"),
    ],
)
def test_what_cannot_be_done_with_a_frame_is_told_in_one_line(
    words: list[str], code: int, said: str, command: Command
) -> None:
    done = command("frame", command.source / "study/small.dcm", "out", *words)
    assert (done.code, said in done.line) == (code, True), done.line
    assert not (command.folder / "out").exists()


def test_a_frame_is_compared_before_it_appears(command: Command) -> None:
    done = command.with_code(BROKEN_ENCODER)("frame", command.source / "study/small.dcm", "out", "-t", "jpegls")
    assert done.code == 3
    assert "nothing is written" in done.line
    assert not (command.folder / "out").exists()
